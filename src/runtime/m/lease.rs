//! Whether an M still owns its P: what the M and sysmon agree on while a poll is under way.
//!
//! During a poll an M touches its P seldom: to queue what it makes ready. It says so in `using`, a
//! plain store, and then looks whether the P is still its own. sysmon, which wants the P of an M that
//! is stuck in its poll, says so in `revoked`, and then looks whether the M is using the P. Each stores
//! before it looks, so one of them sees the other: that takes a full barrier on both sides, and the
//! M's is left to sysmon, who has the system run one on every thread (`barrier::heavy`). So the common
//! path has no read-modify-write and no fence: two stores and a load for each poll.
//!
//! Outside polls the M uses its P all the time, and `using` stays true.
//!
//! | `using` | `revoked` | the P belongs to |
//! |---|---|---|
//! | true | false | the M, which may be at work on it |
//! | false | false | the M, whose goroutine runs; sysmon may begin to revoke |
//! | any | true, `lock` held | not decided yet, or a thief for this moment |
//! | any | true, `lock` free | whoever sysmon gave it to; the M does not know yet |
//!
//! # Invariants
//!
//! - **lease I1**: `revoked` is changed under `lock` only. sysmon leaves it true only if it saw `using`
//!   false after the barrier. A thief of `runnext` takes it back when it has done what it came for.
//! - **lease I2**: the M touches its P only while it has `using` set and has since seen `revoked`
//!   false, or has settled under `lock` that it is.
//!
//! Rejected: a compare-and-swap on a status word around each poll (Go's `casgstatus`, and what a
//! system without `membarrier` would suggest): 2 to 3 ns a poll. There the fences below are real ones.

use crate::loom::lock;
use crate::loom::sync::atomic::{AtomicBool, Ordering};
use crate::loom::sync::{Mutex, MutexGuard};

use super::barrier;

/// See the module. Owned by an M.
pub(crate) struct Lease {
    /// Written by the M alone.
    using: AtomicBool,
    /// lease I1. Set by sysmon, taken back by it (withdrawn) or by the M (who has taken note).
    revoked: AtomicBool,
    lock: Mutex<()>,
}

/// The M has lost its P: it must forget it, and touch it no more.
#[must_use = "the M must forget its P"]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lost;

impl Lease {
    /// That of an M outside any poll.
    pub(crate) fn new() -> Lease {
        barrier::prepare();
        Lease {
            using: AtomicBool::new(true),
            revoked: AtomicBool::new(false),
            lock: Mutex::new(()),
        }
    }

    /// M: a poll begins. From now on the P may be taken away.
    #[inline]
    pub(crate) fn begin_poll(&self) {
        // Ordering: Release pairs with the Acquire in `revoke`: whoever gets the P sees what we did.
        self.using.store(false, Ordering::Release);
    }

    /// M: the poll is over.
    #[inline]
    pub(crate) fn end_poll(&self) -> Result<(), Lost> {
        self.claim()
    }

    /// M: does something with its P, in a poll or outside.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce() -> R) -> Result<R, Lost> {
        // Relaxed: only we write it.
        if self.using.load(Ordering::Relaxed) {
            return Ok(f());
        }
        let claimed = self.claim();
        let result = claimed.map(|()| f());
        // Ordering: as in `begin_poll`.
        self.using.store(false, Ordering::Release);
        result
    }

    /// M: true until `begin_poll`, or an error for a P that is gone (then `using` is true as well).
    #[inline]
    fn claim(&self) -> Result<(), Lost> {
        // Relaxed: ordered by the barrier, against that in `revoke`.
        self.using.store(true, Ordering::Relaxed);
        barrier::light();
        // Ordering: Acquire pairs with the Release in `visit`: what the thief did to the P is seen. `settle`
        // looks again under the lock.
        if self.revoked.load(Ordering::Acquire) {
            return self.settle();
        }
        Ok(())
    }

    /// M: `revoked` was set; it may have been withdrawn since.
    #[cold]
    fn settle(&self) -> Result<(), Lost> {
        let _guard = lock(&self.lock);
        // Relaxed: changed under the lock only.
        if self.revoked.load(Ordering::Relaxed) {
            self.revoked.store(false, Ordering::Relaxed);
            return Err(Lost);
        }
        Ok(())
    }

    /// sysmon: takes the P away if the M is in a poll and does nothing with it, and `still` says that it
    /// is the one. `take` runs before the M can take note; the goroutine that it polls lives so long.
    pub(crate) fn revoke<R>(
        &self,
        still: impl FnOnce() -> bool,
        take: impl FnOnce() -> R,
    ) -> Option<R> {
        let _guard = self.keep_out(still)?;
        Some(take())
    }

    /// A thief: is the P's owner for as long as `act` runs, under the same conditions.
    pub(crate) fn visit<R>(
        &self,
        still: impl FnOnce() -> bool,
        act: impl FnOnce() -> R,
    ) -> Option<R> {
        // Relaxed: a hint, which saves the barrier.
        if self.using.load(Ordering::Relaxed) {
            return None;
        }
        let _guard = self.keep_out(still)?;
        let r = act();
        // Ordering: Release pairs with the Acquire in `claim`.
        self.revoked.store(false, Ordering::Release);
        Some(r)
    }

    /// Sets `revoked` for an M that is in a poll and does nothing with its P.
    fn keep_out(&self, still: impl FnOnce() -> bool) -> Option<MutexGuard<'_, ()>> {
        let guard = lock(&self.lock);
        // Relaxed: changed under the lock only; for the M's look, ordered by the barrier.
        if self.revoked.load(Ordering::Relaxed) {
            return None;
        }
        self.revoked.store(true, Ordering::Relaxed);
        barrier::heavy();
        // Ordering: Acquire pairs with the Release in `begin_poll` and `with`.
        if self.using.load(Ordering::Acquire) || !still() {
            self.revoked.store(false, Ordering::Relaxed);
            return None;
        }
        Some(guard)
    }
}
