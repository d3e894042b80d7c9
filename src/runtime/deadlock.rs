//! Whether all goroutines wait for each other, for ever: the proof, and what is done then.
//!
//! Go's rule is that nothing runs, nothing is runnable and no timer is set. Here foreign threads, tasks of
//! libraries and futures that are not ours may act on a goroutine as well, so the rule is wider. It is
//! about the whole process, because a channel may lead from any goroutine to any other:
//!
//! 1. Every thread of the process is an M or a sysmon, or is asleep in a `block_on` of this crate; and every M
//!    is asleep. (Under the standard test harness its main thread does not count.)
//! 2. No timer of ours is set or firing, and tokio has no task alive.
//! 3. Every goroutine is parked, and **all wakers that exist of it lie in waiting places of this crate**: queues
//!    of channels, wait groups, contexts, join handles. The same holds for each thread in `block_on`. Whoever
//!    waits for a socket, a timer of tokio, a foreign channel, has left a waker elsewhere.
//!
//! Then whatever could wake one of them would have to be done by another of them, or by nobody. Signals do
//! not run code that touches a channel: what they wake leaves wakers elsewhere.
//!
//! It is looked at by sysmon once everything has been idle for 100 ms, and believed when a second look finds
//! that nothing has moved since. What it does not see: deadlocks of some goroutines while others go on; those
//! over locks and channels of other libraries; those in which a goroutine waits with its thread (`recv_blocking`, `block_on`);
//! those in a process with any thread of another kind; and none on systems that do not list threads (all but Linux).
//!
//! # Invariants
//!
//! - **deadlock I1**: the threads are listed first. From then on only threads that are asleep could begin
//!   anything, so what is seen of each later is not outdated by one that has ended.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use super::g::for_each;
use super::p::{Nanos, P, now};
use super::sched::{Sched, runtimes};
use super::tid;
use super::unpark::{self, Unpark};
use super::wake::guarded;

/// What is done when all goroutines wait for each other, for ever.
///
/// That is told only where it is certain: not where some goroutines go on, nor where one waits with its thread
/// (`recv_blocking`), nor in a process with threads of another kind.
///
/// Go: the fatal error "all goroutines are asleep - deadlock!", which cannot be switched off.
///
/// # Examples
///
/// ```
/// use gosched::runtime::{DeadlockPolicy, Runtime};
///
/// let rt = Runtime::builder().deadlock(DeadlockPolicy::Ignore).build()?;
/// # drop(rt);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadlockPolicy {
    /// The goroutines are shown on stderr and through `tracing`, once.
    #[default]
    Report,
    /// The `block_on` calls of the runtime panic with the same text: that of a test fails it.
    Panic,
    /// Nothing, and nobody looks.
    Ignore,
}

const FIRST_LOOK: Nanos = 100_000_000;
const SECOND_LOOK: Nanos = 50_000_000;
const LONGEST_PAUSE: Nanos = 60_000_000_000;

/// sysmon's part: when to look.
pub(crate) struct Watch {
    policy: DeadlockPolicy,
    /// Turns on all Ps: something has happened when it changes.
    turns: u64,
    pause: Nanos,
    next: Nanos,
    /// What the first of two looks saw.
    suspicion: Option<Evidence>,
    over: bool,
}

impl Watch {
    pub(crate) fn new(policy: DeadlockPolicy) -> Watch {
        Watch {
            policy,
            turns: 0,
            pause: FIRST_LOOK,
            next: now() + FIRST_LOOK,
            suspicion: None,
            over: policy == DeadlockPolicy::Ignore,
        }
    }

    /// How long there is until the next look.
    pub(crate) fn due_in(&self) -> Duration {
        if self.over {
            return Duration::MAX;
        }
        Duration::from_nanos(self.next.saturating_sub(now()))
    }

    /// Looks, if it is time.
    pub(crate) fn step(&mut self, sched: &Sched) {
        if self.over {
            return;
        }
        let at = now();
        let turns = sched.all_ps().map(|p| u64::from(p.tick())).sum();
        if turns != self.turns || sched.npidle() < sched.nprocs() {
            self.turns = turns;
            self.pause = FIRST_LOOK;
            self.next = at + FIRST_LOOK;
            self.suspicion = None;
            return;
        }
        if at < self.next {
            return;
        }
        match Evidence::gather(sched) {
            None => {
                // Only a foreign thread that ends could change the answer without a turn.
                self.suspicion = None;
                self.next = at + self.pause;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
            found if found == self.suspicion => {
                self.over = true;
                tell(sched, self.policy);
            }
            found => {
                self.suspicion = found;
                self.next = at + SECOND_LOOK;
            }
        }
    }
}

/// All of the process was found waiting for itself. Equal when nothing has moved between.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Evidence {
    goroutines: usize,
    /// Turns and sleeps of all runtimes, and sleeps of threads in `block_on`.
    moves: Vec<u64>,
}

impl Evidence {
    fn gather(asking: &Sched) -> Option<Evidence> {
        // deadlock I1.
        let threads = tid::all()?;
        let scheds = runtimes();
        #[cfg(unix)]
        let mut ours = vec![super::sigquit::tid()];
        #[cfg(not(unix))]
        let mut ours = Vec::new();
        let mut moves = Vec::new();
        for sched in &scheds {
            if !sched.is_at_rest() {
                return None;
            }
            sched.list_threads(&mut ours);
            moves.extend(sched.all_ps().map(|p| u64::from(p.tick())));
            moves.push(sched.figures().parks);
        }
        let blocked = unpark::blocked();
        for thread in &blocked {
            if thread.sleeps_for_ours() {
                ours.push(thread.tid);
                moves.push(thread.sleeps() as u64);
            }
        }
        if asking.under_harness && blocked.iter().all(|thread| thread.tid != tid::first()) {
            ours.push(tid::first());
        }
        if !threads.iter().all(|tid| ours.contains(tid)) {
            return None;
        }
        let (mut goroutines, mut own, mut stuck) = (0, 0, true);
        for_each(|_, header| {
            goroutines += 1;
            own += usize::from(std::ptr::eq(header.sched(), asking));
            stuck &= header.state.is_ours_to_wake();
        });
        let concerned = own > 0 || blocked.iter().any(|thread| thread.is_of(asking));
        // Once more: whoever came out of a sleep meanwhile is seen here or in the second look.
        let at_rest = scheds.iter().all(|sched| sched.is_at_rest());
        (stuck && concerned && at_rest).then_some(Evidence { goroutines, moves })
    }
}

impl Sched {
    /// True when none of its threads runs, and no timer or task of a library will make one run.
    fn is_at_rest(&self) -> bool {
        let idle = |p: &P| p.timers.is_at_rest() && !p.is_busy() && p.queued() == 0;
        !self.is_closing()
            && self.npidle() >= self.nprocs()
            && self.injector_len() == 0
            && self.all_ps().all(idle)
            && self.threads_asleep().iter().all(|&(_, asleep)| asleep)
            && !self.netpoll.has_tasks()
    }
}

/// Does what the policy says.
fn tell(sched: &Sched, policy: DeadlockPolicy) {
    let threads: Vec<_> = unpark::blocked()
        .into_iter()
        .filter(|thread| thread.is_of(sched))
        .collect();
    let text = report(sched, &threads);
    if policy == DeadlockPolicy::Panic && !threads.is_empty() {
        for thread in threads {
            thread.condemn(text.clone());
        }
        return;
    }
    // Nobody can be told that stderr is gone.
    let _ = io::stderr().write_all(text.as_bytes());
    guarded(|| tracing::error!(target: "gosched", "{text}"));
}

fn report(sched: &Sched, threads: &[std::sync::Arc<Unpark>]) -> String {
    let mut text = String::from("all goroutines are asleep - deadlock!\n\n");
    for thread in threads {
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "thread {} [block_on]:\n\t{}\n",
            thread.name(),
            thread.site
        );
    }
    text.push_str(&crate::debug::dump_of(|entry| entry.is_of(sched)));
    text
}
