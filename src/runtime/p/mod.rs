//! P: the processor, the right to run goroutines.
//!
//! A P owns a local run queue (`runq`) and a heap of timers (`timers`). An M must own a P to run
//! goroutines; P and M are separate, so that the P of an M that blocks can go on with another.

mod in_order;
mod timerq;
mod timers;

pub(crate) mod runq;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

pub(crate) use runq::Runq;
pub(crate) use timers::{Action, NEVER, Nanos, TimerHeap, TimerNode, instant, nanos, now};

use super::g::Header;
use super::m::M;
use crate::loom;

/// One processor.
///
/// # Invariants
///
/// - **P I1**: a P is owned by at most one M, from the moment the M takes it off the idle list (or is
///   handed it) until it gives it up or sysmon takes it away (`m/lease.rs`). `Cell`s and
///   `Runq::local` are the owner's.
pub(crate) struct P {
    pub(crate) id: usize,
    pub(crate) runq: Runq<Header>,
    pub(crate) timers: &'static TimerHeap,
    /// Turns run on this P. Written by the owner, read by sysmon: when it stands still, so does the P.
    tick: AtomicU32,
    /// Consecutive turns out of `runnext`.
    pub(crate) next_runs: Cell<u32>,
    /// Until when they may hold off others, if somebody has looked; and when others got their turn at last.
    pub(crate) chain_until: Cell<Option<Nanos>>,
    pub(crate) chain_broken: Cell<Nanos>,
    /// Set by sysmon when the running slice is over, cleared by the owner; carries no data.
    preempt: AtomicBool,
    /// Set by others for the owner: look at the global queue and the poller next. Carries no data.
    attend: AtomicBool,
    /// The M that owns it, or null. Written by the owner, and by sysmon when it takes the P away; read by
    /// sysmon, which leaves idle Ps alone.
    owner: AtomicPtr<M>,
    /// Set when the P was given up because there were too many.
    retired: loom::sync::atomic::AtomicBool,
}

// SAFETY: the `Cell`s are the owner's alone (P I1), and owners hand the P over through a lock or a
// release/acquire pair.
unsafe impl Send for P {}
// SAFETY: as above.
unsafe impl Sync for P {}

impl P {
    /// `virtual_time`: its timers are those of a virtual clock.
    pub(crate) fn new(id: usize, virtual_time: bool) -> P {
        P {
            id,
            runq: Runq::new(),
            timers: TimerHeap::acquire(virtual_time),
            tick: AtomicU32::new(0),
            next_runs: Cell::new(0),
            chain_until: Cell::new(None),
            chain_broken: Cell::new(0),
            preempt: AtomicBool::new(false),
            attend: AtomicBool::new(false),
            owner: AtomicPtr::new(ptr::null_mut()),
            retired: loom::sync::atomic::AtomicBool::new(false),
        }
    }

    /// Counts a turn; returns the number of it.
    #[inline]
    pub(crate) fn next_tick(&self) -> u32 {
        // Relaxed: single writer; sysmon wants a number that moves.
        let tick = self.tick.load(Ordering::Relaxed).wrapping_add(1);
        self.tick.store(tick, Ordering::Relaxed);
        tick
    }

    /// Owner: goes on to the next multiple of `turns`, and so to where all that is done once in so many of them
    /// begins anew. Not back to 0: sysmon would take a number that it knows for standing still.
    pub(crate) fn align(&self, turns: u32) {
        let rest = turns - self.tick() % turns;
        let tick = self.tick().checked_add(rest).unwrap_or(0);
        self.tick.store(tick, Ordering::Relaxed);
        self.next_runs.set(0);
    }

    pub(crate) fn tick(&self) -> u32 {
        self.tick.load(Ordering::Relaxed)
    }

    /// How many goroutines are queued on it (a hint).
    pub(crate) fn queued(&self) -> usize {
        let queue = self.runq.steal();
        queue.ring_len() + usize::from(queue.has_next())
    }

    pub(crate) fn set_owner(&self, m: Option<&M>) {
        let m = m.map_or(ptr::null_mut(), |m| ptr::from_ref(m).cast_mut());
        // Relaxed: it is compared, not followed; the lease decides.
        self.owner.store(m, Ordering::Relaxed);
    }

    /// The M that owns it, to be compared; null for none.
    pub(crate) fn owner(&self) -> *const M {
        self.owner.load(Ordering::Relaxed)
    }

    /// True while an M owns it.
    pub(crate) fn is_busy(&self) -> bool {
        !self.owner().is_null()
    }

    /// The P is in nobody's hands and on no list, until there is need of it again. By way of
    /// `sched::procs`, which sees to a need that comes at this moment.
    pub(crate) fn retire(&self) {
        // Ordering: Release publishes the owner's last accesses to `reinstate`. Acquire pairs with the
        // Release of a `reinstate` that came too early: the number of Ps that it was for is seen.
        let _ = self.retired.swap(true, Ordering::AcqRel);
    }

    /// `true` = the P had been given up, and now belongs to the caller.
    pub(crate) fn reinstate(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `retire`, Release with the Acquire there.
        self.retired.swap(false, Ordering::AcqRel)
    }

    /// Asks the running goroutine to yield at its next operation.
    pub(crate) fn request_preempt(&self) {
        // Relaxed: a hint, without data.
        self.preempt.store(true, Ordering::Relaxed);
    }

    /// What `request_preempt` raises.
    pub(crate) fn preempt_flag(&self) -> &AtomicBool {
        &self.preempt
    }

    /// True when the running goroutine was asked to yield.
    #[inline]
    pub(crate) fn preempt_requested(&self) -> bool {
        self.preempt.load(Ordering::Relaxed)
    }

    /// Asks the owner to look at the global queue and the poller at its next turn.
    pub(crate) fn request_attention(&self) {
        // Relaxed: as in `request_preempt`.
        self.attend.store(true, Ordering::Relaxed);
    }

    /// Owner: whether it was asked to since it last looked.
    #[inline]
    pub(crate) fn take_attention(&self) -> bool {
        let asked = self.attend.load(Ordering::Relaxed);
        if asked {
            self.attend.store(false, Ordering::Relaxed);
        }
        asked
    }

    #[inline]
    pub(crate) fn clear_preempt(&self) {
        if self.preempt_requested() {
            self.preempt.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for P {
    fn drop(&mut self) {
        self.timers.release();
    }
}
