//! Calls into foreign code (wakers, callbacks) that must not take down whoever makes them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use super::{g, unpark};

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

/// A clone of a waker for a waiting place of this crate. It never leaves it but to be woken or dropped: that
/// is what the proof of a deadlock rests on.
#[inline]
pub(crate) fn keep(waker: &Waker) -> Waker {
    g::keep(waker)
        .or_else(|| unpark::keep(waker))
        .unwrap_or_else(|| waker.clone())
}

/// True when `kept`, which is in a waiting place of this crate, wakes the same task as `waker`.
#[inline]
pub(crate) fn wakes_same(kept: &Waker, waker: &Waker) -> bool {
    g::is_kept_of(kept, waker) || unpark::is_kept_of(kept, waker) || kept.will_wake(waker)
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
