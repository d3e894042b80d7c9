//! Models of the races that matter: a newcomer against the end of what it joins.

use std::sync::Arc;

use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::super::{Context, ContextError};

/// A waker that is counted, and wakes nobody.
struct Quiet;

impl std::task::Wake for Quiet {
    fn wake(self: Arc<Self>) {}
}

// Caught: `adopt` that does not look again under the lock; `end` that writes the cause after it.
#[test]
fn a_child_made_while_its_parent_is_cancelled_gets_the_parents_cause() {
    loom::model(|| {
        let (parent, cancel) = Context::background().with_cancel();
        let maker = {
            let parent = parent.clone();
            thread::spawn(move || {
                let (child, keep) = parent.with_cancel();
                let (grandchild, keep_too) = child.with_value(1_u8).with_cancel();
                keep.detach();
                keep_too.detach();
                (child, grandchild)
            })
        };
        cancel.cancel_cause("stop");
        let (child, grandchild) = maker.join().unwrap();
        for ctx in [child, grandchild] {
            assert_eq!(ctx.err(), Some(ContextError::Canceled));
            assert_eq!(ctx.cause().unwrap().to_string(), "stop");
        }
    });
}

// Caught: `poll_ended` that does not look again under the lock.
#[test]
fn a_wait_begun_while_the_context_is_cancelled_ends() {
    loom::model(|| {
        let (ctx, cancel) = Context::background().with_cancel();
        let canceller = thread::spawn(move || cancel.cancel());
        block_on(ctx.done());
        assert_eq!(ctx.err(), Some(ContextError::Canceled));
        canceller.join().unwrap();
    });
}

// Caught: `end` that writes the cause after the lock, or stores the state Relaxed; `error` that loads it Relaxed.
#[test]
fn whoever_sees_the_error_sees_the_cause_and_what_was_done_before() {
    loom::model(|| {
        let before = Arc::new(AtomicUsize::new(0));
        let (ctx, cancel) = Context::background().with_cancel();
        let observer = {
            let before = before.clone();
            thread::spawn(move || {
                if ctx.err().is_some() {
                    // First: the cause lies behind the lock, which would show it anyway.
                    assert_eq!(before.load(Ordering::Relaxed), 1);
                    assert_eq!(ctx.cause().unwrap().to_string(), "stop");
                }
            })
        };
        before.store(1, Ordering::Relaxed);
        cancel.cancel_cause("stop");
        observer.join().unwrap();
    });
}

// Caught: `end` that does not look again under the lock.
#[test]
fn of_two_cancellations_one_gives_error_and_cause() {
    loom::model(|| {
        let (parent, cancel_parent) = Context::background().with_cancel();
        let (child, cancel_child) = parent.with_cancel();
        let other = thread::spawn(move || cancel_parent.cancel_cause("parent"));
        cancel_child.cancel_cause("child");
        let first = child.cause().unwrap().to_string();
        other.join().unwrap();
        assert_eq!(
            child.cause().unwrap().to_string(),
            first,
            "the first cause stays"
        );
        assert_eq!(parent.cause().unwrap().to_string(), "parent");
    });
}

// Caught: `dismiss` that takes nobody out; a node's drop that does not leave its parent; `end` that takes the
// dependents in a turn of the lock of its own, before the state; a canceller that keeps the child.
#[test]
fn a_child_may_leave_while_its_parent_is_cancelled() {
    loom::model(|| {
        let (parent, cancel) = Context::background().with_cancel();
        let (child, cancel_child) = parent.with_cancel();
        let (other, cancel_other) = parent.with_cancel();
        let node = Arc::downgrade(&child.node);
        cancel_child.detach();
        cancel_other.detach();
        let leaver = thread::spawn(move || {
            drop(child);
            let (there, _) = parent.node.scope().unwrap().dependents();
            // In this order: a parent that is alive after the look was alive in it.
            if parent.err().is_none() {
                assert_eq!(there, 1, "of the two, the one that left");
            }
        });
        cancel.cancel();
        leaver.join().unwrap();
        assert!(node.upgrade().is_none());
        assert_eq!(
            other.err(),
            Some(ContextError::Canceled),
            "it is still in its place"
        );
    });
}

// Caught: `dismiss` that takes nobody out; `end` that takes the dependents in a turn of the lock of its own, before
// the state.
#[test]
fn a_wait_may_be_dropped_while_the_context_is_cancelled() {
    loom::model(|| {
        let (ctx, cancel) = Context::background().with_cancel();
        let waiter = thread::spawn(move || {
            let counted = Arc::new(Quiet);
            let waker = std::task::Waker::from(counted.clone());
            {
                let mut done = Box::pin(ctx.done());
                let mut task = std::task::Context::from_waker(&waker);
                let _ = done.as_mut().poll(&mut task);
            }
            let kept = Arc::strong_count(&counted) - 2;
            if ctx.err().is_none() {
                assert_eq!(kept, 0, "nobody has taken it, so it left with the wait");
            }
            (counted, waker)
        });
        cancel.cancel();
        let (counted, _waker) = waiter.join().unwrap();
        assert_eq!(Arc::strong_count(&counted), 2);
    });
}
