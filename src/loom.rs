//! The one door to atomics, locks and threads: `std`'s in a normal build, loom's under `--cfg loom`.
//!
//! Used by every module with a protocol that is model-checked. Modules that hold process-wide state
//! (thread-locals, statics) use `std` directly, because loom's types only live inside a model.

#[cfg(not(loom))]
mod imp {
    pub(crate) mod sync {
        pub(crate) use std::sync::{Arc, Mutex, MutexGuard};
        pub(crate) mod atomic {
            pub(crate) use std::sync::atomic::{
                AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
                Ordering, fence,
            };
        }
    }
    pub(crate) mod thread {
        pub(crate) use std::thread::{Thread, current, park, yield_now};
    }
}

#[cfg(loom)]
mod imp {
    pub(crate) mod sync {
        pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};
        pub(crate) mod atomic {
            pub(crate) use loom::sync::atomic::{
                AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
                Ordering, fence,
            };
        }
    }
    pub(crate) mod thread {
        pub(crate) use loom::thread::{Thread, current, park, yield_now};
    }
}

#[allow(unused_imports)]
pub(crate) use imp::{sync, thread};

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
