//! Waiting for a channel with the whole thread.
//!
//! Called by `send_blocking` and `recv_blocking`, once trying has failed.
//!
//! # Invariants
//!
//! 1. Inside a goroutine, the P is handed off before the thread sleeps.
//! 2. The thread sleeps only after the flag was found down, and whoever wakes raises the flag first:
//!    `unpark` keeps one token, so no wake-up falls between.
//!
//! What it does not do: run an executor. Only futures of this module come here, so it works inside
//! any other executor's `block_on`, too.

use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use crate::runtime::block_in_place;
use crate::runtime::wait::{self, WaitReason};

/// Wakes a thread. Process-wide primitives on purpose: the thread that waits is a real one.
struct Parker {
    thread: Thread,
    /// Raised by `wake`, lowered by the thread.
    woken: AtomicBool,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Ordering: Release pairs with the Acquire in `wait`.
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

/// Blocks the thread until `future` is done.
#[track_caller]
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    let site = Location::caller();
    block_in_place(|| {
        let mut future = pin!(future);
        let parker = Arc::new(Parker {
            thread: std::thread::current(),
            woken: AtomicBool::new(false),
        });
        let waker = Waker::from(parker.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            // The future says what it waits for, as if the goroutine were parked.
            wait::note(WaitReason::Syscall, site);
            // Ordering: Acquire pairs with the Release of `wake_by_ref`.
            while !parker.woken.swap(false, Ordering::Acquire) {
                std::thread::park();
            }
        }
    })
}
