//! Which time it is: the system's, or that of a runtime with virtual time (`Builder::virtual_time`).
//!
//! Timers, tickers and context deadlines ask here. sysmon, the poller and the ages in a dump do not: they
//! are about the machine. Both clocks count on one axis, on which a virtual one begins at the time when its
//! runtime was made; it stands still until `sched/advance.rs` moves it.
//!
//! # Invariants
//!
//! - **clock I1**: a virtual clock is moved by `Sched::advance` only, while nothing of its runtime runs. So
//!   it stands for as long as anybody could read it twice.
//! - **clock I2**: `draws` is read by an M that takes the P and written by one that gives it up; there is one P.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use super::current;
use super::p::{self, NEVER, Nanos, P};
use super::sched::ROUND;
use super::wake::wakes_same;
use crate::select;

/// Runtimes with virtual time that there are. Relaxed: a thread that works for one has been told of it by
/// whoever made it, and the others need not know.
static VIRTUAL: AtomicUsize = AtomicUsize::new(0);

/// The first pause of a runtime whose clock is held, until it looks again, and the longest.
const FIRST_PAUSE: Nanos = 20_000;
const LONGEST_PAUSE: Nanos = 2_000_000;
/// A clock that is held for so long is told of, once.
const HELD_LONG: Nanos = 5_000_000_000;

/// The time by the clock of the runtime that this thread works for.
#[inline]
pub(crate) fn now() -> Nanos {
    if VIRTUAL.load(Ordering::Relaxed) == 0 {
        return p::now();
    }
    virtual_now().unwrap_or_else(p::now)
}

/// As [`now`].
#[inline]
pub(crate) fn instant() -> Instant {
    if VIRTUAL.load(Ordering::Relaxed) == 0 {
        return Instant::now();
    }
    virtual_now().map_or_else(Instant::now, p::instant)
}

#[cold]
fn virtual_now() -> Option<Nanos> {
    current::with_sched(|sched| sched.clock.as_ref().map(|clock| clock.now()))?
}

/// The virtual clock of the runtime that this thread works for.
#[inline]
pub(crate) fn current_virtual() -> Option<Arc<Virtual>> {
    if VIRTUAL.load(Ordering::Relaxed) == 0 {
        return None;
    }
    current::with_sched(|sched| sched.clock.clone())?
}

/// The clock of a runtime with virtual time, and what else makes its runs repeatable.
pub(crate) struct Virtual {
    now: AtomicU64,
    /// Where the draws of select stand between two Ms (clock I2).
    draws: AtomicU64,
    /// Until when who is held pauses. Relaxed: a matter of pace.
    pause: AtomicU64,
    /// Since when it is held, in real time; 0 while it is not, `NEVER` once that was told. Under `moving`.
    held: AtomicU64,
    settling: Mutex<Settling>,
    /// Held by who looks whether the clock may move, and moves it.
    pub(crate) moving: Mutex<()>,
}

/// Who waits in `testing::settle`.
#[derive(Default)]
struct Settling {
    next: u64,
    waiters: VecDeque<(u64, Waker)>,
}

impl Virtual {
    pub(crate) fn new(seed: u64) -> Virtual {
        VIRTUAL.fetch_add(1, Ordering::Relaxed);
        Virtual {
            now: AtomicU64::new(p::now()),
            draws: AtomicU64::new(seed),
            pause: AtomicU64::new(FIRST_PAUSE),
            held: AtomicU64::new(0),
            settling: Mutex::default(),
            moving: Mutex::new(()),
        }
    }

    pub(crate) fn now(&self) -> Nanos {
        // Relaxed: whoever runs after a move was woken by it.
        self.now.load(Ordering::Relaxed)
    }

    /// Moves it on. See clock I1.
    pub(crate) fn set(&self, at: Nanos) {
        debug_assert!(at >= self.now());
        self.now.store(at, Ordering::Relaxed);
    }

    /// An M has taken the P. What it does now and then begins anew: turns that found nothing, of which there are more
    /// or fewer, make no difference.
    pub(crate) fn begin_run(&self, p: &P) {
        p.align(ROUND);
        // Relaxed: the P's hand-over orders it (clock I2).
        select::set_draws(self.draws.load(Ordering::Relaxed));
    }

    /// The M gives the P up.
    pub(crate) fn end_run(&self) {
        self.draws.store(select::draws(), Ordering::Relaxed);
    }

    /// It could not move: so long until the next look.
    pub(crate) fn pause(&self) -> Nanos {
        self.pause.load(Ordering::Relaxed)
    }

    /// It is held, at this real time; `true` = for so long that it should be told, now.
    #[must_use]
    pub(crate) fn is_held(&self, at: Nanos) -> bool {
        let longer = (2 * self.pause()).min(LONGEST_PAUSE);
        self.pause.store(longer, Ordering::Relaxed);
        match self.held.load(Ordering::Relaxed) {
            NEVER => return false,
            0 => self.held.store(at, Ordering::Relaxed),
            since if at.saturating_sub(since) < HELD_LONG => {}
            _ => {
                self.held.store(NEVER, Ordering::Relaxed);
                return true;
            }
        }
        false
    }

    /// It moves.
    pub(crate) fn is_free(&self) {
        self.pause.store(FIRST_PAUSE, Ordering::Relaxed);
        if self.held.load(Ordering::Relaxed) != NEVER {
            self.held.store(0, Ordering::Relaxed);
        }
    }

    fn settling(&self) -> MutexGuard<'_, Settling> {
        self.settling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_awaited(&self) -> bool {
        !self.settling().waiters.is_empty()
    }

    /// Puts a waiter at the end of the line; returns its number.
    pub(crate) fn await_settled(&self, waker: Waker) -> u64 {
        let mut settling = self.settling();
        settling.next += 1;
        let id = settling.next;
        settling.waiters.push_back((id, waker));
        id
    }

    /// True while that waiter is in the line. `waker` is what is to be woken; what it takes the place of, or
    /// itself where it is not needed, comes back, to be dropped under no lock.
    pub(crate) fn awaits(&self, id: u64, waker: Waker, raw: &Waker) -> (bool, Option<Waker>) {
        let mut settling = self.settling();
        let place = settling.waiters.iter_mut().find(|(other, _)| *other == id);
        match place {
            None => (false, Some(waker)),
            Some((_, kept)) if wakes_same(kept, raw) => (true, Some(waker)),
            Some((_, kept)) => (true, Some(std::mem::replace(kept, waker))),
        }
    }

    /// Takes a waiter out that does not wait any more.
    pub(crate) fn forget(&self, id: u64) -> Option<Waker> {
        let mut settling = self.settling();
        let at = settling
            .waiters
            .iter()
            .position(|(other, _)| *other == id)?;
        settling.waiters.remove(at).map(|(_, waker)| waker)
    }

    /// Takes who has waited longest.
    pub(crate) fn first_awaiting(&self) -> Option<Waker> {
        self.settling().waiters.pop_front().map(|(_, waker)| waker)
    }
}

impl Drop for Virtual {
    fn drop(&mut self) {
        VIRTUAL.fetch_sub(1, Ordering::Relaxed);
    }
}
