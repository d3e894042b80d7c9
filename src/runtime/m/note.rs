//! A one-shot sleep and wake-up of a thread (Go's `note`).

use std::time::{Duration, Instant};

use crate::loom::sync::atomic::{AtomicBool, Ordering};
use crate::loom::thread::{self, Thread};

/// Wakes one thread, which made it. A wake-up that comes first is not lost.
pub(crate) struct Note {
    /// Set by `wakeup`, taken back by `sleep`; publishes what the waker did before.
    set: AtomicBool,
    thread: Thread,
}

impl Note {
    /// A note on which the calling thread will sleep.
    pub(crate) fn new() -> Note {
        Note {
            set: AtomicBool::new(false),
            thread: thread::current(),
        }
    }

    /// Sleeps until `wakeup`, and no longer than `limit`; `false` = nobody woke it. Only on the thread that
    /// made the note.
    pub(crate) fn sleep(&self, limit: Duration) -> bool {
        let start = Instant::now();
        // Ordering: Acquire pairs with the Release in `wakeup`.
        while !self.set.swap(false, Ordering::Acquire) {
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                return false;
            }
            // A foreign `unpark` only makes the loop go round.
            thread::park_timeout(left);
        }
        true
    }

    /// Wakes the thread up.
    pub(crate) fn wakeup(&self) {
        // Ordering: Release pairs with the Acquire in `sleep`.
        if !self.set.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}
