//! What all Ps of a runtime share: the queues, who is idle, and the ways in.
//!
//! `find` is the search for work, `idle` the protocol of sleeping and waking, `injector` the global
//! queue, `threads` starts and stops Ms, `handoff` gives Ps away, `procs` says how many there are to be, `shutdown` ends it all.

mod advance;
mod every;
mod find;
mod handoff;
mod idle;
mod injector;
mod procs;
mod ready;
mod shutdown;
#[cfg(all(test, loom))]
pub(crate) mod tests;
mod threads;
mod timer;

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

pub(crate) use every::runtimes;
pub(crate) use find::{Pace, ROUND, find_runnable};
pub(crate) use handoff::{Hog, block_in_place};
#[cfg(not(all(test, loom)))]
pub(crate) use ready::ready;
#[cfg(all(test, loom))]
pub(crate) use tests::ready;
pub(crate) use timer::arm as arm_timer;

use self::idle::Idle;
use self::injector::Injector;
use self::procs::Procs;
use self::threads::Threads;
use super::clock::Virtual;
use super::deadlock::DeadlockPolicy;
use super::g::GoPanic;
use super::netpoll::Netpoll;
use super::p::P;
use super::schedtrace::Wish;
use super::sysmon::Sysmon;
use super::tid::Tid;

/// Ps that a runtime can grow to, at least.
const TABLE: usize = 256;

/// What the user is told of a panic in a goroutine.
pub(crate) type PanicHook = Box<dyn Fn(&GoPanic<'_>) + Send + Sync>;

/// What a runtime is made with.
pub(crate) struct Config {
    pub(crate) procs: usize,
    pub(crate) thread_name: String,
    pub(crate) thread_stack_size: Option<usize>,
    pub(crate) max_threads: usize,
    pub(crate) thread_keep_alive: Duration,
    pub(crate) hog_threshold: Duration,
    pub(crate) library_threads: usize,
    pub(crate) trace: Option<Wish>,
    pub(crate) deadlock: DeadlockPolicy,
    pub(crate) under_harness: bool,
    pub(crate) on_panic: Option<PanicHook>,
    /// The seed of a runtime with virtual time.
    pub(crate) virtual_time: Option<u64>,
}

/// How much there is of what, and how often what has happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) created: u64,
    pub(crate) ended: u64,
    pub(crate) gomaxprocs: usize,
    pub(crate) idle_procs: usize,
    pub(crate) threads: usize,
    pub(crate) idle_threads: usize,
    pub(crate) spinning: usize,
    pub(crate) running: usize,
    pub(crate) runnable: usize,
    pub(crate) retakes: u64,
    pub(crate) steals: u64,
    pub(crate) parks: u64,
}

/// A runtime's scheduler.
///
/// # Invariants
///
/// - **sched I1**: it outlives its live goroutines: whoever enqueues from a thread that is not one of
///   its Ms holds a count while it does (`ready`), and shutdown waits for the others.
/// - **sched I2**: Ps are made once and never moved or dropped before the scheduler is.
pub(crate) struct Sched {
    /// For the threads that it starts.
    this: Weak<Sched>,
    /// sched I2. Slots fill from the front.
    ps: Box<[OnceLock<Box<P>>]>,
    procs: Procs,
    injector: Injector,
    idle: Idle<usize, Arc<super::m::M>>,
    threads: Threads,
    pub(crate) netpoll: Netpoll,
    pub(crate) sysmon: Sysmon,
    /// There where time is virtual, and one P then.
    pub(crate) clock: Option<Arc<Virtual>>,
    pub(crate) on_panic: Option<PanicHook>,
    /// It is that of a test, whose harness keeps the process's first thread.
    pub(crate) under_harness: bool,
    /// Goroutines started from outside any M.
    foreign_started: AtomicU64,
    /// No new goroutines.
    closing: AtomicBool,
    /// Ms end instead of looking for work.
    stopping: AtomicBool,
}

impl Sched {
    pub(crate) fn new(config: Config) -> io::Result<Arc<Sched>> {
        let mut ps = Vec::new();
        ps.resize_with(TABLE.max(config.procs), OnceLock::new);
        for (id, slot) in ps.iter().enumerate().take(config.procs) {
            let _ = slot.set(Box::new(P::new(id, config.virtual_time.is_some())));
        }
        let netpoll = Netpoll::new(config.library_threads)?;
        super::m::prepare();
        let sched = Arc::new_cyclic(|this| Sched {
            this: this.clone(),
            ps: ps.into_boxed_slice(),
            procs: Procs::new(config.procs),
            injector: Injector::new(),
            idle: Idle::new((0..config.procs).rev().collect()),
            netpoll,
            threads: Threads::new(&config),
            sysmon: Sysmon::new(config.hog_threshold, config.trace, config.deadlock),
            on_panic: config.on_panic,
            clock: config.virtual_time.map(|seed| Arc::new(Virtual::new(seed))),
            under_harness: config.under_harness,
            foreign_started: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        });
        every::enter(&sched);
        // One M from the beginning: it blocks in the poller, for whoever uses sockets and timers
        // outside goroutines. Before sysmon, which would start one, too: there may be room for one only.
        sched.start_first_m()?;
        if let Err(error) = Sysmon::start(&sched) {
            sched.shutdown(None);
            return Err(error);
        }
        Ok(sched)
    }

    fn arc(&self) -> Arc<Sched> {
        self.this
            .upgrade()
            .expect("whoever calls a method of the scheduler keeps it alive")
    }

    /// How many Ps are idle (a hint).
    pub(crate) fn npidle(&self) -> usize {
        self.idle.npidle()
    }

    /// How long the global queue is (a hint).
    pub(crate) fn injector_len(&self) -> usize {
        self.injector.len()
    }

    /// The P of that number.
    fn p(&self, id: usize) -> &P {
        self.ps[id]
            .get()
            .expect("sched I2: only numbers of Ps that were made are passed around")
    }

    /// Every P that was ever made.
    pub(crate) fn all_ps(&self) -> impl Iterator<Item = &P> {
        self.ps.iter().map_while(|slot| slot.get().map(|p| &**p))
    }

    pub(crate) fn nprocs(&self) -> usize {
        self.procs.get()
    }

    /// Sets the number of Ps; returns the former one. Growing acts at once. A P that is one too many is
    /// given up by its M between two turns, and its queue goes to the global one.
    #[track_caller]
    pub(crate) fn resize(&self, n: usize) -> usize {
        assert!(
            n == 1 || self.clock.is_none(),
            "gomaxprocs({n}): a runtime with virtual time has one P"
        );
        let n = n.min(self.ps.len());
        let p = |id: usize| {
            let mut fresh = false;
            let p = self.ps[id].get_or_init(|| {
                fresh = true;
                Box::new(P::new(id, false))
            });
            (&**p, fresh)
        };
        self.procs.resize(n, &self.idle, p, || self.wakep())
    }

    /// The numbers behind `runtime::metrics`.
    pub(crate) fn figures(&self) -> Figures {
        let (steals, parks) = self.threads.steals_and_parks();
        let runnable: usize = self.all_ps().map(P::queued).sum();
        let ms = self.threads.ms();
        // Ends before starts: see `is_quiet`.
        let ended = self.threads.ended();
        Figures {
            created: self.threads.started() + self.foreign_started.load(Ordering::SeqCst),
            ended,
            gomaxprocs: self.nprocs(),
            idle_procs: self.npidle(),
            threads: self.threads.count(),
            idle_threads: ms.iter().filter(|m| m.is_asleep()).count(),
            spinning: self.idle.nspinning(),
            running: ms.iter().filter(|m| m.polled() != 0).count(),
            runnable: runnable + self.injector.len(),
            retakes: self.sysmon.retakes.load(Ordering::Relaxed),
            steals,
            parks,
        }
    }

    /// For every P in order, the number of the M that owns it.
    pub(crate) fn owners(&self) -> Vec<Option<u64>> {
        let ms = self.threads.ms();
        let number = |owner| {
            ms.iter()
                .find(|m| ptr::eq(Arc::as_ptr(m), owner))
                .map(|m| m.id)
        };
        self.all_ps().map(|p| number(p.owner())).collect()
    }

    /// Adds the operating system's numbers of its threads to `list`.
    pub(crate) fn list_threads(&self, list: &mut Vec<Tid>) {
        let ms = self.threads.ms();
        // Relaxed: see where they are taken back.
        list.extend(ms.iter().map(|m| m.tid.load(Ordering::Relaxed)));
        list.push(self.sysmon.tid.load(Ordering::Relaxed));
    }

    /// Every M by its number, and whether it sleeps.
    pub(crate) fn threads_asleep(&self) -> Vec<(u64, bool)> {
        let ms = self.threads.ms();
        ms.iter().map(|m| (m.id, m.is_asleep())).collect()
    }

    /// Every M by its number, and the address of the goroutine that it polls.
    pub(crate) fn polls(&self) -> Vec<(u64, usize)> {
        let ms = self.threads.ms();
        ms.iter().map(|m| (m.id, m.polled())).collect()
    }

    /// Live goroutines.
    pub(crate) fn live(&self) -> u64 {
        // Ends are summed before starts: see `is_quiet`.
        let ended = self.threads.ended();
        let started = self.threads.started() + self.foreign_started.load(Ordering::SeqCst);
        started.saturating_sub(ended)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `shutdown`.
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn is_closing(&self) -> bool {
        // Ordering: SeqCst with `foreign_started`: either a starter sees that we close, or shutdown
        // sees that it started.
        self.closing.load(Ordering::SeqCst)
    }
}
