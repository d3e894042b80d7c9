//! `find_runnable`: the search for a goroutine to run, in Go's order.
//!
//! Own due timers → the global queue, once in 61 turns → `runnext` → ring → a batch of the global queue
//! → the poller, without blocking → other Ps' rings (four sweeps or more; then due timers and `runnext` of
//! the victim, too) → the global queue again → give the P up → look everywhere again → block in the poller
//! → park.
//!
//! Where it differs from Go: the slice is charged to the P. Every turn counts, also one out of
//! `runnext`, and a chain of `runnext` turns ends when it holds off others. And a thief leaves a
//! P that gets on with its ring alone for a while: Go does so with `runnext` alone.

use std::ops::Range;
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use super::Sched;
use super::threads::Parked;
use crate::runtime::g::{self, G, Header};
use crate::runtime::m::M;
use crate::runtime::p::{self, P};

/// The global queue is looked at once in so many turns, as in Go.
const GLOBAL_EVERY: u32 = 61;
/// Own timers are looked at once in so many turns while there is other work: a look at the clock
/// costs as much as a turn.
const TIMERS_EVERY: u32 = 8;
/// After so many turns all that is done regularly has come round.
pub(crate) const ROUND: u32 = GLOBAL_EVERY * TIMERS_EVERY;
/// Consecutive turns out of `runnext` while the ring or the global queue holds work, before somebody looks for how long
/// that has gone on.
const NEXT_RUNS: u32 = 16;
/// Where a turn of those who wait has taken so long of late, at least, the chain may take as long, and so long at the most.
/// Those who wake each other for next to no work would come to nothing beside those who compute for a millisecond in each
/// turn.
const CHAIN: Range<p::Nanos> = 5_000..1_000_000;
/// The most that one visit takes from the global queue: half a ring.
const BATCH: usize = p::runq::CAPACITY / 2;
/// Of a thief, before it gives up.
const SWEEPS: u32 = 4;
/// How long a thief leaves a ring alone whose P gets on with it, and `runnext` in any case. Go asks for 3 µs of sleep
/// before it takes `runnext`, which on Linux are 50 to 60. A select over sixteen busy channels, whose turn makes a
/// sender ready with every value, took 250 ns a value on two cores instead of 70 while thieves took them at once.
const GRACE: Duration = Duration::from_micros(50);
/// A P that has come to no other turn and has made nobody ready for so long does not get on: what it has queued is
/// another's. Where turns are shorter what waits gets its own here before it would elsewhere, and next to those that
/// it talks to.
const SHORT: Duration = Duration::from_micros(2);
/// How long it looks at that without a pause. The rest it sleeps through: with as many threads as cores somebody else
/// needs this one, and while timers end one by one their thieves would take more time than they.
const SPIN: Duration = Duration::from_micros(5);
/// What it asks for, to sleep through the rest.
const NAP: Duration = Duration::from_micros(3);
/// More than so many in a ring are shared at once.
const BACKLOG: usize = 32;

/// What a thief has seen of a P.
pub(crate) struct Pace {
    /// The tick when it came.
    began: u32,
    /// The tick and the tail of the ring when it looked last, and since when they were that.
    at: (u32, u32),
    since: Duration,
}

impl Pace {
    fn of(p: &P) -> Pace {
        let tick = p.tick();
        Pace {
            began: tick,
            at: (tick, p.runq.steal().tail()),
            since: Duration::ZERO,
        }
    }

    /// Whether it does not get on with its ring (`SHORT`).
    fn is_slow(&mut self, p: &P, waited: Duration) -> bool {
        let at = (p.tick(), p.runq.steal().tail());
        if at != self.at {
            (self.at, self.since) = (at, waited);
        }
        waited - self.since >= SHORT
    }
}

/// The next goroutine for `m`; `None` when its thread shall end: the runtime stops, or there are more
/// threads than it needs. The M comes back with a P when it comes back with a goroutine.
pub(crate) fn find_runnable(sched: &Sched, m: &M) -> Option<G> {
    let g = loop {
        if sched.is_stopping() {
            if let Some(g) = sched.find_left_over(m) {
                break g;
            }
            sched.retreat(m);
            return None;
        }
        let Some(p) = m.p() else {
            if m.to_poller.replace(false) {
                if let Some(g) = sched.poll_for_others(m) {
                    break g;
                }
            } else if sched.park(m) == Parked::Retire {
                return None;
            }
            continue;
        };
        if p.id >= sched.nprocs() {
            sched.retire_p(m, p);
            continue;
        }
        if let Some(g) = sched.find_here(m, p) {
            break g;
        }
        // A turn of the poller in there may have cost it the P, which is another's then.
        let Some(p) = m.p() else { continue };
        if let Some(g) = sched.find_elsewhere(m, p) {
            break g;
        }
    };
    if m.spinning.replace(false) && sched.idle.stop_spinning() {
        // The last spinner found work: where there may be more another M takes over the search, or blocks in the poller.
        if sched.netpoll.is_free() {
            sched.wakep();
        } else {
            sched.wakep_if_work();
        }
    }
    Some(g)
}

impl Sched {
    /// What the P itself and the global queue have.
    #[inline]
    fn find_here(&self, m: &M, p: &P) -> Option<G> {
        p.clear_preempt();
        let tick = p.next_tick();
        if tick % TIMERS_EVERY == 0 && p.timers.next() != p::NEVER {
            p.timers.run_due(self.now());
        }
        // Asked for, or regularly, whatever the ring holds.
        if p.take_attention() || tick % GLOBAL_EVERY == 0 {
            if let Some(g) = self.injector.pop_batch(1, |_| {}) {
                return Some(g);
            }
            if self.netpoll.is_stale() {
                self.netpoll_now(m);
            }
        } else if self.netpoll.library_waits() {
            self.netpoll_now(m);
        }
        // Library tasks may have cost the M its P.
        m.p()?;
        // SAFETY: P I1: the M owns `p`.
        let local = unsafe { p.runq.local() };
        let runs = p.next_runs.get();
        if let Some(next) = local.pop_next() {
            // SAFETY: what is in a queue is a goroutine.
            let next = unsafe { G::from_ptr(next) };
            if runs < NEXT_RUNS {
                p.next_runs.set(runs + 1);
                return next;
            }
            p.next_runs.set(0);
            let others = p.runq.steal().ring_len();
            if others + self.injector.len() == 0 || self.chain_goes_on(p, others) {
                return next;
            }
            if let Some(next) = next {
                local.push_back(next.as_ptr(), &self.injector);
            }
            if let Some(g) = self.injector.pop_batch(1, |_| {}) {
                return Some(g);
            }
        }
        if let Some(g) = local.pop() {
            p.next_runs.set(0);
            p.chain_until.set(None);
            // SAFETY: as above.
            return unsafe { G::from_ptr(g) };
        }
        self.take_global(p)
    }

    /// Whether a chain of `runnext` that holds off so many others, at least, may do so for a while yet.
    #[cold]
    fn chain_goes_on(&self, p: &P, others: usize) -> bool {
        // Where time is virtual the order of turns must not depend on the real one.
        if self.clock.is_some() {
            return false;
        }
        let now = p::now();
        let until = p.chain_until.get().or_else(|| {
            let turn = now.saturating_sub(p.chain_broken.get()) / (others as p::Nanos + 1);
            (turn >= CHAIN.start).then(|| now + turn.min(CHAIN.end))
        });
        if until.is_some_and(|until| now < until) {
            p.chain_until.set(until);
            return true;
        }
        p.chain_until.set(None);
        p.chain_broken.set(now);
        false
    }

    /// What is still queued when the runtime stops: a shutdown that ran out of time has aborted it, and nobody else may
    /// come to it.
    fn find_left_over(&self, m: &M) -> Option<G> {
        let own = m.p().and_then(|p| {
            // SAFETY: P I1: the M owns `p`.
            let local = unsafe { p.runq.local() };
            local.pop_next().or_else(|| local.pop())
        });
        match own {
            // SAFETY: what is in a queue is a goroutine.
            Some(g) => unsafe { G::from_ptr(g) },
            None => self.injector.pop_batch(1, |_| {}),
        }
    }

    /// A batch of the global queue: this P's share, at most half a ring.
    fn take_global(&self, p: &P) -> Option<G> {
        let share = (self.injector.len() / self.nprocs() + 1).min(BATCH);
        // SAFETY: P I1: called by the M that owns `p`.
        let local = unsafe { p.runq.local() };
        let mut rest = [None; BATCH];
        let mut count = 0;
        // The ring may overflow into the very queue whose lock is held here: collect first.
        let first = self.injector.pop_batch(share, |g| {
            rest[count] = Some(g);
            count += 1;
        })?;
        for g in rest[..count].iter().flatten() {
            // In a crowd they have waited for long, in no cache any more.
            g.prefetch();
            local.push_back(g.as_ptr(), &self.injector);
        }
        Some(first)
    }

    /// Nothing here: timers, the poller, other Ps; else gives the P up and waits.
    #[cold]
    fn find_elsewhere(&self, m: &M, p: &P) -> Option<G> {
        if p.timers.next() != p::NEVER && p.timers.run_due(self.now()) {
            return None;
        }
        let others_busy = self.idle.npidle() + 1 < self.nprocs();
        if others_busy && (self.netpoll_now(m) || m.p().is_none()) {
            return None;
        }
        let busy = self.nprocs().saturating_sub(self.idle.npidle());
        if m.spinning.get() || 2 * self.idle.nspinning() < busy {
            if !m.spinning.replace(true) {
                self.idle.start_spinning();
            }
            if let Some((g, victim)) = self.steal(m, p) {
                tell_steal(m, p, g, victim);
                return Some(g);
            }
        }
        if let Some(g) = self.take_global(p) {
            return Some(g);
        }
        self.give_up_p(m);
        if m.p().is_some() {
            return None;
        }
        self.wait(m)
    }

    /// Sweeps over the other Ps, four at least; from which it comes is said with it.
    fn steal(&self, m: &M, p: &P) -> Option<(G, usize)> {
        // Also those that are too many: their Ms may be long in a turn.
        let n = self.procs.most();
        // SAFETY: P I1: the M owns `p`.
        let local = unsafe { p.runq.local() };
        let mut paces = m.paces.borrow_mut();
        paces.clear();
        paces.extend((0..n).map(|id| Pace::of(self.ps[id].get().map_or(p, |p| p))));
        let since = Instant::now();
        for sweep in 1.. {
            let waited = if sweep > SWEEPS {
                since.elapsed()
            } else {
                Duration::ZERO
            };
            let ripe = waited >= GRACE;
            let mut young = false;
            for id in visit_order(n, &mut m.rng.borrow_mut()) {
                let Some(victim) = self.ps[id].get().filter(|v| v.id != p.id) else {
                    continue;
                };
                let fires =
                    || victim.timers.next() != p::NEVER && victim.timers.run_due(self.now());
                let pace = &mut paces[id];
                let slow = pace.is_slow(victim, waited);
                // A `runnext` that is taken while the M comes to it would be a race for nothing.
                let same_turn = pace.at.0 == pace.began;
                let queue = victim.runq.steal();
                let len = queue.ring_len();
                let stolen = if sweep == SWEEPS && fires() {
                    local.pop_next()
                } else if len > BACKLOG || (len > 0 && (ripe || slow)) {
                    local.steal_from(&queue)
                } else if ripe && same_turn && queue.has_next() {
                    self.steal_next(victim, pace.began)
                } else {
                    young |= len > 0 || (same_turn && queue.has_next());
                    None
                };
                if let Some(g) = stolen {
                    m.steals.bump();
                    // SAFETY: what is in a queue is a goroutine.
                    return unsafe { G::from_ptr(g) }.map(|g| (g, id));
                }
            }
            if sweep >= SWEEPS && (ripe || !young || self.injector.len() > 0) {
                break;
            }
            if waited >= SPIN {
                thread::sleep(NAP);
            } else {
                std::hint::spin_loop();
            }
        }
        None
    }

    /// Takes the `runnext` of a P whose M stays in the turn of this tick. One that comes out of it runs it itself.
    fn steal_next(&self, victim: &P, tick: u32) -> Option<*mut Header> {
        let owner = victim.owner();
        let still = || ptr::eq(victim.owner(), owner) && victim.tick() == tick;
        // SAFETY: P I1: during the visit we are the owner.
        let take = || unsafe { victim.runq.local() }.pop_next();
        self.threads.find(owner)?.lease.visit(still, take)?
    }

    /// Gives the P up, then looks everywhere again: with a P in hand when there is something.
    fn give_up_p(&self, m: &M) {
        let was_spinning = m.spinning.replace(false);
        let p = m.release().map(|p| p.id);
        let again = self
            .idle
            .give_up(p, was_spinning, || self.has_work(), || self.take_idle_p());
        if let Some(id) = again {
            m.acquire(self.p(id));
            m.spinning.set(true);
        }
    }

    /// Moves virtual time on, if there is any and nothing holds it. Else blocks in the poller, or parks while another
    /// M does.
    fn wait(&self, m: &M) -> Option<G> {
        if !self.advance(m) && !self.netpoll_block(m) {
            // Without a P it goes the way of those that have none.
            return None;
        }
        let ready = std::mem::take(&mut *m.netlist());
        if m.p().is_none() {
            if let Some(id) = self.take_idle_p() {
                m.acquire(self.p(id));
            }
        }
        let Some(p) = m.p() else {
            for &g in &ready {
                self.injector.push(g);
            }
            self.keep_netlist(m, ready);
            self.wakep();
            return None;
        };
        let first = ready.first().copied();
        self.adopt(p, ready.get(1..).unwrap_or(&[]));
        self.keep_netlist(m, ready);
        first
    }

    /// Blocks in the poller for Ps that are all busy, with none of its own: for as long as no P comes to
    /// the poller itself. What becomes ready goes to the global queue.
    fn poll_for_others(&self, m: &M) -> Option<G> {
        while !self.is_stopping() {
            self.netpoll.forget_askers();
            let g = self.wait(m);
            if g.is_some() || m.p().is_some() {
                return g;
            }
            // The Ps look every 61 turns; these may be long.
            self.all_ps().for_each(P::request_attention);
            if !self.netpoll.is_free() || self.netpoll.was_asked_for() {
                break;
            }
        }
        None
    }

    /// Queues goroutines that the poller made ready.
    fn adopt(&self, p: &P, ready: &[G]) {
        // SAFETY: P I1: called by the M that owns `p`.
        let local = unsafe { p.runq.local() };
        for g in ready {
            local.push_back(g.as_ptr(), &self.injector);
        }
        if !ready.is_empty() {
            self.wakep();
        }
    }

    /// Gives the list's memory back to the M.
    fn keep_netlist(&self, m: &M, mut list: Vec<G>) {
        list.clear();
        *m.netlist() = list;
    }

    /// One turn of the poller without blocking; `true` = goroutines became ready. The M may have lost its
    /// P afterwards.
    pub(super) fn netpoll_now(&self, m: &M) -> bool {
        if self.netpoll.runs_tasks() {
            // One of them may take long.
            self.give_up_search(m);
        }
        if !self.netpoll.turn(m) {
            return false;
        }
        let ready = std::mem::take(&mut *m.netlist());
        let found = !ready.is_empty();
        match m.p() {
            Some(p) => self.adopt(p, &ready),
            None => {
                for &g in &ready {
                    self.inject(g);
                }
                // Whoever has its P may have found the poller taken, and sleep: somebody must be there.
                m.to_poller.set(true);
                self.give_up_search(m);
            }
        }
        self.keep_netlist(m, ready);
        found
    }

    /// `m` looks for work no more for a while: others rely on whoever spins.
    fn give_up_search(&self, m: &M) {
        if m.spinning.replace(false) {
            let _ = self.idle.stop_spinning();
            self.wakep_if_work();
        }
    }

    fn netpoll_block(&self, m: &M) -> bool {
        self.netpoll.block(
            m,
            || self.poll_until(),
            |now| {
                // A virtual clock's timers fire when it is moved.
                for p in self.all_ps().filter(|_| self.clock.is_none()) {
                    p.timers.run_due(now);
                }
            },
        )
    }
}

/// Tells who has taken what from whom. `stolen` is to be run by the caller.
fn tell_steal(m: &M, p: &P, stolen: G, victim: usize) {
    if g::somebody_listens(tracing::Level::TRACE) {
        g::quietly(|| {
            tracing::trace!(
                target: "gosched",
                // SAFETY: it came from a queue, and its turn is the caller's (state I2).
                goroutine = unsafe { stolen.header().id() },
                m = m.id,
                p = p.id,
                victim,
                "a goroutine was stolen"
            );
        });
    }
}

/// Every number below `n` once: a random start, and a random stride that is coprime to `n`.
fn visit_order(n: usize, rng: &mut fastrand::Rng) -> impl Iterator<Item = usize> + use<> {
    let start = rng.usize(..n);
    let mut stride = rng.usize(1..=n);
    while gcd(stride, n) != 1 {
        stride = stride % n + 1;
    }
    (0..n).map(move |i| (start + i * stride) % n)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::visit_order;

    #[test]
    fn the_order_of_stealing_visits_each_p_once() {
        let mut rng = fastrand::Rng::with_seed(7);
        for n in 1..40 {
            for _ in 0..20 {
                let mut seen: Vec<usize> = visit_order(n, &mut rng).collect();
                seen.sort_unstable();
                assert_eq!(seen, (0..n).collect::<Vec<_>>());
            }
        }
    }
}
