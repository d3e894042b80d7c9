//! Deadlines and timeouts of contexts.

use std::thread;
use std::time::{Duration, Instant};

use gosched::block_on;
use gosched::context::{Context, ContextError};

const FAR: Duration = Duration::from_secs(3_600);
const SOON: Duration = Duration::from_millis(20);

#[test]
fn a_deadline_ends_the_context_and_all_below_not_before_it_has_come() {
    let start = Instant::now();
    let (ctx, _cancel) = Context::background().with_timeout(SOON);
    let (child, _cancel_child) = ctx.with_value(1_u8).with_cancel();
    assert_eq!(ctx.err(), None);
    block_on(child.done());
    assert!(start.elapsed() >= SOON, "after {:?}", start.elapsed());
    assert_eq!(child.err(), Some(ContextError::DeadlineExceeded));
    assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
    assert_eq!(
        ctx.cause().unwrap().downcast_ref(),
        Some(&ContextError::DeadlineExceeded)
    );
}

#[test]
fn a_deadline_that_has_passed_gives_a_context_that_is_born_done() {
    let past = Instant::now() - Duration::from_millis(1);
    let background = Context::background();
    for (ctx, _cancel) in [
        background.with_deadline(past),
        background.with_timeout(Duration::ZERO),
        background.with_deadline_cause(past, "late"),
        background.with_timeout_cause(Duration::ZERO, "late"),
    ] {
        assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
        assert!(ctx.deadline().unwrap() <= Instant::now());
    }
}

#[test]
fn a_timeout_beyond_the_clock_is_never() {
    let (ctx, cancel) = Context::background().with_timeout(Duration::MAX);
    assert_eq!(ctx.deadline(), None);
    thread::sleep(Duration::from_millis(5));
    assert_eq!(ctx.err(), None);
    let (child, _cancel) = ctx.with_timeout_cause(Duration::MAX, "never given");
    cancel.cancel();
    assert_eq!(child.err(), Some(ContextError::Canceled));
    assert_eq!(child.cause().unwrap().to_string(), "context canceled");
}

#[test]
fn a_timeout_of_a_century_does_not_fire() {
    let (ctx, _cancel) = Context::background().with_timeout(FAR * 24 * 365 * 100);
    thread::sleep(Duration::from_millis(5));
    assert_eq!(ctx.err(), None);
    assert!(ctx.deadline().is_some());
}

#[test]
fn the_earlier_deadline_above_wins() {
    let (parent, _cancel) = Context::background().with_timeout(SOON);
    let (child, _cancel_child) = parent.with_timeout_cause(FAR, "never given");
    assert_eq!(child.deadline(), parent.deadline());
    block_on(child.done());
    assert_eq!(child.err(), Some(ContextError::DeadlineExceeded));
    assert_eq!(
        child.cause().unwrap().to_string(),
        "context deadline exceeded"
    );
}

#[test]
fn a_deadline_that_is_not_earlier_above_leaves_the_child_its_own() {
    let deadline = Instant::now() + FAR;
    let (parent, _cancel) = Context::background().with_deadline(deadline);
    let (same, _cancel_same) = parent.with_deadline_cause(deadline, "own");
    assert!(same.to_string().contains(").WithDeadline("), "{same}");
    let (later, _cancel_later) = parent.with_deadline(deadline + SOON);
    assert!(later.to_string().ends_with(").WithCancel"), "{later}");
    assert_eq!(later.deadline(), Some(deadline));
}

#[test]
fn a_child_keeps_the_deadline_above_although_all_other_handles_are_gone() {
    let (parent, cancel) = Context::background().with_timeout(SOON);
    let (child, _cancel_child) = parent.with_value(1_u8).with_cancel();
    let deadline = parent.deadline();
    cancel.detach();
    drop(parent);
    assert_eq!(child.deadline(), deadline);
    block_on(child.done());
    assert_eq!(child.err(), Some(ContextError::DeadlineExceeded));
    assert!(child.without_cancel().deadline().is_none());
}

#[test]
fn a_later_deadline_above_does_not_hold_up_an_earlier_one() {
    let (parent, _cancel) = Context::background().with_timeout(FAR);
    let (child, _cancel_child) = parent.with_timeout_cause(SOON, "own");
    assert!(child.deadline() < parent.deadline());
    assert_eq!(child.with_cancel().0.deadline(), child.deadline());
    block_on(child.done());
    assert_eq!(child.cause().unwrap().to_string(), "own");
    assert_eq!(parent.err(), None);
}

#[test]
fn a_context_cancelled_in_time_does_not_get_the_deadlines_cause() {
    let (ctx, cancel) = Context::background().with_timeout_cause(SOON, "time is up");
    cancel.cancel();
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
    thread::sleep(SOON * 2);
    assert_eq!(
        ctx.err(),
        Some(ContextError::Canceled),
        "the first end stays"
    );
    assert_eq!(ctx.cause().unwrap().to_string(), "context canceled");
}

#[test]
fn the_deadline_stays_visible_when_the_context_is_done() {
    let (ctx, cancel) = Context::background().with_timeout(FAR);
    let deadline = ctx.deadline();
    assert!(deadline.is_some());
    cancel.cancel();
    assert_eq!(ctx.deadline(), deadline);
}

#[test]
fn a_deadline_of_a_done_parent_does_not_change_its_error() {
    let (parent, cancel) = Context::background().with_cancel();
    cancel.cancel_cause("parent");
    let (child, _cancel) = parent.with_timeout_cause(Duration::ZERO, "late");
    assert_eq!(child.err(), Some(ContextError::Canceled));
    assert_eq!(child.cause().unwrap().to_string(), "parent");
}
