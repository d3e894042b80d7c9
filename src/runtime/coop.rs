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
    match current::m().and_then(|m| m.p()) {
        Some(p) if p.preempt_requested() => {
            p.clear_preempt();
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        _ => Poll::Ready(()),
    }
}
