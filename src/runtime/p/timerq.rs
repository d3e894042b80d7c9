//! What holds the timers of a P: those of the nearest millisecond in a 4-ary heap (Go's `timers`),
//! the others in buckets.
//!
//! A heap of all timers would be moved about in for each that fires, and each move touches a node
//! somewhere in memory: with 100,000 of them that was most of what they cost. A bucket is a list
//! through its nodes, in no order; when the heap has run empty the next bucket is poured into it. So a
//! timer that fires is moved once or twice, and one that is stopped before, as timeouts are, is
//! unlinked.
//!
//! Used by `timers` under the heap's lock.
//!
//! # Invariants
//!
//! - **timerq I1**: a timer whose bucket is above `limit` is in `far`, every other one in `near`. So
//!   `near` is exact, and holds the earliest; it is empty only if all is.
//! - **timerq I2**: entry `i` of `near` has `node.index == i`; a node in `far` has `FAR`, one in
//!   neither `OUT`.
//! - **timerq I3**: the nodes of a bucket form a list through `prev` and `next`, which begins at the
//!   bucket's entry in `far`. No bucket is empty.

use std::collections::BTreeMap;
use std::ptr;

use super::timers::{NEVER, Nanos, TimerNode};

pub(super) const OUT: usize = usize::MAX;
const FAR: usize = usize::MAX - 1;
const ARITY: usize = 4;
/// A bucket is 2^20 ns, about a millisecond.
const BUCKET_BITS: u32 = 20;
/// As long as the heap holds fewer, nothing is sorted into buckets.
const FEW: usize = 64;

#[derive(Clone, Copy)]
struct Entry {
    when: Nanos,
    node: *const TimerNode,
}

/// See the module.
pub(super) struct Queue {
    near: Vec<Entry>,
    far: BTreeMap<u64, *const TimerNode>,
    limit: u64,
    /// When `near` is so long it is looked through for what belongs into buckets.
    split_at: usize,
}

fn bucket(when: Nanos) -> u64 {
    when >> BUCKET_BITS
}

/// The node behind a pointer.
///
/// # Safety
/// It is in the queue: then it is alive (timers I2) and its cells are ours, under the lock.
unsafe fn at<'a>(node: *const TimerNode) -> &'a TimerNode {
    // SAFETY: the caller's promise.
    unsafe { &*node }
}

impl Queue {
    pub(super) const fn new() -> Queue {
        Queue {
            near: Vec::new(),
            far: BTreeMap::new(),
            limit: 0,
            split_at: FEW,
        }
    }

    /// The earliest deadline.
    #[inline]
    pub(super) fn earliest(&self) -> Nanos {
        self.near.first().map_or(NEVER, |entry| entry.when)
    }

    /// Puts a timer in.
    ///
    /// # Safety
    /// It is in no queue, pinned, and taken out before it goes away (timers I2).
    pub(super) unsafe fn push(&mut self, node: *const TimerNode, when: Nanos) {
        if self.near.is_empty() {
            // timerq I1: then there is none in `far` either.
            self.limit = bucket(when);
        }
        // SAFETY: the caller's promise.
        unsafe { at(node) }.when.set(when);
        if bucket(when) > self.limit {
            // SAFETY: as above.
            return unsafe { self.link(node) };
        }
        self.near.push(Entry { when, node });
        self.sift_up(self.near.len() - 1);
        if self.near.len() >= self.split_at {
            self.split();
        }
    }

    /// Takes the earliest timer out, if it is due by `now`.
    pub(super) fn pop_due(&mut self, now: Nanos) -> Option<*const TimerNode> {
        if self.near.is_empty() || self.earliest() > now {
            return None;
        }
        Some(self.remove_near(0))
    }

    /// Takes a timer out; `false` = it is not in here.
    ///
    /// # Safety
    /// The node is alive.
    pub(super) unsafe fn remove(&mut self, node: *const TimerNode) -> bool {
        // SAFETY: the caller's promise.
        match unsafe { at(node) }.index.get() {
            OUT => return false,
            // SAFETY: timerq I2.
            FAR => unsafe { self.unlink(node) },
            index => {
                self.remove_near(index);
            }
        }
        true
    }

    fn remove_near(&mut self, index: usize) -> *const TimerNode {
        let removed = self.near.swap_remove(index);
        if index < self.near.len() {
            if index > 0 && self.near[(index - 1) / ARITY].when > self.near[index].when {
                self.sift_up(index);
            } else {
                self.sift_down(index);
            }
        }
        // SAFETY: it was in the heap until now.
        unsafe { at(removed.node) }.index.set(OUT);
        if self.near.is_empty() {
            self.pour();
        }
        removed.node
    }

    /// Puts an entry in its place.
    fn place(&mut self, index: usize, entry: Entry) {
        self.near[index] = entry;
        // SAFETY: it is in the heap.
        unsafe { at(entry.node) }.index.set(index);
    }

    fn sift_up(&mut self, mut index: usize) {
        let entry = self.near[index];
        while index > 0 {
            let parent = (index - 1) / ARITY;
            if self.near[parent].when <= entry.when {
                break;
            }
            self.place(index, self.near[parent]);
            index = parent;
        }
        self.place(index, entry);
    }

    fn sift_down(&mut self, mut index: usize) {
        let entry = self.near[index];
        loop {
            let first = index * ARITY + 1;
            let last = (first + ARITY).min(self.near.len());
            let Some(least) = (first..last).min_by_key(|&i| self.near[i].when) else {
                break;
            };
            if entry.when <= self.near[least].when {
                break;
            }
            self.place(index, self.near[least]);
            index = least;
        }
        self.place(index, entry);
    }

    /// Puts a node at the head of its bucket's list.
    ///
    /// # Safety
    /// As for `push`; its `when` is set.
    unsafe fn link(&mut self, node: *const TimerNode) {
        // SAFETY: the caller's promise; a head is in the queue.
        unsafe {
            let links = at(node);
            links.index.set(FAR);
            links.prev.set(ptr::null());
            let head = self
                .far
                .insert(bucket(links.when.get()), node)
                .unwrap_or(ptr::null());
            links.next.set(head);
            if !head.is_null() {
                at(head).prev.set(node);
            }
        }
    }

    /// Takes a node out of its bucket's list.
    ///
    /// # Safety
    /// It is in `far`.
    unsafe fn unlink(&mut self, node: *const TimerNode) {
        // SAFETY: timerq I3: it and its neighbours are in the queue.
        unsafe {
            let links = at(node);
            let (prev, next) = (links.prev.get(), links.next.get());
            if !next.is_null() {
                at(next).prev.set(prev);
            }
            if !prev.is_null() {
                at(prev).next.set(next);
            } else if next.is_null() {
                self.far.remove(&bucket(links.when.get()));
            } else {
                self.far.insert(bucket(links.when.get()), next);
            }
            links.index.set(OUT);
        }
    }

    /// The heap has run empty: the next bucket's timers become it.
    fn pour(&mut self) {
        self.split_at = FEW;
        let Some((bucket, mut node)) = self.far.pop_first() else {
            return;
        };
        self.limit = bucket;
        while !node.is_null() {
            // SAFETY: timerq I3.
            let links = unsafe { at(node) };
            let when = links.when.get();
            self.near.push(Entry { when, node });
            self.sift_up(self.near.len() - 1);
            node = links.next.get();
        }
        // All are of one millisecond: there is nothing to split.
        self.split_at = FEW.max(2 * self.near.len());
    }

    /// The heap has grown long: what is not of the earliest millisecond goes to the buckets.
    fn split(&mut self) {
        self.limit = bucket(self.earliest());
        let all = std::mem::take(&mut self.near);
        for entry in all {
            if bucket(entry.when) > self.limit {
                // SAFETY: it was in the heap until now.
                unsafe { self.link(entry.node) };
            } else {
                self.near.push(entry);
                self.sift_up(self.near.len() - 1);
            }
        }
        self.split_at = FEW.max(2 * self.near.len());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// A queue beside a plain list that says what it should do.
    struct Both {
        queue: Queue,
        /// Boxed: they must not move.
        #[allow(clippy::vec_box)]
        nodes: Vec<Box<TimerNode>>,
        armed: Vec<(Nanos, usize)>,
    }

    impl Both {
        fn new(nodes: usize) -> Both {
            Both {
                queue: Queue::new(),
                nodes: (0..nodes).map(|_| Box::new(TimerNode::new())).collect(),
                armed: Vec::new(),
            }
        }

        fn push(&mut self, node: usize, when: Nanos) {
            // SAFETY: boxed, in no queue, and taken out before `self` goes.
            unsafe { self.queue.push(&raw const *self.nodes[node], when) };
            self.armed.push((when, node));
        }

        fn remove(&mut self, node: usize) {
            let was_in = self.armed.iter().any(|&(_, other)| other == node);
            self.armed.retain(|&(_, other)| other != node);
            // SAFETY: the node lives.
            let removed = unsafe { self.queue.remove(&raw const *self.nodes[node]) };
            assert_eq!(removed, was_in);
        }

        fn pop_due(&mut self, now: Nanos) {
            while let Some(node) = self.queue.pop_due(now) {
                let node = self
                    .nodes
                    .iter()
                    .position(|own| ptr::eq(&raw const **own, node))
                    .unwrap();
                let earliest = self.armed.iter().map(|&(when, _)| when).min().unwrap();
                let at = self.armed.iter().position(|&(_, other)| other == node);
                let (when, _) = self.armed.swap_remove(at.unwrap());
                assert_eq!(when, earliest);
                assert!(when <= now);
            }
            self.check();
            assert!(self.armed.iter().all(|&(when, _)| when > now));
        }

        fn check(&self) {
            let earliest = self.armed.iter().map(|&(when, _)| when).min();
            assert_eq!(self.queue.earliest(), earliest.unwrap_or(NEVER));
            let in_far: usize = self
                .queue
                .far
                .values()
                .map(|&head| {
                    let mut count = 0;
                    let mut node = head;
                    while !node.is_null() {
                        count += 1;
                        // SAFETY: timerq I3.
                        node = unsafe { at(node) }.next.get();
                    }
                    assert!(count > 0);
                    count
                })
                .sum();
            assert_eq!(in_far + self.queue.near.len(), self.armed.len());
        }
    }

    #[test]
    fn timers_armed_stopped_and_due_at_random_come_out_in_order() {
        for seed in 0..30 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut both = Both::new(400);
            let spread = [1_000, 1 << 21, 1 << 28, 1 << 40][seed as usize % 4];
            let mut now = 0;
            for _ in 0..6_000 {
                let node = rng.usize(..both.nodes.len());
                match rng.u32(..10) {
                    0..6 if both.nodes[node].index.get() == OUT => {
                        both.push(node, now + rng.u64(..spread));
                    }
                    0..8 => both.remove(node),
                    8 => {
                        now += rng.u64(..spread / 20 + 1);
                        both.pop_due(now);
                    }
                    _ => both.check(),
                }
            }
            both.pop_due(NEVER);
            assert!(both.armed.is_empty());
        }
    }

    #[test]
    fn a_far_timer_alone_does_not_keep_nearer_ones_out_of_the_buckets() {
        let mut both = Both::new(1_000);
        both.push(0, 1 << 50);
        for node in 1..1_000 {
            both.push(node, (node as Nanos) << BUCKET_BITS);
        }
        assert!(both.queue.near.len() < 2 * FEW);
        both.check();
        both.pop_due(NEVER);
    }
}
