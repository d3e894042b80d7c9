//! The state word of a goroutine: bits, and the transitions that are allowed.
//!
//! Called by `cell` (poll, completion), `waker` (ready) and `join` (join, abort, detach); nobody else
//! reads bits.
//!
//! ```text
//!            spawn                     to_running                    to_idle
//!   ─────────────────────▶ SCHEDULED ─────────────▶ RUNNING ───────────────────▶ (idle)
//!                              ▲  ▲                  │  │ ▲                         │
//!                              │  └── to_idle ───────┘  │ └─ wake: |SCHEDULED       │
//!                              │      (woken meanwhile) │                           │
//!                              └──────────── wake / abort ──────────────────────────┘
//!                                                       │ complete
//!                                                       ▼
//!                                                      DONE
//! ```
//!
//! | SCHEDULED | RUNNING | DONE | meaning                                    | who may touch the frame |
//! |-----------|---------|------|--------------------------------------------|-------------------------|
//! | 0         | 0       | 0    | parked                                     | nobody                  |
//! | 1         | 0       | 0    | in a queue, or on its way to one           | nobody                  |
//! | 0         | 1       | 0    | being polled                               | the polling M           |
//! | 1         | 1       | 0    | being polled, woken meanwhile: to be requeued by the polling M | the polling M |
//! | any       | 0       | 1    | over; the frame holds the result           | the holder of JOIN_INTEREST |
//!
//! # Invariants
//!
//! - **state I1**: whoever changes SCHEDULED from 0 to 1 while RUNNING is 0 must put the goroutine
//!   into exactly one queue. If RUNNING is 1, the polling M must, when its poll is over.
//! - **state I2**: only the M that took the goroutine from a queue moves it to RUNNING.
//! - **state I3**: one reference (the "alive" reference) is held from spawn until completion, so a queue
//!   entry and a poll need none of their own.
//! - **state I4**: the memory is given back by whoever drops the last reference, and by nobody else.
//! - **state I5**: the join waker's slot belongs to the `JoinHandle` while JOIN_WAKER is 0, and is
//!   read-only while it is 1; the handle may clear JOIN_WAKER only while DONE is 0.
//! - **state I6**: while RUNNING, the counts may be too low by the wakers that were kept in this poll and
//!   that `to_idle` or `add_kept` has yet to count: a counterpart may have given one up already, and the
//!   fields below zero borrow from what is above. They never look like a last reference: the alive one is
//!   there (state I3), and `x * REF + y * OWN` is what the last one leaves only for the true counts.

use crate::loom::sync::atomic::{AtomicUsize, Ordering};

const SCHEDULED: usize = 1;
const RUNNING: usize = 1 << 1;
const DONE: usize = 1 << 2;
const ABORTED: usize = 1 << 3;
const JOIN_INTEREST: usize = 1 << 4;
const JOIN_WAKER: usize = 1 << 5;
const REF: usize = 1 << 6;
/// Counts those references that are wakers kept by this crate's own waiting places: they wake when a goroutine
/// of ours does something, and nobody else can get hold of them. Each counts in REF as well. There is no
/// room for it in a word of 32 bits.
#[cfg(target_pointer_width = "64")]
const OWN: usize = 1 << 40;
#[cfg(not(target_pointer_width = "64"))]
const OWN: usize = 0;
#[cfg(target_pointer_width = "64")]
const REFS: usize = (OWN - 1) & !(REF - 1);
#[cfg(not(target_pointer_width = "64"))]
const REFS: usize = !(REF - 1);
/// Whether wakers that are kept in a poll may be counted at its end (state I6): without a count of their own
/// one of them would look like the last reference.
pub(crate) const COUNTS_LATE: bool = OWN != 0;
/// At birth: about to be queued, with the alive reference and the join handle's.
const FRESH: usize = SCHEDULED | JOIN_INTEREST | (2 * REF);

/// The word. Written by Ms, wakers and the join handle; what each write publishes is said at the
/// transition.
pub(crate) struct State(AtomicUsize);

/// The table above, for those who only tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Parked,
    Runnable,
    Running,
    Over,
}

/// What to do with a goroutine taken from a queue.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToRunning {
    /// Poll it.
    Poll,
    /// It was aborted: drop its future and complete it as cancelled.
    Cancel,
}

/// What to do after a poll that returned `Pending`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToIdle {
    /// Parked. The goroutine may already run elsewhere: touch it no more.
    Parked,
    /// It was woken while it ran: the caller requeues it.
    Requeue,
}

/// What a waker has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Nothing: somebody else queues it, or it is over.
    Nothing,
    /// The caller puts it into a queue (state I1).
    Enqueue,
    /// The caller dropped the last reference: it gives the memory back (state I4).
    Dealloc,
}

/// What reference goes with a wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consume {
    Nothing,
    Ref,
    /// That of a waiting place of ours.
    Own,
}

/// What remains to be done once a goroutine is over.
#[must_use]
#[derive(Debug)]
pub(crate) struct Completed {
    /// Somebody may still ask for the result; else the caller drops it.
    pub(crate) join_interest: bool,
    /// The slot holds a waker to be woken.
    pub(crate) join_waker: bool,
}

/// What a join handle that goes away has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Detach {
    /// The goroutine is over: the handle drops the result.
    DropOutput,
    /// The handle now owns the waker slot again, and empties it.
    DropWaker,
}

impl State {
    /// A goroutine about to be queued, with its alive reference and that of its join handle.
    pub(crate) fn new() -> State {
        State(AtomicUsize::new(FRESH))
    }

    /// Starts a new life in a recycled cell. The caller owns the cell alone.
    pub(crate) fn reset(&self) {
        // Ordering: Release pairs with the Acquire in `request_cancel`, which may look at a recycled
        // cell from the list of all goroutines and must see the new life's fields.
        self.0.store(FRESH, Ordering::Release);
    }

    /// Queue → poll.
    #[inline]
    pub(crate) fn to_running(&self) -> ToRunning {
        // Ordering: Acquire pairs with the Release of the previous `to_idle` (the frame) and of the
        // wake that queued it (what the waker wrote); Release keeps the word's release chain.
        // SCHEDULED is set and RUNNING is not, so adding the difference changes just these.
        let prev = self.0.fetch_add(RUNNING - SCHEDULED, Ordering::AcqRel);
        debug_assert_eq!(prev & (SCHEDULED | RUNNING | DONE), SCHEDULED, "state I2");
        if prev & ABORTED == 0 {
            ToRunning::Poll
        } else {
            ToRunning::Cancel
        }
    }

    /// Poll → parked or requeue. So many wakers were kept in the poll and not counted yet.
    #[inline]
    pub(crate) fn to_idle(&self, kept: usize) -> ToIdle {
        let change = (kept * (REF + OWN)).wrapping_sub(RUNNING);
        // Ordering: Release publishes the frame to the next `to_running`.
        let prev = self.0.fetch_add(change, Ordering::Release);
        debug_assert_eq!(prev & (RUNNING | DONE), RUNNING);
        if prev & SCHEDULED == 0 {
            ToIdle::Parked
        } else {
            ToIdle::Requeue
        }
    }

    /// Counts wakers that were kept in the poll, if it is not followed by `to_idle`.
    #[inline]
    pub(crate) fn add_kept(&self, kept: usize) {
        if kept > 0 {
            // Relaxed: as in `add_ref`.
            self.0.fetch_add(kept * (REF + OWN), Ordering::Relaxed);
        }
    }

    /// True when nobody but the alive reference is left: the caller may recycle the cell without
    /// another word. Only for the M that runs the goroutine.
    #[inline]
    pub(crate) fn is_sole_owner(&self) -> bool {
        // Ordering: Acquire pairs with the Release of the `drop_ref`s before: what they did with the
        // cell happened before it is recycled.
        let now = self.0.load(Ordering::Acquire);
        now & !(REF - 1) == REF
    }

    /// Marks a cell that nobody else refers to as over. Only after `is_sole_owner`.
    #[inline]
    pub(crate) fn set_dead(&self) {
        // Relaxed: only walkers of the list of all goroutines look, and they look only at DONE.
        self.0.store(DONE, Ordering::Relaxed);
    }

    /// Poll → over. The result has been written to the frame.
    #[inline]
    pub(crate) fn complete(&self) -> Completed {
        // Ordering: Release publishes the result to the Acquire in `is_done`; Acquire pairs with the
        // Release in `set_join_waker`, which published the waker's slot.
        // RUNNING is set and DONE is not: as in `to_running`.
        let prev = self.0.fetch_add(DONE - RUNNING, Ordering::AcqRel);
        debug_assert_eq!(prev & (RUNNING | DONE), RUNNING);
        Completed {
            join_interest: prev & JOIN_INTEREST != 0,
            join_waker: prev & JOIN_WAKER != 0,
        }
    }

    /// Wakes, and drops what reference of the caller `consume` says.
    #[inline]
    pub(crate) fn wake(&self, consume: Consume) -> Wake {
        let dec = match consume {
            Consume::Nothing => 0,
            Consume::Ref => REF,
            Consume::Own => REF + OWN,
        };
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let claims = now & (SCHEDULED | DONE) == 0;
            let next = if claims { now | SCHEDULED } else { now }.wrapping_sub(dec);
            // Ordering: Release publishes what the waker wrote to the `to_running` that follows, also
            // when SCHEDULED was set before: hence the exchange even where the bits stay as they are.
            // Acquire is for the one that drops the last reference.
            match self
                .0
                .compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) if next < REF => return Wake::Dealloc,
                Ok(_) if claims && now & RUNNING == 0 => return Wake::Enqueue,
                Ok(_) => return Wake::Nothing,
                Err(actual) => now = actual,
            }
        }
    }

    /// Asks for the future to be dropped at its next turn. `Enqueue`: the caller queues it.
    pub(crate) fn request_cancel(&self) -> Wake {
        // Ordering: Acquire pairs with the Release in `reset`.
        let mut now = self.0.load(Ordering::Acquire);
        loop {
            if now & (DONE | ABORTED) != 0 {
                return Wake::Nothing;
            }
            let next = now | ABORTED | SCHEDULED;
            // Ordering: as in `wake`.
            match self
                .0
                .compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) if now & (SCHEDULED | RUNNING) == 0 => return Wake::Enqueue,
                Ok(_) => return Wake::Nothing,
                Err(actual) => now = actual,
            }
        }
    }

    /// True once the goroutine is over.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `complete`: the result is visible.
        self.0.load(Ordering::Acquire) & DONE != 0
    }

    /// What it is doing; for whoever only wants to tell.
    pub(crate) fn phase(&self) -> Phase {
        // Relaxed: it may be another the next moment, whatever the order.
        let now = self.0.load(Ordering::Relaxed);
        match (now & DONE != 0, now & RUNNING != 0, now & SCHEDULED != 0) {
            (true, ..) => Phase::Over,
            (_, true, _) => Phase::Running,
            (_, _, true) => Phase::Runnable,
            _ => Phase::Parked,
        }
    }

    /// True when the slot holds a waker. Only for the join handle.
    pub(crate) fn has_join_waker(&self) -> bool {
        // Relaxed: the handle itself is the only one to change the bit.
        self.0.load(Ordering::Relaxed) & JOIN_WAKER != 0
    }

    /// The handle has filled the slot. `false`: the goroutine is over meanwhile.
    #[must_use]
    pub(crate) fn set_join_waker(&self) -> bool {
        self.change_unless_done(|s| s | JOIN_WAKER)
    }

    /// The handle takes the slot back. `false`: the goroutine is over meanwhile.
    #[must_use]
    pub(crate) fn unset_join_waker(&self) -> bool {
        self.change_unless_done(|s| s & !JOIN_WAKER)
    }

    fn change_unless_done(&self, change: impl Fn(usize) -> usize) -> bool {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            if now & DONE != 0 {
                // Ordering: Acquire pairs with the Release in `complete`.
                crate::loom::sync::atomic::fence(Ordering::Acquire);
                return false;
            }
            // Ordering: Release publishes the slot to `complete`.
            match self.0.compare_exchange_weak(
                now,
                change(now),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(actual) => now = actual,
            }
        }
    }

    /// The handle goes away before anything happened: one exchange, reference and all.
    #[inline]
    #[must_use]
    pub(crate) fn detach_fast(&self) -> bool {
        // Ordering: Release: the handle's accesses happen before the cell is recycled.
        self.0
            .compare_exchange(FRESH, SCHEDULED | REF, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// The handle goes away; its reference is still to be dropped after this.
    pub(crate) fn detach(&self) -> Detach {
        if self.change_unless_done(|s| s & !(JOIN_INTEREST | JOIN_WAKER)) {
            Detach::DropWaker
        } else {
            Detach::DropOutput
        }
    }

    /// One more reference.
    #[inline]
    pub(crate) fn add_ref(&self) {
        // Relaxed: a new reference is made from one that is held.
        let prev = self.0.fetch_add(REF, Ordering::Relaxed);
        if (REFS / 2..REFS / 4 * 3).contains(&(prev & REFS)) {
            // Wakers were leaked by the billion: as for `Arc`, memory safety is at stake. (Above, it is a
            // count below zero, state I6.)
            std::process::abort();
        }
    }

    /// One more reference, in a waiting place of ours.
    #[inline]
    pub(crate) fn add_own(&self) {
        // Relaxed: as in `add_ref`. There are not so many places in memory as would make it overflow.
        self.0.fetch_add(REF + OWN, Ordering::Relaxed);
    }

    /// The opposite; `true` = it was the last reference (state I4).
    #[inline]
    #[must_use]
    pub(crate) fn drop_own(&self) -> bool {
        // Ordering: as in `drop_ref`.
        let prev = self.0.fetch_sub(REF + OWN, Ordering::AcqRel);
        prev & !(REF - 1) == REF + OWN
    }

    /// True when it is parked, and all wakers that there are of it lie in waiting places of ours: nobody but
    /// who serves those can wake it.
    pub(crate) fn is_ours_to_wake(&self) -> bool {
        // Ordering: Acquire pairs with the Release of whoever dropped a waker: what it did before is seen.
        let now = self.0.load(Ordering::Acquire);
        if now & (SCHEDULED | RUNNING | DONE) != 0 || OWN == 0 {
            return false;
        }
        let handle = usize::from(now & JOIN_INTEREST != 0);
        (now & REFS) / REF == 1 + handle + now / OWN.max(1)
    }

    /// One reference less; `true` = it was the last (state I4).
    #[inline]
    #[must_use]
    pub(crate) fn drop_ref(&self) -> bool {
        // Ordering: Release so that this owner's accesses come before the dealloc; Acquire for the
        // owner that deallocs.
        let prev = self.0.fetch_sub(REF, Ordering::AcqRel);
        prev & !(REF - 1) == REF
    }
}
