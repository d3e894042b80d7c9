//! Cooperative preemption: Go's stack-guard check, at the operations of this crate.
//!
//! sysmon flags a P whose goroutine has run for longer than a slice. Every operation that can wait
//! looks at the flag (a load) and yields once, so that a loop over a channel that is always ready
//! cannot hold its P.
//!
//! An operation that yields says `Pending` although it may be ready. Whoever takes that for an answer has to know:
//! `time::timeout` asks `times_given_way`. And with a waker that is not the goroutine's no operation yields: who polls
//! with one may poll only once (`select!` with `default`, `now_or_never`). In a combinator with wakers of its own
//! (`FuturesUnordered`) a loop over a ready channel thus holds the P until sysmon takes that away.

use std::cell::Cell;
use std::task::{Context, Poll};

use super::{current, g};

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

thread_local! {
    static GIVEN_WAY: Cell<u64> = const { Cell::new(0) };
}

/// How often operations on this thread have yielded: more often after a poll than before it means that its `Pending`
/// tells nothing.
#[inline]
pub(crate) fn times_given_way() -> u64 {
    GIVEN_WAY.try_with(Cell::get).unwrap_or(0)
}

/// `Pending`, with the goroutine woken.
#[cold]
fn give_way(cx: &mut Context<'_>) -> Poll<()> {
    if !g::is_goroutines(cx.waker()) {
        return Poll::Ready(());
    }
    if let Some(p) = current::m().and_then(|m| m.p()) {
        p.clear_preempt();
    }
    let _ = GIVEN_WAY.try_with(|times| times.set(times.get() + 1));
    cx.waker().wake_by_ref();
    Poll::Pending
}
