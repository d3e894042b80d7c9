//! `Waker`s of goroutines: waking one is Go's `goready`.
//!
//! A waker is a counted reference to the cell. Waking costs one exchange on the state word and, when
//! the goroutine was parked, a place in a queue.

use std::mem::ManuallyDrop;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::alloc;
use super::cell::{G, Header};
use super::state::Wake;
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
    // SAFETY: cell I1 through this waker's reference, which `wake(true)` gives up; after `Enqueue` the
    // duty to queue it keeps the goroutine alive (state I3).
    unsafe {
        let g = g_of(data);
        match g.header().state.wake(true) {
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
        if g.header().state.wake(false) == Wake::Enqueue {
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
