//! The global run queue: goroutines made ready outside any P, preempted ones, and what overflows.
//!
//! # Invariants
//!
//! - **injector I1**: `next` of a queued goroutine's header belongs to the queue, under its lock.
//! - **injector I2**: `len` is the length, stored under the lock; without it, it is a hint.

use std::ptr;

use crate::loom::sync::atomic::{AtomicUsize, Ordering};
use crate::loom::sync::{Mutex, MutexGuard};
use crate::runtime::g::{G, Header};
use crate::runtime::p::runq::Overflow;

pub(crate) struct Injector {
    list: Mutex<List>,
    len: AtomicUsize,
}

struct List {
    head: *mut Header,
    tail: *mut Header,
    len: usize,
}

// SAFETY: queued goroutines belong to the queue (state I1), whatever thread locks it.
unsafe impl Send for List {}

impl List {
    fn push(&mut self, g: *mut Header) {
        // SAFETY: injector I1; queued goroutines are alive (state I3).
        unsafe {
            (*g).next.store(ptr::null_mut(), Ordering::Relaxed);
            match self.tail.as_ref() {
                Some(tail) => tail.next.store(g, Ordering::Relaxed),
                None => self.head = g,
            }
        }
        self.tail = g;
        self.len += 1;
    }

    fn pop(&mut self) -> Option<G> {
        // SAFETY: injector I1 and state I3.
        let g = unsafe { G::from_ptr(self.head) }?;
        // SAFETY: as above.
        self.head = unsafe { g.header().next.load(Ordering::Relaxed) };
        if self.head.is_null() {
            self.tail = ptr::null_mut();
        }
        self.len -= 1;
        Some(g)
    }
}

impl Injector {
    pub(crate) fn new() -> Injector {
        Injector {
            list: Mutex::new(List {
                head: ptr::null_mut(),
                tail: ptr::null_mut(),
                len: 0,
            }),
            len: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        crate::loom::lock(&self.list)
    }

    fn publish(&self, list: &List) {
        // Ordering: Release pairs with the Acquire in `len`; who pushes and who goes to sleep meet
        // through the SeqCst fences in `wake`.
        self.len.store(list.len, Ordering::Release);
    }

    /// Puts one at the tail.
    pub(crate) fn push(&self, g: G) {
        let mut list = self.lock();
        list.push(g.as_ptr());
        self.publish(&list);
    }

    /// How many there are (a hint).
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Ordering: see `publish`.
        self.len.load(Ordering::Acquire)
    }

    /// Takes up to `max`: the first to be run, the others handed to `rest` in order.
    pub(crate) fn pop_batch(&self, max: usize, mut rest: impl FnMut(G)) -> Option<G> {
        if self.len() == 0 {
            return None;
        }
        let mut list = self.lock();
        let first = list.pop()?;
        for _ in 1..max {
            match list.pop() {
                Some(g) => rest(g),
                None => break,
            }
        }
        self.publish(&list);
        Some(first)
    }
}

impl Overflow<Header> for Injector {
    fn overflow(&self, batch: &[*mut Header]) {
        let mut list = self.lock();
        for &g in batch {
            list.push(g);
        }
        self.publish(&list);
    }
}
