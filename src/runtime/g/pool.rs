//! Cells between two lives (Go's lists of dead Gs): a pool on each M, and a depot for all.
//!
//! An M keeps the cells that ended on it by size class, in two magazines each: the one in use, and a
//! spare that is full or empty. A goroutine often ends on another M than the one that started it, which
//! would run one M's pool dry while another's overflows. So a third magazine goes to the depot, where an
//! M whose two are empty looks before it allocates; a lock is taken once for a whole magazine. (The scheme
//! is Bonwick's, of the Solaris slab allocator's per-processor caches.)
//!
//! Called by `alloc`. Cells in a magazine are in the list of all goroutines, marked DONE.
//!
//! Rejected: a pool on the P (Go's choice): the M that has lost its P in the middle of a poll would then
//! need the allocator just when it is late.
//!
//! # Invariants
//!
//! - **pool I1**: a `Pool` is used by its M only.
//! - **pool I2**: what is in a magazine is DONE, owned by the magazine alone, and of its class.

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::alloc::free_memory;
use super::cell::{G, Header};

/// Cells up to `CLASSES * GRAIN` bytes are recycled. The grain is the usual allocator's, so a class wastes
/// nothing.
const GRAIN: usize = 16;
const CLASSES: usize = 64;
const CELL_ALIGN: usize = 16;
/// Bytes in a magazine, about: some five hundred small goroutines.
const MAGAZINE: usize = 128 * 1024;
/// The most magazines in the depot, of all classes together.
const MOST: usize = 128;

/// The size class of a cell; `None` for one that is not recycled.
#[inline]
pub(super) fn class_of(layout: Layout) -> Option<usize> {
    let class = layout.size().div_ceil(GRAIN) - 1;
    (class < CLASSES && layout.align() <= CELL_ALIGN).then_some(class)
}

/// What is asked of the allocator for a cell of this layout: whole classes, so that another type of
/// the class fits.
pub(super) fn memory_layout(layout: Layout) -> Layout {
    match class_of(layout) {
        Some(class) => Layout::from_size_align((class + 1) * GRAIN, CELL_ALIGN)
            .expect("a size class is a valid layout"),
        None => layout,
    }
}

/// Cells of one class, linked by `Header::next`.
struct Magazine {
    head: *mut Header,
    len: usize,
}

// SAFETY: pool I2: whoever has a magazine owns the cells in it.
unsafe impl Send for Magazine {}

impl Magazine {
    const EMPTY: Magazine = Magazine {
        head: ptr::null_mut(),
        len: 0,
    };

    #[inline]
    fn take(&mut self) -> Option<G> {
        // SAFETY: pool I2: cells in a magazine are initialised.
        let g = unsafe { G::from_ptr(self.head) }?;
        // SAFETY: as above; `next` is the magazine's while the cell is in it.
        self.head = unsafe { g.header().next.load(Ordering::Relaxed) };
        self.len -= 1;
        Some(g)
    }

    /// # Safety
    /// The caller owns `g` alone, which is DONE and of the magazine's class.
    #[inline]
    unsafe fn put(&mut self, g: G) {
        // SAFETY: the caller owns the cell.
        unsafe { g.header().next.store(self.head, Ordering::Relaxed) };
        self.head = g.as_ptr();
        self.len += 1;
    }

    /// Gives all its cells back to the allocator.
    fn scrap(mut self) {
        while let Some(g) = self.take() {
            // SAFETY: the magazine owned the cell.
            unsafe { free_memory(g) };
        }
    }
}

/// The two magazines of a class.
struct Rack {
    used: Magazine,
    spare: Magazine,
}

/// The cells that an M keeps.
pub(crate) struct Pool {
    racks: UnsafeCell<[Rack; CLASSES]>,
}

impl Pool {
    pub(crate) fn new() -> Pool {
        Pool {
            racks: UnsafeCell::new([const { Rack::EMPTY }; CLASSES]),
        }
    }

    /// # Safety
    /// Called by the pool's M (pool I1).
    #[inline]
    pub(super) unsafe fn take(&self, class: usize) -> Option<G> {
        // SAFETY: pool I1: no other reference to the racks exists.
        let rack = unsafe { &mut (*self.racks.get())[class] };
        rack.used.take().or_else(|| rack.reload(class))
    }

    /// # Safety
    /// Called by the pool's M; the caller owns `g` alone, which is DONE and of that class.
    #[inline]
    pub(super) unsafe fn put(&self, g: G, class: usize) {
        // SAFETY: pool I1.
        let rack = unsafe { &mut (*self.racks.get())[class] };
        if rack.used.len >= MAGAZINE / ((class + 1) * GRAIN) {
            rack.unload(class);
        }
        // SAFETY: vouched for by the caller.
        unsafe { rack.used.put(g) };
    }
}

impl Rack {
    const EMPTY: Rack = Rack {
        used: Magazine::EMPTY,
        spare: Magazine::EMPTY,
    };

    /// The one in use is empty.
    #[cold]
    fn reload(&mut self, class: usize) -> Option<G> {
        if self.spare.len == 0 {
            self.used = fetch(class)?;
        } else {
            std::mem::swap(&mut self.used, &mut self.spare);
        }
        self.used.take()
    }

    /// The one in use is full; afterwards it is empty.
    #[cold]
    fn unload(&mut self, class: usize) {
        std::mem::swap(&mut self.used, &mut self.spare);
        let full = std::mem::replace(&mut self.used, Magazine::EMPTY);
        give(class, full);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for (class, rack) in self.racks.get_mut().iter_mut().enumerate() {
            for magazine in [&mut rack.used, &mut rack.spare] {
                give(class, std::mem::replace(magazine, Magazine::EMPTY));
            }
        }
    }
}

/// Full magazines, and those of Ms that have ended. Process-wide, as the list of all goroutines is.
static DEPOT: Mutex<[Vec<Magazine>; CLASSES]> = Mutex::new([const { Vec::new() }; CLASSES]);
/// How many there are, of all classes. Written under the lock; read without it as a hint.
static STOCK: AtomicUsize = AtomicUsize::new(0);

fn depot() -> MutexGuard<'static, [Vec<Magazine>; CLASSES]> {
    DEPOT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a magazine out of the depot.
fn fetch(class: usize) -> Option<Magazine> {
    // Relaxed: a hint. Without it every goroutine that is new to memory would cost a lock.
    if STOCK.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let magazine = depot()[class].pop()?;
    STOCK.fetch_sub(1, Ordering::Relaxed);
    Some(magazine)
}

/// Puts a magazine into the depot; if that is full, its cells are freed.
fn give(class: usize, magazine: Magazine) {
    if magazine.len == 0 {
        return;
    }
    let mut depot = depot();
    if STOCK.load(Ordering::Relaxed) < MOST {
        STOCK.fetch_add(1, Ordering::Relaxed);
        depot[class].push(magazine);
        return;
    }
    drop(depot);
    magazine.scrap();
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::panic::Location;

    use super::super::alloc::new;
    use super::super::cell::Birth;
    use super::super::run::stillborn;
    use super::*;

    /// Makes the cells a class of their own: the depot is that of all tests.
    type Frame = [u8; 900];

    /// A cell that is over, and the caller's alone.
    fn dead() -> G {
        let birth = Birth {
            id: 0,
            parent: 0,
            site: Location::caller(),
        };
        let frame: Frame = [0; 900];
        let future = async move {
            std::future::pending::<()>().await;
            std::hint::black_box(frame);
        };
        let g = new(None, future, ptr::null(), birth);
        // SAFETY: just made and never queued. Its end gives up the alive reference; the join handle's is ours,
        // and with it the result.
        unsafe {
            stillborn(g);
            g.drop_output();
        }
        g
    }

    fn take_all(pool: &Pool, class: usize) -> Vec<G> {
        // SAFETY: this thread alone uses the pool.
        std::iter::from_fn(|| unsafe { pool.take(class) }).collect()
    }

    #[test]
    fn what_one_m_has_too_many_of_another_uses_and_the_rest_outlives_its_m() {
        let first = dead();
        // SAFETY: the cell is alive: we own it.
        let class = class_of(unsafe { first.header() }.vtable().layout).unwrap();
        let magazine = MAGAZINE / ((class + 1) * GRAIN);
        let (one, two) = (Pool::new(), Pool::new());
        let count = 3 * magazine;
        for g in std::iter::once(first).chain(std::iter::repeat_with(dead).take(count - 1)) {
            // SAFETY: this thread alone uses the pool; the cell is over and ours.
            unsafe { one.put(g, class) };
        }
        // One magazine is in use, one is the spare, one is for all.
        let shared = take_all(&two, class);
        assert_eq!(shared.len(), magazine);
        drop(one);
        let left = take_all(&two, class);
        assert_eq!(left.len(), 2 * magazine);
        let addresses: std::collections::HashSet<_> =
            shared.iter().chain(&left).map(|g| g.as_ptr()).collect();
        assert_eq!(addresses.len(), count, "a cell was given out twice");
        for g in shared.into_iter().chain(left) {
            // SAFETY: the pool gave it to us.
            unsafe { free_memory(g) };
        }
    }

    #[test]
    fn a_class_is_as_large_as_its_largest_cell_and_big_or_strict_cells_have_none() {
        for size in 1..=CLASSES * GRAIN {
            let layout = Layout::from_size_align(size, 8).unwrap();
            let memory = memory_layout(layout);
            assert!(memory.size() >= size && memory.size() < size + GRAIN);
            assert_eq!(class_of(layout), class_of(memory));
        }
        for (size, align) in [(CLASSES * GRAIN + 1, 8), (64, 2 * CELL_ALIGN)] {
            let layout = Layout::from_size_align(size, align).unwrap();
            assert_eq!(class_of(layout), None);
            assert_eq!(memory_layout(layout), layout);
        }
    }
}
