//! Contexts and wait groups inside goroutines: what they cost there, and how they meet `select!`.

use std::time::Duration;

use gosched::context::ContextError;
use gosched::runtime::{Runtime, goexit, num_goroutine};
use gosched::sync::WaitGroup;
use gosched::{Context, chan, go, select, yield_now};
use tokio_util::sync::CancellationToken;

const FAR: Duration = Duration::from_secs(3_600);

/// Alone on a runtime, so that nothing else is counted.
fn alone<F: Future + Send + 'static>(future: F) -> F::Output
where
    F::Output: Send + 'static,
{
    Runtime::builder()
        .procs(2)
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn a_tree_of_contexts_owns_no_goroutine() {
    alone(async {
        let before = num_goroutine();
        let (root, cancel) = Context::background().with_cancel();
        let mut kept = Vec::new();
        for n in 0..100 {
            let (child, cancel) = root.with_value(n).with_timeout(FAR);
            kept.push((child.token().is_cancelled(), child.with_cancel(), cancel));
        }
        let foreign = CancellationToken::new();
        let (of_token, _cancel) = Context::from_token(foreign.clone()).with_cancel();
        assert_eq!(num_goroutine(), before);
        cancel.cancel();
        foreign.cancel();
        assert!(kept.iter().all(|(_, child, _)| child.0.err().is_some()));
        assert!(of_token.err().is_some());
        assert_eq!(num_goroutine(), before);
    });
}

#[test]
fn done_is_an_arm_of_select_that_is_tried_again_each_round() {
    alone(async {
        let (ctx, cancel) = Context::background().with_cancel();
        let (tx, rx) = chan::<u32>(0);
        let worker = go(async move {
            let mut sum = 0;
            loop {
                select! {
                    n = rx.recv() => sum += n.unwrap_or(0),
                    _ = ctx.done() => return (sum, ctx.err()),
                }
            }
        });
        for n in 1..=100 {
            tx.send(n).await.unwrap();
        }
        cancel.cancel();
        assert_eq!(worker.await.unwrap(), (5_050, Some(ContextError::Canceled)));
    });
}

#[test]
fn a_goroutine_under_run_ends_when_its_context_does() {
    alone(async {
        let (ctx, cancel) = Context::background().with_cancel();
        let worker = go(ctx.run(std::future::pending::<()>()));
        yield_now().await;
        cancel.cancel();
        assert_eq!(worker.await.unwrap(), Err(ContextError::Canceled));
    });
}

#[test]
fn members_that_exit_early_are_counted_off() {
    alone(async {
        let group = WaitGroup::new();
        group.go(async {
            goexit().await;
        });
        group.go(async {
            yield_now().await;
            goexit().await;
        });
        group.wait().await;
    });
}

#[test]
fn members_dropped_with_their_runtime_are_counted_off() {
    let group = WaitGroup::new();
    let members = group.clone();
    alone(async move { members.go(std::future::pending()) });
    gosched::block_on(group.wait());
}

#[test]
fn waiting_for_a_group_is_an_arm_of_select() {
    alone(async {
        let group = WaitGroup::new();
        group.add(1);
        let early = select! {
            _ = group.wait() => true,
            default => false,
        };
        assert!(!early);
        group.done();
        select! {
            _ = group.wait() => {}
            _ = std::future::pending::<()>() => unreachable!(),
        }
    });
}
