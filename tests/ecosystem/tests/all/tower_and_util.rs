//! `tower::buffer`, whose worker is a task of `tokio::spawn`, and tokio-util's tokens and trackers.

use std::convert::Infallible;

use gosched::context::ContextError;
use gosched::{Context, chan, go};
use gosched_ecosystem::{Runner, on_both};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::buffer::Buffer;
use tower::{Service, ServiceExt, service_fn};

#[test]
fn a_buffered_service_is_shared_by_goroutines_its_worker_a_task_and_its_futures_theirs() {
    on_both(|| async {
        let mut calls = 0;
        let service = service_fn(move |n: u32| {
            calls += 1;
            let call = (calls, Runner::here());
            async move {
                gosched::yield_now().await;
                Ok::<_, Infallible>((n, call.0, call.1, Runner::here()))
            }
        });
        let buffered = Buffer::new(service, 4);
        let callers: Vec<_> = (0..50)
            .map(|n| {
                let mut buffered = buffered.clone();
                go(async move { buffered.ready().await.unwrap().call(n).await.unwrap() })
            })
            .collect();
        let mut order = Vec::new();
        for (n, caller) in (0..).zip(callers) {
            let (answered, call, called_by, polled_by) = caller.await.unwrap();
            assert_eq!(answered, n);
            assert_eq!((called_by, polled_by), (Runner::Task, Runner::Goroutine));
            order.push(call);
        }
        order.sort_unstable();
        assert_eq!(order, (1..=50).collect::<Vec<u32>>());
    });
}

#[test]
fn a_buffered_service_whose_worker_panics_tells_all_its_callers() {
    on_both(|| async {
        let service = service_fn(|n: u32| {
            assert!(n != 1, "a service panics, on purpose");
            async { Ok::<_, Infallible>(()) }
        });
        let buffered = Buffer::new(service, 4);
        buffered.clone().oneshot(0).await.unwrap();
        buffered.clone().oneshot(1).await.unwrap_err();
        go(buffered.oneshot(2)).await.unwrap().unwrap_err();
    });
}

#[test]
fn a_token_of_tokio_util_ends_goroutines_and_a_context_ends_its_tasks() {
    on_both(|| async {
        let token = CancellationToken::new();
        let ctx = Context::from_token(token.clone());
        let (child, _cancel) = ctx.with_cancel();
        let goroutine = go(child.run(std::future::pending::<()>()));
        let watched = ctx.token().clone();
        let task = tokio::spawn(async move { watched.cancelled().await });
        token.cancel();
        assert_eq!(goroutine.await.unwrap(), Err(ContextError::Canceled));
        task.await.unwrap();

        let (ctx, cancel) = Context::background().with_cancel();
        let watched = ctx.token().child_token();
        let task = tokio::spawn(watched.run_until_cancelled_owned(std::future::pending::<()>()));
        cancel.cancel();
        assert_eq!(task.await.unwrap(), None);
    });
}

#[test]
fn a_task_tracker_is_waited_for_in_a_goroutine() {
    on_both(|| async {
        let tracker = TaskTracker::new();
        let (tx, rx) = chan(0);
        for n in 0..10 {
            let tx = tx.clone();
            tracker.spawn(async move { tx.send(n).await.unwrap() });
            // What it only watches may be a goroutine.
            go(tracker.track_future(async {
                gosched::yield_now().await;
            }));
        }
        tracker.close();
        let mut sum = 0;
        for _ in 0..10 {
            sum += rx.recv().await.unwrap();
        }
        tracker.wait().await;
        assert_eq!((sum, tracker.len()), (45, 0));
    });
}
