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

/// Whom a kept waker wakes, for whoever cannot look at it because it lies behind a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    data: usize,
    vtable: usize,
}

impl Identity {
    /// No waker has it: a vtable is a reference.
    pub(crate) const NOBODY: Identity = Identity { data: 0, vtable: 0 };

    /// That of `waker`, of which `keep` made `kept`. `None`: once `waker` is gone, one of another task could
    /// look the same, because `kept` does not hold on to the same data.
    #[inline]
    pub(crate) fn of(waker: &Waker, kept: &Waker) -> Option<Identity> {
        (waker.data() == kept.data()).then(|| Identity::parts(waker))
    }

    /// True when `waker` wakes the same task. Certain only while the kept one exists.
    #[inline]
    pub(crate) fn is_of(self, waker: &Waker) -> bool {
        self == Identity::parts(waker)
    }

    #[inline]
    fn parts(waker: &Waker) -> Identity {
        Identity {
            data: waker.data().addr(),
            vtable: std::ptr::from_ref(waker.vtable()).addr(),
        }
    }
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
        // Payloads that panic in their own drop would go on for ever: they are leaked.
        std::mem::forget(payload);
        let report = || tracing::error!(target: "gosched", "a waker or timer callback panicked");
        std::mem::forget(catch_unwind(AssertUnwindSafe(report)));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_waker_is_known_again_while_its_kept_one_holds_on_to_its_data() {
        let [a, b] = [(); 2].map(|()| Waker::from(Arc::new(Task)));
        let kept = keep(&a);
        let identity = Identity::of(&a, &kept).expect("a clone of the same data");
        assert!(identity.is_of(&a));
        assert!(!identity.is_of(&b));
        // The clone of a waker may hold other data; then the address of the first is nobody's when that goes.
        assert_eq!(Identity::of(&a, &b), None);
        assert!(!Identity::NOBODY.is_of(Waker::noop()));
    }
}
