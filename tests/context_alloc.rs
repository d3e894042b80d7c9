//! What contexts ask of the allocator. The counts are those of the test's own thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use gosched::{Context, chan, select};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does the work; counting allocates nothing, for the counter needs no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `f` allocates.
fn allocations<T>(f: impl FnOnce() -> T) -> usize {
    let before = COUNT.get();
    let kept = f();
    let count = COUNT.get() - before;
    drop(kept);
    count
}

#[test]
fn a_child_takes_one_allocation_and_a_handle_none() {
    let (parent, _cancel) = Context::background().with_cancel();
    // The parent's list has room from now on.
    let _children: Vec<_> = (0..3).map(|_| parent.with_cancel()).collect();
    assert_eq!(allocations(|| parent.with_cancel()), 1);
    assert_eq!(allocations(|| parent.without_cancel()), 1);
    assert_eq!(allocations(|| parent.with_value(1_u64)), 2, "and its value");
    assert_eq!(allocations(|| parent.clone()), 0);
}

#[test]
fn a_child_with_a_timeout_takes_four() {
    const FAR: Duration = Duration::from_secs(3_600);
    let (parent, _cancel) = Context::background().with_cancel();
    // The runtime whose timer it is has started, and the lists have room.
    let _kept: Vec<_> = (0..3).map(|_| parent.with_timeout(FAR)).collect();
    // The node, the deadline that those below share, the timer, and what it calls.
    assert!(allocations(|| parent.with_timeout(FAR)) <= 4);
    let (timed, _cancel) = parent.with_timeout(FAR);
    let _first = timed.with_cancel();
    let _second = timed.with_cancel();
    assert_eq!(
        allocations(|| timed.with_cancel()),
        1,
        "it shares the deadline"
    );
}

#[test]
fn asking_and_waiting_allocate_nothing() {
    let (ctx, cancel) = Context::background().with_cancel();
    let mut task = Task::from_waker(Waker::noop());
    let count = allocations(|| {
        let mut done = pin!(ctx.done());
        for _ in 0..10 {
            assert!(done.as_mut().poll(&mut task).is_pending());
            assert!(ctx.err().is_none() && ctx.deadline().is_none());
        }
    });
    assert_eq!(count, 0);
    assert_eq!(allocations(|| cancel.cancel()), 0);
}

#[test]
fn a_select_that_need_not_wait_leaves_nothing_with_the_context() {
    let (ctx, _cancel) = Context::background().with_cancel();
    // There is no room for a second who is to be told.
    let _child = ctx.with_cancel();
    let (tx, rx) = chan::<u8>(1);
    let mut task = Task::from_waker(Waker::noop());
    for n in 0..20 {
        tx.try_send(n).unwrap();
        let count = allocations(|| {
            let mut waiting = pin!(async {
                select! {
                    biased;
                    _ = ctx.done() => None,
                    received = rx.recv() => received,
                }
            });
            assert!(waiting.as_mut().poll(&mut task) == Poll::Ready(Some(n)));
        });
        assert_eq!(count, 0);
        let count = allocations(|| {
            select! {
                _ = ctx.done() => unreachable!(),
                _ = rx.recv() => unreachable!(),
                default => {}
            }
        });
        assert_eq!(count, 0);
    }
    let count = allocations(|| {
        let mut waiting = pin!(async {
            select! { _ = ctx.done() => {}, _ = rx.recv() => {} }
        });
        assert!(waiting.as_mut().poll(&mut task).is_pending());
    });
    assert!(count > 0, "one that waits is on the list");
}
