//! The local run queue of a P: a 256-slot ring and the `runnext` slot.
//!
//! Only the owner of the P puts goroutines in; anybody takes them out of the ring. The owner pushes at the
//! tail and everybody takes at the head, by a CAS on it. A full ring sends its older half and the newcomer
//! to the global queue as one batch. `runnext` holds the goroutine that was made ready last, which runs
//! next; the one that it displaces goes to the ring.
//!
//! The algorithm is that of Go's `runqput`, `runqget` and `runqgrab`. Slots are atomics because a thief
//! reads them *before* the CAS that tells whether it owned what it read.
//!
//! In Go `runnext` changes hands by CAS. Here it is the owner's, and a thief comes to it as an owner for a
//! moment, while the real one is kept out by its lease (`m/lease.rs`): it is stolen seldom, and put and taken
//! in almost every turn.
//!
//! # Invariants
//!
//! - **runq I1**: `tail` is stored by the owner of the P only; `head` moves by CAS, and only forward.
//! - **runq I2**: slots in `head..tail` hold items that were pushed and not taken. An item belongs to
//!   whoever moved `head` past it.
//! - **runq I3**: `runnext` is stored by the owner of the P only.
//!
//! The CAS on `head` must be a Release: the thief's reads of the slots come before it, and the owner
//! that sees the moved head (Acquire, in `push_back`) may then overwrite them. loom does not explore
//! load buffering, so it does not notice when that Release is missing; this paragraph guards it.

use crossbeam_utils::CachePadded;
use std::ptr;

use crate::loom::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// Slots of the ring. Small under loom, so that a model reaches overflow and reuse.
pub(crate) const CAPACITY: usize = if cfg!(loom) { 4 } else { 256 };
const MASK: u32 = CAPACITY as u32 - 1;

/// The queue itself; used through `Local` by the owner and `Steal` by everybody.
pub(crate) struct Runq<T> {
    head: CachePadded<AtomicU32>,
    tail: CachePadded<AtomicU32>,
    runnext: CachePadded<AtomicPtr<T>>,
    ring: Box<[AtomicPtr<T>]>,
}

/// Takes what does not fit into a ring.
pub(crate) trait Overflow<T> {
    /// `batch` in queue order.
    fn overflow(&self, batch: &[*mut T]);
}

/// The owner's side.
pub(crate) struct Local<'a, T>(&'a Runq<T>);

/// The side of thieves, and of anybody who only looks.
pub(crate) struct Steal<'a, T>(&'a Runq<T>);

impl<T> Runq<T> {
    pub(crate) fn new() -> Runq<T> {
        Runq {
            head: CachePadded::new(AtomicU32::new(0)),
            tail: CachePadded::new(AtomicU32::new(0)),
            runnext: CachePadded::new(AtomicPtr::new(ptr::null_mut())),
            ring: (0..CAPACITY)
                .map(|_| AtomicPtr::new(ptr::null_mut()))
                .collect(),
        }
    }

    /// # Safety
    /// The caller owns the P of this queue for as long as it uses the handle (runq I1, I3).
    #[inline]
    pub(crate) unsafe fn local(&self) -> Local<'_, T> {
        Local(self)
    }

    #[inline]
    pub(crate) fn steal(&self) -> Steal<'_, T> {
        Steal(self)
    }

    #[inline]
    fn slot(&self, index: u32) -> &AtomicPtr<T> {
        &self.ring[(index & MASK) as usize]
    }
}

impl<T> Local<'_, T> {
    /// Puts `item` into `runnext`; the one displaced goes to the ring. `true` = the ring grew (or
    /// overflowed): there is something for others to take.
    #[inline]
    pub(crate) fn push_next(&self, item: *mut T, overflow: &impl Overflow<T>) -> bool {
        // Relaxed: the owner's own (runq I3).
        let displaced = self.0.runnext.load(Ordering::Relaxed);
        // Ordering: Release pairs with the Acquire in `is_empty`.
        self.0.runnext.store(item, Ordering::Release);
        if displaced.is_null() {
            return false;
        }
        self.push_back(displaced, overflow);
        true
    }

    /// Puts `item` at the tail of the ring.
    #[inline]
    pub(crate) fn push_back(&self, item: *mut T, overflow: &impl Overflow<T>) {
        loop {
            // Ordering: Acquire pairs with the Release CAS of whoever took from the head: their reads
            // of the slots come before our store to a slot that is reused.
            let head = self.0.head.load(Ordering::Acquire);
            // Relaxed: only the owner stores the tail (runq I1).
            let tail = self.0.tail.load(Ordering::Relaxed);
            if tail.wrapping_sub(head) < CAPACITY as u32 {
                // Relaxed: published by the store of the tail.
                self.0.slot(tail).store(item, Ordering::Relaxed);
                // Ordering: Release pairs with the Acquire loads of the tail in `Steal`.
                self.0.tail.store(tail.wrapping_add(1), Ordering::Release);
                return;
            }
            if self.spill(head, item, overflow) {
                return;
            }
        }
    }

    /// The ring is full: its older half and `item` go to the global queue.
    #[cold]
    fn spill(&self, head: u32, item: *mut T, overflow: &impl Overflow<T>) -> bool {
        const HALF: usize = CAPACITY / 2;
        let mut batch = [ptr::null_mut(); HALF + 1];
        for (i, entry) in batch[..HALF].iter_mut().enumerate() {
            // Relaxed: the owner stored them itself.
            *entry = self
                .0
                .slot(head.wrapping_add(i as u32))
                .load(Ordering::Relaxed);
        }
        // Ordering: as in `pop`.
        let taken = self.0.head.compare_exchange(
            head,
            head.wrapping_add(HALF as u32),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        if taken.is_err() {
            return false;
        }
        batch[HALF] = item;
        overflow.overflow(&batch);
        true
    }

    /// Takes `runnext`.
    #[inline]
    pub(crate) fn pop_next(&self) -> Option<*mut T> {
        // Relaxed: the owner's own (runq I3).
        let next = self.0.runnext.load(Ordering::Relaxed);
        if next.is_null() {
            return None;
        }
        // Ordering: as in `push_next`.
        self.0.runnext.store(ptr::null_mut(), Ordering::Release);
        Some(next)
    }

    /// Takes the head of the ring.
    #[inline]
    pub(crate) fn pop(&self) -> Option<*mut T> {
        // Ordering: Acquire pairs with the AcqRel CASes on the head.
        let mut head = self.0.head.load(Ordering::Acquire);
        loop {
            // Relaxed: only the owner stores the tail (runq I1).
            if head == self.0.tail.load(Ordering::Relaxed) {
                return None;
            }
            // Relaxed: the owner stored it itself, or its predecessor did, which the hand-over of the
            // P orders.
            let item = self.0.slot(head).load(Ordering::Relaxed);
            // Ordering: Release: our read of the slot comes before its reuse (see the header).
            match self.0.head.compare_exchange_weak(
                head,
                head.wrapping_add(1),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(item),
                Err(actual) => head = actual,
            }
        }
    }

    /// Steals half of `victim`'s ring, into this ring; returns the youngest of it, to be run.
    pub(crate) fn steal_from(&self, victim: &Steal<'_, T>) -> Option<*mut T> {
        debug_assert!(!ptr::eq(self.0, victim.0));
        // Relaxed: only the owner stores the tail (runq I1).
        let tail = self.0.tail.load(Ordering::Relaxed);
        let count = victim.grab(|i, item| {
            // Relaxed: published by the store of the tail below.
            self.0
                .slot(tail.wrapping_add(i))
                .store(item, Ordering::Relaxed);
        });
        let rest = count.checked_sub(1)?;
        let youngest = self.0.slot(tail.wrapping_add(rest)).load(Ordering::Relaxed);
        if rest > 0 {
            // Ordering: Release pairs with the Acquire loads of the tail in `Steal`.
            self.0
                .tail
                .store(tail.wrapping_add(rest), Ordering::Release);
        }
        Some(youngest)
    }
}

impl<T> Steal<'_, T> {
    /// Takes the older half of the ring (rounded up): `put` gets each item before it is certain that it
    /// is ours; the count that is returned tells which of the last round's are.
    fn grab(&self, mut put: impl FnMut(u32, *mut T)) -> u32 {
        loop {
            // Ordering: Acquire pairs with the AcqRel CASes on the head ...
            let head = self.0.head.load(Ordering::Acquire);
            // ... and with the Release stores of the tail, which publish the slots.
            let tail = self.0.tail.load(Ordering::Acquire);
            let len = tail.wrapping_sub(head);
            let count = len - len / 2;
            if count == 0 {
                return 0;
            }
            if count > CAPACITY as u32 / 2 {
                // Head and tail were read at different times.
                crate::loom::thread::yield_now();
                continue;
            }
            for i in 0..count {
                // Relaxed: published by the tail; void when the CAS fails.
                put(i, self.0.slot(head.wrapping_add(i)).load(Ordering::Relaxed));
            }
            // Ordering: Release: the reads above come before the reuse of the slots (see the header).
            let taken = self.0.head.compare_exchange(
                head,
                head.wrapping_add(count),
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            if taken.is_ok() {
                return count;
            }
        }
    }

    /// True when there is a `runnext` (racy).
    pub(crate) fn has_next(&self) -> bool {
        !self.0.runnext.load(Ordering::Relaxed).is_null()
    }

    /// True when the ring is empty (racy, exact for the owner).
    #[inline]
    pub(crate) fn ring_is_empty(&self) -> bool {
        self.ring_len() == 0
    }

    /// Where the next item goes; it moves with each that is pushed.
    pub(crate) fn tail(&self) -> u32 {
        // Relaxed: compared, not followed.
        self.0.tail.load(Ordering::Relaxed)
    }

    /// Items in the ring (racy).
    pub(crate) fn ring_len(&self) -> usize {
        // Ordering: Acquire pairs with the stores and CASes that publish items; after a SeqCst fence
        // (sched/wake) a push before the pusher's fence is seen.
        let head = self.0.head.load(Ordering::Acquire);
        let tail = self.0.tail.load(Ordering::Acquire);
        tail.wrapping_sub(head).min(CAPACITY as u32) as usize
    }

    /// True when neither ring nor `runnext` holds anything. Never true while an item moves from
    /// `runnext` to the ring: the tail is read again, as in Go's `runqempty`.
    pub(crate) fn is_empty(&self) -> bool {
        loop {
            // Ordering: Acquire, as in `ring_len`; the order of the three looks is what counts.
            let head = self.0.head.load(Ordering::Acquire);
            let tail = self.0.tail.load(Ordering::Acquire);
            let next = self.0.runnext.load(Ordering::Acquire);
            if tail == self.0.tail.load(Ordering::Acquire) {
                return head == tail && next.is_null();
            }
        }
    }
}
