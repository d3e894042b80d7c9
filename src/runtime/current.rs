//! Who is running on this thread: the M (and through it the P and the G), or the runtime whose
//! `block_on` it is in.
//!
//! A `block_on` inside a goroutine's `block_in_place` hides the M for as long as it lasts: its future
//! is no goroutine, and may belong to another runtime.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::g::{GoId, Header};
use super::m::M;
use super::sched::Sched;

struct Current {
    /// The M that this thread is; null on threads that are not ours, and inside `block_on`.
    m: Cell<*const M>,
    /// The same, also inside `block_on`.
    thread: Cell<*const M>,
    /// The runtime whose `block_on` runs on this thread; null outside.
    entered: Cell<*const Sched>,
    /// The flag of the P that this thread's M owns, which says that its slice is over.
    preempt: Cell<*const AtomicBool>,
}

/// The flag of a thread that has no P: nobody raises it.
static NEVER: AtomicBool = AtomicBool::new(false);

thread_local! {
    static CURRENT: Current = const {
        Current {
            m: Cell::new(ptr::null()),
            thread: Cell::new(ptr::null()),
            entered: Cell::new(ptr::null()),
            preempt: Cell::new(&raw const NEVER),
        }
    };
}

/// From now on it is this flag that tells the thread's goroutine to yield; `None` = nothing does.
pub(crate) fn set_preempt_flag(flag: Option<&AtomicBool>) {
    let flag = flag.map_or(&raw const NEVER, ptr::from_ref);
    let _ = CURRENT.try_with(|c| c.preempt.set(flag));
}

/// Whether the slice that runs on this thread is over.
#[inline]
pub(crate) fn preempt_requested() -> bool {
    // SAFETY: the flag is a static, or that of a P, which lives as long as the runtime whose M this
    // thread is (sched I2). Relaxed: a hint, without data.
    CURRENT
        .try_with(|c| unsafe { (*c.preempt.get()).load(Ordering::Relaxed) })
        .unwrap_or(false)
}

/// The M that this thread is, unless it is inside `block_on`.
#[inline]
pub(crate) fn m<'a>() -> Option<&'a M> {
    // SAFETY: set by `become_m` for as long as the M runs on this thread, whose whole stack the
    // reference's users live on. During the thread's destruction there is no M any more.
    CURRENT
        .try_with(|c| unsafe { c.m.get().as_ref() })
        .unwrap_or(None)
}

/// True when this thread is an M of that runtime, whatever it is doing.
pub(crate) fn is_thread_of(sched: &Arc<Sched>) -> bool {
    let m = CURRENT.try_with(|c| c.thread.get()).unwrap_or(ptr::null());
    // SAFETY: as in `m`.
    unsafe { m.as_ref() }.is_some_and(|m| Arc::ptr_eq(&m.sched, sched))
}

/// The goroutine that runs on this thread.
#[inline]
pub(crate) fn g<'a>() -> Option<&'a Header> {
    m().and_then(M::current_g)
}

/// The goroutine's number.
pub(crate) fn goid() -> Option<GoId> {
    g().and_then(|g| GoId::new(g.id()))
}

/// The runtime that this thread works for.
pub(crate) fn sched() -> Option<Arc<Sched>> {
    if let Some(m) = m() {
        return Some(Arc::clone(&m.sched));
    }
    let entered = CURRENT.try_with(|c| c.entered.get()).unwrap_or(ptr::null());
    if entered.is_null() {
        return None;
    }
    // SAFETY: `Entered` keeps an Arc of it alive, from which this pointer came (`Arc::as_ptr`).
    unsafe {
        Arc::increment_strong_count(entered);
        Some(Arc::from_raw(entered))
    }
}

/// What the runtime says that this thread works for.
pub(crate) fn with_sched<R>(ask: impl FnOnce(&Sched) -> R) -> Option<R> {
    if let Some(m) = m() {
        return Some(ask(&m.sched));
    }
    let entered = CURRENT.try_with(|c| c.entered.get()).unwrap_or(ptr::null());
    // SAFETY: `Entered` keeps an Arc of it alive, on the stack of this thread.
    unsafe { entered.as_ref() }.map(ask)
}

/// Makes this thread an M until the returned guard is dropped.
pub(crate) fn become_m(m: &M) -> impl Drop + use<> {
    struct Guard(PhantomData<*const ()>);
    impl Drop for Guard {
        fn drop(&mut self) {
            CURRENT.with(|c| {
                c.m.set(ptr::null());
                c.thread.set(ptr::null());
            });
        }
    }
    CURRENT.with(|c| {
        debug_assert!(c.m.get().is_null());
        c.m.set(ptr::from_ref(m));
        c.thread.set(ptr::from_ref(m));
    });
    Guard(PhantomData)
}

/// This thread is inside `block_on` of a runtime.
pub(crate) struct Entered {
    before: *const Sched,
    /// Not null when the `block_on` is inside a goroutine's blocking section.
    hidden: *const M,
    _sched: Arc<Sched>,
}

/// Enters a runtime for `block_on`; calls may nest.
pub(crate) fn enter(sched: &Arc<Sched>) -> Entered {
    let (before, hidden) = CURRENT.with(|c| {
        (
            c.entered.replace(Arc::as_ptr(sched)),
            c.m.replace(ptr::null()),
        )
    });
    Entered {
        before,
        hidden,
        _sched: Arc::clone(sched),
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|c| {
            c.entered.set(self.before);
            c.m.set(self.hidden);
        });
    }
}
