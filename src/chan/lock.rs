//! The lock of a channel.
//!
//! Taken by `hchan` for every operation, and by `select::engine` for many channels at once.
//!
//! It spins: what it guards is some ten instructions of our own (hchan I7), and giving it up is a
//! plain store, so an operation on a channel costs one read-modify-write. A waiter that does not get
//! it soon lets its core go, once to whoever is runnable, then for some microseconds: so a holder that
//! the system has taken off its core gets on, whatever the threads' priorities. And where all threads
//! want one channel, they take turns by the thousand values instead of handing its memory from core to
//! core with each: four senders and four receivers on two cores take 14 ns a value; with thirty offers
//! before the first sleep it was 25 (AMD EPYC).
//!
//! Rejected: `std::sync::Mutex`. Giving it up is a second read-modify-write, which with the looks at
//! the poison flag made a buffered message cost half as much again.
//!
//! # Invariants
//!
//! 1. `locked` is true from `lock` until the guard is dropped, by one holder at a time.

#[cfg(not(loom))]
pub(crate) use spin::{Lock, Locked};

#[cfg(loom)]
pub(crate) use model::{Lock, Locked};

#[cfg(not(loom))]
mod spin {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    /// Looks at a lock that is taken, before its core is offered to others.
    const SPINS: u32 = 3;
    /// Offers before the thread sleeps between two looks.
    const YIELDS: u32 = 1;
    const NAP: Duration = Duration::from_micros(20);

    /// See the module.
    #[derive(Debug)]
    pub struct Lock {
        locked: AtomicBool,
    }

    /// Proof that a channel is locked.
    #[derive(Debug)]
    pub(crate) struct Locked<'a>(&'a Lock);

    impl Lock {
        pub(crate) const fn new() -> Self {
            Self {
                locked: AtomicBool::new(false),
            }
        }

        #[inline]
        pub(crate) fn lock(&self) -> Locked<'_> {
            // Ordering: Acquire pairs with the Release of the former holder's drop.
            if self.locked.swap(true, Ordering::Acquire) {
                self.lock_contended();
            }
            Locked(self)
        }

        #[cold]
        fn lock_contended(&self) {
            let mut tries = 0;
            loop {
                if tries < SPINS {
                    for _ in 0..1 << tries {
                        std::hint::spin_loop();
                    }
                } else if tries < SPINS + YIELDS {
                    std::thread::yield_now();
                } else {
                    std::thread::sleep(NAP);
                }
                tries = tries.saturating_add(1);
                // Relaxed: a look, so that waiters do not fight over the cache line. Ordering of the
                // swap: as in `lock`.
                if !self.locked.load(Ordering::Relaxed)
                    && !self.locked.swap(true, Ordering::Acquire)
                {
                    return;
                }
            }
        }

        /// Its place in the order in which locks are taken: its address.
        #[inline]
        pub(crate) fn rank(&self) -> usize {
            std::ptr::from_ref(self) as usize
        }
    }

    impl Drop for Locked<'_> {
        #[inline]
        fn drop(&mut self) {
            // Ordering: Release pairs with the Acquire of the next `lock`.
            self.0.locked.store(false, Ordering::Release);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn of_many_threads_one_holds_it() {
            const THREADS: usize = 8;
            const EACH: usize = 20_000;
            let lock = Lock::new();
            let count = std::cell::UnsafeCell::new(0_usize);
            struct Shared<'a>(&'a Lock, &'a std::cell::UnsafeCell<usize>);
            // SAFETY: the cell is used under the lock only (I1), which is what is tested.
            unsafe impl Sync for Shared<'_> {}
            let shared = &Shared(&lock, &count);
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(move || {
                        for _ in 0..EACH {
                            let _locked = shared.0.lock();
                            // SAFETY: locked (I1).
                            unsafe { *shared.1.get() += 1 };
                        }
                    });
                }
            });
            assert_eq!(count.into_inner(), THREADS * EACH);
        }
    }
}

/// The model checker explores its own mutex; a lock that spins has no end there.
#[cfg(loom)]
mod model {
    use crate::loom::sync::{Mutex, MutexGuard};

    #[derive(Debug)]
    pub struct Lock {
        mutex: Mutex<()>,
        made: usize,
    }

    pub(crate) type Locked<'a> = MutexGuard<'a, ()>;

    impl Lock {
        pub(crate) fn new() -> Self {
            static MADE: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
            let made = MADE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Self {
                mutex: Mutex::new(()),
                made,
            }
        }

        pub(crate) fn lock(&self) -> Locked<'_> {
            crate::loom::lock(&self.mutex)
        }

        /// The model checker repeats each run exactly, but not the addresses in it: there, locks are
        /// ordered by their making.
        pub(crate) fn rank(&self) -> usize {
            self.made
        }
    }
}
