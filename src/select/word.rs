//! The word of a select: who decides which arm happens.
//!
//! The select's owner and all counterparts of its parked arms meet here. Written by `select::engine`
//! (the owner) and, through `chan::sudog`, by whoever wants to serve one of the arms.
//!
//! | state | meaning | who may leave it | the waker belongs to |
//! |---|---|---|---|
//! | `CLAIMED` | the owner is looking for itself | the owner, to `WAITING` | the owner |
//! | `WAITING` | every arm may be served | a counterpart to `DONE(i)`, the owner to `CLAIMED` | nobody |
//! | `DONE(i)` | arm `i` has been chosen | nobody | the counterpart that chose |
//!
//! ```text
//!            arm (owner, all channels locked)
//!   CLAIMED ─────────────────────────────────▶ WAITING ──▶ DONE(i)
//!      ▲                                          │   serve (counterpart, channel of arm i locked)
//!      └──────────────────────────────────────────┘
//!            claim (owner)
//! ```
//!
//! # Invariants
//!
//! 1. A select leaves `WAITING` for `DONE` at most once, so exactly one arm is served.
//! 2. A counterpart touches the word only while it holds the lock of the channel whose queue the arm
//!    is in. So an owner that has taken its arms out of all queues is alone with the word.
//! 3. `WAITING` is stored while all channels of the select are locked and none of its arms is ready.
//!    So what becomes ready while the word is `CLAIMED` is seen before the owner sleeps.
//! 4. The word outlives its place in every queue: see [`Word::enlist`].
//!
//! Lock order: below the channels' locks; it takes none.

use std::task::Waker;

use crate::loom::cell::UnsafeCell;
use crate::loom::sync::atomic::{AtomicUsize, Ordering};

const CLAIMED: usize = 0;
const WAITING: usize = 1;
const DONE: usize = 2;

/// What a counterpart finds that wants to serve an arm.
#[must_use]
pub(crate) enum Serve {
    /// The arm is its to serve; here is whom to wake afterwards.
    Won(Option<Waker>),
    /// Another arm has been chosen: this one is a leftover.
    Lost,
    /// The owner is looking for itself and will see what it needs.
    Busy,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Word {
    /// Owner: all transitions but `DONE`. Counterparts: `WAITING` to `DONE(i)`, stored as `DONE + i`.
    state: AtomicUsize,
    /// Owned as in the table above.
    waker: UnsafeCell<Option<Waker>>,
    /// How many arms hold a pointer to this word. Touched by the owner alone; atomic so that the
    /// select may be `Sync`.
    enlisted: AtomicUsize,
}

// SAFETY: the waker is reached by the owner in `CLAIMED` and by the one counterpart that stored
// `DONE` (table, I1); the rest is atomic.
unsafe impl Sync for Word {}

impl Word {
    /// A claimed word of a select that waits in no queue.
    pub(crate) fn new() -> Self {
        Self {
            state: AtomicUsize::new(CLAIMED),
            waker: UnsafeCell::new(None),
            enlisted: AtomicUsize::new(0),
        }
    }

    /// The arm that was chosen by a counterpart, if one was.
    #[inline]
    pub(super) fn chosen(&self) -> Option<usize> {
        // Ordering: Acquire pairs with the Release of `serve`.
        self.state.load(Ordering::Acquire).checked_sub(DONE)
    }

    /// Owner: from now on no arm is served. Fails with the arm that already was.
    #[inline]
    pub(super) fn claim(&self) -> Result<(), usize> {
        // Ordering: Acquire pairs with the Release of `serve` when it lost; Relaxed suffices when it
        // won, for only the owner wrote before, but a failure may not be weaker to no gain.
        match self
            .state
            .compare_exchange(WAITING, CLAIMED, Ordering::Acquire, Ordering::Acquire)
        {
            Ok(_) | Err(CLAIMED) => Ok(()),
            Err(done) => Err(done - DONE),
        }
    }

    /// Owner, claimed: sets whom to wake. The former waker is handed back, to be dropped.
    ///
    /// # Safety
    ///
    /// The caller owns the select and its word is claimed.
    #[inline]
    pub(super) unsafe fn set_waker(&self, waker: Waker) -> Option<Waker> {
        // SAFETY: claimed, so by the table the waker is the owner's.
        self.waker
            .with_mut(|cell| unsafe { (*cell).replace(waker) })
    }

    /// Owner: every arm may be served from now on. All channels are locked (I3).
    #[inline]
    pub(super) fn arm(&self) {
        // Ordering: Release publishes the waker to the Acquire of `serve`.
        self.state.store(WAITING, Ordering::Release);
    }

    /// Counterpart, with the lock of arm `index`'s channel: tries to choose that arm.
    #[inline]
    pub(crate) fn serve(&self, index: u32) -> Serve {
        // Ordering: Acquire pairs with the Release of `arm`, for the waker; Release pairs with the
        // Acquire of `chosen` and `claim`.
        match self.state.compare_exchange(
            WAITING,
            DONE + index as usize,
            Ordering::AcqRel,
            Ordering::Relaxed,
        ) {
            // SAFETY: this call stored `DONE`, so by the table and I1 the waker is ours.
            Ok(_) => Serve::Won(self.waker.with_mut(|cell| unsafe { (*cell).take() })),
            Err(CLAIMED) => Serve::Busy,
            Err(_) => Serve::Lost,
        }
    }

    /// Owner: one more arm points here (I4). Undone by [`Word::leave`].
    pub(crate) fn enlist(&self) {
        // Relaxed, and no read-modify-write: the owner alone touches it.
        self.enlisted
            .store(self.enlisted.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Owner: an arm has forgotten this word.
    pub(crate) fn leave(&self) {
        // Relaxed: as in `enlist`.
        self.enlisted
            .store(self.enlisted.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }
}

impl Drop for Word {
    #[inline]
    fn drop(&mut self) {
        // I4 cannot be given up by unwinding: counterparts would follow a dangling pointer. Only one
        // who drives the engine by hand and drops it before its arms comes here.
        if self.enlisted.load(Ordering::Relaxed) != 0 {
            std::process::abort();
        }
    }
}
