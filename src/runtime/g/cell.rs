//! The memory of a goroutine: one allocation of header, then future, later result.
//!
//! `header` is what every part of the scheduler sees; the type of the future is known only to the
//! functions in its `Vtable`. Nothing here queues or wakes.
//!
//! # Invariants
//!
//! - **cell I1**: a `G` points to an initialised `Header` as long as its holder has a reference, holds
//!   the alive reference's duty (a queue entry, a poll), or holds the lock of the cell's shard.
//! - **cell I2**: `stage` holds the future until DONE, then the result until it is taken or dropped. It
//!   is touched by the polling M while RUNNING, and by the holder of JOIN_INTEREST after DONE.
//! - **cell I3**: `vtable` is the one made for the type that lies in `stage`.
//! - **cell I4**: `join_waker` follows state I5, and is `None` in a recycled cell.

use std::any::Any;
use std::future::Future;
use std::mem::{ManuallyDrop, needs_drop};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use super::alloc::Links;
use super::join::JoinError;
use super::state::State;
use super::traced::{self, Spans};
use crate::loom::cell::UnsafeCell;
use crate::runtime::sched::Sched;
use crate::runtime::wait::{RECORDED, Record, WaitReason};

/// A goroutine, as the scheduler passes it around (Go's `*g`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct G(pub(super) NonNull<Header>);

// SAFETY: a `G` is an address; what may be done with it from which thread is ruled by state I1–I5.
unsafe impl Send for G {}

/// What is known of every goroutine, whatever its future.
///
/// Fields without a lock or a rule of `state` are relaxed atomics, because the dump reads them while
/// their owner writes.
pub(crate) struct Header {
    pub(crate) state: State,
    vtable: AtomicPtr<Vtable>,
    /// Link in a free list (owner only).
    pub(crate) next: AtomicPtr<Header>,
    /// The runtime that it runs on. Valid until DONE: the runtime outlives its live goroutines.
    sched: AtomicPtr<Sched>,
    pub(super) links: Links,
    id: AtomicU64,
    parent: AtomicU64,
    spawn_site: AtomicPtr<Location<'static>>,
    wait_site: AtomicPtr<Location<'static>>,
    /// Why it waits, and since when: a `wait::Record`.
    wait: AtomicU64,
    join_waker: UnsafeCell<Option<Waker>>,
}

#[repr(C)]
pub(super) struct Cell<F: Future> {
    header: Header,
    stage: UnsafeCell<Stage<F>>,
}

/// A cell with room for the spans of a goroutine that is followed.
#[repr(C)]
struct TracedCell<F: Future> {
    cell: Cell<F>,
    spans: traced::Room,
}

union Stage<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<Result<F::Output, JoinError>>,
}

/// What can be done with a goroutine without knowing its type.
pub(super) struct Vtable {
    poll: unsafe fn(G, &mut Context<'_>) -> Poll<()>,
    cancel: unsafe fn(G),
    drop_output: unsafe fn(G),
    take_output: unsafe fn(G, *mut ()),
    pub(super) layout: std::alloc::Layout,
    frame: usize,
    /// Whether the drop of a result may run code of the user's.
    drops_output: bool,
    /// Of a goroutine that is followed: see `traced`.
    pub(super) spans: Option<traced::Place>,
}

struct Typed<F>(std::marker::PhantomData<F>);

impl<F: Future> Typed<F> {
    const VTABLE: Vtable = Vtable {
        poll: poll::<F>,
        cancel: cancel::<F>,
        drop_output: drop_output::<F>,
        take_output: take_output::<F>,
        layout: std::alloc::Layout::new::<Cell<F>>(),
        frame: size_of::<F>(),
        drops_output: needs_drop::<F::Output>(),
        spans: None,
    };

    const TRACED: Vtable = Vtable {
        poll: traced::poll,
        cancel: traced::cancel,
        layout: std::alloc::Layout::new::<TracedCell<F>>(),
        spans: Some(traced::Place {
            offset: std::mem::offset_of!(TracedCell<F>, spans),
            poll: poll::<F>,
            cancel: cancel::<F>,
        }),
        ..Self::VTABLE
    };
}

/// Who was started, where and by whom.
#[derive(Clone, Copy)]
pub(crate) struct Birth {
    pub(crate) id: u64,
    pub(crate) parent: u64,
    pub(crate) site: &'static Location<'static>,
}

impl Header {
    fn new(vtable: &'static Vtable, sched: *const Sched, birth: Birth) -> Header {
        Header {
            state: State::new(),
            vtable: AtomicPtr::new(ptr::from_ref(vtable).cast_mut()),
            next: AtomicPtr::new(ptr::null_mut()),
            sched: AtomicPtr::new(sched.cast_mut()),
            links: Links::new(),
            id: AtomicU64::new(birth.id),
            parent: AtomicU64::new(birth.parent),
            spawn_site: AtomicPtr::new(ptr::from_ref(birth.site).cast_mut()),
            wait_site: AtomicPtr::new(ptr::null_mut()),
            wait: AtomicU64::new(0),
            join_waker: UnsafeCell::new(None),
        }
    }

    /// Begins another life. The caller owns the recycled cell alone.
    fn renew(&self, vtable: &'static Vtable, sched: *const Sched, birth: Birth) {
        // Relaxed: `State::reset` publishes them.
        self.vtable
            .store(ptr::from_ref(vtable).cast_mut(), Ordering::Relaxed);
        self.sched.store(sched.cast_mut(), Ordering::Relaxed);
        self.id.store(birth.id, Ordering::Relaxed);
        if RECORDED {
            self.parent.store(birth.parent, Ordering::Relaxed);
            self.spawn_site
                .store(ptr::from_ref(birth.site).cast_mut(), Ordering::Relaxed);
            self.wait.store(0, Ordering::Relaxed);
            self.wait_site.store(ptr::null_mut(), Ordering::Relaxed);
        }
        self.state.reset();
    }

    pub(super) fn vtable(&self) -> &'static Vtable {
        // SAFETY: cell I3: only `&'static Vtable`s are stored. Relaxed: a holder of the cell (I1)
        // got it through a queue or lock that orders it after the store.
        unsafe { &*self.vtable.load(Ordering::Relaxed) }
    }

    /// The runtime; the pointer may be followed only while the goroutine is not DONE.
    #[inline]
    pub(crate) fn sched(&self) -> *const Sched {
        self.sched.load(Ordering::Relaxed)
    }

    pub(crate) fn id(&self) -> u64 {
        self.id.load(Ordering::Relaxed)
    }

    pub(crate) fn parent(&self) -> u64 {
        self.parent.load(Ordering::Relaxed)
    }

    pub(crate) fn spawn_site(&self) -> &'static Location<'static> {
        // SAFETY: only `&'static Location`s are stored.
        unsafe { &*self.spawn_site.load(Ordering::Relaxed) }
    }

    /// The size of the future's frame, in bytes.
    pub(crate) fn frame(&self) -> usize {
        self.vtable().frame
    }

    /// Records what the goroutine is about to wait for.
    #[inline]
    pub(crate) fn set_wait(&self, reason: WaitReason, site: &'static Location<'static>) {
        self.wait
            .store(Record::waiting(reason).bits(), Ordering::Relaxed);
        self.wait_site
            .store(ptr::from_ref(site).cast_mut(), Ordering::Relaxed);
    }

    /// A turn begins: what was waited for before is over.
    #[inline]
    pub(crate) fn begin_turn(&self) {
        if RECORDED {
            self.wait.store(Record::running().bits(), Ordering::Relaxed);
        }
    }

    /// What `set_wait` or `begin_turn` recorded last.
    pub(crate) fn wait(&self) -> Record {
        Record::from_bits(self.wait.load(Ordering::Relaxed))
    }

    /// Where the wait is that was recorded last, which may be over.
    pub(crate) fn wait_site(&self) -> Option<&'static Location<'static>> {
        // SAFETY: only `&'static Location`s and null are stored.
        unsafe { self.wait_site.load(Ordering::Relaxed).as_ref() }
    }
}

impl G {
    /// Writes a new goroutine into fresh memory of `Cell::<F>` layout (or larger).
    ///
    /// # Safety
    /// `memory` is valid for writes of `Cell<F>` and owned by the caller.
    pub(super) unsafe fn init<F: Future>(
        memory: NonNull<Header>,
        future: F,
        sched: *const Sched,
        birth: Birth,
    ) -> G {
        // SAFETY: the caller vouches for the memory; the header is the first field of `Cell` (repr(C)).
        unsafe {
            let cell = memory.cast::<Cell<F>>();
            (&raw mut (*cell.as_ptr()).stage).write(UnsafeCell::new(Stage {
                future: ManuallyDrop::new(future),
            }));
            memory.write(Header::new(&Typed::<F>::VTABLE, sched, birth));
        }
        G(memory)
    }

    /// The same in a recycled cell, whose header stays in the list of all goroutines meanwhile.
    ///
    /// # Safety
    /// As for `init`, and the cell's header is initialised and DONE.
    pub(super) unsafe fn reinit<F: Future>(
        memory: NonNull<Header>,
        future: F,
        sched: *const Sched,
        birth: Birth,
    ) -> G {
        // SAFETY: as in `init`; walkers of the list read the header only, through atomics.
        unsafe {
            let cell = memory.cast::<Cell<F>>();
            (&raw mut (*cell.as_ptr()).stage).write(UnsafeCell::new(Stage {
                future: ManuallyDrop::new(future),
            }));
            memory.as_ref().renew(&Typed::<F>::VTABLE, sched, birth);
        }
        G(memory)
    }

    /// As `init`, for a goroutine that is followed.
    ///
    /// # Safety
    /// `memory` is valid for writes of `TRACED`'s layout and owned by the caller.
    pub(super) unsafe fn init_traced<F: Future>(
        memory: NonNull<Header>,
        future: F,
        sched: *const Sched,
        birth: Birth,
        spans: Spans,
    ) -> G {
        // SAFETY: a `TracedCell` begins with a `Cell` (repr(C)); nobody has seen it.
        unsafe {
            let g = G::init(memory, future, sched, birth);
            let vtable: &'static Vtable = &Typed::<F>::TRACED;
            g.header()
                .vtable
                .store(ptr::from_ref(vtable).cast_mut(), Ordering::Relaxed);
            traced::settle(g, spans);
            g
        }
    }

    pub(super) const fn layout_of<F: Future>() -> std::alloc::Layout {
        std::alloc::Layout::new::<Cell<F>>()
    }

    pub(super) const fn traced_layout_of<F: Future>() -> std::alloc::Layout {
        Typed::<F>::TRACED.layout
    }

    pub(crate) fn as_ptr(self) -> *mut Header {
        self.0.as_ptr()
    }

    /// Has the cell's beginning, which a turn needs, brought into the cache meanwhile.
    #[inline]
    pub(crate) fn prefetch(self) {
        #[cfg(all(target_arch = "x86_64", not(loom)))]
        for line in 0..3 {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let at = self.as_ptr().cast::<i8>().wrapping_add(64 * line);
            // SAFETY: a hint; it may point to anything.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at) };
        }
    }

    /// # Safety
    /// `ptr` came from `as_ptr` of a goroutine for which cell I1 holds.
    pub(crate) unsafe fn from_ptr(ptr: *mut Header) -> Option<G> {
        NonNull::new(ptr).map(G)
    }

    /// The header.
    ///
    /// # Safety
    /// cell I1 holds for as long as the reference is used.
    #[inline]
    pub(crate) unsafe fn header<'a>(self) -> &'a Header {
        // SAFETY: cell I1, which the caller vouches for.
        unsafe { self.0.as_ref() }
    }

    /// Polls the future; on `Ready` the result lies in the stage. Panics of the future are caught.
    ///
    /// # Safety
    /// The caller moved the state to RUNNING (cell I2).
    #[inline]
    pub(super) unsafe fn poll(self, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: cell I1 and I3.
        unsafe { (self.header().vtable().poll)(self, cx) }
    }

    /// Drops the future and stores "cancelled".
    ///
    /// # Safety
    /// As for `poll`.
    pub(super) unsafe fn cancel(self) {
        // SAFETY: cell I1 and I3.
        unsafe { (self.header().vtable().cancel)(self) }
    }

    /// Whether the drop of its result may run code of the user's, which may take long.
    ///
    /// # Safety
    /// cell I1.
    pub(super) unsafe fn drops_output(self) -> bool {
        // SAFETY: cell I1 and I3.
        unsafe { self.header().vtable().drops_output }
    }

    /// Drops the result; a panic in its `Drop` is caught.
    ///
    /// # Safety
    /// The goroutine is DONE, its result is there, and the caller owns it (cell I2).
    pub(super) unsafe fn drop_output(self) {
        // SAFETY: cell I1 and I3.
        unsafe { (self.header().vtable().drop_output)(self) }
    }

    /// Moves the result out.
    ///
    /// # Safety
    /// As for `drop_output`; `T` is the result type of the goroutine's future.
    pub(super) unsafe fn take_output<T>(self) -> Result<T, JoinError> {
        let mut slot = std::mem::MaybeUninit::<Result<T, JoinError>>::uninit();
        // SAFETY: cell I1 and I3; `take_output` writes a `Result<T, JoinError>` to the slot.
        unsafe {
            (self.header().vtable().take_output)(self, slot.as_mut_ptr().cast());
            slot.assume_init()
        }
    }

    /// The slot of the join waker, for reading.
    ///
    /// # Safety
    /// state I5 allows the caller to read it.
    pub(super) unsafe fn join_waker(self) -> *const Option<Waker> {
        // SAFETY: cell I1.
        unsafe { self.header().join_waker.with(|slot| slot) }
    }

    /// The slot of the join waker, for writing.
    ///
    /// # Safety
    /// state I5 gives the slot to the caller.
    pub(super) unsafe fn join_waker_mut(self) -> *mut Option<Waker> {
        // SAFETY: cell I1.
        unsafe { self.header().join_waker.with_mut(|slot| slot) }
    }
}

unsafe fn stage<F: Future>(g: G) -> *mut Stage<F> {
    // SAFETY: cell I3: `g` is the header of a `Cell<F>`, in memory allocated for it.
    unsafe {
        (*g.0.cast::<Cell<F>>().as_ptr())
            .stage
            .with_mut(|stage| stage)
    }
}

unsafe fn poll<F: Future>(g: G, cx: &mut Context<'_>) -> Poll<()> {
    // SAFETY: cell I2: the caller is the polling M, the future is in the stage; it is pinned because
    // the cell does not move and drops it in place.
    let stage = unsafe { stage::<F>(g) };
    // SAFETY: as above.
    let polled = catch_unwind(AssertUnwindSafe(|| unsafe {
        Pin::new_unchecked(&mut *(*stage).future).poll(cx)
    }));
    let output = match polled {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(output)) => Ok(output),
        Err(panic) => Err(panic),
    };
    // SAFETY: as above; the future will not be polled again.
    unsafe { finish::<F>(g, output) };
    Poll::Ready(())
}

unsafe fn cancel<F: Future>(g: G) {
    // SAFETY: cell I2: the caller is the M that took it to RUNNING.
    unsafe {
        let id = g.header().id();
        match drop_future::<F>(g) {
            Ok(()) => store::<F>(g, Err(JoinError::cancelled(id))),
            Err(panic) => finish_panicked::<F>(g, panic),
        }
    }
}

/// # Safety
/// cell I2; the future is in the stage and has not been dropped.
unsafe fn finish<F: Future>(g: G, output: Result<F::Output, Box<dyn Any + Send>>) {
    // SAFETY: vouched for by the caller.
    unsafe {
        match (output, drop_future::<F>(g)) {
            (Ok(value), Ok(())) => store::<F>(g, Ok(value)),
            (Err(panic), Ok(())) => finish_panicked::<F>(g, panic),
            (output, Err(panic)) => {
                // The first panic is the one to tell; a value or a second payload may panic in turn.
                let (first, rest) = match output {
                    Err(first) => (first, Err(panic)),
                    Ok(value) => (panic, Ok(value)),
                };
                drop_quietly(rest);
                finish_panicked::<F>(g, first);
            }
        }
    }
}

#[cold]
unsafe fn finish_panicked<F: Future>(g: G, panic: Box<dyn Any + Send>) {
    // SAFETY: cell I1 and I2, vouched for by the caller.
    unsafe {
        super::report::report(g.header(), &*panic);
        traced::note_panic(g);
        store::<F>(g, Err(JoinError::panicked(g.header().id(), panic)));
    }
}

unsafe fn drop_future<F: Future>(g: G) -> Result<(), Box<dyn Any + Send>> {
    if !needs_drop::<F>() {
        return Ok(());
    }
    // SAFETY: cell I2: the future is in the stage, and this is the one place that drops it.
    let stage = unsafe { stage::<F>(g) };
    // SAFETY: as above.
    catch_unwind(AssertUnwindSafe(|| unsafe {
        ManuallyDrop::drop(&mut (*stage).future);
    }))
}

unsafe fn store<F: Future>(g: G, output: Result<F::Output, JoinError>) {
    // SAFETY: cell I2: the future is gone, the stage is free for the result.
    unsafe { (*stage::<F>(g)).output = ManuallyDrop::new(output) };
}

unsafe fn drop_output<F: Future>(g: G) {
    // SAFETY: cell I2: the caller owns the result, and nobody looks at it again.
    drop_quietly(unsafe { ManuallyDrop::take(&mut (*stage::<F>(g)).output) });
}

unsafe fn take_output<F: Future>(g: G, slot: *mut ()) {
    // SAFETY: cell I2; the slot is of this type (`G::take_output`).
    unsafe {
        slot.cast::<Result<F::Output, JoinError>>()
            .write(ManuallyDrop::take(&mut (*stage::<F>(g)).output));
    }
}

/// Drops what belongs to nobody any more: a panic there must not reach the M.
fn drop_quietly<T>(value: T) {
    if !needs_drop::<T>() {
        return;
    }
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // A payload that panics in its own drop would do so for ever: it is leaked.
        std::mem::forget(panic);
    }
}

#[cfg(all(test, target_pointer_width = "64", not(loom)))]
mod tests {
    use super::Header;

    #[test]
    fn a_header_is_as_large_as_the_guide_says() {
        let chapter = include_str!("../../../docs/scheduler.md");
        let says = format!("a header of {} bytes", size_of::<Header>());
        assert!(chapter.contains(&says), "it is not {says}");
    }
}
