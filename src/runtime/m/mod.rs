//! M: a thread that runs goroutines while it owns a P.
//!
//! # Invariants
//!
//! - **M I1**: `Cell`s are used by the M's own thread only. `nextp` is written by whoever wakes the M,
//!   before the wake-up.
//! - **M I2**: `p` is the P that this M owns (P I1), or null: between two Ps, in a poll that gave its
//!   P away (`block_in_place`), and while it waits in the poller. During a poll it may be a P that
//!   sysmon has taken back: there it is used by way of `with_p` only, which finds that out.

mod barrier;
mod lease;
mod nextp;
mod note;
#[cfg(all(test, loom))]
mod tests;

use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub(crate) use lease::{Lease, Lost};
pub(crate) use nextp::Nextp;
pub(crate) use note::Note;

use super::g::{self, G, Header, Pool, Runner, Turn};
use super::p::P;
use super::sched::{Pace, Sched};
use super::{current, sched, slice, tid, wait};

/// One thread of a runtime.
pub(crate) struct M {
    /// Itself.
    me: Weak<M>,
    pub(crate) sched: Arc<Sched>,
    /// The thread's, until it ends.
    pub(crate) tid: AtomicU32,
    /// Its number in the runtime, which its thread is named after.
    pub(crate) id: u64,
    pub(crate) note: Note,
    p: Cell<*const P>,
    /// Whether `p` is still its own; for sysmon.
    pub(crate) lease: Lease,
    /// When the turn began in which it lost its P. Written by sysmon before the M takes note.
    pub(crate) hog_since: AtomicU64,
    nextp: Nextp<P>,
    pub(crate) spinning: Cell<bool>,
    /// The goroutine that it polls. Written by the M; read by sysmon while it revokes the lease.
    g: AtomicPtr<Header>,
    /// How often the waker of the polled goroutine was kept in this poll, which is counted at its end
    /// (state I6); `NO_POLL` outside polls.
    kept: Cell<usize>,
    /// Depth of `block_in_place` calls in the running poll.
    pub(crate) blocking: Cell<u32>,
    /// It was woken without a P, to block in the poller.
    pub(crate) to_poller: Cell<bool>,
    /// Set while the thread turns the poller.
    netpoll: Cell<bool>,
    /// What becomes ready then is collected here. Under a lock: sysmon takes it where a task of a library keeps the turn
    /// from its end.
    netlist: Mutex<Vec<G>>,
    pub(crate) pool: Pool,
    pub(crate) rng: RefCell<fastrand::Rng>,
    /// What it has seen of the Ps since it began to steal.
    pub(crate) paces: RefCell<Vec<Pace>>,
    goids: Cell<(u64, u64)>,
    /// Goroutines started and ended on this M. Written by it alone, summed by anybody.
    pub(crate) started: Counter,
    pub(crate) ended: Counter,
    /// Successful visits to others' queues, and sleeps. As above.
    pub(crate) steals: Counter,
    pub(crate) parks: Counter,
    /// True while it sleeps, in `park` or in the poller, and so runs nobody's code but that of wakers.
    /// Written by it, read by whoever asks if anything goes on.
    asleep: AtomicBool,
}

// SAFETY: M I1: another thread uses `note`, `nextp`, `lease`, `netlist` and the atomics only.
unsafe impl Send for M {}
// SAFETY: as above.
unsafe impl Sync for M {}

/// See `M::kept`.
const NO_POLL: usize = usize::MAX;

/// A number with one writer.
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn bump(&self) {
        // Relaxed load: single writer. Ordering: Release pairs with the Acquire in `get`: a goroutine's
        // start is counted before its end is.
        self.0
            .store(self.0.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    pub(crate) fn get(&self) -> u64 {
        // Ordering: pairs with `bump`.
        self.0.load(Ordering::Acquire)
    }
}

/// Goroutine numbers that an M takes at a time.
const GOID_BATCH: u64 = 16;
static NEXT_GOID: AtomicU64 = AtomicU64::new(1);

/// What the first M of the process would do, where that takes no time: with more than one thread in the process the
/// system needs some 10 ms for it, in which no goroutine of that M would run.
pub(crate) fn prepare() {
    if tid::all().is_some_and(|all| all.len() == 1) {
        barrier::prepare();
    }
}

/// A number for a goroutine that is started outside any M.
pub(crate) fn next_goid() -> u64 {
    // Relaxed: uniqueness is all.
    NEXT_GOID.fetch_add(1, Ordering::Relaxed)
}

impl M {
    /// On the thread that it will be.
    pub(crate) fn new(sched: Arc<Sched>, id: u64, spinning: bool) -> Arc<M> {
        Arc::new_cyclic(|me| M {
            me: me.clone(),
            sched,
            tid: AtomicU32::new(tid::current()),
            id,
            note: Note::new(),
            p: Cell::new(ptr::null()),
            lease: Lease::new(),
            hog_since: AtomicU64::new(0),
            nextp: Nextp::new(),
            spinning: Cell::new(spinning),
            g: AtomicPtr::new(ptr::null_mut()),
            kept: Cell::new(NO_POLL),
            blocking: Cell::new(0),
            to_poller: Cell::new(false),
            netpoll: Cell::new(false),
            netlist: Mutex::default(),
            pool: Pool::new(),
            rng: RefCell::new(fastrand::Rng::new()),
            paces: RefCell::default(),
            goids: Cell::new((0, 0)),
            started: Counter(AtomicU64::new(0)),
            ended: Counter(AtomicU64::new(0)),
            steals: Counter(AtomicU64::new(0)),
            parks: Counter(AtomicU64::new(0)),
            asleep: AtomicBool::new(false),
        })
    }

    /// A share in it, while its thread runs.
    pub(crate) fn share(&self) -> Option<Arc<M>> {
        self.me.upgrade()
    }

    /// The P that this M owns; in a poll, the one that it owned when it last looked.
    #[inline]
    pub(crate) fn p(&self) -> Option<&P> {
        // SAFETY: M I2: Ps live as long as the runtime, which `self.sched` keeps alive.
        unsafe { self.p.get().as_ref() }
    }

    /// Takes over a P.
    pub(crate) fn acquire(&self, p: &P) {
        debug_assert!(self.p.get().is_null());
        if let Some(clock) = &self.sched.clock {
            clock.begin_run(p);
        }
        current::set_preempt_flag(Some(p.preempt_flag()));
        self.p.set(ptr::from_ref(p));
        // Last: sysmon may take it back from here on.
        p.set_owner(Some(self));
    }

    /// Gives the P up; what becomes of it is the caller's business.
    pub(crate) fn release(&self) -> Option<&P> {
        let released = self.with_p(|p| {
            if let Some(clock) = &self.sched.clock {
                clock.end_run();
            }
            p.set_owner(None);
            p
        });
        self.forget_p();
        released
    }

    /// Does something with the P, as its owner; `None` when there is none, or not any more.
    #[inline]
    pub(crate) fn with_p<'a, R>(&'a self, f: impl FnOnce(&'a P) -> R) -> Option<R> {
        let p = self.p()?;
        match self.lease.with(|| f(p)) {
            Ok(result) => Some(result),
            Err(Lost) => {
                self.lose_p();
                None
            }
        }
    }

    /// The P is another's now.
    #[cold]
    fn forget_p(&self) {
        self.p.set(ptr::null());
        current::set_preempt_flag(None);
    }

    /// The P was taken away, and here the M takes note.
    #[cold]
    fn lose_p(&self) {
        self.forget_p();
        slice::be_usual();
    }

    /// Leaves a P for a sleeping M, before it is woken (M I1).
    pub(crate) fn set_next(&self, p: Option<&P>, spinning: bool) {
        self.nextp.leave(p, spinning);
    }

    /// The P that was left for this M while it slept.
    pub(crate) fn take_next(&self) -> Option<&P> {
        let (p, spinning) = self.nextp.take()?;
        self.spinning.set(spinning);
        // SAFETY: as in `p`.
        unsafe { Some(&*p) }
    }

    /// The goroutine being polled on this M.
    #[inline]
    pub(crate) fn current_g(&self) -> Option<&Header> {
        // SAFETY: set for the length of a turn only, during which the goroutine lives (cell I1).
        // Relaxed: on the M's own thread; for sysmon, ordered by the lease.
        unsafe { self.g.load(Ordering::Relaxed).as_ref() }
    }

    /// As `current_g`, with all that lies behind the header.
    pub(crate) fn running(&self) -> Option<G> {
        // SAFETY: as in `current_g`.
        unsafe { G::from_ptr(self.g.load(Ordering::Relaxed)) }
    }

    /// Notes that a waker of `g` is kept; `false` = it is not the one being polled, and must be counted now.
    #[inline]
    pub(crate) fn keep(&self, g: G) -> bool {
        let kept = self.kept.get();
        // Relaxed: on the M's own thread.
        if kept == NO_POLL || self.g.load(Ordering::Relaxed) != g.as_ptr() {
            return false;
        }
        self.kept.set(kept + 1);
        true
    }

    /// It is about to sleep.
    pub(crate) fn fall_asleep(&self) {
        self.parks.bump();
        // Ordering: Release pairs with the Acquire in `is_asleep`: what the M did before is visible.
        self.asleep.store(true, Ordering::Release);
    }

    /// It has slept.
    pub(crate) fn wake_up(&self) {
        self.asleep.store(false, Ordering::Release);
        wait::refresh_clock();
    }

    /// True while it sleeps.
    pub(crate) fn is_asleep(&self) -> bool {
        // Ordering: see `fall_asleep`.
        self.asleep.load(Ordering::Acquire)
    }

    /// The address of the goroutine being polled, 0 for none; for anybody, to be compared.
    pub(crate) fn polled(&self) -> usize {
        // Relaxed: a hint.
        self.g.load(Ordering::Relaxed).addr()
    }

    pub(crate) fn in_netpoll(&self) -> bool {
        self.netpoll.get()
    }

    /// What has become ready in this turn of the poller.
    pub(crate) fn netlist(&self) -> MutexGuard<'_, Vec<G>> {
        self.netlist.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `turn` with what becomes ready collected in `netlist`; no goroutine runs meanwhile. It may
    /// take long, for libraries' tasks run in it: the P may be lost.
    pub(crate) fn with_netpoll<R>(&self, turn: impl FnOnce() -> R) -> R {
        self.netpoll.set(true);
        let r = self.leased(turn);
        self.netpoll.set(false);
        r
    }

    #[inline]
    pub(crate) fn next_goid(&self) -> u64 {
        let (next, end) = self.goids.get();
        if next < end {
            self.goids.set((next + 1, end));
            return next;
        }
        // Relaxed: uniqueness is all.
        let first = NEXT_GOID.fetch_add(GOID_BATCH, Ordering::Relaxed);
        self.goids.set((first + 1, first + GOID_BATCH));
        first
    }

    /// Runs one turn of `g`.
    #[inline]
    fn execute(&self, g: G) {
        // Relaxed: sysmon reads it only after the lease's Release.
        self.g.store(g.as_ptr(), Ordering::Relaxed);
        // SAFETY: cell I1: `g` came from a queue; its turn is ours (state I2).
        let turn = unsafe { g::run(g, self) };
        self.g.store(ptr::null_mut(), Ordering::Relaxed);
        if let Turn::Requeue(g) = turn {
            self.sched.requeue(self, g);
        }
    }

    /// The life of an M: find a goroutine, run it, until the runtime stops.
    pub(crate) fn schedule(&self) {
        let _current = current::become_m(self);
        while let Some(g) = sched::find_runnable(&self.sched, self) {
            self.execute(g);
            if self.p().is_none() {
                self.sched.reacquire(self);
            }
        }
        debug_assert!(self.netlist().is_empty());
    }
}

impl Runner for M {
    #[inline]
    fn leased<R>(&self, user: impl FnOnce() -> R) -> R {
        self.lease.begin_poll();
        let r = user();
        if let Err(Lost) = self.lease.end_poll() {
            self.lose_p();
            self.sched.sysmon.hog_is_back(self);
        }
        r
    }

    #[inline]
    fn polling<R>(&self, poll: impl FnOnce() -> R) -> (R, usize) {
        self.kept.set(0);
        let r = self.leased(poll);
        (r, self.kept.replace(NO_POLL))
    }

    #[inline]
    fn count_end(&self) {
        self.ended.bump();
    }
}
