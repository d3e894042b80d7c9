//! What a context keeps, and for how long.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::super::Context;
use super::super::tree::Node;

fn dependents(ctx: &Context) -> (usize, usize) {
    ctx.node
        .scope()
        .expect("a context that can be cancelled")
        .dependents()
}

fn watch(ctx: &Context) -> Weak<Node> {
    Arc::downgrade(&ctx.node)
}

#[test]
fn a_million_short_children_do_not_grow_their_parent() {
    let (parent, _cancel) = Context::background().with_cancel();
    for n in 0..1_000_000 {
        let (child, cancel) = parent.with_cancel();
        match n % 3 {
            0 => cancel.cancel(),
            1 => drop((child, cancel)),
            _ => {
                cancel.detach();
                assert!(child.err().is_none());
            }
        }
    }
    assert_eq!(dependents(&parent), (0, 1));
}

#[test]
fn a_child_that_is_cancelled_leaves_its_parent_although_its_handle_is_kept() {
    let (parent, _cancel) = Context::background().with_cancel();
    let (child, cancel) = parent.with_cancel();
    assert_eq!(dependents(&parent).0, 1);
    cancel.cancel();
    assert_eq!(dependents(&parent).0, 0);
    assert!(child.err().is_some());
}

#[test]
fn a_burst_of_children_gives_its_room_back() {
    let (parent, _cancel) = Context::background().with_cancel();
    let children: Vec<_> = (0..10_000).map(|_| parent.with_cancel()).collect();
    assert_eq!(dependents(&parent).0, 10_000);
    drop(children);
    assert_eq!(dependents(&parent), (0, 1));
}

#[test]
fn waits_that_are_dropped_leave_no_trace() {
    let (ctx, _cancel) = Context::background().with_cancel();
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..1_000 {
        let mut done = Box::pin(ctx.done());
        assert!(done.as_mut().poll(&mut task).is_pending());
        assert!(done.as_mut().poll(&mut task).is_pending());
        assert_eq!(dependents(&ctx).0, 1, "a second poll takes no second place");
    }
    assert_eq!(dependents(&ctx).0, 0);
}

#[test]
fn functions_that_are_stopped_leave_no_trace() {
    let (root, _cancel) = Context::background().with_cancel();
    let (ctx, cancel) = root.with_cancel();
    let node = watch(&ctx);
    for _ in 0..1_000 {
        assert!(ctx.after_func(|| ()).stop());
    }
    assert_eq!(dependents(&ctx), (0, 1));
    cancel.detach();
    drop(ctx);
    assert!(node.upgrade().is_none(), "nothing keeps the context");
}

#[test]
fn a_context_without_handles_is_gone_although_its_parent_lives() {
    let (parent, _cancel) = Context::background().with_cancel();
    let (child, cancel) = parent.with_timeout(Duration::from_secs(3_600));
    cancel.detach();
    let node = watch(&child);
    drop(child);
    assert!(node.upgrade().is_none());
    assert_eq!(dependents(&parent).0, 0);
}

#[test]
fn a_token_keeps_its_context_only_while_something_may_end_it() {
    let (alone, cancel) = Context::background().with_cancel();
    let node = watch(&alone);
    let token = alone.token().clone();
    cancel.detach();
    drop(alone);
    assert!(
        node.upgrade().is_none(),
        "nobody is left who could cancel it"
    );
    assert!(!token.is_cancelled());

    let (parent, cancel_parent) = Context::background().with_cancel();
    let (child, cancel) = parent.with_cancel();
    let node = watch(&child);
    let token = child.token().clone();
    cancel.detach();
    drop(child);
    assert!(node.upgrade().is_some(), "the parent may");
    cancel_parent.cancel();
    assert!(token.is_cancelled());
    assert!(node.upgrade().is_none(), "ended, and nothing holds it");
}

#[test]
#[cfg(target_pointer_width = "64")]
fn a_context_with_its_counts_fits_into_two_lines_of_the_cache() {
    assert!(2 * size_of::<usize>() + size_of::<Node>() <= 120);
}

#[test]
fn a_timer_is_gone_with_its_context() {
    let (parent, _cancel) = Context::background().with_cancel();
    let cause = Arc::new(std::fmt::Error);
    let (child, cancel) = parent.with_timeout_cause(Duration::from_secs(3_600), cause.clone());
    assert_eq!(Arc::strong_count(&cause), 2, "the timer holds it");
    cancel.cancel();
    assert_eq!(Arc::strong_count(&cause), 1, "though the context is held");
    drop(child);
    let (child, cancel) = parent.with_timeout_cause(Duration::from_secs(3_600), cause.clone());
    let below = child.with_cancel();
    cancel.detach();
    drop(child);
    assert_eq!(Arc::strong_count(&cause), 2, "a child keeps it going");
    drop(below);
    assert_eq!(Arc::strong_count(&cause), 1);
}

#[test]
fn cancelling_releases_what_waited() {
    let (parent, cancel) = Context::background().with_cancel();
    let kept: Vec<_> = (0..100).map(|_| parent.with_cancel()).collect();
    cancel.cancel();
    assert_eq!(dependents(&parent), (0, 1));
    assert!(kept.iter().all(|(child, _)| child.err().is_some()));
}
