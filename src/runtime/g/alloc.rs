//! Where cells come from, and the list of all of them (Go's `allgs`).
//!
//! `pool` keeps the cells that ended, and `go` takes them from there: no allocator, no lock. A cell enters
//! the list of all goroutines when its memory is allocated and leaves when it is given back; between two
//! lives it stays in it, marked DONE.
//!
//! The list is process-wide (sharded), not part of a runtime: a waker or join handle may drop the last
//! reference long after the runtime is gone.
//!
//! # Invariants
//!
//! - **alloc I1**: `Links` are read and written under the lock of the cell's shard, which follows from its address.
//! - **alloc I2**: memory is deallocated only after it was unlinked, so a walker that holds the lock
//!   sees initialised headers.

use std::alloc::Layout;
use std::cell::Cell;
use std::future::Future;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cell::{Birth, G, Header};
use super::pool::{Pool, class_of, memory_layout};
use super::traced::Spans;
use crate::runtime::current;
use crate::runtime::sched::Sched;

/// Parts of the list, each with its lock.
const SHARDS: usize = 32;
/// Cells that lie within so many bytes are in one of them. Allocators give each thread memory of its own, so two
/// threads seldom want the same lock.
const NEIGHBOURS: usize = 64 * 1024;

/// A goroutine's place in the list of all goroutines.
pub(crate) struct Links {
    prev: Cell<*mut Header>,
    next: Cell<*mut Header>,
}

impl Links {
    pub(super) fn new() -> Links {
        Links {
            prev: Cell::new(ptr::null_mut()),
            next: Cell::new(ptr::null_mut()),
        }
    }
}

struct Shard(Mutex<Head>);
struct Head(*mut Header);

// SAFETY: the pointer is followed only under the shard's lock (alloc I1, I2).
unsafe impl Send for Head {}

static ALL: [Shard; SHARDS] = [const { Shard(Mutex::new(Head(ptr::null_mut()))) }; SHARDS];

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Head> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shard_of(g: G) -> &'static Shard {
    &ALL[g.as_ptr().addr() / NEIGHBOURS % SHARDS]
}

fn link(g: G) {
    let mut head = shard_of(g).lock();
    // SAFETY: the caller owns `g`; the list's headers are initialised (alloc I2), and the lock is held
    // (alloc I1).
    unsafe {
        let links = &g.header().links;
        links.prev.set(ptr::null_mut());
        links.next.set(head.0);
        if let Some(old) = G::from_ptr(head.0) {
            old.header().links.prev.set(g.as_ptr());
        }
    }
    head.0 = g.as_ptr();
}

fn unlink(g: G) {
    let mut head = shard_of(g).lock();
    // SAFETY: alloc I1 and I2, under the lock.
    unsafe {
        let links = &g.header().links;
        match G::from_ptr(links.prev.get()) {
            Some(prev) => prev.header().links.next.set(links.next.get()),
            None => head.0 = links.next.get(),
        }
        if let Some(next) = G::from_ptr(links.next.get()) {
            next.header().links.prev.set(links.prev.get());
        }
    }
}

/// Calls `visit` with every goroutine that is not over, shard by shard, each under its shard's lock:
/// `visit` must not take locks, allocate goroutines, or run foreign code.
pub(crate) fn for_each(mut visit: impl FnMut(G, &Header)) {
    for shard in &ALL {
        let head = shard.lock();
        let mut at = head.0;
        // SAFETY: alloc I2 under the lock.
        while let Some(g) = unsafe { G::from_ptr(at) } {
            // SAFETY: as above.
            let header = unsafe { g.header() };
            if !header.state.is_done() {
                visit(g, header);
            }
            at = header.links.next.get();
        }
    }
}

/// Makes a goroutine of `future`, from the current M's pool when there is one.
#[inline]
pub(crate) fn new<F: Future>(
    pool: Option<&Pool>,
    future: F,
    sched: *const Sched,
    birth: Birth,
) -> G {
    let layout = G::layout_of::<F>();
    if let (Some(pool), Some(class)) = (pool, class_of(layout)) {
        // SAFETY: `current` hands out the pool of the calling M only (pool I1).
        if let Some(g) = unsafe { pool.take(class) } {
            // SAFETY: the cell is of this class, owned by us, its header initialised and DONE.
            return unsafe { G::reinit(g.0, future, sched, birth) };
        }
    }
    let memory = memory_of(layout);
    // SAFETY: fresh memory, large and aligned enough for `Cell<F>`.
    let g = unsafe { G::init(memory, future, sched, birth) };
    link(g);
    g
}

/// The same when a subscriber of `tracing` may want to follow it.
#[cold]
#[inline(never)]
pub(crate) fn new_traced<F: Future>(
    pool: Option<&Pool>,
    future: F,
    sched: *const Sched,
    birth: Birth,
) -> G {
    let Some(spans) = Spans::begin(birth) else {
        return new(pool, future, sched, birth);
    };
    // Not from the pool, where it goes afterwards: all memory of a class is alike.
    let memory = memory_of(G::traced_layout_of::<F>());
    // SAFETY: fresh memory of that layout.
    let g = unsafe { G::init_traced(memory, future, sched, birth, spans) };
    link(g);
    g
}

/// Fresh memory for a cell.
fn memory_of(layout: Layout) -> NonNull<Header> {
    let layout = memory_layout(layout);
    // SAFETY: a cell is never of size zero.
    let memory = unsafe { crate::loom::alloc::alloc(layout) };
    let Some(memory) = NonNull::new(memory.cast::<Header>()) else {
        std::alloc::handle_alloc_error(layout)
    };
    memory
}

/// Gives a cell back: to the current M, or to the allocator.
///
/// # Safety
/// The goroutine is DONE, its result is gone, and the caller dropped the last reference (state I4).
#[inline]
pub(crate) unsafe fn free(g: G) {
    // SAFETY: the caller owns the cell.
    unsafe {
        let waker = (*g.join_waker_mut()).take();
        if let Some(waker) = waker {
            crate::runtime::wake::drop_waker(waker);
        }
        if let Some(class) = class_of(g.header().vtable().layout) {
            if let Some(m) = current::m() {
                m.pool.put(g, class);
                return;
            }
        }
        free_memory(g);
    }
}

/// # Safety
/// As for `free`.
pub(super) unsafe fn free_memory(g: G) {
    unlink(g);
    // SAFETY: unlinked and owned: nobody sees it any more (alloc I2). The layout is the one that it
    // was allocated with: all types that lived in it are of one class.
    unsafe {
        let layout = memory_layout(g.header().vtable().layout);
        ptr::drop_in_place(g.as_ptr());
        crate::loom::alloc::dealloc(g.as_ptr().cast(), layout);
    }
}
