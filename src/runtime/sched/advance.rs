//! When virtual time goes on: to the next timer, once all goroutines of the runtime wait for each other or for
//! time.
//!
//! Called by the M that finds nothing to run. What it proves is what `deadlock.rs` proves of the process, for one
//! runtime: nothing of it runs, and all wakers that exist of its goroutines, and of the threads in its
//! `block_on`, lie in waiting places of this crate. A goroutine that waits for a socket, a thread, a task of a
//! library has left a waker elsewhere: then the clock stands, and this looks again after a pause. A plain thread
//! or another runtime that merely holds an end of a channel is not seen.
//!
//! # Invariants
//!
//! - **advance I1**: what sleeps at both looks and has counted no sleep between has slept all the time, and so
//!   did nothing to what was seen in between.

use std::io::{self, Write as _};
use std::ptr;
use std::sync::{Arc, TryLockError};

use super::Sched;
use crate::runtime::g::for_each;
use crate::runtime::m::M;
use crate::runtime::p::{self, NEVER, Nanos};
use crate::runtime::{unpark, wake};

impl Sched {
    /// The time by the runtime's clock.
    #[inline]
    pub(super) fn now(&self) -> Nanos {
        match &self.clock {
            None => p::now(),
            Some(clock) => clock.now(),
        }
    }

    /// The earliest deadline of all.
    pub(super) fn next_timer(&self) -> Nanos {
        let all = self.all_ps().map(|p| p.timers.next());
        all.min().unwrap_or(NEVER)
    }

    /// Until when the poller may block.
    pub(super) fn poll_until(&self) -> Nanos {
        let next = self.next_timer();
        match &self.clock {
            None => next,
            Some(clock) if next != NEVER || clock.is_awaited() => p::now() + clock.pause(),
            Some(_) => NEVER,
        }
    }

    /// Has the M in the poller look again whether time may go on, or somebody be told that all is settled.
    pub(crate) fn look_again(&self) {
        self.netpoll.interrupt();
    }

    /// `true` = time has gone on, or somebody in `testing::settle` need wait no more. What became ready is in
    /// the M's list, and the M has the P.
    pub(super) fn advance(&self, m: &M) -> bool {
        let Some(clock) = &self.clock else {
            return false;
        };
        let _moving = match clock.moving.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        if self.next_timer() == NEVER && !clock.is_awaited() {
            return false;
        }
        if !self.is_settled(m) {
            if clock.is_held(p::now()) {
                self.tell_held();
            }
            return false;
        }
        // Before anything is ready, or an M that comes out of the poller meanwhile would take it, and the order be
        // another one.
        let Some(id) = self.take_idle_p() else {
            return false;
        };
        m.acquire(self.p(id));
        clock.is_free();
        m.with_netpoll(|| {
            if let Some(waker) = clock.first_awaiting() {
                return wake::wake(waker);
            }
            let next = self.next_timer();
            if next != NEVER {
                clock.set(next.max(clock.now()));
                for p in self.all_ps() {
                    p.timers.run_due(clock.now());
                }
            }
        });
        true
    }

    /// Says what may hold the clock: whoever waits for what never comes would have a test that never ends, and no
    /// deadlock to show.
    #[cold]
    fn tell_held(&self) {
        let dump = crate::debug::dump_of(|entry| entry.is_of(self));
        let text = format!(
            "virtual time stands still: a goroutine waits for something outside of the runtime (gosched::testing \
             says what holds the clock)\n\n{dump}"
        );
        // Nobody can be told that stderr is gone.
        let _ = io::stderr().write_all(text.as_bytes());
        wake::guarded(|| tracing::warn!(target: "gosched", "{text}"));
    }

    /// The proof.
    fn is_settled(&self, m: &M) -> bool {
        let Some(before) = self.sleeps(m) else {
            return false;
        };
        let mut all = true;
        for_each(|_, header| {
            if ptr::eq(header.sched(), self) {
                all &= header.state.is_ours_to_wake();
            }
        });
        // advance I1.
        all && self.sleeps(m) == Some(before)
    }

    /// How often its threads and those in `block_on` have gone to sleep, if all but `m` do sleep and there is
    /// nothing to wake them for.
    fn sleeps(&self, m: &M) -> Option<(u64, usize)> {
        let ms = self.threads.ms();
        let asleep = |other: &Arc<M>| ptr::eq(Arc::as_ptr(other), m) || other.is_asleep();
        let at_rest = !self.is_closing()
            && self.npidle() >= self.nprocs()
            && self.injector_len() == 0
            && self.all_ps().all(|p| !p.is_busy() && p.queued() == 0)
            && ms.iter().all(asleep)
            && !self.netpoll.has_tasks();
        if !at_rest {
            return None;
        }
        let (_, parks) = self.threads.steals_and_parks();
        Some((parks, unpark::sleeps_of(self)?))
    }
}
