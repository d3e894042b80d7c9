//! Models of the run queue: its owner against thieves and against whoever only looks. The ring has
//! four slots here, so that few items fill it and use its slots again.
//!
//! An item carries a cell that the owner writes before it queues the item, and that whoever takes the
//! item writes again: one that is not published, or that two have, shows as a causality violation. The
//! count at the end shows one that is lost. Each model names a change to the code that it was seen to
//! catch.

use loom::sync::{Arc, Mutex};
use loom::thread::{self, JoinHandle};

use crate::loom::cell::UnsafeCell;
use crate::runtime::p::runq::{CAPACITY, Local, Overflow, Runq};

/// Stands for a goroutine.
struct Item(UnsafeCell<usize>);

/// What was taken from a queue, in order.
type Taken = Vec<usize>;

fn item(number: usize) -> *mut Item {
    let item = Box::new(Item(UnsafeCell::new(0)));
    // SAFETY: nobody else has it.
    item.0.with_mut(|cell| unsafe { *cell = number });
    Box::into_raw(item)
}

/// Its number; 0 to a second taker, who must find it in memory: an item is never freed.
fn open(item: *mut Item) -> usize {
    assert!(!item.is_null(), "a slot that nobody has filled");
    // SAFETY: runq I2: it was made by `item`.
    let item = unsafe { &*item };
    // SAFETY: runq I2: it belongs to whoever took it, which the cell checks.
    item.0
        .with_mut(|cell| unsafe { std::mem::replace(&mut *cell, 0) })
}

/// The global queue.
#[derive(Default)]
struct Spilled(Mutex<Vec<usize>>);

impl Overflow<Item> for Spilled {
    fn overflow(&self, batch: &[*mut Item]) {
        let mut list = self.0.lock().unwrap();
        list.extend(batch.iter().map(|&item| open(item)));
    }
}

/// A queue, and the global one behind it.
#[derive(Clone)]
struct Queue(Arc<(Runq<Item>, Spilled)>);

impl Queue {
    fn new() -> Queue {
        Queue(Arc::new((Runq::new(), Spilled::default())))
    }

    fn runq(&self) -> &Runq<Item> {
        &self.0.0
    }

    /// For the one thread of the model that owns the queue.
    fn local(&self) -> Local<'_, Item> {
        // SAFETY: runq I1: each model has one owner per queue.
        unsafe { self.runq().local() }
    }

    fn push(&self, number: usize) {
        self.local().push_back(item(number), &self.0.1);
    }

    fn push_next(&self, number: usize) -> bool {
        self.local().push_next(item(number), &self.0.1)
    }

    fn pop(&self) -> Option<usize> {
        self.local().pop().map(open)
    }

    /// All that is left in the queue and behind it.
    fn drain(&self) -> Taken {
        let mut taken = Taken::new();
        taken.extend(self.local().pop_next().map(open));
        while let Some(number) = self.pop() {
            taken.push(number);
        }
        taken.append(&mut self.0.1.0.lock().unwrap());
        taken
    }

    /// A thief that visits this queue once, and returns what it got.
    fn thief(&self) -> JoinHandle<Taken> {
        let victim = self.clone();
        thread::spawn(move || {
            let own = Queue::new();
            let first = own.local().steal_from(&victim.runq().steal());
            let mut taken: Taken = first.into_iter().map(open).collect();
            taken.extend(own.drain());
            taken
        })
    }
}

/// `parts` hold each of `1..=n` once.
#[track_caller]
fn assert_all(n: usize, parts: &[Taken]) {
    let mut all = parts.concat();
    all.sort_unstable();
    assert_eq!(all, (1..=n).collect::<Vec<_>>(), "{parts:?}");
}

// Caught: `grab` that reads the slots after its CAS; `pop` that stores the head instead of comparing.
#[test]
fn a_steal_beside_an_owner_that_pops_and_fills_the_ring_again_loses_and_doubles_nothing() {
    loom::model(|| {
        let queue = Queue::new();
        (1..=3).for_each(|n| queue.push(n));
        let thief = queue.thief();
        let mut mine = Taken::new();
        mine.extend(queue.pop());
        queue.push(4);
        queue.push(5);
        mine.extend(queue.pop());
        let stolen = thief.join().unwrap();
        assert_all(5, &[mine, stolen, queue.drain()]);
    });
}

// Caught: `grab` that stores the head instead of comparing it; a `push_back` that stores the tail before
// the slot, or with a Relaxed store; `steal_from` that leaves the youngest in the ring too.
#[test]
fn two_thieves_and_an_owner_that_pushes_share_the_ring_without_a_remainder() {
    loom::model(|| {
        let queue = Queue::new();
        queue.push(1);
        queue.push(2);
        let thieves = [queue.thief(), queue.thief()];
        queue.push(3);
        let [one, two] = thieves.map(|thief| thief.join().unwrap());
        assert_all(3, &[one, two, queue.drain()]);
    });
}

// Caught: `steal_from` with a Relaxed store of the tail.
#[test]
fn what_a_thief_brings_home_may_be_stolen_again() {
    loom::model(|| {
        let (queue, home) = (Queue::new(), Queue::new());
        (1..=3).for_each(|n| queue.push(n));
        let thief = {
            let (victim, home) = (queue.clone(), home.clone());
            thread::spawn(move || {
                let first = home.local().steal_from(&victim.runq().steal());
                first.into_iter().map(open).collect::<Taken>()
            })
        };
        let second = home.thief();
        let mine = queue.pop().into_iter().collect();
        let parts = [thief.join().unwrap(), second.join().unwrap(), mine];
        assert_all(3, &[parts.concat(), home.drain(), queue.drain()]);
    });
}

// Caught: `spill` that stores the head instead of comparing it.
#[test]
fn a_ring_that_overflows_while_it_is_robbed_loses_and_doubles_nothing() {
    loom::model(|| {
        let queue = Queue::new();
        (1..=CAPACITY).for_each(|n| queue.push(n));
        let thief = queue.thief();
        queue.push(CAPACITY + 1);
        let mine = queue.pop().into_iter().collect();
        let stolen = thief.join().unwrap();
        assert_all(CAPACITY + 1, &[mine, stolen, queue.drain()]);
    });
}

// Caught: `is_empty` that does not read the tail again; one with a Relaxed load of `runnext`.
#[test]
fn a_queue_does_not_look_empty_while_an_item_moves_from_runnext_to_the_ring() {
    loom::model(|| {
        let queue = Queue::new();
        queue.push_next(1);
        let onlooker = {
            let queue = queue.clone();
            thread::spawn(move || queue.runq().steal().is_empty())
        };
        // 1 is in the queue all the time: in `runnext` until 2 is, then in the ring.
        queue.push_next(2);
        let mine: Taken = queue.local().pop_next().into_iter().map(open).collect();
        assert!(!onlooker.join().unwrap());
        assert_eq!(mine, [2]);
        assert_all(2, &[mine, queue.drain()]);
    });
}
