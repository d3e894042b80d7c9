//! Functions that run when a context is done, and the token that follows it.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use gosched::block_on;
use gosched::context::{Context, ContextError};
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_function_runs_once_the_context_is_done_and_not_on_the_cancellers_stack() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (tx, rx) = mpsc::channel();
    let (release, blocked) = mpsc::channel::<()>();
    let _stop = ctx.after_func(move || {
        // Blocks until the canceller has returned from `cancel`: on his stack this would never end.
        blocked.recv_timeout(LONG).unwrap();
        tx.send(thread::current().id()).unwrap();
    });
    assert!(
        rx.recv_timeout(Duration::from_millis(5)).is_err(),
        "not before the context is done"
    );
    cancel.cancel();
    release.send(()).unwrap();
    assert_ne!(rx.recv_timeout(LONG).unwrap(), thread::current().id());
    assert!(rx.recv().is_err(), "it ran once and was dropped");
}

#[test]
fn a_function_of_a_done_context_runs_at_once() {
    let (ctx, cancel) = Context::background().with_cancel();
    cancel.cancel();
    let (tx, rx) = mpsc::channel();
    let stop = ctx
        .with_value(1_u8)
        .after_func(move || tx.send(()).unwrap());
    rx.recv_timeout(LONG).unwrap();
    assert!(!stop.stop());
}

#[test]
fn stop_is_true_once_and_then_the_function_never_runs() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (tx, rx) = mpsc::channel::<()>();
    let stop = ctx.after_func(move || tx.send(()).unwrap());
    assert!(stop.stop());
    assert!(!stop.stop());
    assert!(!stop.clone().stop());
    assert!(rx.recv().is_err(), "a function that was stopped is dropped");
    cancel.cancel();
}

#[test]
fn stop_is_false_once_the_function_has_started_even_from_within() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (tx, rx) = mpsc::channel();
    let (hand_over, handed) = mpsc::channel::<gosched::context::StopFunc>();
    let stop = ctx.after_func(move || {
        let stop = handed.recv_timeout(LONG).unwrap();
        tx.send(stop.stop()).unwrap();
    });
    cancel.cancel();
    assert!(!stop.stop());
    hand_over.send(stop).unwrap();
    assert!(!rx.recv_timeout(LONG).unwrap());
}

#[test]
fn a_function_runs_or_its_stop_is_true_and_never_both() {
    let ran = Arc::new(AtomicUsize::new(0));
    let mut stopped = 0;
    for _ in 0..300 {
        let (ctx, cancel) = Context::background().with_cancel();
        let counted = ran.clone();
        let stop = ctx.after_func(move || {
            counted.fetch_add(1, SeqCst);
        });
        let start = Arc::new(Barrier::new(2));
        let theirs = start.clone();
        let canceller = thread::spawn(move || {
            theirs.wait();
            cancel.cancel();
        });
        start.wait();
        stopped += usize::from(stop.stop());
        canceller.join().unwrap();
    }
    let until = std::time::Instant::now() + LONG;
    while ran.load(SeqCst) + stopped < 300 && std::time::Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(Duration::from_millis(20));
    assert_eq!(ran.load(SeqCst) + stopped, 300);
}

#[test]
fn on_a_context_that_is_never_done_only_stop_has_an_effect() {
    for ctx in [
        Context::background(),
        Context::background().with_value(1_u8),
    ] {
        let stop = ctx.after_func(|| unreachable!("never done"));
        assert!(stop.stop());
        assert!(!stop.stop());
    }
}

#[test]
fn a_function_runs_although_all_handles_of_its_context_are_gone() {
    let (parent, cancel) = Context::background().with_cancel();
    let (tx, rx) = mpsc::channel();
    {
        let (child, cancel_child) = parent.with_cancel();
        cancel_child.detach();
        let tx = tx.clone();
        let _stop = child.after_func(move || tx.send("parent").unwrap());
    }
    {
        let (timed, cancel_timed) = Context::background().with_timeout(Duration::from_millis(5));
        cancel_timed.detach();
        let _stop = timed.after_func(move || tx.send("deadline").unwrap());
    }
    assert_eq!(rx.recv_timeout(LONG), Ok("deadline"));
    cancel.cancel();
    assert_eq!(rx.recv_timeout(LONG), Ok("parent"));
}

#[test]
fn dropping_the_cancel_func_of_a_forgotten_context_runs_its_functions() {
    let (tx, rx) = mpsc::channel();
    let (ctx, cancel) = Context::background().with_cancel();
    let _stop = ctx.after_func(move || tx.send(()).unwrap());
    drop(ctx);
    drop(cancel);
    rx.recv_timeout(LONG).unwrap();
}

#[test]
fn cancelling_a_context_cancels_its_token() {
    let (parent, cancel) = Context::background().with_cancel();
    let (child, _cancel_child) = parent.with_timeout(LONG);
    let (of_parent, of_child) = (parent.token().clone(), child.token().clone());
    assert!(!of_parent.is_cancelled() && !of_child.is_cancelled());
    cancel.cancel();
    assert!(of_parent.is_cancelled() && of_child.is_cancelled());
}

#[test]
fn the_token_of_a_done_context_is_cancelled() {
    let (ctx, _cancel) = Context::background().with_timeout(Duration::ZERO);
    assert!(ctx.token().is_cancelled());
}

#[test]
fn cancelling_the_token_cancels_the_context_and_all_below_before_it_returns() {
    let (root, _cancel_root) = Context::background().with_cancel();
    let (ctx, _cancel) = root.with_cancel();
    let (child, _cancel_child) = ctx.with_value(1_u8).with_cancel();
    ctx.token().cancel();
    for ctx in [&ctx, &child] {
        assert_eq!(ctx.err(), Some(ContextError::Canceled));
        assert_eq!(
            ctx.cause().unwrap().downcast_ref(),
            Some(&ContextError::Canceled)
        );
    }
    assert_eq!(root.err(), None);
}

#[test]
fn contexts_that_differ_in_values_share_one_token() {
    let (ctx, _cancel) = Context::background().with_cancel();
    ctx.with_value(1_u8).token().cancel();
    assert!(ctx.token().is_cancelled());
    assert!(ctx.err().is_some());
}

#[test]
fn the_token_of_a_context_that_is_never_done_ends_nothing() {
    let first = Context::background();
    let child = first.with_cancel();
    first.token().cancel();
    assert_eq!(first.err(), None);
    assert_eq!(child.0.err(), None);
    assert!(
        !Context::background().token().is_cancelled(),
        "nor does it reach a stranger"
    );
    let free = child.0.without_cancel();
    free.token().cancel();
    assert_eq!((free.err(), child.0.err()), (None, None));
}

#[test]
fn a_context_from_a_token_follows_it_and_takes_its_children_along() {
    let token = CancellationToken::new();
    let ctx = Context::from_token(token.clone());
    let (child, _cancel) = ctx.with_cancel();
    assert_eq!(ctx.to_string(), "context.FromToken");
    assert_eq!(child.err(), None);
    let waiting = {
        let child = child.clone();
        thread::spawn(move || block_on(child.done()))
    };
    token.cancel();
    assert_eq!(child.err(), Some(ContextError::Canceled));
    waiting.join().unwrap();
    assert_eq!(
        Context::from_token(token).err(),
        Some(ContextError::Canceled),
        "born done"
    );
}

#[test]
fn a_child_of_a_context_from_a_token_leaves_the_token_alone() {
    let token = CancellationToken::new();
    let ctx = Context::from_token(token.clone());
    let (child, cancel) = ctx.with_cancel();
    let (timed, _cancel) = ctx.with_timeout(Duration::ZERO);
    cancel.cancel_cause("child");
    assert!(child.err().is_some() && timed.err().is_some());
    assert!(!token.is_cancelled());
    assert_eq!(ctx.err(), None);
}

#[test]
fn a_token_is_cancelled_at_the_deadline_of_its_context_although_no_handle_is_left() {
    let (timed, cancel) = Context::background().with_timeout(Duration::from_millis(5));
    let (below, cancel_below) = timed.with_cancel();
    let tokens = [timed.token().clone(), below.token().clone()];
    cancel.detach();
    cancel_below.detach();
    drop((timed, below));
    for token in tokens {
        block_on(token.cancelled());
    }
}

#[test]
fn a_context_from_a_child_token_ends_with_the_token_above() {
    let token = CancellationToken::new();
    let ctx = Context::from_token(token.child_token());
    token.cancel();
    assert!(ctx.err().is_some());
}

#[test]
fn a_context_from_a_token_gives_that_token_back() {
    let token = CancellationToken::new();
    let ctx = Context::from_token(token.clone());
    ctx.token().cancel();
    assert!(token.is_cancelled());
}

#[test]
fn a_function_on_a_token_runs_although_all_handles_are_gone() {
    let token = CancellationToken::new();
    let (tx, rx) = mpsc::channel();
    let _stop = Context::from_token(token.clone()).after_func(move || tx.send(()).unwrap());
    token.cancel();
    rx.recv_timeout(LONG).unwrap();
}

#[test]
fn a_token_asked_for_while_the_context_is_cancelled_is_cancelled() {
    for _ in 0..300 {
        let (ctx, cancel) = Context::background().with_cancel();
        let start = Arc::new(Barrier::new(2));
        let theirs = start.clone();
        let canceller = thread::spawn(move || {
            theirs.wait();
            cancel.cancel();
        });
        start.wait();
        let token = ctx.token();
        canceller.join().unwrap();
        assert!(token.is_cancelled());
    }
}

/// A handle of a runtime that has ended.
fn ended() -> gosched::runtime::Handle {
    let rt = gosched::runtime::Runtime::builder()
        .procs(1)
        .build()
        .unwrap();
    rt.handle()
}

#[test]
fn a_function_of_a_context_that_is_cancelled_on_a_runtime_that_has_ended_runs_once() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (tx, rx) = mpsc::channel();
    let stop = ended().block_on(async {
        let stop = ctx.after_func(move || tx.send(()).unwrap());
        cancel.cancel();
        stop
    });
    assert_eq!(rx.recv_timeout(LONG), Ok(()));
    assert!(!stop.stop(), "it has run");
    assert!(rx.recv().is_err(), "once");
}

#[test]
fn a_function_armed_on_a_runtime_that_has_ended_can_be_stopped() {
    let (tx, rx) = mpsc::channel::<()>();
    let (ctx, stop) = ended().block_on(async {
        let (ctx, cancel) = Context::background().with_timeout(LONG);
        cancel.detach();
        let stop = ctx.after_func(move || tx.send(()).unwrap());
        (ctx, stop)
    });
    assert!(stop.stop());
    assert!(rx.recv().is_err(), "dropped without being called");
    assert!(!stop.stop());
    assert_eq!(ctx.err(), None);
}

#[test]
fn functions_whose_runtime_ends_before_they_have_begun_all_run() {
    for _ in 0..20 {
        let rt = gosched::runtime::Runtime::builder()
            .procs(1)
            .build()
            .unwrap();
        let (ctx, cancel) = Context::background().with_cancel();
        let (tx, rx) = mpsc::channel();
        for n in 0..10 {
            let tx = tx.clone();
            let _stop = ctx.after_func(move || tx.send(n).unwrap());
        }
        drop(tx);
        drop(rt.handle().go(async move { cancel.cancel() }));
        // Ends the runtime at some moment of all that: whoever was not begun is cancelled.
        drop(rt);
        let mut ran: Vec<_> = rx.iter().collect();
        ran.sort_unstable();
        assert_eq!(ran, (0..10).collect::<Vec<_>>());
    }
}
