//! netpoll: I/O readiness, and the sleep of an M that has nothing to do.
//!
//! The poller is the driver of a tokio current-thread runtime. Every M is inside that runtime's context
//! for life, so that tokio's sockets, timers and `tokio::spawn` work in goroutines; the runtime is
//! *run* only by the M that found nothing else to do (it blocks there) and, once in a while, by a busy
//! M (a turn without blocking). tokio's scheduler runs what libraries `tokio::spawn`, nothing else.
//!
//! A blocking turn ends when a goroutine becomes ready in it: `ready` then wakes the turn's own future
//! from within, which costs no system call. Timers end it through `alarm`.
//!
//! # Invariants
//!
//! - **netpoll I1**: `runtime` is used by the thread that set `owned`, until it clears it. A second
//!   `block_on` would park inside tokio for as long as the first one lasts.
//! - **netpoll I2**: `setting` is asleep from before the owner looks at what could keep it from sleeping until its
//!   turn is over: who arms an earlier timer sees it and sets the alarm.

#[cfg(target_os = "linux")]
#[path = "timerfd.rs"]
mod alarm;
#[cfg(not(target_os = "linux"))]
#[path = "sleep.rs"]
mod alarm;
mod setting;

use std::cell::UnsafeCell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Poll, Waker};
use std::{io, process};

use self::alarm::Alarm;
use self::setting::Setting;
use super::m::M;
use super::p::{NEVER, Nanos, now};
use super::sched::Sched;
use super::wait;

/// A busy M turns the poller when nobody has for so long.
const STALE: Nanos = 100_000;
/// So late may a timer be at the most for the sake of firing together with others: where wake-ups by
/// timers are many, each costs more than the timers that it fires.
const MAX_SLACK: Nanos = 500_000;
/// Where slack begins: what the system itself allows a sleep to be late.
const FIRST_SLACK: Nanos = 50_000;
/// More than so many goroutines woken at once make the slack grow, fewer than a quarter let it shrink.
const MANY_FIRED: usize = 8;
/// Library tasks that tokio runs between two looks at its driver.
const EVENT_INTERVAL: u32 = 31;

pub(crate) struct Netpoll {
    runtime: UnsafeCell<Option<tokio::runtime::Runtime>>,
    /// netpoll I1. Its Acquire/Release pair hands the runtime from owner to owner.
    owned: AtomicBool,
    stretches: Arc<Stretches>,
    /// Somebody wanted to turn the poller and found it taken. A hint, without data.
    asked_for: AtomicBool,
    /// A thread is on its way to block here, and no other need be sent. A hint, without data.
    expected: AtomicBool,
    setting: Setting,
    handle: tokio::runtime::Handle,
    metrics: tokio::runtime::RuntimeMetrics,
    /// Where libraries' tasks run when they have a runtime of their own.
    library: Mutex<Option<tokio::runtime::Runtime>>,
    library_handle: Option<tokio::runtime::Handle>,
    /// Wakes the future of the turn that blocks; the same for every turn.
    waker: OnceLock<Waker>,
    alarm: Alarm,
    /// When a turn ended last.
    last: AtomicU64,
    /// When timers ended one last, and how soon after that they may do so again. The owner's.
    last_fired: AtomicU64,
    slack: AtomicU64,
}

// SAFETY: netpoll I1 for `runtime`; the rest is `Sync`.
unsafe impl Sync for Netpoll {}

/// The times when the thread in the poller is awake: it reads events, wakes whom they are for, and polls the tasks of
/// libraries, which may take long. Their number is odd while there is one. Written by the owner of the poller.
#[derive(Default)]
struct Stretches(AtomicU32);

impl Stretches {
    /// Has the runtime say when its thread goes to sleep and wakes.
    #[cfg(not(loom))]
    fn follow(self: &Arc<Self>, builder: &mut tokio::runtime::Builder) {
        let (ended, begun) = (Arc::clone(self), Arc::clone(self));
        builder
            .on_thread_park(move || ended.end())
            .on_thread_unpark(move || {
                if let Some(m) = super::current::m() {
                    begun.begin(&m.sched);
                }
            });
    }

    /// There is no such hook in a model.
    #[cfg(loom)]
    fn follow(self: &Arc<Self>, _: &mut tokio::runtime::Builder) {}

    fn begin(&self, sched: &Sched) {
        self.become_odd(1);
        sched.sysmon.doze.rouse();
    }

    fn end(&self) {
        self.become_odd(0);
    }

    fn become_odd(&self, odd: u32) {
        // Relaxed: single writer; netpoll I1 orders the owners. sysmon only compares.
        let now = self.0.load(Ordering::Relaxed);
        if now % 2 != odd {
            self.0.store(now.wrapping_add(1), Ordering::Relaxed);
        }
    }

    fn awake(&self) -> Option<u32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|n| n % 2 == 1)
    }
}

impl Netpoll {
    pub(crate) fn new(library_threads: usize) -> io::Result<Netpoll> {
        let stretches = Arc::new(Stretches::default());
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().event_interval(EVENT_INTERVAL);
        stretches.follow(&mut builder);
        let runtime = builder.build()?;
        let library = match library_threads {
            0 => None,
            n => Some(
                tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(n)
                    .enable_all()
                    .build()?,
            ),
        };
        let handle = runtime.handle().clone();
        let alarm = {
            let _context = handle.enter();
            Alarm::new()?
        };
        Ok(Netpoll {
            metrics: handle.metrics(),
            library_handle: library.as_ref().map(|l| l.handle().clone()),
            runtime: UnsafeCell::new(Some(runtime)),
            owned: AtomicBool::new(false),
            stretches,
            asked_for: AtomicBool::new(false),
            expected: AtomicBool::new(false),
            setting: Setting::new(),
            handle,
            library: Mutex::new(library),
            waker: OnceLock::new(),
            alarm,
            last: AtomicU64::new(now()),
            last_fired: AtomicU64::new(0),
            slack: AtomicU64::new(0),
        })
    }

    /// Enters the context in which tokio's types work.
    pub(crate) fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.library_handle.as_ref().unwrap_or(&self.handle).enter()
    }

    fn own(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `disown`.
        !self.owned.load(Ordering::Relaxed)
            && self
                .owned
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
    }

    /// A turn is over.
    fn turned(&self) {
        let at = now();
        wait::set_clock(at);
        self.last.store(at, Ordering::Relaxed);
    }

    fn disown(&self) {
        // Ordering: Release pairs with the Acquire in `own`.
        self.owned.store(false, Ordering::Release);
        // Ordering: StoreLoad between `owned` and the look for an idle P that follows; pairs with the fence of who has given
        // its P up and then comes here (`after_sleep_decision`). One of them blocks here, or has the P.
        fence(Ordering::SeqCst);
    }

    /// True when no thread is in the poller.
    pub(crate) fn is_free(&self) -> bool {
        !self.owned.load(Ordering::Relaxed)
    }

    /// True when tasks that libraries spawned wait to be run here.
    #[inline]
    pub(crate) fn library_waits(&self) -> bool {
        self.metrics.global_queue_depth() > 0
    }

    /// True when a task of a library may run in a turn.
    pub(crate) fn runs_tasks(&self) -> bool {
        self.metrics.num_alive_tasks() > 0
    }

    /// True when a library has a task alive, or threads for them.
    pub(crate) fn has_tasks(&self) -> bool {
        self.library_handle.is_some() || self.runs_tasks()
    }

    /// Where the thread in the poller is awake: a number that is the same until it sleeps.
    pub(crate) fn awake(&self) -> Option<u32> {
        self.stretches.awake()
    }

    /// How long ago the poller was turned last.
    pub(crate) fn age(&self) -> Nanos {
        now().saturating_sub(self.last.load(Ordering::Relaxed))
    }

    /// True when the poller should be turned although there is other work.
    pub(crate) fn is_stale(&self) -> bool {
        let stale = self.age() > STALE;
        if stale && !self.is_free() {
            self.asked_for.store(true, Ordering::Relaxed);
        }
        stale && self.is_free()
    }

    /// From now on `was_asked_for` tells.
    pub(crate) fn forget_askers(&self) {
        self.asked_for.store(false, Ordering::Relaxed);
    }

    /// True when a P came to turn the poller itself and found it taken.
    pub(crate) fn was_asked_for(&self) -> bool {
        self.asked_for.load(Ordering::Relaxed)
    }

    /// A thread is to be sent here; `false` when one is on its way. A new one needs longer to begin than sysmon
    /// to look again.
    pub(crate) fn expect(&self) -> bool {
        // Relaxed: a hint; only one of those who call at once is told to send.
        !self.expected.swap(true, Ordering::Relaxed)
    }

    /// It has come, or will not.
    pub(crate) fn expect_nobody(&self) {
        self.expected.store(false, Ordering::Relaxed);
    }

    /// A turn that does not block; `false` when another thread is in the poller.
    pub(crate) fn turn(&self, m: &M) -> bool {
        if !self.own() {
            self.asked_for.store(true, Ordering::Relaxed);
            return false;
        }
        // SAFETY: netpoll I1: we own it.
        if let Some(runtime) = unsafe { &*self.runtime.get() } {
            let mut polled = false;
            // Woken by itself, the future makes tokio look at its driver without waiting.
            let once = poll_fn(|cx| {
                if polled {
                    return Poll::Ready(());
                }
                polled = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            });
            self.stretches.begin(&m.sched);
            m.with_netpoll(|| or_abort(|| runtime.block_on(once)));
            self.stretches.end();
        }
        self.turned();
        self.disown();
        true
    }

    /// Blocks until something is ready, a timer is due or the sleep is interrupted, then fires due
    /// timers. What became ready is in the M's list. `false` when another thread is in the poller.
    pub(crate) fn block(
        &self,
        m: &M,
        earliest: impl Fn() -> Nanos,
        run_due: impl Fn(Nanos),
    ) -> bool {
        let owned = self.own();
        self.expect_nobody();
        if !owned {
            return false;
        }
        // SAFETY: netpoll I1: we own it.
        if let Some(runtime) = unsafe { &*self.runtime.get() } {
            // Tasks of libraries may run before the first sleep.
            self.stretches.begin(&m.sched);
            m.with_netpoll(|| {
                m.fall_asleep();
                or_abort(|| runtime.block_on(self.sleep(m, &earliest)));
                m.wake_up();
                self.setting.wake_up();
                let next = earliest();
                if next != NEVER {
                    let at = now();
                    run_due(at);
                    if next <= at {
                        self.last_fired.store(at, Ordering::Relaxed);
                        self.adapt_slack(m.netlist().len());
                    }
                }
            });
            self.stretches.end();
        }
        self.turned();
        self.disown();
        true
    }

    /// Timers have woken so many goroutines.
    fn adapt_slack(&self, fired: usize) {
        let slack = self.slack.load(Ordering::Relaxed);
        let slack = if fired > MANY_FIRED {
            (slack * 2).clamp(FIRST_SLACK, MAX_SLACK)
        } else if fired < MANY_FIRED / 4 {
            slack / 2
        } else {
            slack
        };
        self.slack.store(slack, Ordering::Relaxed);
    }

    fn sleep<'a>(
        &'a self,
        m: &'a M,
        earliest: &'a impl Fn() -> Nanos,
    ) -> impl Future<Output = ()> + 'a {
        #[derive(PartialEq)]
        enum Phase {
            Start,
            Asleep,
            Library,
        }
        let mut phase = Phase::Start;
        poll_fn(move |cx| match phase {
            Phase::Start => {
                phase = Phase::Asleep;
                self.waker.get_or_init(|| cx.waker().clone());
                let again =
                    self.last_fired.load(Ordering::Relaxed) + self.slack.load(Ordering::Relaxed);
                let at = now();
                let next = self.setting.fall_asleep(
                    at,
                    || earliest().max(again),
                    |when| self.alarm.set(when),
                );
                // netpoll I2; for the stop flag with repetition (`interrupt`).
                if next <= at || m.sched.is_stopping() || m.sched.is_owed_an_m() {
                    return Poll::Ready(());
                }
                self.alarm.poll(cx);
                Poll::Pending
            }
            // Tasks that libraries spawned may have been woken by this turn: let them run once.
            Phase::Asleep if self.metrics.num_alive_tasks() > 0 => {
                phase = Phase::Library;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(()),
        })
    }

    /// Called on the owner's thread, inside its turn: there are goroutines to run.
    pub(crate) fn end_turn(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    /// Ends the blocking turn of whoever is in it. One that is about to block sees what the caller did before, or
    /// this; but it may come too early for one that is not so far: repeat it.
    pub(crate) fn interrupt(&self) {
        if self.setting.is_asleep() {
            self.end_turn();
        }
    }

    /// A timer was armed that is the earliest of its heap.
    pub(crate) fn timer_armed(&self, when: Nanos) {
        if self
            .setting
            .bring_forward(when, |when| self.alarm.set_from_outside(when))
        {
            self.end_turn();
        }
    }

    /// The end: drops the tokio runtime, and with it the tasks that libraries spawned.
    pub(crate) fn close(&self) {
        if let Some(library) = self
            .library
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            library.shutdown_background();
        }
        // After the Ms have ended nobody owns it; after a shutdown that ran out of time an M may: then
        // the runtime goes with the scheduler.
        if self.own() {
            // SAFETY: netpoll I1: we own it.
            let runtime = unsafe { (*self.runtime.get()).take() };
            self.disown();
            if let Some(runtime) = runtime {
                runtime.shutdown_background();
            }
        }
    }
}

/// Runs a turn of tokio's. A waker that panics in the driver takes it along, and without it nobody would ever be woken
/// again: that is told, at least.
fn or_abort(turn: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(turn)).is_err() {
        eprintln!("gosched: a waker panicked in tokio's driver, which does not survive that");
        process::abort();
    }
}

impl Drop for Netpoll {
    fn drop(&mut self) {
        // Dropping a runtime blocks, which tokio forbids inside another one.
        if let Some(runtime) = self.runtime.get_mut().take() {
            runtime.shutdown_background();
        }
    }
}
