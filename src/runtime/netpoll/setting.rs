//! What the alarm of the sleeper in the poller is set to.
//!
//! Two meet here: the owner of the poller, which sets the alarm to the earliest deadline that it sees and sleeps,
//! and whoever arms a timer that is earlier, which sets it for the sleeper.
//!
//! # Invariants
//!
//! - **setting I1**: `armed` is what the alarm is set to: both are changed under the lock.
//! - **setting I2**: the owner looks at the deadlines under the lock, after it has set `asleep`. A timer that it does
//!   not see is published later, by somebody who then sees `asleep`, waits for the lock, and compares with what
//!   the owner has set. (A look before the lock would let an older and later deadline be set over an earlier one.)

use crate::loom::lock;
use crate::loom::sync::Mutex;
use crate::loom::sync::atomic::{AtomicBool, Ordering, fence};
use crate::runtime::p::{NEVER, Nanos};

/// See the module.
pub(super) struct Setting {
    /// True from before the owner looks at the deadlines until its turn is over.
    asleep: AtomicBool,
    armed: Mutex<Nanos>,
}

impl Setting {
    /// Of an alarm that is off.
    pub(super) fn new() -> Setting {
        Setting {
            asleep: AtomicBool::new(false),
            armed: Mutex::new(NEVER),
        }
    }

    /// The owner is about to sleep: sets the alarm to the earliest deadline, if that is after `now`; which it is.
    pub(super) fn fall_asleep(
        &self,
        now: Nanos,
        earliest: impl FnOnce() -> Nanos,
        set: impl FnOnce(Nanos),
    ) -> Nanos {
        self.asleep.store(true, Ordering::Relaxed);
        // Ordering: StoreLoad between `asleep` and the deadlines; pairs with the fence in `is_asleep`. Also
        // between `asleep` and what the owner looks at next.
        fence(Ordering::SeqCst);
        let mut armed = lock(&self.armed);
        let next = earliest();
        if next > now && *armed != next {
            set(next);
            *armed = next;
        }
        next
    }

    /// The owner's turn is over.
    pub(super) fn wake_up(&self) {
        // Relaxed: whoever still thinks that it sleeps sets an alarm in vain.
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Whether the owner sleeps, or is about to without having seen what the caller did before.
    pub(super) fn is_asleep(&self) -> bool {
        // Ordering: StoreLoad between what the caller did and `asleep`; pairs with the fence in `fall_asleep`.
        fence(Ordering::SeqCst);
        self.asleep.load(Ordering::Relaxed)
    }

    /// A timer has been published: sets the alarm if that is too late for it. `set` says whether it can be set by
    /// somebody else; `true` = it cannot, and the owner must be woken instead.
    pub(super) fn bring_forward(&self, when: Nanos, set: impl FnOnce(Nanos) -> bool) -> bool {
        if !self.is_asleep() {
            return false;
        }
        let mut armed = lock(&self.armed);
        if when >= *armed {
            return false;
        }
        let is_set = set(when);
        if is_set {
            *armed = when;
        }
        !is_set
    }
}

#[cfg(all(test, loom))]
mod loom_models {
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU64;
    use loom::thread;

    use super::*;

    /// The deadlines of two heaps, and an alarm.
    struct World {
        setting: Setting,
        heaps: [AtomicU64; 2],
        alarm: AtomicU64,
    }

    impl World {
        fn new() -> Arc<World> {
            Arc::new(World {
                setting: Setting::new(),
                heaps: [AtomicU64::new(NEVER), AtomicU64::new(90)],
                alarm: AtomicU64::new(NEVER),
            })
        }

        fn sleep(&self) -> Nanos {
            let earliest = || {
                let all = self.heaps.iter().map(|heap| heap.load(Ordering::Acquire));
                all.min().unwrap_or(NEVER)
            };
            self.setting.fall_asleep(0, earliest, |when| self.set(when))
        }

        fn arm(&self, heap: usize, when: Nanos) {
            self.heaps[heap].store(when, Ordering::Release);
            let wake = self.setting.bring_forward(when, |when| {
                self.set(when);
                true
            });
            assert!(!wake);
        }

        fn set(&self, when: Nanos) {
            self.alarm.store(when, Ordering::Relaxed);
        }
    }

    // Caught: `fall_asleep` that looks at the deadlines before it has the lock; one without its fence; one that sets
    // `asleep` after the look; `is_asleep` without its fence; `bring_forward` or `fall_asleep` that does not note what it has set.
    #[test]
    fn of_two_timers_armed_while_the_owner_falls_asleep_the_earlier_sets_the_alarm() {
        loom::model(|| {
            let world = World::new();
            let armers: [_; 2] = [(0, 50), (1, 20)].map(|(heap, when)| {
                let world = world.clone();
                thread::spawn(move || world.arm(heap, when))
            });
            world.sleep();
            for armer in armers {
                armer.join().unwrap();
            }
            assert_eq!(world.alarm.load(Ordering::Relaxed), 20);
        });
    }
}
