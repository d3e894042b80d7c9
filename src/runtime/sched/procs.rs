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

use crate::loom::sync::atomic::{AtomicUsize, Ordering};
use crate::runtime::p::P;

/// The number of Ps in use: those with a smaller number than it.
pub(super) struct Procs(AtomicUsize);

impl Procs {
    pub(super) fn new(n: usize) -> Procs {
        Procs(AtomicUsize::new(n))
    }

    pub(super) fn get(&self) -> usize {
        // Ordering: Acquire pairs with the Release in `set`.
        self.0.load(Ordering::Acquire)
    }

    /// Sets the number; returns the former one. Of the Ps between them the caller must look with
    /// `P::reinstate` which were given up.
    pub(super) fn set(&self, n: usize) -> usize {
        // Ordering: Release pairs with the Acquire in `get`; `P::reinstate` publishes it to `give_up`.
        self.0.swap(n, Ordering::AcqRel)
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
}
