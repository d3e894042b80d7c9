//! Starting Ms and putting them to sleep.
//!
//! # Invariants
//!
//! - **threads I1**: every M is in an `Arc`, made by `new_m`. Whoever takes one off the idle list keeps
//!   it alive until it has woken it.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Config, Sched};
use crate::runtime::limiter::Limiter;
use crate::runtime::m::M;
use crate::runtime::p::{Nanos, P, now};
use crate::runtime::wake::guarded;
use crate::runtime::{slice, wait};

/// How long nobody tries again after a thread could not be started: sysmon would ask each time it looks.
const FAILURE_PAUSE: Nanos = 1_000_000;

/// How an M came out of `park`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parked {
    /// Somebody has left a P for it, or the runtime stops.
    Woken,
    /// Nobody has needed it for long: its thread ends.
    Retire,
}

pub(super) struct Threads {
    name: String,
    stack_size: Option<usize>,
    max: usize,
    /// How long an M sleeps before it asks whether it is needed.
    keep_alive: Duration,
    /// Threads that were started and have not ended.
    count: AtomicUsize,
    numbers: AtomicUsize,
    warned: AtomicBool,
    /// Threads that could not be started: reports of them, and when the last one was.
    failures: Limiter,
    failed_at: AtomicU64,
    all: Mutex<All>,
    handles: Mutex<Vec<thread::JoinHandle<()>>>,
    ended: Condvar,
}

#[derive(Default)]
struct All {
    ms: Vec<Arc<M>>,
    /// What Ms that have ended had counted.
    started: u64,
    ended: u64,
    steals: u64,
    parks: u64,
}

impl All {
    fn keep_counts(&mut self, m: &M) {
        self.started += m.started.get();
        self.ended += m.ended.get();
        self.steals += m.steals.get();
        self.parks += m.parks.get();
    }
}

impl Threads {
    pub(super) fn new(config: &Config) -> Threads {
        Threads {
            name: config.thread_name.clone(),
            stack_size: config.thread_stack_size,
            max: config.max_threads,
            keep_alive: config.thread_keep_alive,
            count: AtomicUsize::new(0),
            numbers: AtomicUsize::new(0),
            warned: AtomicBool::new(false),
            failures: Limiter::new(),
            failed_at: AtomicU64::new(0),
            all: Mutex::default(),
            handles: Mutex::new(Vec::new()),
            ended: Condvar::new(),
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handles(&self) -> MutexGuard<'_, Vec<thread::JoinHandle<()>>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Ms that there are.
    pub(super) fn ms(&self) -> Vec<Arc<M>> {
        self.all().ms.clone()
    }

    /// Goroutines started on Ms.
    pub(super) fn started(&self) -> u64 {
        let all = self.all();
        all.started + all.ms.iter().map(|m| m.started.get()).sum::<u64>()
    }

    /// Goroutines that ended.
    pub(super) fn ended(&self) -> u64 {
        let all = self.all();
        all.ended + all.ms.iter().map(|m| m.ended.get()).sum::<u64>()
    }

    /// How often Ms have taken work from others, and gone to sleep.
    pub(super) fn steals_and_parks(&self) -> (u64, u64) {
        let all = self.all();
        (
            all.steals + all.ms.iter().map(|m| m.steals.get()).sum::<u64>(),
            all.parks + all.ms.iter().map(|m| m.parks.get()).sum::<u64>(),
        )
    }

    /// Threads that were started and have not ended.
    pub(super) fn count(&self) -> usize {
        // Relaxed: to be told.
        self.count.load(Ordering::Relaxed)
    }

    /// The M at that address, if it is one of ours.
    pub(super) fn find(&self, m: *const M) -> Option<Arc<M>> {
        self.all()
            .ms
            .iter()
            .find(|own| ptr::eq(Arc::as_ptr(own), m))
            .cloned()
    }

    /// Forgets an M whose thread ends, but not what it has counted.
    fn forget(&self, m: &M) {
        let mut all = self.all();
        all.keep_counts(m);
        all.ms.retain(|own| !ptr::eq(Arc::as_ptr(own), m));
        drop(all);
        let own = thread::current().id();
        self.handles().retain(|handle| handle.thread().id() != own);
    }

    /// Forgets all Ms, which breaks the cycle of Arcs between them and the scheduler.
    pub(super) fn forget_all(&self) {
        let mut all = self.all();
        for m in std::mem::take(&mut all.ms) {
            all.keep_counts(&m);
        }
    }

    fn spawn(&self, name: String, f: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut builder = thread::Builder::new().name(name);
        if let Some(size) = self.stack_size {
            builder = builder.stack_size(size);
        }
        let handle = builder.spawn(f)?;
        self.handles().push(handle);
        Ok(())
    }

    /// Waits until all threads have ended; `false` when the time is up before.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut all = self.all();
        // Ordering: Acquire pairs with the Release by the thread that ends.
        while self.count.load(Ordering::Acquire) > 0 {
            // Bounded waits, because a thread counts itself down without the lock.
            let mut step = Duration::from_millis(1);
            if let Some(deadline) = deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return false;
                }
                step = step.min(left);
            }
            all = self
                .ended
                .wait_timeout(all, step)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        drop(all);
        for handle in std::mem::take(&mut *self.handles()) {
            // An M's thread does not panic: goroutines' panics are caught.
            let _ = handle.join();
        }
        true
    }
}

impl Sched {
    /// A goroutine was queued: starts an M to look for it when a P is idle and nobody looks yet.
    #[inline]
    pub(crate) fn wakep(&self) {
        if self.idle.wants_spinner() {
            self.wakep_slow();
        }
    }

    #[cold]
    fn wakep_slow(&self) {
        if let Some(id) = self.idle.p_for_spinner(|| self.take_idle_p()) {
            self.start_m(self.p(id), true);
        }
    }

    /// Lets a sleeping M, or a new one, run a P that the caller owns.
    pub(super) fn start_m(&self, p: &P, spinning: bool) {
        if let Some(m) = self.idle.take_m() {
            m.set_next(Some(p), spinning);
            m.note.wakeup();
            return;
        }
        if self.new_m(Some(p), spinning).is_err() {
            // No thread to be had: the P waits for an M that comes free. That may take another P, and looks at the
            // rings only of those that nobody owns.
            // SAFETY: P I1: the caller owns it.
            let local = unsafe { p.runq.local() };
            if let Some(next) = local.pop_next() {
                local.push_back(next, &self.injector);
            }
            match self.idle.owe(p.id, spinning) {
                Some((_, m)) => {
                    m.set_next(Some(p), spinning);
                    m.note.wakeup();
                }
                // The M in the poller is on no list and may be the only one that is free.
                None => self.netpoll.interrupt(),
            }
        }
    }

    /// Sends an M without a P to the poller, where nobody has been for long: one at a time.
    pub(crate) fn start_poller(&self) {
        if !self.netpoll.expect() {
            return;
        }
        match self.idle.take_m() {
            Some(m) => {
                m.set_next(None, false);
                m.note.wakeup();
            }
            None => {
                if self.new_m(None, false).is_err() {
                    // It is reported; sysmon asks again.
                    self.netpoll.expect_nobody();
                }
            }
        }
    }

    /// Starts the first M, which every runtime has.
    pub(super) fn start_first_m(&self) -> io::Result<()> {
        match self.take_idle_p() {
            Some(id) => self.new_m(Some(self.p(id)), false),
            None => Ok(()),
        }
    }

    /// Starts a thread that runs `p`, or turns the poller; the error is reported already.
    fn new_m(&self, p: Option<&P>, spinning: bool) -> io::Result<()> {
        if self.is_stopping() {
            return Err(io::Error::other("the runtime ends"));
        }
        let threads = &self.threads;
        // Relaxed: whoever does not see it tries once more.
        let failed_at = threads.failed_at.load(Ordering::Relaxed);
        if failed_at != 0 && now().saturating_sub(failed_at) < FAILURE_PAUSE {
            return Err(io::Error::other("no thread could be started a moment ago"));
        }
        // Relaxed: a bound, nothing more.
        if threads.count.fetch_add(1, Ordering::Relaxed) >= threads.max {
            threads.count.fetch_sub(1, Ordering::Relaxed);
            if !threads.warned.swap(true, Ordering::Relaxed) {
                guarded(|| {
                    tracing::warn!(target: "gosched", max = threads.max, "max_threads is reached");
                });
            }
            return Err(io::Error::other("max_threads is reached"));
        }
        let number = threads.numbers.fetch_add(1, Ordering::Relaxed);
        let (sched, id) = (self.arc(), p.map(|p| p.id));
        let started = threads.spawn(format!("{}-{number}", threads.name), move || {
            let m = M::new(Arc::clone(&sched), number as u64, spinning);
            sched.threads.all().ms.push(Arc::clone(&m));
            wait::refresh_clock();
            slice::be_usual();
            {
                let _tokio = sched.netpoll.enter();
                match id {
                    Some(id) => m.acquire(sched.p(id)),
                    None => m.to_poller.set(true),
                }
                m.schedule();
            }
            // Relaxed: the number may go to another thread only when this one has ended.
            m.tid.store(0, Ordering::Relaxed);
            // Ordering: Release pairs with the Acquire in `Threads::wait`, and with that of the last one here.
            let last = sched.threads.count.fetch_sub(1, Ordering::AcqRel) == 1;
            sched.threads.ended.notify_all();
            if last && sched.is_stopping() {
                sched.clear();
            }
        });
        if let Err(error) = &started {
            threads.count.fetch_sub(1, Ordering::Relaxed);
            threads.failed_at.store(now(), Ordering::Relaxed);
            if let Some(unreported) = threads.failures.pass() {
                guarded(|| {
                    tracing::error!(
                        target: "gosched",
                        %error,
                        unreported,
                        "no thread could be started for a P"
                    );
                });
            }
        }
        started
    }

    /// Sleeps until somebody leaves a P for this M, the runtime stops, or the M is one too many.
    pub(super) fn park(&self, m: &M) -> Parked {
        debug_assert!(m.p().is_none());
        // Its thread holds one, which is in here.
        let share = m.share().expect("an M that runs");
        if self.idle.put_m(share) {
            // It may be this one that is woken.
            self.wakep_if_work();
        }
        if self.is_stopping() {
            // Shutdown may have emptied the list before we were on it: it does so again for as long as
            // threads remain, so this only saves a round.
            std::thread::yield_now();
        }
        m.fall_asleep();
        // As many as there are Ps stay, for the next burst. One that was taken off the list by another
        // will be woken by it.
        while !m.note.sleep(self.threads.keep_alive) {
            if self
                .idle
                .remove_m(self.nprocs(), |own| ptr::eq(Arc::as_ptr(own), m))
            {
                m.wake_up();
                self.threads.forget(m);
                return Parked::Retire;
            }
        }
        m.wake_up();
        match m.take_next() {
            Some(p) => m.acquire(p),
            None => m.to_poller.set(true),
        }
        Parked::Woken
    }

    /// The M ends: leaves its P and whatever the poller gave it.
    pub(super) fn retreat(&self, m: &M) {
        if m.spinning.replace(false) {
            let _ = self.idle.stop_spinning();
        }
        if let Some(p) = m.release() {
            self.idle.put_p(p.id);
        }
    }

    /// Wakes every M that sleeps, to see that the runtime stops.
    pub(super) fn wake_all(&self) {
        while let Some(m) = self.idle.take_m() {
            m.set_next(None, false);
            m.note.wakeup();
        }
    }
}
