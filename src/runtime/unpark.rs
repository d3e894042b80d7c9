//! A thread in `block_on`: how it sleeps, who may wake it, and the list of all such threads.
//!
//! Its wakers are of two sorts, as a goroutine's are (`g/waker.rs`): those in waiting places of this crate, and
//! all others. When there are none of the others, the thread sleeps until a goroutine wakes it.
//!
//! # Invariants
//!
//! - **unpark I1**: a waker's data is `Arc::into_raw` of an `Unpark`, with a count that is the waker's; the one
//!   that a poll is given borrows the thread's own.

use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{RawWaker, RawWakerVTable, Waker};
use std::time::Duration;

use super::sched::Sched;
use super::tid::{self, Tid};
use crate::loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::loom::thread::{self, Thread};

/// What wakes a thread in `block_on`.
pub(crate) struct Unpark {
    woken: AtomicBool,
    thread: Thread,
    /// Wakers in waiting places of ours; each counts in the `Arc` as well.
    own: AtomicUsize,
    /// It sleeps and has not been woken. Written by the thread.
    asleep: AtomicBool,
    /// How often it has gone to sleep.
    sleeps: AtomicUsize,
    pub(crate) tid: Tid,
    pub(crate) site: &'static Location<'static>,
    sched: usize,
    /// Why it must not sleep on.
    verdict: crate::loom::sync::Mutex<Option<String>>,
}

/// The pause between two looks of `sleep_while`.
const LOOK: Duration = Duration::from_millis(1);

/// Every thread in `block_on`.
static ALL: Mutex<Vec<Weak<Unpark>>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<Weak<Unpark>>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The calling thread, for as long as it is in `block_on`.
pub(super) struct Blocked(Arc<Unpark>);

impl Blocked {
    pub(super) fn new(sched: &Sched, site: &'static Location<'static>) -> Blocked {
        Blocked::at(ptr::from_ref(sched).addr(), site)
    }

    /// As `new`, with the address of the runtime.
    fn at(sched: usize, site: &'static Location<'static>) -> Blocked {
        let unpark = Arc::new(Unpark {
            woken: AtomicBool::new(false),
            thread: thread::current(),
            own: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            sleeps: AtomicUsize::new(0),
            tid: tid::current(),
            site,
            sched,
            verdict: crate::loom::sync::Mutex::new(None),
        });
        all().push(Arc::downgrade(&unpark));
        Blocked(unpark)
    }

    /// The waker for the polls, which borrows this.
    pub(super) fn waker(&self) -> ManuallyDrop<Waker> {
        let data = Arc::as_ptr(&self.0).cast();
        // SAFETY: the vtable's functions follow the contract of `RawWaker`; unpark I1.
        ManuallyDrop::new(unsafe { Waker::new(data, &VTABLE) })
    }

    /// Sleeps until a waker is woken.
    ///
    /// # Panics
    ///
    /// With the verdict, when it was found that none ever will be.
    #[track_caller]
    pub(super) fn sleep(&self) {
        self.sleep_by(thread::park, || false);
    }

    /// Sleeps while something is so that nobody tells the end of: it looks now and then, which only a process that
    /// is about to fail can afford.
    ///
    /// # Panics
    ///
    /// With the verdict, when it was found that this will never end.
    #[track_caller]
    pub(super) fn sleep_while(&self, mut it_is_so: impl FnMut() -> bool) {
        self.sleep_by(|| thread::park_timeout(LOOK), || !it_is_so());
    }

    #[inline]
    #[track_caller]
    fn sleep_by(&self, park: impl Fn(), enough: impl FnMut() -> bool) {
        if let Some(verdict) = self.until_woken(park, enough) {
            panic!("{verdict}");
        }
    }

    /// Parks until a waker is woken, or that is `enough`; what was found meanwhile, if it is to sleep no more.
    #[inline]
    fn until_woken(&self, park: impl Fn(), mut enough: impl FnMut() -> bool) -> Option<String> {
        let this = &*self.0;
        // Relaxed load: single writer.
        let sleeps = this.sleeps.load(Ordering::Relaxed) + 1;
        this.sleeps.store(sleeps, Ordering::Relaxed);
        // Ordering: Release pairs with the Acquire in `sleeps_for_ours`: what the poll did is visible.
        this.asleep.store(true, Ordering::Release);
        // Ordering: Acquire pairs with the Release in `Unpark::wake`.
        while !this.woken.load(Ordering::Acquire) && !enough() {
            park();
        }
        this.asleep.store(false, Ordering::Release);
        // Last, or the thread would look asleep when it is not. Ordering: Release pairs with the Acquire in
        // `sleeps_for_ours`, Acquire as above.
        this.woken.swap(false, Ordering::AcqRel);
        this.verdict().take()
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        let own = Arc::as_ptr(&self.0);
        all().retain(|one| !ptr::eq(one.as_ptr(), own));
    }
}

impl Unpark {
    fn verdict(&self) -> crate::loom::sync::MutexGuard<'_, Option<String>> {
        crate::loom::lock(&self.verdict)
    }

    fn wake(&self) {
        // Ordering: Release pairs with the Acquire in `until_woken`.
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }

    /// True when it is in a `block_on` of that runtime.
    pub(crate) fn is_of(&self, sched: &Sched) -> bool {
        self.sched == ptr::from_ref(sched).addr()
    }

    /// The thread's name.
    pub(crate) fn name(&self) -> &str {
        self.thread.name().unwrap_or("<unnamed>")
    }

    /// How often it has gone to sleep.
    pub(crate) fn sleeps(&self) -> usize {
        self.sleeps.load(Ordering::Relaxed)
    }

    /// True when the thread sleeps, and all wakers that there are of it lie in waiting places of ours.
    pub(crate) fn sleeps_for_ours(self: &Arc<Self>) -> bool {
        // Ordering: see `until_woken`. In this order: whoever sees that the thread took a wake-up back sees that
        // it is awake.
        let sleeps = !self.woken.load(Ordering::Acquire) && self.asleep.load(Ordering::Acquire);
        // The thread's own count and the caller's. Ordering: `own` is raised after the count and lowered before
        // it, so that a waker on its way counts as a stranger's.
        let own = self.own.load(Ordering::Acquire);
        sleeps && Arc::strong_count(self) == 2 + own
    }

    /// Has the thread panic.
    pub(crate) fn condemn(&self, verdict: String) {
        *self.verdict() = Some(verdict);
        self.wake();
    }
}

/// Every thread that is in `block_on` now.
pub(crate) fn blocked() -> Vec<Arc<Unpark>> {
    all().iter().filter_map(Weak::upgrade).collect()
}

/// How often the threads in `block_on` of that runtime have gone to sleep; `None` when one of them does not
/// sleep, or may be woken by somebody else, or there is none.
pub(crate) fn sleeps_of(sched: &Sched) -> Option<usize> {
    let mut sleeps = None;
    // One at a time, under the lock: a count that another looker holds would be taken for a waker's.
    for thread in all().iter() {
        let Some(thread) = thread.upgrade().filter(|thread| thread.is_of(sched)) else {
            continue;
        };
        if !thread.sleeps_for_ours() {
            return None;
        }
        sleeps = Some(sleeps.unwrap_or(0) + thread.sleeps());
    }
    sleeps
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);
/// Of wakers in waiting places of ours. A clone of one is of the other sort.
static OWN: RawWakerVTable = RawWakerVTable::new(clone, wake_own, wake_by_ref, drop_own);

/// A clone of the waker of a thread in `block_on`, for a waiting place of ours; `None` when it is none.
#[inline]
pub(super) fn keep(waker: &Waker) -> Option<Waker> {
    if !ptr::eq(waker.vtable(), &raw const VTABLE) {
        return None;
    }
    let data = waker.data();
    // SAFETY: unpark I1; what is counted here, `drop_own` and `wake_own` give back.
    unsafe {
        Arc::increment_strong_count(data.cast::<Unpark>());
        // Ordering: see `sleeps_for_ours`.
        (*data.cast::<Unpark>()).own.fetch_add(1, Ordering::Release);
        Some(Waker::new(data, &OWN))
    }
}

/// True when `kept` is what `keep` made of `waker`, or of one of the same thread.
#[inline]
pub(super) fn is_kept_of(kept: &Waker, waker: &Waker) -> bool {
    kept.data() == waker.data()
        && ptr::eq(kept.vtable(), &raw const OWN)
        && ptr::eq(waker.vtable(), &raw const VTABLE)
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: unpark I1.
    unsafe { Arc::increment_strong_count(data.cast::<Unpark>()) };
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: unpark I1: the waker's count is given up.
    unsafe { Arc::from_raw(data.cast::<Unpark>()).wake() };
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: unpark I1.
    unsafe { (*data.cast::<Unpark>()).wake() };
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: unpark I1: the waker's count is given up.
    drop(unsafe { Arc::from_raw(data.cast::<Unpark>()) });
}

unsafe fn wake_own(data: *const ()) {
    // SAFETY: unpark I1.
    unsafe {
        wake_by_ref(data);
        drop_own(data);
    }
}

unsafe fn drop_own(data: *const ()) {
    // SAFETY: unpark I1: the waker's count is given up.
    let unpark = unsafe { Arc::from_raw(data.cast::<Unpark>()) };
    // Ordering: see `sleeps_for_ours`.
    unpark.own.fetch_sub(1, Ordering::Release);
}

/// Models of a thread that goes to sleep, and of those who wake it and look at it.
#[cfg(all(test, loom))]
mod loom_models {
    use loom::sync::atomic::AtomicBool as Flag;
    use loom::thread;

    use super::*;

    fn blocked() -> Blocked {
        Blocked::at(0, Location::caller())
    }

    // Caught: `wake` with a Relaxed swap, or without `unpark`, or that unparks before it swaps; `until_woken` that takes
    // the wake-up back before it parks, or after it by a store.
    #[test]
    fn of_two_wake_ups_in_a_row_neither_is_lost() {
        loom::model(|| {
            let blocked = blocked();
            let told = [(); 2].map(|()| {
                let flag = Arc::new(Flag::new(false));
                let (told, waker) = (flag.clone(), keep(&blocked.waker()).unwrap());
                thread::spawn(move || {
                    // Relaxed: the wake-up itself is to carry it over.
                    told.store(true, Ordering::Relaxed);
                    waker.wake();
                });
                flag
            });
            // As in `block_on`: a look, and a sleep when there is nothing yet. A wake-up that is lost is a deadlock.
            while !told.iter().all(|flag| flag.load(Ordering::Relaxed)) {
                blocked.sleep();
            }
        });
    }

    // Caught: `until_woken` that takes the wake-up back before it says that it is awake, or with Acquire alone;
    // `sleeps_for_ours` that looks at `asleep` first, or at `woken` Relaxed.
    #[test]
    fn a_thread_that_was_woken_looks_asleep_to_nobody() {
        loom::model(|| {
            let blocked = blocked();
            let waker = keep(&blocked.waker()).unwrap();
            let unpark = blocked.0.clone();
            let other = thread::spawn(move || {
                waker.wake();
                // No waker is left: a look that took it for asleep would find a deadlock. The second look is for loom,
                // which does not try every place for the first.
                assert!(!unpark.sleeps_for_ours());
                thread::yield_now();
                assert!(!unpark.sleeps_for_ours());
            });
            blocked.sleep();
            other.join().unwrap();
        });
    }

    // Caught: `condemn` that wakes before it writes.
    #[test]
    fn a_verdict_beside_a_wake_up_is_heard() {
        loom::model(|| {
            let blocked = blocked();
            let waker = keep(&blocked.waker()).unwrap();
            let unpark = blocked.0.clone();
            // Not joined: loom takes an `unpark` that comes late for the end of a join.
            thread::spawn(move || unpark.condemn("all asleep".to_owned()));
            thread::spawn(move || waker.wake());
            let verdict = loop {
                if let Some(verdict) = blocked.until_woken(crate::loom::thread::park, || false) {
                    break verdict;
                }
            };
            assert_eq!(verdict, "all asleep");
        });
    }
}
