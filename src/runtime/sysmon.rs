//! sysmon: a thread without a P that watches the others.
//!
//! It flags Ps whose goroutine has run for longer than a slice (`coop` yields there), takes the P away from
//! an M that is stuck in one poll (`m/lease.rs`) when no other is idle, starts an M for work that waits
//! behind a long turn while a P is idle, fires timers that their P is late for, and sees to it that
//! somebody turns the poller. It sleeps 20 µs, longer and longer while no work waits beside an idle P,
//! and for good when all Ps have been idle for a second. What else it does comes after milliseconds; it sleeps until the first
//! of them is over. To come back at once from each, for the case that there is more, would cost a tenth of two cores that
//! compute.
//!
//! Unlike Go's it sleeps a millisecond at the most while a P is busy, because a lone `runnext` wakes
//! nobody (see `sched/ready`) and waits for sysmon when its P is stuck.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::deadlock::{DeadlockPolicy, Watch};
use super::doze::Doze;
use super::limiter::Limiter;
use super::m::M;
use super::p::{NEVER, Nanos, P, now};
use super::sched::{Hog, Sched};
use super::schedtrace::{Tracer, Wish};
use super::wake::guarded;
use super::{current, slice, tid, wait};

const SHORTEST: Duration = Duration::from_micros(20);
const LONGEST_BUSY: Duration = Duration::from_millis(1);
const LONGEST_IDLE: Duration = Duration::from_millis(10);
/// Rounds without anything to do before the sleeps grow.
const PATIENCE: u32 = 50;
const DEEP_SLEEP_AFTER: Nanos = 1_000_000_000;
const DEEPEST: Duration = Duration::from_secs(60);
/// After a sleep of more than this it waits for a `MOMENT` before it takes being woken for more than a moment's work.
const SELDOM: Nanos = 10_000_000;
const MOMENT: Duration = Duration::from_micros(200);
/// How long the poller may go without a turn while all Ps are busy.
const UNPOLLED: Nanos = 1_000_000;
/// The same while a P is idle, which may know that there is nothing to wait for.
const UNPOLLED_IDLE: Nanos = 10_000_000;
/// How long a turn of the poller may keep what became ready in it.
const TURN_HELD: Nanos = 1_000_000;
/// How late a timer may be before sysmon fires it.
const LATE: Nanos = 1_000_000;
/// The time slice while somebody waits for the P.
const SLICE_WAITED: Nanos = 1_000_000;
/// The longest time slice; Go's.
const SLICE: Nanos = 10_000_000;

pub(crate) struct Sysmon {
    /// See `Builder::hog_threshold`.
    threshold: Nanos,
    /// Ps taken away so far, counted by `Sched::retake`.
    pub(crate) retakes: AtomicU64,
    trace: Option<Wish>,
    deadlock: DeadlockPolicy,
    /// The thread's, while it runs.
    pub(crate) tid: AtomicU32,
    reports: [Limiter; 2],
    pub(crate) doze: Doze,
}

/// What sysmon remembers of a P, or of the poller.
#[derive(Clone, Copy, Default)]
struct Seen {
    tick: u32,
    since: Nanos,
}

/// What it has seen of all.
#[derive(Default)]
struct Memory {
    ps: Vec<Seen>,
    poller: Seen,
}

/// When to look again.
enum Next {
    /// After the shortest of sleeps.
    Soon,
    /// When the pause is over that sysmon has come to, or after so long.
    Within(Nanos),
}

impl Sysmon {
    pub(crate) fn new(
        hog_threshold: Duration,
        trace: Option<Wish>,
        deadlock: DeadlockPolicy,
    ) -> Sysmon {
        Sysmon {
            threshold: Nanos::try_from(hog_threshold.as_nanos()).unwrap_or(NEVER),
            retakes: AtomicU64::new(0),
            trace,
            deadlock,
            tid: AtomicU32::new(0),
            reports: [Limiter::new(), Limiter::new()],
            doze: Doze::new(),
        }
    }

    /// Starts the thread, which keeps the scheduler alive until `stop`.
    pub(crate) fn start(sched: &Arc<Sched>) -> io::Result<()> {
        let sched = Arc::clone(sched);
        std::thread::Builder::new()
            .name("gosched-sysmon".into())
            .spawn(move || {
                let sysmon = &sched.sysmon;
                // Relaxed: a number that others look for.
                sysmon.tid.store(tid::current(), Ordering::Relaxed);
                slice::wish_short();
                // What a timer that it fires starts is started here.
                let _entered = current::enter(&sched);
                sysmon.run(&sched);
                sysmon.tid.store(0, Ordering::Relaxed);
            })
            .map(drop)
    }

    fn run(&self, sched: &Sched) {
        let mut seen = Memory::default();
        let (mut delay, mut quiet, mut within) = (SHORTEST, 0, Duration::MAX);
        let mut busy_at = now();
        let mut tracer = self.trace.map(Tracer::new);
        let mut watch = Watch::new(self.deadlock);
        loop {
            let at = now();
            let busy = is_busy(sched);
            if busy {
                busy_at = at;
            }
            let deep = at.saturating_sub(busy_at) > DEEP_SLEEP_AFTER;
            let longest = if busy { LONGEST_BUSY } else { LONGEST_IDLE };
            let pause = if deep {
                DEEPEST
            } else {
                delay.min(longest).min(within)
            };
            let due = tracer.as_ref().map_or(pause, Tracer::due_in);
            let due = due.min(watch.due_in());
            if self.doze.rest(pause.min(due), deep, || is_busy(sched)) {
                return;
            }
            if let Some(tracer) = &mut tracer {
                tracer.trace(sched);
            }
            watch.step(sched);
            if deep {
                // What it was woken for is over in a moment, most often. Where that comes thick and fast it stays awake.
                let seldom = now().saturating_sub(at) > SELDOM;
                if seldom && is_busy(sched) && self.doze.rest(MOMENT, false, || false) {
                    return;
                }
                if is_busy(sched) {
                    (delay, quiet, within, busy_at) = (SHORTEST, 0, Duration::MAX, now());
                }
                continue;
            }
            match self.look(sched, &mut seen) {
                Next::Soon => (delay, quiet, within) = (SHORTEST, 0, SHORTEST),
                Next::Within(nanos) => {
                    within = SHORTEST.max(Duration::from_nanos(nanos));
                    quiet += 1;
                    if quiet > PATIENCE {
                        delay = (delay * 2).min(LONGEST_IDLE);
                    }
                }
            }
        }
    }

    /// One look at everything. The next is to be soon while work waits beside an idle P. All else counts in milliseconds,
    /// and it is known when the next of them is over.
    fn look(&self, sched: &Sched, memory: &mut Memory) -> Next {
        let at = now();
        let seen = &mut memory.ps;
        wait::set_clock(at);
        // Where time is virtual the order of turns must not depend on the real one.
        let real = sched.clock.is_none();
        let slice = if real {
            SLICE.min(self.threshold / 2)
        } else {
            self.threshold / 2
        };
        let (mut due, mut waiting) = (NEVER, sched.injector_len() > 0);
        for (i, p) in sched.all_ps().enumerate() {
            if i == seen.len() {
                seen.push(Seen::default());
            }
            if real && p.timers.next() != NEVER && p.timers.next().saturating_add(LATE) < at {
                p.timers.run_due(at);
            }
            let tick = p.tick();
            if !p.is_busy() || tick != seen[i].tick {
                seen[i] = Seen { tick, since: at };
                continue;
            }
            waiting |= !p.runq.steal().is_empty();
            let stuck_for = at.saturating_sub(seen[i].since);
            // A yield costs little: where others wait, it is asked for early.
            let slice = if waiting && real {
                slice.min(SLICE_WAITED)
            } else {
                slice
            };
            if stuck_for < slice {
                due = due.min(seen[i].since + slice);
            } else if !p.preempt_requested() {
                p.request_preempt();
            }
            if stuck_for < self.threshold {
                due = due.min(seen[i].since.saturating_add(self.threshold));
                continue;
            }
            // While a P is idle it can do whatever there is to do.
            if sched.npidle() == 0 && !sched.is_stopping() {
                if let Some(hog) = sched.retake(p, tick, seen[i].since) {
                    self.report_hog(&hog, stuck_for);
                }
            }
        }
        if !real {
            return Next::Within(due - at);
        }
        let poller_due = look_at_poller(sched, &mut memory.poller, at);
        let is_free = sched.netpoll.is_free();
        let unpolled = if is_free { sched.netpoll.age() } else { 0 };
        if sched.npidle() > 0 {
            if waiting || unpolled > UNPOLLED_IDLE {
                sched.wakep();
            }
            return if waiting {
                Next::Soon
            } else {
                Next::Within(poller_due - at)
            };
        }
        due = due.min(poller_due);
        if is_free && unpolled <= UNPOLLED {
            due = due.min(at + (UNPOLLED - unpolled));
        }
        if unpolled > UNPOLLED && !sched.is_stopping() {
            sched.start_poller();
        }
        if sched.injector_len() > 0 {
            sched.all_ps().for_each(P::request_attention);
        }
        Next::Within(due - at)
    }
}

/// Sees to it that a task of a library that takes long in a turn of the poller keeps no goroutine from running. When to
/// look again.
fn look_at_poller(sched: &Sched, seen: &mut Seen, at: Nanos) -> Nanos {
    let Some(stretch) = sched.netpoll.awake() else {
        return NEVER;
    };
    if stretch != seen.tick {
        *seen = Seen {
            tick: stretch,
            since: at,
        };
    }
    let due = seen.since + TURN_HELD;
    if due > at {
        return due;
    }
    sched.share_netlists();
    at + TURN_HELD
}

/// True while there is somebody to watch. Idle Ps may be as many as there are to be and an M own one all the same: those
/// that are too many leave the list when somebody meets them there. And where nobody is in the poller, for all threads
/// that there may be are in blocking calls, timers have only sysmon.
fn is_busy(sched: &Sched) -> bool {
    sched.npidle() < sched.nprocs()
        || sched.all_ps().any(P::is_busy)
        || sched.netpoll.is_free()
        || sched.netpoll.awake().is_some()
}

/// What is told of hogs.
impl Sysmon {
    fn report_hog(&self, hog: &Hog, so_far: Nanos) {
        let Some(unreported) = self.reports[0].pass() else {
            return;
        };
        guarded(|| match (hog.goid, hog.site) {
            (Some(goroutine), Some(site)) => tracing::warn!(
                target: "gosched",
                goroutine,
                spawned_at = %site,
                running_for = ?Duration::from_nanos(so_far),
                unreported,
                "a goroutine does not come to an .await: its P goes on with another thread"
            ),
            _ => tracing::warn!(
                target: "gosched",
                running_for = ?Duration::from_nanos(so_far),
                unreported,
                "a task of a library does not come to an .await: the P goes on with another thread, \
                 I/O waits (see Builder::library_threads)"
            ),
        });
    }

    /// An M that had lost its P came out of its poll.
    #[cold]
    pub(crate) fn hog_is_back(&self, m: &M) {
        // Relaxed: the lease's lock orders it.
        let hogged = now().saturating_sub(m.hog_since.load(Ordering::Relaxed));
        let (Some(g), Some(unreported)) = (m.current_g(), self.reports[1].pass()) else {
            return;
        };
        guarded(|| {
            tracing::warn!(
                target: "gosched",
                goroutine = g.id(),
                spawned_at = %g.spawn_site(),
                hogged = ?Duration::from_nanos(hogged),
                unreported,
                "a goroutine ran for long without an .await"
            );
        });
    }
}
