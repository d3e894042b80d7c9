//! Who is idle, and who is looking for work: the protocol that loses no wake-up.
//!
//! ```text
//! submit:  push g;            fence;  idle Ps > 0 and no spinner?  →  spinning += 1, start an M
//! sleep:   give the P up, spinning -= 1;  fence;  look at every queue again  →  take a P back
//! ```
//!
//! The race to fear: the submitter sees a spinner and wakes nobody, while that spinner has already
//! looked at the queue and is about to sleep. The two SeqCst fences forbid that both miss the other:
//! either the submitter sees that the spinner is gone, or the spinner sees the new goroutine.
//!
//! Where no thread can be started for a P, an M is owed to it:
//!
//! ```text
//! owe:     under the lock: an M that sleeps?  →  take it;  else put the P on the list, owed = true
//! sleep:   under the lock: get on the list;  owed?  →  owed = false, look at every queue again
//! ```
//!
//! Whichever of the two comes second sees the other, and who sees the debt finds the P on the list. The M that blocks in the poller is on no list: it looks at
//! `owed` when it is to be seen there, and who owes interrupts it, with a fence on both sides (`netpoll`).
//!
//! # Invariants
//!
//! - **idle I1**: a P in `ps` is owned by nobody; taking it out of the list is taking ownership.
//! - **idle I2**: `npidle` is `ps.len()`, stored under the lock. `spinning` counts Ms that look for work
//!   and have none.
//! - **idle I3**: no quiescent state has a goroutine in a ring or in the injector and a P that is idle.

use crossbeam_utils::CachePadded;

use crate::loom::lock;
use crate::loom::sync::Mutex;
use crate::loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

pub(crate) struct Idle<P, M> {
    lists: Mutex<Lists<P, M>>,
    npidle: CachePadded<AtomicUsize>,
    spinning: CachePadded<AtomicUsize>,
    /// Set by who found no thread for a P, taken back by an M that looks for what the P was to do.
    owed: AtomicBool,
}

struct Lists<P, M> {
    ps: Vec<P>,
    ms: Vec<M>,
}

impl<P, M> Idle<P, M> {
    /// Nobody spins; the given Ps are idle.
    pub(crate) fn new(ps: Vec<P>) -> Idle<P, M> {
        Idle {
            npidle: CachePadded::new(AtomicUsize::new(ps.len())),
            lists: Mutex::new(Lists { ps, ms: Vec::new() }),
            spinning: CachePadded::new(AtomicUsize::new(0)),
            owed: AtomicBool::new(false),
        }
    }

    /// How many Ps are idle (a hint).
    #[inline]
    pub(crate) fn npidle(&self) -> usize {
        self.npidle.load(Ordering::Relaxed)
    }

    /// How many Ms spin (a hint).
    #[inline]
    pub(crate) fn nspinning(&self) -> usize {
        self.spinning.load(Ordering::Relaxed)
    }

    /// Takes an idle P that `wanted` accepts; the others that it meets are dropped from the list.
    pub(crate) fn take_p(&self, wanted: impl Fn(&P) -> bool) -> Option<P> {
        if self.npidle() == 0 {
            return None;
        }
        let mut lists = lock(&self.lists);
        let mut p = lists.ps.pop();
        while p.as_ref().is_some_and(|p| !wanted(p)) {
            p = lists.ps.pop();
        }
        // Relaxed: see `npidle`; the fences below order it where it matters.
        self.npidle.store(lists.ps.len(), Ordering::Relaxed);
        p
    }

    /// Puts a P that nobody owns on the list.
    pub(crate) fn put_p(&self, p: P) {
        let mut lists = lock(&self.lists);
        lists.ps.push(p);
        self.npidle.store(lists.ps.len(), Ordering::Relaxed);
    }

    /// Puts an M on the list, to sleep; it is woken by whoever takes it. `true` = an M is owed to a P: the caller
    /// looks at every queue before it sleeps.
    #[must_use]
    pub(crate) fn put_m(&self, m: M) -> bool {
        lock(&self.lists).ms.push(m);
        self.settle_debt()
    }

    /// There is no M to be had for a P, and no thread for one. `Some` = there is one that fell asleep meanwhile;
    /// else the P is idle, and the next M to sleep looks for what it was to do. `spinning` as for the M.
    #[cold]
    pub(crate) fn owe(&self, p: P, spinning: bool) -> Option<(P, M)> {
        let mut lists = lock(&self.lists);
        if let Some(m) = lists.ms.pop() {
            return Some((p, m));
        }
        lists.ps.push(p);
        self.npidle.store(lists.ps.len(), Ordering::Relaxed);
        if spinning {
            // Under the lock: the M that finds the P on the list must not take us for one that looks for work.
            let _ = self.stop_spinning();
        }
        // Ordering: Release pairs with the Acquire in `settle_debt`: the P is seen on the list. The lock orders it
        // against `put_m`, the caller's fence against the poller.
        self.owed.store(true, Ordering::Release);
        None
    }

    /// `true` = an M is owed to a P. The caller is one, and looks at every queue.
    #[inline]
    pub(crate) fn settle_debt(&self) -> bool {
        // Ordering: see `owe`. Relaxed: the swap looks again.
        self.owed.load(Ordering::Relaxed) && self.owed.swap(false, Ordering::Acquire)
    }

    /// Takes that M off the list, if it is there with at least `keep` others.
    pub(crate) fn remove_m(&self, keep: usize, is_it: impl Fn(&M) -> bool) -> bool {
        let mut lists = lock(&self.lists);
        if lists.ms.len() <= keep {
            return false;
        }
        let at = lists.ms.iter().position(is_it);
        at.map(|at| lists.ms.remove(at)).is_some()
    }

    /// Takes the M that went to sleep last.
    pub(crate) fn take_m(&self) -> Option<M> {
        lock(&self.lists).ms.pop()
    }

    /// A submitter has pushed a goroutine: should it start an M to look for it? `true` = the caller has
    /// become responsible for one spinning M.
    #[inline]
    pub(crate) fn wants_spinner(&self) -> bool {
        // Ordering: StoreLoad: the push above this fence, the looks below it; pairs with the fence in
        // `after_sleep_decision`.
        fence(Ordering::SeqCst);
        if self.npidle() == 0 || self.nspinning() != 0 {
            return false;
        }
        // Relaxed: the count carries no data; that only one wins is the CAS's own doing.
        self.spinning
            .compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// After `wants_spinner`: the P for the M that is to spin, by way of `take`; `None` when somebody else
    /// was faster, and then nobody is owed an M.
    #[cold]
    pub(crate) fn p_for_spinner(&self, take: impl Fn() -> Option<P>) -> Option<P> {
        loop {
            let p = take();
            if p.is_some() {
                return p;
            }
            // While we counted as a spinner another submitter may have relied on us, and an M have gone
            // to sleep before it pushed: a P that is idle now is for what that one pushed.
            let _ = self.stop_spinning();
            if !self.wants_spinner() {
                return None;
            }
        }
    }

    /// An M gives its P up: it stops spinning, then looks everywhere again with `work`. `Some` = there
    /// was something, and the M spins with this P.
    pub(crate) fn give_up(
        &self,
        p: Option<P>,
        spinning: bool,
        work: impl FnOnce() -> bool,
        take: impl FnOnce() -> Option<P>,
    ) -> Option<P> {
        if let Some(p) = p {
            self.put_p(p);
        }
        if spinning {
            let _ = self.stop_spinning();
        }
        self.after_sleep_decision();
        let p = if work() { take() } else { None };
        if p.is_some() {
            self.start_spinning();
        }
        p
    }

    /// An M begins to spin.
    pub(crate) fn start_spinning(&self) {
        self.spinning.fetch_add(1, Ordering::Relaxed);
    }

    /// An M stops spinning; `true` = it was the last.
    pub(crate) fn stop_spinning(&self) -> bool {
        self.spinning.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// An M has given its P up and stopped spinning; it must look at every queue after this call and
    /// before it sleeps.
    pub(crate) fn after_sleep_decision(&self) {
        // Ordering: StoreLoad: pairs with the fence in `wants_spinner`.
        fence(Ordering::SeqCst);
    }
}
