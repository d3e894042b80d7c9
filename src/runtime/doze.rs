//! How sysmon sleeps: until a time limit, or until it is told to stop, or, where nobody is busy for long, until somebody
//! becomes busy: a P is taken, or the thread in the poller woken.
//!
//! Called by `sysmon`, and by whoever takes an idle P or comes out of the poller's sleep.
//!
//! # Invariants
//!
//! - **doze I1**: who is in a deep sleep has looked for the busy after it set `deep`, and has held `stopped` since before
//!   that. So whoever becomes busy either is seen, or sees `deep` and comes to the lock when the sleep has begun.

use std::sync::PoisonError;
use std::time::Duration;

use crate::loom::lock;
use crate::loom::sync::atomic::{AtomicBool, Ordering, fence};
use crate::loom::sync::{Condvar, Mutex};

/// See the module.
pub(crate) struct Doze {
    deep: AtomicBool,
    stopped: Mutex<bool>,
    signal: Condvar,
}

impl Doze {
    pub(crate) fn new() -> Doze {
        Doze {
            deep: AtomicBool::new(false),
            stopped: Mutex::new(false),
            signal: Condvar::new(),
        }
    }

    /// Ends the sleep, and all that might follow.
    pub(crate) fn stop(&self) {
        *lock(&self.stopped) = true;
        self.signal.notify_all();
    }

    /// Takes a P by `take`, then ends a deep sleep: whoever is woken before there is anything to see sleeps again.
    #[inline]
    pub(crate) fn taking<P>(&self, take: impl FnOnce() -> Option<P>) -> Option<P> {
        let p = take();
        if p.is_some() {
            self.rouse();
        }
        p
    }

    /// The caller has become busy: ends a deep sleep.
    #[inline]
    pub(crate) fn rouse(&self) {
        // Ordering: StoreLoad between what shows that and `deep`; pairs with the fence in `rest`.
        fence(Ordering::SeqCst);
        if self.deep.load(Ordering::Relaxed) {
            let _sleeps = lock(&self.stopped);
            self.signal.notify_all();
        }
    }

    /// Sleeps for so long; `true` = stop. A deep sleep also ends by `rouse`, and does not begin if `is_busy`.
    pub(crate) fn rest(&self, limit: Duration, deep: bool, is_busy: impl FnOnce() -> bool) -> bool {
        let stopped = lock(&self.stopped);
        if *stopped {
            return true;
        }
        if deep {
            self.deep.store(true, Ordering::Relaxed);
            // Ordering: StoreLoad between `deep` and who is busy; pairs with the fence in `rouse`.
            fence(Ordering::SeqCst);
            if is_busy() {
                self.deep.store(false, Ordering::Relaxed);
                return false;
            }
        }
        let (stopped, _) = self
            .signal
            .wait_timeout(stopped, limit)
            .unwrap_or_else(PoisonError::into_inner);
        // Relaxed: who finds it true a moment longer signals to nobody.
        self.deep.store(false, Ordering::Relaxed);
        *stopped
    }
}

#[cfg(all(test, loom))]
mod loom_models {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// No time limit ends a sleep in a model: one that nobody ends is a deadlock.
    const EVER: Duration = Duration::MAX;

    // Caught: `rouse` or `rest` without its fence; `rest` that looks for busy Ps before it sets `deep`; `rouse` that
    // signals without the lock; `taking` that rouses before it takes, or not at all.
    #[test]
    fn a_p_taken_while_sysmon_falls_asleep_is_seen_or_ends_the_sleep() {
        loom::model(|| {
            let doze = Arc::new(Doze::new());
            let busy = Arc::new(AtomicBool::new(false));
            let taker = {
                let (doze, busy) = (doze.clone(), busy.clone());
                thread::spawn(move || {
                    let take = || {
                        busy.store(true, Ordering::Relaxed);
                        Some(())
                    };
                    assert!(doze.taking(take).is_some());
                })
            };
            // As sysmon does: who finds nobody busy goes on sleeping.
            let is_busy = || busy.load(Ordering::Relaxed);
            loop {
                assert!(!doze.rest(EVER, true, is_busy));
                if is_busy() {
                    break;
                }
            }
            taker.join().unwrap();
        });
    }

    // Caught: `rest` that does not look whether it was stopped before; `stop` that signals without having set it.
    #[test]
    fn a_stop_while_sysmon_falls_asleep_is_seen_or_ends_the_sleep() {
        loom::model(|| {
            let doze = Arc::new(Doze::new());
            let stopper = {
                let doze = doze.clone();
                thread::spawn(move || doze.stop())
            };
            assert!(doze.rest(EVER, false, || false));
            stopper.join().unwrap();
            assert!(doze.rest(EVER, true, || false), "for good");
        });
    }
}
