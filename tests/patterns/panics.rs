//! What becomes of a panic in a stage.

use std::panic::{AssertUnwindSafe, panic_any, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use gosched::patterns::{self, Stage};
use gosched::runtime::{Runtime, goexit};
use gosched::{Context, chan, select, yield_now};

use super::common::{Census, FAR, eventually, runtime, text, within};
use super::{buffered, drain, numbers, on_one_p_and_on_three};

/// Receives until the stage panics; the values before, and the panic's text.
async fn until_panic<T>(stage: &Stage<T>) -> (Vec<T>, String) {
    let mut values = Vec::new();
    loop {
        match AssertUnwindSafe(stage.recv()).catch_unwind().await {
            Ok(Some(value)) => values.push(value),
            Ok(None) => panic!("the stage ended without its panic"),
            Err(payload) => return (values, text(&*payload).to_owned()),
        }
    }
}

/// A stage that panics at value `at`, with the value as payload in words.
fn panics_at(ctx: &Context, input: impl Into<Stage<u64>>, at: u64) -> Stage<u64> {
    patterns::map(ctx, input, move |n| async move {
        yield_now().await;
        if n == at {
            resume_unwind(Box::new(format!("no {n}")));
        }
        n
    })
}

#[test]
fn a_panic_comes_after_the_values_before_it_and_ends_what_feeds_the_stage() {
    on_one_p_and_on_three(|| async {
        let census = Census::default();
        let guard = census.value();
        let ctx = Context::background();
        let source = patterns::generate(
            &ctx,
            (0..).inspect(move |_| {
                let _ = &guard;
            }),
        );
        let stage = panics_at(&ctx, source, 4);
        let (values, text) = until_panic(&stage).await;
        assert_eq!(values, [0, 1, 2, 3]);
        assert_eq!(text, "no 4");
        while census.dropped() < 1 {
            yield_now().await;
        }
    });
}

#[test]
fn a_panic_in_the_function_itself_counts_as_well_as_one_in_its_future() {
    on_one_p_and_on_three(|| async {
        let stage = patterns::map(&Context::background(), buffered([1]), |n| {
            if n == 1 {
                resume_unwind(Box::new("at once"));
            }
            async move { n }
        });
        assert_eq!(until_panic(&stage).await, (vec![], "at once".into()));
    });
}

#[test]
fn a_panic_travels_through_every_kind_of_stage_to_who_receives() {
    on_one_p_and_on_three(|| async {
        let ctx = Context::background();
        let stage = panics_at(&ctx, numbers(0, 0..100), 6);
        let stage = patterns::worker_pool_ordered(&ctx, 3, stage, |n| async move { n });
        let stage = patterns::throttle(&ctx, 1000, Duration::from_nanos(1), stage);
        let stage = patterns::merge(&ctx, [stage]);
        let stage = patterns::flat_map(&ctx, stage, |n| async move { Some(n) });
        let stage = patterns::tee(&ctx, 1, stage).pop().unwrap();
        let stage = patterns::batch(&ctx, 4, FAR, stage);
        let (batches, text) = until_panic(&stage).await;
        assert_eq!(batches, [vec![0, 1, 2, 3], vec![4, 5]]);
        assert_eq!(text, "no 6");
    });
}

#[test]
fn the_payload_goes_to_one_handle_and_its_text_to_all_others() {
    #[derive(Debug, PartialEq)]
    struct Payload(u8);
    on_one_p_and_on_three(|| async {
        let stage = patterns::map(&Context::background(), buffered([1]), |_| async {
            if true {
                panic_any(Payload(7));
            }
        });
        let other = stage.clone();
        let payload = AssertUnwindSafe(stage.recv())
            .catch_unwind()
            .await
            .unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&Payload(7)));
        for handle in [&other, &stage] {
            assert_eq!(until_panic(handle).await.1, "a stage panicked");
        }
    });
}

#[test]
fn the_other_workers_of_a_pool_are_cut_short_by_the_panic_of_one() {
    on_one_p_and_on_three(|| async {
        let census = Census::default();
        let theirs = census.clone();
        let (here_tx, here) = chan(0);
        let stage = patterns::worker_pool(&Context::background(), 4, buffered(0..4), move |n| {
            let (guard, here, here_tx) = (theirs.value(), here.clone(), here_tx.clone());
            async move {
                let _guard = guard;
                if n == 0 {
                    for _ in 0..3 {
                        here.recv().await;
                    }
                    resume_unwind(Box::new("one"));
                }
                here_tx.send(()).await.unwrap();
                std::future::pending::<()>().await;
            }
        });
        assert_eq!(until_panic(&stage).await, (vec![], "one".into()));
        assert_eq!((census.made(), census.dropped()), (4, 4));
    });
}

#[test]
fn an_ordered_pool_with_a_panic_ends_with_it_and_keeps_the_order() {
    on_one_p_and_on_three(|| async {
        for at in [0, 5, 19] {
            let ctx = Context::background();
            let stage =
                patterns::worker_pool_ordered(&ctx, 3, numbers(2, 0..20), move |n| async move {
                    for _ in 0..n % 4 {
                        yield_now().await;
                    }
                    if n == at {
                        resume_unwind(Box::new("in order"));
                    }
                    n
                });
            let (values, text) = until_panic(&stage).await;
            assert_eq!(text, "in order");
            assert!(values.is_sorted() && !values.contains(&at), "{values:?}");
            let before = values.iter().filter(|&&n| n < at).count() as u64;
            assert_eq!(before, at, "all before it were received: {values:?}");
        }
    });
}

#[test]
fn a_function_of_a_fan_out_that_panics_ends_alone() {
    on_one_p_and_on_three(|| async {
        let ctx = Context::background();
        let (tx, rx) = chan(0);
        let functions = [true, false].map(|panics| {
            move |n: u64| async move {
                if panics {
                    resume_unwind(Box::new("one of two"));
                }
                n
            }
        });
        let [bad, good] = patterns::fan_out(&ctx, rx, functions).try_into().unwrap();
        let sender = gosched::go(async move {
            for n in 0..100 {
                tx.send(n).await.unwrap();
            }
        });
        let values = drain(&good).await;
        sender.await.unwrap();
        assert!(values.len() >= 99);
        if values.len() == 99 {
            assert_eq!(until_panic(&bad).await.1, "one of two");
        } else {
            assert_eq!(bad.recv().await, None);
        }
    });
}

#[test]
fn all_outputs_of_a_tee_are_told_of_a_panic() {
    on_one_p_and_on_three(|| async {
        let ctx = Context::background();
        let outputs = patterns::tee(&ctx, 3, panics_at(&ctx, numbers(0, 0..10), 2));
        let reads = outputs.iter().map(until_panic);
        let mut texts = Vec::new();
        for (values, text) in futures::future::join_all(reads).await {
            assert_eq!(values, [0, 1]);
            texts.push(text);
        }
        texts.sort();
        assert_eq!(
            texts,
            ["a stage panicked: no 2", "a stage panicked: no 2", "no 2"]
        );
    });
}

#[test]
fn a_clone_that_panics_ends_the_tee_with_it() {
    struct Unclonable;
    impl Clone for Unclonable {
        fn clone(&self) -> Self {
            resume_unwind(Box::new("there is but one"));
        }
    }
    on_one_p_and_on_three(|| async {
        let ctx = Context::background();
        let outputs = patterns::tee(&ctx, 2, patterns::generate(&ctx, [Unclonable]));
        let (values, text) = until_panic(&outputs[1]).await;
        assert!(values.is_empty());
        assert_eq!(text, "there is but one");
    });
}

#[test]
fn a_select_arm_and_a_stream_resume_the_panic() {
    on_one_p_and_on_three(|| async {
        let ctx = Context::background();
        let stage = panics_at(&ctx, buffered([1]), 1);
        let selecting = async {
            select! {
                value = stage.recv() => value,
                _ = std::future::pending::<()>() => None,
            }
        };
        let payload = AssertUnwindSafe(selecting)
            .catch_unwind()
            .await
            .unwrap_err();
        assert_eq!(text(&*payload), "no 1");

        let mut stream = panics_at(&ctx, buffered([1, 2]), 2).into_stream();
        assert_eq!(stream.next().await, Some(1));
        let payload = AssertUnwindSafe(stream.next())
            .catch_unwind()
            .await
            .unwrap_err();
        assert_eq!(text(&*payload), "no 2");
    });
}

#[test]
fn a_panic_that_nobody_is_left_to_be_told_of_is_reported_by_the_runtime() {
    within(|| {
        let reported = Arc::new(AtomicUsize::new(0));
        let counter = reported.clone();
        let rt = Runtime::builder()
            .procs(2)
            .on_panic(move |_| {
                counter.fetch_add(1, SeqCst);
            })
            .build()
            .unwrap();
        struct PanicsWhenDropped;
        impl Drop for PanicsWhenDropped {
            fn drop(&mut self) {
                resume_unwind(Box::new("too late"));
            }
        }
        rt.block_on(async {
            let (started_tx, started) = chan(1);
            let stage = patterns::map(&Context::background(), buffered([1]), move |_| {
                let started = started_tx.clone();
                async move {
                    let _guard = PanicsWhenDropped;
                    started.send(()).await.unwrap();
                    std::future::pending::<()>().await;
                }
            });
            started.recv().await;
            drop(stage);
        });
        eventually("it is reported", || reported.load(SeqCst) == 1);
        eventually("its goroutine is over", || rt.handle().num_goroutine() == 0);
    });
}

#[test]
fn a_source_whose_iterator_panics_gives_what_came_before() {
    on_one_p_and_on_three(|| async {
        let values = (0..9).inspect(|&n| {
            if n == 3 {
                resume_unwind(Box::new("three"));
            }
        });
        let stage = patterns::generate(&Context::background(), values);
        assert_eq!(until_panic(&stage).await, (vec![0, 1, 2], "three".into()));
    });
}

#[test]
fn a_worker_that_exits_does_not_make_its_output_look_complete() {
    on_one_p_and_on_three(|| async {
        let stage =
            patterns::worker_pool(&Context::background(), 2, buffered(0..9), |n| async move {
                if n == 3 {
                    goexit().await;
                }
                n
            });
        let (values, text) = until_panic(&stage).await;
        assert!(values.contains(&0) && !values.contains(&3), "{values:?}");
        assert!(text.contains("ended before its work did"), "{text}");
    });
}

#[test]
fn a_runtime_that_shuts_down_does_not_make_an_output_look_complete() {
    within(|| {
        let rt = runtime(2);
        let stage = rt.block_on(async { patterns::generate(&Context::background(), 0..) });
        assert_eq!(futures::executor::block_on(stage.recv()), Some(0));
        drop(rt);
        let (values, text) = futures::executor::block_on(until_panic(&stage));
        assert!(values.is_empty() || values == [1], "{values:?}");
        assert!(text.contains("ended before its work did"), "{text}");
    });
}
