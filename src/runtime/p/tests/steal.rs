//! How much a thief takes, and that it takes it: for every number of goroutines that a ring can hold, and wherever in
//! the ring they lie.

use std::cell::RefCell;

use crate::runtime::p::runq::{CAPACITY, Local, Overflow, Runq};

/// The global queue: numbers, as [`item`] made them.
#[derive(Default)]
struct Spilled(RefCell<Vec<usize>>);

impl Overflow<()> for Spilled {
    fn overflow(&self, batch: &[*mut ()]) {
        self.0
            .borrow_mut()
            .extend(batch.iter().map(|&item| item.addr()));
    }
}

/// Nobody looks behind the pointers of a queue, so that a number can stand for a goroutine.
fn item(number: usize) -> *mut () {
    std::ptr::without_provenance_mut(number)
}

fn local(queue: &Runq<()>) -> Local<'_, ()> {
    // SAFETY: runq I1: this thread alone owns every queue of a test.
    unsafe { queue.local() }
}

fn rest(queue: &Runq<()>) -> Vec<usize> {
    std::iter::from_fn(|| local(queue).pop().map(|item| item.addr())).collect()
}

#[test]
fn a_thief_takes_the_older_half_of_any_number_and_runs_the_youngest_of_it() {
    for turn in [0, 1, CAPACITY / 2, CAPACITY - 1] {
        let (victim, thief, nowhere) = (Runq::new(), Runq::new(), Spilled::default());
        // Both rings begin where they wrap around somewhere.
        for _ in 0..turn {
            for queue in [&victim, &thief] {
                local(queue).push_back(item(1), &nowhere);
                assert_eq!(rest(queue), [1]);
            }
        }
        for count in 0..=CAPACITY {
            for number in 1..=count {
                local(&victim).push_back(item(number), &nowhere);
            }
            let half = count.div_ceil(2);
            let first = local(&thief).steal_from(&victim.steal());
            assert_eq!(
                first.map(|item| item.addr()),
                (half > 0).then_some(half),
                "of {count}"
            );
            assert_eq!(rest(&thief), Vec::from_iter(1..half), "of {count}");
            assert_eq!(
                rest(&victim),
                Vec::from_iter(half + 1..=count),
                "of {count}"
            );
        }
        assert!(nowhere.0.borrow().is_empty());
    }
}

#[test]
fn a_full_ring_gives_its_older_half_and_the_newcomer_away_in_their_order() {
    let (queue, global) = (Runq::new(), Spilled::default());
    for number in 1..=CAPACITY + 1 {
        local(&queue).push_back(item(number), &global);
    }
    let half = CAPACITY / 2;
    let mut given = Vec::from_iter(1..=half);
    given.push(CAPACITY + 1);
    assert_eq!(*global.0.borrow(), given);
    assert_eq!(rest(&queue), Vec::from_iter(half + 1..=CAPACITY));
}

#[test]
fn a_thief_of_the_ring_leaves_runnext_to_its_owner() {
    let (victim, thief, nowhere) = (Runq::new(), Runq::new(), Spilled::default());
    assert!(!local(&victim).push_next(item(1), &nowhere));
    assert!(
        local(&victim).push_next(item(2), &nowhere),
        "1 is displaced"
    );
    let steal = || {
        let first = local(&thief).steal_from(&victim.steal());
        first.map(|item| item.addr())
    };
    assert_eq!(steal(), Some(1));
    assert_eq!(steal(), None);
    assert_eq!(local(&victim).pop_next().map(|item| item.addr()), Some(2));
}
