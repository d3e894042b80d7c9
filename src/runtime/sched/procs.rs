//! How many Ps there are to be, and how one that is too many is given up.
//!
//! ```text
//! grow:    n = more;        was the P marked as given up?  →  take the mark off, and it is idle
//! give up: mark the P;      is it wanted after all?        →  take the mark off, and keep it
//! ```
//!
//! Shrinking stops nothing: a P is given up when its M, or who takes it off the idle list, sees that it
//! is one too many. Somebody may grow the number at that moment, and find no mark yet. Then the mark was
//! looked at before it was made; both are exchanges of the mark, so whoever made it has seen the new
//! number, and keeps the P.
//!
//! An M in the middle of a turn notices nothing. What is queued on its P meanwhile is not out of the world: `most` says
//! how far thieves must look.

use super::idle::Idle;
use super::injector::Injector;
use crate::loom::sync::atomic::{AtomicUsize, Ordering};
use crate::runtime::g::G;
use crate::runtime::p::P;

pub(super) struct Procs {
    /// The Ps in use are those with a smaller number than it.
    n: AtomicUsize,
    /// The largest that `n` has been.
    most: AtomicUsize,
}

impl Procs {
    pub(super) fn new(n: usize) -> Procs {
        Procs {
            n: AtomicUsize::new(n),
            most: AtomicUsize::new(n),
        }
    }

    pub(super) fn get(&self) -> usize {
        // Ordering: Acquire pairs with the Release in `set`.
        self.n.load(Ordering::Acquire)
    }

    /// No P has a larger number than this, less one. One that is too many is still in the middle of a turn, perhaps, and
    /// what is queued there is for thieves as anywhere else.
    pub(super) fn most(&self) -> usize {
        // Relaxed: whoever pushes to a P has seen that there is one, and the fences of `idle` order its push before a
        // look that must not miss it.
        self.most.load(Ordering::Relaxed)
    }

    /// Sets the number; returns the former one. Of the Ps between them the caller must look with
    /// `P::reinstate` which were given up.
    pub(super) fn set(&self, n: usize) -> usize {
        self.most.fetch_max(n, Ordering::Relaxed);
        // Ordering: Release pairs with the Acquire in `get`; `P::reinstate` publishes it to `give_up`.
        self.n.swap(n, Ordering::AcqRel)
    }

    /// Sets the number; returns the former one. `p` = the P of a number, and whether it was made for this call; `wakep` =
    /// `Sched::wakep`.
    pub(super) fn resize<'a, M>(
        &self,
        n: usize,
        idle: &Idle<usize, M>,
        p: impl Fn(usize) -> (&'a P, bool),
        wakep: impl Fn(),
    ) -> usize {
        let before = self.set(n);
        for id in before..n {
            let (p, fresh) = p(id);
            // A P that was given up before is in nobody's hands, unless its M has not noticed yet.
            if fresh || p.reinstate() {
                idle.put_p(id);
            }
            // What was pushed while there was no P for it.
            wakep();
        }
        before
    }

    /// True when `p`, which the caller owns, is in use.
    #[inline]
    pub(super) fn wants(&self, p: &P) -> bool {
        p.id < self.get()
    }

    /// The caller owns `p`, which is one too many, and gives it up. `true` = it is wanted again
    /// meanwhile, and still belongs to the caller.
    pub(super) fn give_up(&self, p: &P) -> bool {
        p.retire();
        self.wants(p) && p.reinstate()
    }

    /// An M gives up `p`, which is one too many, and with it what is queued there: that goes to the global queue. `disown`
    /// is when the M forgets the P. It spins no longer, and must look at every queue afterwards
    /// (`Idle::after_sleep_decision`).
    ///
    /// # Safety
    /// The M owns `p` (P I1).
    pub(super) unsafe fn retire<M>(
        &self,
        p: &P,
        idle: &Idle<usize, M>,
        global: &Injector,
        spinning: bool,
        disown: impl FnOnce(),
    ) {
        // SAFETY: the caller's promise.
        let local = unsafe { p.runq.local() };
        while let Some(g) = local.pop().or_else(|| local.pop_next()) {
            // SAFETY: what is in a queue is a goroutine.
            if let Some(g) = unsafe { G::from_ptr(g) } {
                global.push(g);
            }
        }
        disown();
        // Its timers stay where they are: every M that sleeps, and sysmon, look at all heaps.
        if self.give_up(p) {
            idle.put_p(p.id);
        }
        if spinning {
            let _ = idle.stop_spinning();
        }
    }
}
