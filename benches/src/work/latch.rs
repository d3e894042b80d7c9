//! A counter that one task waits on: how a workload learns that its tasks are done.
//!
//! One atomic decrement per task and one waker per wait, the same on every runtime; so it adds the same
//! few nanoseconds to every contestant.
//!
//! # Invariants
//!
//! - I1. `arm` is called while nobody waits and no task of the previous batch is left.
//! - I2. One task waits at a time (the waker slot holds one).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;

/// See the module.
#[derive(Default)]
pub struct Latch {
    left: AtomicUsize,
    waker: AtomicWaker,
}

impl Latch {
    /// A latch that nothing holds yet.
    pub fn new() -> Arc<Latch> {
        Arc::default()
    }

    /// Expects `count` calls of `done`.
    pub fn arm(&self, count: usize) {
        // Relaxed: whoever counts down was spawned after this, and spawning orders the two.
        self.left.store(count, Ordering::Relaxed);
    }

    /// One is done; the last one wakes the waiter.
    pub fn done(&self) {
        // Ordering: release publishes this task's work to the acquire load in `poll`; acquire makes the last
        // one's wake-up come after the work of all others.
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.waker.wake();
        }
    }

    /// Resolves when the count is down to zero.
    pub fn wait(&self) -> Wait<'_> {
        Wait(self)
    }
}

/// The future of [`Latch::wait`].
pub struct Wait<'a>(&'a Latch);

impl Future for Wait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Ordering: pairs with the decrement in `done`.
        if self.0.left.load(Ordering::Acquire) == 0 {
            return Poll::Ready(());
        }
        self.0.waker.register(cx.waker());
        // Ordering: as above. Looked at again, for the last `done` may have come before the waker was there.
        if self.0.left.load(Ordering::Acquire) == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
