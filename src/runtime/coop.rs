//! Cooperative preemption: Go's stack-guard check, at the operations of this crate.
//!
//! sysmon flags a P whose goroutine has run for longer than a slice. Every operation that can wait
//! looks at the flag (a load) and yields once, so that a loop over a channel that is always ready
//! cannot hold its P.

use std::task::{Context, Poll};

use super::current;

/// `Pending`, with the goroutine woken, when its slice is over; else `Ready`.
#[inline]
pub(crate) fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    if slice_is_over() {
        return give_way(cx);
    }
    Poll::Ready(())
}

/// Whether the goroutine should yield.
#[inline]
pub(crate) fn slice_is_over() -> bool {
    current::preempt_requested()
}

/// `Pending`, with the goroutine woken.
#[cold]
fn give_way(cx: &mut Context<'_>) -> Poll<()> {
    if let Some(p) = current::m().and_then(|m| m.p()) {
        p.clear_preempt();
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}
