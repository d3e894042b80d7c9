//! sysmon: a thread without a P that watches the others.
//!
//! It flags Ps whose goroutine has run for longer than a slice (`coop` yields there), starts an M for
//! work that waits behind a long turn while a P is idle, fires timers that their P is late for, and
//! sees to it that somebody turns the poller. It sleeps 20 µs, longer and longer while there is nothing
//! to do, and for good when all Ps have been idle for a second.
//!
//! Unlike Go's it sleeps a millisecond at the most while a P is busy, because a lone `runnext` wakes
//! nobody (see `sched/ready`) and waits for sysmon when its P is stuck.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::p::{NEVER, Nanos, now};
use super::sched::Sched;

const SHORTEST: Duration = Duration::from_micros(20);
const LONGEST_BUSY: Duration = Duration::from_millis(1);
const LONGEST_IDLE: Duration = Duration::from_millis(10);
/// Rounds without anything to do before the sleeps grow.
const PATIENCE: u32 = 50;
const DEEP_SLEEP_AFTER: Nanos = 1_000_000_000;
const POLL_EVERY: Nanos = 10_000_000;
/// How late a timer may be before sysmon fires it.
const LATE: Nanos = 1_000_000;

pub(crate) struct Sysmon {
    slice: Duration,
    asleep: AtomicBool,
    stop: Mutex<bool>,
    signal: Condvar,
}

/// What sysmon remembers of a P.
#[derive(Clone, Copy, Default)]
struct Seen {
    tick: u32,
    since: Nanos,
}

impl Sysmon {
    pub(crate) fn new(slice: Duration) -> Sysmon {
        Sysmon {
            slice,
            asleep: AtomicBool::new(false),
            stop: Mutex::new(false),
            signal: Condvar::new(),
        }
    }

    /// Starts the thread, which keeps the scheduler alive until `stop`.
    pub(crate) fn start(sched: &Arc<Sched>) -> io::Result<()> {
        let sched = Arc::clone(sched);
        std::thread::Builder::new()
            .name("gosched-sysmon".into())
            .spawn(move || sched.sysmon.run(&sched))
            .map(drop)
    }

    pub(crate) fn stop(&self) {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.signal.notify_all();
    }

    /// An idle P was taken: somebody must watch it.
    #[inline]
    pub(crate) fn wake_if_asleep(&self) {
        // Relaxed: a wake-up that is missed by a race is made up for by the next P that is taken, and
        // sysmon looks once more after it has set the flag.
        if self.asleep.load(Ordering::Relaxed) {
            let _guard = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
            self.signal.notify_all();
        }
    }

    fn run(&self, sched: &Sched) {
        let mut seen: Vec<Seen> = Vec::new();
        let (mut delay, mut quiet) = (SHORTEST, 0);
        let mut busy_at = now();
        loop {
            let at = now();
            let busy = sched.npidle() < sched.nprocs();
            if busy {
                busy_at = at;
            }
            let deep = at.saturating_sub(busy_at) > DEEP_SLEEP_AFTER;
            if self.rest(
                if deep { Duration::from_secs(60) } else { delay },
                deep,
                sched,
            ) {
                return;
            }
            if deep {
                (delay, quiet, busy_at) = (SHORTEST, 0, now());
                continue;
            }
            if self.look(sched, &mut seen) {
                (delay, quiet) = (SHORTEST, 0);
            } else {
                quiet += 1;
                if quiet > PATIENCE {
                    delay = (delay * 2).min(if busy { LONGEST_BUSY } else { LONGEST_IDLE });
                }
            }
        }
    }

    /// Sleeps; `true` = stop.
    fn rest(&self, delay: Duration, deep: bool, sched: &Sched) -> bool {
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        if *stop {
            return true;
        }
        if deep {
            self.asleep.store(true, Ordering::SeqCst);
            if sched.npidle() < sched.nprocs() {
                self.asleep.store(false, Ordering::Relaxed);
                return false;
            }
        }
        let (stop, _) = self
            .signal
            .wait_timeout(stop, delay)
            .unwrap_or_else(PoisonError::into_inner);
        self.asleep.store(false, Ordering::Relaxed);
        *stop
    }

    /// One look at everything; `true` = there was something to do.
    fn look(&self, sched: &Sched, seen: &mut Vec<Seen>) -> bool {
        let at = now();
        let slice = self.slice.as_nanos() as Nanos;
        let (mut acted, mut waiting) = (false, sched.injector_len() > 0);
        for (i, p) in sched.all_ps().enumerate() {
            if i == seen.len() {
                seen.push(Seen::default());
            }
            if p.timers.next() != NEVER && p.timers.next().saturating_add(LATE) < at {
                acted |= p.timers.run_due(at);
            }
            let tick = p.tick();
            if !p.is_busy() || tick != seen[i].tick {
                seen[i] = Seen { tick, since: at };
                continue;
            }
            waiting |= !p.runq.steal().is_empty();
            if at.saturating_sub(seen[i].since) >= slice && !p.preempt_requested() {
                p.request_preempt();
                acted = true;
            }
        }
        let unpolled = sched.netpoll.is_free() && sched.netpoll.age() > POLL_EVERY;
        if (waiting || unpolled) && sched.npidle() > 0 {
            sched.wakep();
            acted |= waiting;
        }
        acted
    }
}
