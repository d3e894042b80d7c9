//! `gosched::context`.

use std::error::Error;
use std::io;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use gosched::context::{CancelFunc, Cause, ContextError, Done, StopFunc};
use gosched::{Context, go, select};
use tokio_util::sync::CancellationToken;

use super::{is_error, is_handle, is_send, is_sync, is_unpin, is_unwind_safe};

const FAR: Duration = Duration::from_secs(3600);

#[test]
fn errors_have_gos_words() {
    assert_eq!(ContextError::Canceled.to_string(), "context canceled");
    assert_eq!(
        ContextError::DeadlineExceeded.to_string(),
        "context deadline exceeded"
    );
    is_error::<ContextError>();
}

#[gosched::test]
async fn done_err_cause_and_check_agree() {
    let (ctx, cancel) = Context::background().with_cancel();
    assert_eq!((ctx.err(), ctx.check()), (None, Ok(())));
    assert!(ctx.cause().is_none() && ctx.deadline().is_none());
    let waits = go!(clone(ctx) { ctx.done().await });
    cancel.cancel();
    waits.await.unwrap();
    ctx.done().await;
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
    assert_eq!(ctx.check(), Err(ContextError::Canceled));
    let cause: Cause = ctx.cause().unwrap();
    assert_eq!(cause.to_string(), "context canceled");
    assert_eq!(
        cause.downcast_ref::<ContextError>(),
        Some(&ContextError::Canceled)
    );
}

#[test]
fn a_cause_is_an_arc_of_any_error_and_the_first_wins() {
    let (ctx, cancel) = Context::todo().with_cancel();
    let (child, cancel_child) = ctx.with_cancel();
    cancel.cancel_cause(io::Error::from(io::ErrorKind::BrokenPipe));
    cancel_child.cancel_cause("too late");
    let cause: Arc<dyn Error + Send + Sync> = child.cause().unwrap();
    assert!(cause.downcast_ref::<io::Error>().is_some());
    assert_eq!(child.err(), Some(ContextError::Canceled));
    // Texts, boxes and causes of others are causes.
    let (other, cancel) = Context::background().with_cancel();
    cancel.cancel_cause(cause);
    assert!(other.cause().unwrap().downcast_ref::<io::Error>().is_some());
    let (other, cancel) = Context::background().with_cancel();
    cancel.cancel_cause(Box::<dyn Error + Send + Sync>::from("boxed"));
    assert_eq!(other.cause().unwrap().to_string(), "boxed");
    let (other, cancel) = Context::background().with_cancel();
    cancel.cancel_cause(String::from("text"));
    assert_eq!(other.cause().unwrap().to_string(), "text");
}

#[gosched::test]
async fn deadlines_end_contexts_and_the_earlier_one_above_wins() {
    let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(1));
    ctx.done().await;
    assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
    assert_eq!(
        ctx.cause().unwrap().to_string(),
        "context deadline exceeded"
    );

    let now = Instant::now();
    let (past, _cancel) = Context::background().with_deadline(now);
    assert_eq!(past.err(), Some(ContextError::DeadlineExceeded));

    let (early, _cancel) = Context::background().with_deadline(now + FAR);
    let (late, _cancel_late) = early.with_timeout(2 * FAR);
    assert_eq!(late.deadline(), Some(now + FAR));
    let (earlier, _cancel_earlier) = early.with_deadline(now + FAR / 2);
    assert_eq!(earlier.deadline(), Some(now + FAR / 2));

    let (caused, _cancel) =
        Context::background().with_timeout_cause(Duration::ZERO, io::Error::other("slow"));
    assert_eq!(caused.err(), Some(ContextError::DeadlineExceeded));
    assert_eq!(caused.cause().unwrap().to_string(), "slow");
    let (caused, _cancel) = Context::background().with_deadline_cause(now, "late");
    assert_eq!(caused.cause().unwrap().to_string(), "late");
}

#[test]
fn a_child_of_a_done_parent_is_born_done() {
    let (parent, cancel) = Context::background().with_cancel();
    cancel.cancel_cause("gone");
    let (child, _cancel) = parent.with_timeout(FAR);
    assert_eq!(child.err(), Some(ContextError::Canceled));
    assert_eq!(child.cause().unwrap().to_string(), "gone");
}

#[test]
fn values_are_keyed_by_type_and_the_nearest_wins() {
    #[derive(Debug, PartialEq)]
    struct User(&'static str);
    let outer = Context::background()
        .with_value(User("ann"))
        .with_value(1_u8);
    let inner = outer.with_value(User("bob"));
    assert_eq!(inner.value::<User>(), Some(&User("bob")));
    assert_eq!(outer.value::<User>(), Some(&User("ann")));
    assert_eq!(inner.value::<u8>(), Some(&1));
    assert_eq!(inner.value::<u16>(), None);

    let (ctx, cancel) = inner.with_timeout(FAR);
    let free = ctx.without_cancel();
    cancel.cancel();
    assert_eq!((free.err(), free.deadline()), (None, None));
    assert_eq!(free.value::<User>(), Some(&User("bob")));
}

#[test]
fn dropping_a_cancel_func_cancels_and_detach_does_not() {
    let (ctx, cancel) = Context::background().with_cancel();
    drop(cancel);
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
    let (ctx, cancel) = Context::background().with_cancel();
    cancel.detach();
    assert_eq!(ctx.err(), None);
}

#[gosched::test]
async fn run_drops_the_future_when_the_context_is_done() {
    let (ctx, cancel) = Context::background().with_cancel();
    assert_eq!(ctx.run(async { 7 }).await, Ok(7));
    let (tx, rx) = gosched::chan::<()>(0);
    let run = go!(clone(ctx) {
        ctx.run(async move {
            let _kept = tx;
            std::future::pending::<()>().await
        })
        .await
    });
    cancel.cancel();
    assert_eq!(run.await.unwrap(), Err(ContextError::Canceled));
    assert_eq!(rx.recv().await, None, "the future is gone");
}

#[test]
fn after_func_runs_once_done_unless_stopped() {
    let (tx, rx) = mpsc::channel();
    let (ctx, cancel) = Context::background().with_cancel();
    let runs: StopFunc = ctx.after_func({
        let tx = tx.clone();
        move || tx.send(gosched::runtime::goid().is_some()).unwrap()
    });
    let stopped = ctx.after_func(move || tx.send(false).unwrap());
    assert!(stopped.stop(), "it was prevented");
    assert!(!stopped.stop());
    cancel.cancel();
    assert_eq!(rx.iter().collect::<Vec<_>>(), [true]);
    assert!(!runs.stop());
}

#[test]
fn tokens_and_contexts_cancel_each_other() {
    let (ctx, cancel) = Context::background().with_cancel();
    let token: &CancellationToken = ctx.token();
    assert!(!token.is_cancelled());
    cancel.cancel();
    assert!(token.is_cancelled());

    let (ctx, _cancel) = Context::background().with_cancel();
    ctx.token().cancel();
    assert_eq!(ctx.err(), Some(ContextError::Canceled));

    let token = CancellationToken::new();
    let ctx = Context::from_token(token.clone());
    let (child, _cancel) = ctx.with_cancel();
    token.cancel();
    assert_eq!(child.err(), Some(ContextError::Canceled));
}

#[gosched::test]
async fn done_is_an_arm_of_select() {
    let (ctx, cancel) = Context::background().with_cancel();
    drop(go(async move { cancel.cancel() }));
    let result: Result<(), Box<dyn Error + Send + Sync>> = async {
        select! {
            _ = ctx.done() => return Err(ctx.err().unwrap().into()),
            _ = Context::background().done() => {}
        }
        Ok(())
    }
    .await;
    assert_eq!(result.unwrap_err().to_string(), "context canceled");
}

#[test]
fn handles_and_futures_have_the_auto_traits_that_they_can_have() {
    is_handle::<Context>();
    is_handle::<StopFunc>();
    is_unwind_safe::<CancelFunc>();
    is_send::<CancelFunc>();
    is_sync::<CancelFunc>();
    is_send::<Done<'_>>();
    is_sync::<Done<'_>>();
    is_unpin::<Done<'_>>();
    let (ctx, _cancel) = Context::background().with_cancel();
    drop(super::is_send_val(ctx.run(async {})));
}
