//! One turn of a goroutine: what an M does with what it took from a queue.

use std::task::Context;

use super::alloc;
use super::cell::G;
use super::state::{ToIdle, ToRunning};
use super::waker;
use crate::runtime::wake;

/// How a turn ended.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It waits for something.
    Parked,
    /// It was woken during its own poll (`yield_now`, a spent slice): the caller queues it.
    Requeue(G),
    /// It is over.
    Over,
}

/// Who runs a turn.
pub(crate) trait Runner {
    /// Runs what is the user's in it: the poll, the drop of the future, or that of a result.
    fn leased<R>(&self, user: impl FnOnce() -> R) -> R;

    /// The same for the poll; and how many of the goroutine's wakers were kept in it and are yet to be
    /// counted (state I6).
    fn polling<R>(&self, poll: impl FnOnce() -> R) -> (R, usize);

    /// Counts a goroutine that is over: before anybody can know that it is.
    fn count_end(&self);
}

/// A runner without a P that could be lost meanwhile.
pub(crate) struct Unleased;

impl Runner for Unleased {
    fn leased<R>(&self, user: impl FnOnce() -> R) -> R {
        user()
    }

    fn polling<R>(&self, poll: impl FnOnce() -> R) -> (R, usize) {
        (poll(), 0)
    }

    fn count_end(&self) {}
}

/// Runs one turn.
///
/// # Safety
/// The caller took `g` from a queue, and so owns its turn (state I2).
#[inline]
pub(crate) unsafe fn run(g: G, m: &impl Runner) -> Turn {
    // SAFETY: cell I1: the alive reference is held until `complete` (state I3), and `poll`/`cancel`
    // are called while RUNNING is ours.
    unsafe {
        let header = g.header();
        match header.state.to_running() {
            ToRunning::Poll => {
                header.begin_turn();
                let waker = waker::borrowed(g);
                let mut cx = Context::from_waker(&waker);
                let (polled, kept) = m.polling(|| g.poll(&mut cx));
                if polled.is_pending() {
                    return match header.state.to_idle(kept) {
                        ToIdle::Parked => Turn::Parked,
                        ToIdle::Requeue => Turn::Requeue(g),
                    };
                }
                header.state.add_kept(kept);
            }
            ToRunning::Cancel => m.leased(|| g.cancel()),
        }
        if header.state.is_sole_owner() {
            // Nobody joins, nobody can wake: no need to tell anyone that it is over.
            drop_output(g, m);
            header.state.set_dead();
            alloc::free(g);
            m.count_end();
            return Turn::Over;
        }
        m.count_end();
        let completed = header.state.complete();
        if !completed.join_interest {
            drop_output(g, m);
        } else if completed.join_waker {
            // state I5: JOIN_WAKER was set and DONE is: the slot is read-only now.
            if let Some(waker) = &*g.join_waker() {
                wake::wake_by_ref(waker);
            }
        }
        if header.state.drop_ref() {
            alloc::free(g);
        }
        Turn::Over
    }
}

/// Drops the result of a goroutine for which nobody waits.
///
/// # Safety
/// As for `G::drop_output`.
#[inline]
unsafe fn drop_output(g: G, m: &impl Runner) {
    // SAFETY: passed on.
    unsafe {
        if g.drops_output() {
            m.leased(|| g.drop_output());
        } else {
            g.drop_output();
        }
    }
}

/// Ends a goroutine that was never queued (its runtime has shut down): drops its future here and now.
///
/// # Safety
/// The caller made `g` and has not queued it.
pub(crate) unsafe fn stillborn(g: G) {
    // SAFETY: SCHEDULED is set from birth and in no queue: the turn is ours (state I2).
    unsafe {
        let _ = g.header().state.request_cancel();
        let turn = run(g, &Unleased);
        debug_assert_eq!(turn, Turn::Over);
    }
}
