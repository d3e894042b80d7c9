//! Contexts that end with a signal. One process, one handler for each signal: every test has signals
//! of its own.
#![cfg(unix)]

use std::time::Duration;

use gosched::signal::{Received, Signal, notify_context};
use gosched::{Context, select, time};

/// Sends a signal to this process.
fn raise(signal: libc::c_int) {
    // SAFETY: a handler is installed.
    assert_eq!(unsafe { libc::kill(libc::getpid(), signal) }, 0);
}

fn received(ctx: &Context) -> Signal {
    let cause = ctx.cause().expect("it is done");
    cause
        .downcast_ref::<Received>()
        .expect("a signal was the cause")
        .signal()
}

#[test]
fn the_first_of_the_signals_ends_the_context_and_is_its_cause() {
    gosched::block_on(async {
        let both = [Signal::User1, Signal::Hangup];
        let (ctx, _stop) = notify_context(&Context::background(), both);
        assert_eq!(
            ctx.to_string(),
            "signal.NotifyContext(context.Background, [hangup user defined signal 1])"
        );
        assert_eq!(ctx.err(), None);
        raise(libc::SIGUSR1);
        ctx.done().await;
        assert_eq!(ctx.err(), Some(gosched::context::ContextError::Canceled));
        assert_eq!(received(&ctx), Signal::User1);
        assert_eq!(
            ctx.cause().unwrap().to_string(),
            "user defined signal 1 signal received"
        );
    });
}

#[test]
fn children_and_parents_are_as_with_any_other_context() {
    gosched::block_on(async {
        let (parent, cancel) = Context::background().with_cancel();
        let (ctx, _stop) = notify_context(&parent, [Signal::User2]);
        let (other, _stop_other) = notify_context(&Context::background(), [Signal::User2]);
        let (child, _cancel) = ctx.with_cancel();
        cancel.cancel();
        child.done().await;
        assert_eq!(ctx.err(), Some(gosched::context::ContextError::Canceled));
        assert_eq!(other.err(), None);
        // The handler stays: the signal ends who still listens, and not the process.
        raise(libc::SIGUSR2);
        other.done().await;
        assert_eq!(received(&other), Signal::User2);
    });
}

#[test]
fn a_context_that_was_stopped_no_longer_listens() {
    gosched::block_on(async {
        let (ctx, stop) = notify_context(&Context::background(), [Signal::WindowChange]);
        drop(stop);
        ctx.done().await;
        raise(libc::SIGWINCH);
        assert!(ctx.cause().unwrap().downcast_ref::<Received>().is_none());
    });
}

#[test]
fn without_signals_or_under_a_parent_that_is_done_nobody_listens() {
    gosched::block_on(async {
        let (ctx, stop) = notify_context(&Context::background(), [Signal::Alarm; 0]);
        select! {
            _ = ctx.done() => panic!("nothing has happened"),
            _ = time::sleep(Duration::from_millis(1)) => {}
        }
        stop.cancel();
        assert_eq!(ctx.err(), Some(gosched::context::ContextError::Canceled));
        let (late, _stop) = notify_context(&ctx, [Signal::Alarm]);
        assert!(late.err().is_some());
    });
}
