//! The one door to atomics, locks, cells, threads and counted memory: `std`'s in a normal build, loom's under
//! `--cfg loom`.
//!
//! Used by every module with a protocol that is model-checked. Modules that hold process-wide state
//! (thread-locals, statics) use `std` directly, because loom's types only live inside a model.
//!
//! # Invariants
//!
//! 1. An [`cell::UnsafeCell`] lends raw pointers only. Who may use them, and when, is said where the
//!    cell is declared; under the model checker, two uses that overlap are reported.

#![allow(unused_imports)]

#[cfg(not(loom))]
mod imp {
    pub(crate) mod sync {
        pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard};
        pub(crate) mod atomic {
            pub(crate) use std::sync::atomic::{
                AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
                Ordering, fence,
            };
        }
    }
    pub(crate) mod cell {
        /// `std`'s cell with the methods that the model checker asks for.
        #[derive(Debug, Default)]
        #[repr(transparent)]
        pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

        impl<T> UnsafeCell<T> {
            /// A cell around `value`.
            #[inline]
            pub(crate) const fn new(value: T) -> Self {
                Self(std::cell::UnsafeCell::new(value))
            }

            /// Lends the value for reading.
            #[inline]
            pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
                f(self.0.get())
            }

            /// Lends the value for writing.
            #[inline]
            pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
                f(self.0.get())
            }
        }
    }
    pub(crate) mod alloc {
        pub(crate) use std::alloc::{alloc, dealloc};
    }
    pub(crate) mod thread {
        pub(crate) use std::thread::{Thread, current, park, park_timeout, yield_now};
    }
}

#[cfg(loom)]
mod imp {
    pub(crate) mod cell {
        pub(crate) use loom::cell::UnsafeCell;
    }
    pub(crate) mod sync {
        pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
        pub(crate) mod atomic {
            pub(crate) use loom::sync::atomic::{
                AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
                Ordering, fence,
            };
        }
    }
    pub(crate) mod alloc {
        pub(crate) use loom::alloc::{alloc, dealloc};
    }
    pub(crate) mod thread {
        pub(crate) use loom::thread::{Thread, current, park, yield_now};

        /// There is no time in a model.
        pub(crate) fn park_timeout(_limit: std::time::Duration) {
            park();
        }
    }
}

#[allow(unused_imports)]
pub(crate) use imp::{alloc, cell, sync, thread};

/// Locks `mutex`, whether or not a thread panicked while it held it.
///
/// No lock of this crate is held while foreign code runs, so a poisoned lock guards sound data.
#[inline]
pub(crate) fn lock<T: ?Sized>(mutex: &sync::Mutex<T>) -> sync::MutexGuard<'_, T> {
    match mutex.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    }
}
