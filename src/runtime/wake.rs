//! Calls into foreign code (wakers, callbacks) that must not take down whoever makes them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Wakes; a panic in a foreign waker is reported and goes no further: the operation that wakes has
/// happened, and the next waker in line must be woken too.
#[inline]
pub(crate) fn wake(waker: Waker) {
    guarded(|| waker.wake());
}

/// As [`wake`], keeping the waker.
#[inline]
pub(crate) fn wake_by_ref(waker: &Waker) {
    guarded(|| waker.wake_by_ref());
}

/// Drops a waker, which is foreign code too.
#[inline]
pub(crate) fn drop_waker(waker: Waker) {
    guarded(|| drop(waker));
}

/// Runs `f`; a panic in it is reported through `tracing` and swallowed.
#[inline]
pub(crate) fn guarded(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        tracing::error!(target: "gosched", "a waker or timer callback panicked");
        // A payload that panics in its own drop would go on for ever: it is leaked.
        std::mem::forget(payload);
    }
}
