//! The global run queue: goroutines made ready outside any P, preempted ones, and what overflows.
//!
//! A queue of addresses and not, as in Go, a list through the goroutines: a batch comes and goes as one copy, and the
//! cells, long out of the cache when a crowd waits here, are not touched under the lock.
//!
//! # Invariants
//!
//! - **injector I1**: `len` is the length, stored under the lock; without it, it is a hint.

use std::collections::VecDeque;

use crate::loom::sync::atomic::{AtomicUsize, Ordering};
use crate::loom::sync::{Mutex, MutexGuard};
use crate::runtime::g::{G, Header};
use crate::runtime::p::runq::Overflow;

/// Room for so many is kept when the queue is empty.
const KEPT: usize = 4096;

pub(crate) struct Injector {
    /// What is in it belongs to the queue (state I1).
    queue: Mutex<VecDeque<G>>,
    len: AtomicUsize,
}

impl Injector {
    pub(crate) fn new() -> Injector {
        Injector {
            queue: Mutex::new(VecDeque::new()),
            len: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<G>> {
        crate::loom::lock(&self.queue)
    }

    fn publish(&self, queue: &VecDeque<G>) {
        // Ordering: Release pairs with the Acquire in `len`; who pushes and who goes to sleep meet
        // through the SeqCst fences in `wake`.
        self.len.store(queue.len(), Ordering::Release);
    }

    /// Puts one at the tail.
    pub(crate) fn push(&self, g: G) {
        let mut queue = self.lock();
        queue.push_back(g);
        self.publish(&queue);
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
        let mut queue = self.lock();
        let count = queue.len().min(max);
        let mut batch = queue.drain(..count);
        let first = batch.next()?;
        batch.for_each(&mut rest);
        if queue.is_empty() {
            queue.shrink_to(KEPT);
        }
        self.publish(&queue);
        Some(first)
    }
}

impl Overflow<Header> for Injector {
    fn overflow(&self, batch: &[*mut Header]) {
        let mut queue = self.lock();
        // SAFETY: what is in a ring is a goroutine.
        queue.extend(batch.iter().filter_map(|&g| unsafe { G::from_ptr(g) }));
        self.publish(&queue);
    }
}
