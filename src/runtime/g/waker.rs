//! `Waker`s of goroutines: waking one is Go's `goready`.
//!
//! There are two sorts: those that lie in a waiting place of this crate (`keep`), and all others. They do the
//! same, but are counted apart: see `State::is_ours_to_wake`.
//!
//! A waker is a counted reference to the cell. Waking costs one exchange on the state word and, when
//! the goroutine was parked, a place in a queue.

use std::mem::ManuallyDrop;
use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::alloc;
use super::cell::{G, Header};
use super::state::{COUNTS_LATE, Consume, Wake};
use crate::runtime::current;
use crate::runtime::sched::ready;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker that borrows the runner's hold on the goroutine: it must not be dropped, nor outlive the
/// poll (clones of it may).
///
/// # Safety
/// cell I1 holds while the waker is used.
#[inline]
pub(super) unsafe fn borrowed(g: G) -> ManuallyDrop<Waker> {
    // SAFETY: the vtable's functions follow the contract of `RawWaker`.
    ManuallyDrop::new(unsafe { Waker::new(g.as_ptr().cast_const().cast(), &VTABLE) })
}

/// Of wakers in waiting places of ours. A clone of one is of the other sort.
static OWN: RawWakerVTable = RawWakerVTable::new(clone, wake_own, wake_by_ref, drop_own);

/// True when it is a goroutine's waker, as a poll is given it.
#[inline]
pub(crate) fn is_goroutines(waker: &Waker) -> bool {
    ptr::eq(waker.vtable(), &raw const VTABLE)
}

/// A clone of a goroutine's waker for a waiting place of ours; `None` when it is somebody else's.
#[inline]
pub(crate) fn keep(waker: &Waker) -> Option<Waker> {
    if !is_goroutines(waker) {
        return None;
    }
    // SAFETY: cell I1: the waker holds a reference, or a borrow of one; the vtable's functions follow the
    // contract of `RawWaker`, and give back what is counted here.
    unsafe {
        let g = g_of(waker.data());
        if !(COUNTS_LATE && current::m().is_some_and(|m| m.keep(g))) {
            g.header().state.add_own();
        }
        Some(Waker::new(waker.data(), &OWN))
    }
}

/// As `keep`, in a model, whose runner counts at the end of the poll.
#[cfg(all(test, loom))]
pub(super) fn keep_uncounted(waker: &Waker) -> Waker {
    assert!(is_goroutines(waker));
    // SAFETY: as in `keep`; the runner counts it (state I6).
    unsafe { Waker::new(waker.data(), &OWN) }
}

/// True when `kept` is what `keep` made of `waker`, or of one of the same goroutine.
#[inline]
pub(crate) fn is_kept_of(kept: &Waker, waker: &Waker) -> bool {
    kept.data() == waker.data() && ptr::eq(kept.vtable(), &raw const OWN) && is_goroutines(waker)
}

unsafe fn g_of(data: *const ()) -> G {
    // SAFETY: a waker's data is the header of a goroutine to which the waker holds a reference.
    unsafe { G::from_ptr(data.cast_mut().cast::<Header>()).unwrap_unchecked() }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: cell I1: the waker being cloned holds a reference.
    unsafe { g_of(data).header().state.add_ref() };
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: cell I1 through this waker's reference, which `Consume::Ref` gives up; after `Enqueue` the
    // duty to queue it keeps the goroutine alive (state I3).
    unsafe {
        let g = g_of(data);
        match g.header().state.wake(Consume::Ref) {
            Wake::Enqueue => ready(g),
            Wake::Dealloc => alloc::free(g),
            Wake::Nothing => {}
        }
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: cell I1 through this waker's reference.
    unsafe {
        let g = g_of(data);
        if g.header().state.wake(Consume::Nothing) == Wake::Enqueue {
            ready(g);
        }
    }
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: cell I1 until the reference is dropped; state I4 after.
    unsafe {
        let g = g_of(data);
        if g.header().state.drop_ref() {
            alloc::free(g);
        }
    }
}

unsafe fn wake_own(data: *const ()) {
    // SAFETY: as in `wake`.
    unsafe {
        let g = g_of(data);
        match g.header().state.wake(Consume::Own) {
            Wake::Enqueue => ready(g),
            Wake::Dealloc => alloc::free(g),
            Wake::Nothing => {}
        }
    }
}

unsafe fn drop_own(data: *const ()) {
    // SAFETY: as in `drop_waker`.
    unsafe {
        let g = g_of(data);
        if current::g().is_some_and(|current| ptr::eq(current, g.header())) {
            // It gives up a wait in the turn in which it has recorded it, perhaps, and may go on to wait for
            // something that leaves no record.
            g.header().begin_turn();
        }
        if g.header().state.drop_own() {
            alloc::free(g);
        }
    }
}
