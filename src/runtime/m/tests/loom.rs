//! Models of the lease: an M in the middle of its polls against sysmon, which takes its P away.
//!
//! The P is a cell that reports two owners who use it without an order between them. What the M makes
//! ready goes to the P's queue while it owns it, to the global one afterwards; each model counts that
//! nothing is lost. Each names a change to the code that it was seen to catch.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

use crate::loom::cell::UnsafeCell;
use crate::runtime::m::{Lease, Lost};

/// What the P holds, and what lies in the global queue.
struct World {
    lease: Lease,
    queued: UnsafeCell<usize>,
    global: AtomicUsize,
}

// SAFETY: the cell reports two uses without an order.
unsafe impl Sync for World {}

impl World {
    fn new() -> Arc<World> {
        Arc::new(World {
            lease: Lease::new(),
            queued: UnsafeCell::new(0),
            global: AtomicUsize::new(0),
        })
    }

    /// The owner puts one into the P's queue.
    fn queue(&self) {
        // SAFETY: as for `Sync`.
        self.queued.with_mut(|queued| unsafe { *queued += 1 });
    }

    /// The M makes one goroutine ready; `true` = it still had its P.
    fn ready(&self, has_p: bool) -> bool {
        if has_p && self.lease.with(|| self.queue()).is_ok() {
            return true;
        }
        self.global.fetch_add(1, Relaxed);
        false
    }

    /// sysmon tries once; who gets the P uses it at once, as another M would.
    fn retake(&self) -> bool {
        let taken = self.lease.revoke(|| true, || ()).is_some();
        if taken {
            self.queue();
        }
        taken
    }

    /// A thief tries once; it takes one out of the P's queue.
    fn steal(&self) -> usize {
        let take = || {
            // SAFETY: as for `Sync`.
            self.queued.with_mut(|queued| unsafe {
                let had = *queued;
                *queued = had.saturating_sub(1);
                had - *queued
            })
        };
        self.lease.visit(|| true, take).unwrap_or(0)
    }

    fn total(&self) -> usize {
        // SAFETY: as for `Sync`.
        self.queued.with(|queued| unsafe { *queued }) + self.global.load(Relaxed)
    }
}

// Caught: `claim` without its barrier; `revoke` without its barrier, or with a Relaxed look at `using`;
// `begin_poll` that is Relaxed; `with` that does not look at `revoked`; `end_poll` that does not.
#[test]
fn a_p_taken_away_while_its_m_makes_ready_and_comes_back_has_one_owner() {
    loom::model(|| {
        let world = World::new();
        let m = {
            let world = world.clone();
            thread::spawn(move || {
                world.queue();
                world.lease.begin_poll();
                let kept = world.ready(true);
                let back = world.lease.end_poll();
                let kept = kept && back.is_ok();
                // Between two polls: the next search for work.
                if kept {
                    world.queue();
                }
                kept
            })
        };
        let taken = world.retake();
        let kept = m.join().unwrap();
        assert_eq!(kept, !taken);
        assert_eq!(world.total(), 2 + 1);
    });
}

// Caught: `revoke` that leaves `revoked` set when it withdraws; `settle` that does not look again under
// the lock.
#[test]
fn a_revocation_that_is_withdrawn_leaves_the_p_with_its_m() {
    loom::model(|| {
        let world = World::new();
        let m = {
            let world = world.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    world.lease.begin_poll();
                    world.lease.end_poll().expect("nobody may take it");
                    world.queue();
                }
            })
        };
        // It is another turn than the one that sysmon meant.
        assert_eq!(world.lease.revoke(|| false, || ()), None);
        m.join().unwrap();
        assert_eq!(world.total(), 2);
    });
}

// Caught: `settle` that does not take `revoked` back; `revoke` that asks `still` before the barrier.
#[test]
fn an_m_that_lost_its_p_and_got_another_keeps_that_one() {
    loom::model(|| {
        let world = World::new();
        let turn = Arc::new(AtomicUsize::new(0));
        let m = {
            let (world, turn) = (world.clone(), turn.clone());
            thread::spawn(move || {
                world.lease.begin_poll();
                let lost = world.lease.end_poll() == Err(Lost);
                // With its own P or with another, the next turn is not the one that sysmon meant.
                turn.store(1, Relaxed);
                world.lease.begin_poll();
                assert_eq!(world.lease.end_poll(), Ok(()));
                lost
            })
        };
        let taken = world.lease.revoke(|| turn.load(Relaxed) == 0, || ());
        assert_eq!(m.join().unwrap(), taken.is_some());
    });
}

// Caught: `visit` that leaves `revoked` set; one that stores it Relaxed before the M is out; `claim` with a
// Relaxed look at `revoked`; `keep_out` without its barrier.
#[test]
fn a_thief_that_comes_while_the_m_polls_is_the_only_one_to_use_the_p() {
    loom::model(|| {
        let world = World::new();
        let m = {
            let world = world.clone();
            thread::spawn(move || {
                world.queue();
                world.lease.begin_poll();
                assert!(world.ready(true), "the P was lost to a thief");
                assert_eq!(world.lease.end_poll(), Ok(()));
                world.queue();
            })
        };
        let stolen = world.steal();
        m.join().unwrap();
        assert_eq!(world.total() + stolen, 3);
    });
}

// Caught: `keep_out` that does not look whether `revoked` is set.
#[test]
fn a_thief_beside_sysmon_takes_nothing_from_who_gets_the_p() {
    loom::model(|| {
        let world = World::new();
        let m = {
            let world = world.clone();
            thread::spawn(move || {
                world.queue();
                world.lease.begin_poll();
                let kept = world.lease.end_poll().is_ok();
                if kept {
                    world.queue();
                }
                kept
            })
        };
        let thief = {
            let world = world.clone();
            thread::spawn(move || world.steal())
        };
        let taken = world.retake();
        let stolen = thief.join().unwrap();
        assert_eq!(m.join().unwrap(), !taken);
        assert_eq!(world.total() + stolen, 2);
    });
}
