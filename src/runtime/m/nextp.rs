//! What is left for an M that sleeps: the P that it is to run, before it is woken (M I1).

use std::ptr;

use crate::loom::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// Room for one P, and whether the M counts as a spinner already.
pub(crate) struct Nextp<P> {
    /// Null for none. Written by the one thread that took the M off the idle list, taken by the M; the
    /// store publishes `spinning` and what the P's last owner did.
    p: AtomicPtr<P>,
    spinning: AtomicBool,
}

impl<P> Nextp<P> {
    pub(crate) fn new() -> Nextp<P> {
        Nextp {
            p: AtomicPtr::new(ptr::null_mut()),
            spinning: AtomicBool::new(false),
        }
    }

    /// Leaves a P, or none.
    pub(crate) fn leave(&self, p: Option<&P>, spinning: bool) {
        // Relaxed: published by the store of the P.
        self.spinning.store(spinning, Ordering::Relaxed);
        let p = p.map_or(ptr::null_mut(), |p| ptr::from_ref(p).cast_mut());
        // Ordering: Release pairs with the Acquire in `take`.
        self.p.store(p, Ordering::Release);
    }

    /// Takes what was left.
    pub(crate) fn take(&self) -> Option<(*const P, bool)> {
        // Ordering: Acquire pairs with the Release in `leave`.
        let p = self.p.swap(ptr::null_mut(), Ordering::Acquire);
        // Relaxed: as in `leave`.
        (!p.is_null()).then(|| (p.cast_const(), self.spinning.load(Ordering::Relaxed)))
    }
}
