//! `worker_pool`, `worker_pool_with`, `worker_pool_ordered`.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

use gosched::{Context, chan, patterns, yield_now};

use super::common::{Census, panic_of};
use super::{buffered, drain, left_in, numbers, on_one_p_and_on_three, settle};

#[test]
fn a_pool_applies_the_function_to_each_value_once() {
    on_one_p_and_on_three(|| async {
        for (workers, capacity) in [(1, 0), (1, 4), (3, 0), (8, 4), (50, 0)] {
            let calls = Arc::new(AtomicUsize::new(0));
            let counter = calls.clone();
            let ctx = Context::background();
            let stage = patterns::worker_pool(&ctx, workers, numbers(capacity, 0..400), move |n| {
                let counter = counter.clone();
                async move {
                    counter.fetch_add(1, SeqCst);
                    yield_now().await;
                    n
                }
            });
            let mut values = drain(&stage).await;
            values.sort_unstable();
            assert_eq!(values, (0..400).collect::<Vec<_>>());
            assert_eq!(calls.load(SeqCst), 400);
        }
    });
}

#[test]
fn all_workers_work_at_once_and_no_more() {
    const WORKERS: usize = 5;
    on_one_p_and_on_three(|| async {
        let running = Arc::new(AtomicUsize::new(0));
        let (here_tx, here) = chan(0);
        let (go_on, wait) = chan::<()>(0);
        let counter = running.clone();
        let stage = patterns::worker_pool(
            &Context::background(),
            WORKERS,
            buffered(0..20),
            move |_| {
                let (counter, here_tx, wait) = (counter.clone(), here_tx.clone(), wait.clone());
                async move {
                    let now = counter.fetch_add(1, SeqCst) + 1;
                    let _ = here_tx.send(()).await;
                    wait.recv().await;
                    counter.fetch_sub(1, SeqCst);
                    now
                }
            },
        );
        for _ in 0..WORKERS {
            here.recv().await; // comes to an end only if so many run at once
        }
        settle().await;
        assert_eq!(running.load(SeqCst), WORKERS);
        drop((go_on, here));
        let most = drain(&stage).await;
        assert_eq!(most.len(), 20);
        assert!(most.iter().all(|&now| now <= WORKERS), "{most:?}");
    });
}

#[test]
fn each_worker_has_a_clone_of_the_function_or_one_made_with_its_number() {
    on_one_p_and_on_three(|| async {
        let ctx = Context::background();
        let mut calls = 0;
        let stage = patterns::worker_pool(&ctx, 3, numbers(0, 0..90), move |_| {
            calls += 1; // the clone's own
            let mine = calls;
            async move { mine }
        });
        let seen = drain(&stage).await;
        let firsts = seen.iter().filter(|&&call| call == 1).count();
        assert!(
            (1..=3).contains(&firsts),
            "one first call for each that worked"
        );

        let made = Arc::new(AtomicUsize::new(0));
        let counter = made.clone();
        let stage = patterns::worker_pool_with(&ctx, 4, numbers(0, 0..90), |worker| {
            assert_eq!(counter.fetch_add(1, SeqCst), worker);
            let mut calls = 0;
            move |_| {
                calls += 1;
                let mine = (worker, calls);
                async move { mine }
            }
        });
        let seen = drain(&stage).await;
        assert_eq!(made.load(SeqCst), 4);
        for worker in 0..4 {
            let mut calls: Vec<_> = seen.iter().filter(|s| s.0 == worker).map(|s| s.1).collect();
            calls.sort_unstable();
            assert_eq!(calls, (1..=calls.len()).collect::<Vec<_>>());
        }
        assert_eq!(seen.len(), 90);
    });
}

#[test]
fn the_first_error_stops_the_pool_at_the_question_mark() {
    async fn work() -> Result<u64, String> {
        let ctx = Context::background();
        let endless = patterns::generate(&ctx, 0..);
        let stage = patterns::worker_pool(&ctx, 3, endless, |n: u64| async move {
            if n == 10 {
                return Err(format!("{n} is bad"));
            }
            Ok(n)
        });
        let mut sum = 0;
        while let Some(n) = stage.recv().await {
            sum += n?;
        }
        Ok(sum)
    }
    on_one_p_and_on_three(|| async {
        assert_eq!(work().await, Err("10 is bad".into()));
    });
}

#[test]
fn after_cancel_no_result_and_no_value_is_missing() {
    on_one_p_and_on_three(|| async {
        for (workers, ordered) in [(1, false), (4, false), (1, true), (4, true)] {
            let (ctx, cancel) = Context::background().with_cancel();
            let input = buffered(0..100);
            let f = |n| async move { n };
            let stage = if ordered {
                patterns::worker_pool_ordered(&ctx, workers, input.clone(), f)
            } else {
                patterns::worker_pool(&ctx, workers, input.clone(), f)
            };
            let mut values = Vec::new();
            for _ in 0..7 {
                values.extend(stage.recv().await);
            }
            settle().await;
            cancel.cancel();
            values.extend(drain(&stage).await);
            assert!(values.len() <= 7 + workers, "no more was taken");
            assert!(!ordered || values.is_sorted(), "{values:?}");
            values.extend(left_in(&input));
            values.sort_unstable();
            assert_eq!(values, (0..100).collect::<Vec<_>>());
        }
    });
}

#[test]
fn cancel_ends_workers_that_wait_in_their_calls() {
    on_one_p_and_on_three(|| async {
        for ordered in [false, true] {
            let census = Census::default();
            let theirs = census.clone();
            let (ctx, cancel) = Context::background().with_cancel();
            let (here_tx, here) = chan(0);
            let f = move |n: u64| {
                let (guard, here_tx) = (theirs.value(), here_tx.clone());
                async move {
                    let _guard = guard;
                    here_tx.send(()).await.unwrap();
                    if n != 1 {
                        pending::<()>().await;
                    }
                    n
                }
            };
            let stage = if ordered {
                patterns::worker_pool_ordered(&ctx, 3, buffered(0..3), f)
            } else {
                patterns::worker_pool(&ctx, 3, buffered(0..3), f)
            };
            for _ in 0..3 {
                here.recv().await;
            }
            settle().await; // the one call that ends has ended
            cancel.cancel();
            let values = drain(&stage).await;
            assert!(values == [1] || values.is_empty(), "{values:?}");
            assert_eq!((census.made(), census.dropped()), (3, 3));
        }
    });
}

#[test]
fn an_ordered_pool_gives_results_in_the_order_of_the_values() {
    on_one_p_and_on_three(|| async {
        for (workers, capacity) in [(1, 0), (2, 3), (7, 0), (300, 0)] {
            let stage = patterns::worker_pool_ordered(
                &Context::background(),
                workers,
                numbers(capacity, 0..200),
                |n| async move {
                    for _ in 0..(n * 7919) % 23 {
                        yield_now().await;
                    }
                    n
                },
            );
            assert_eq!(drain(&stage).await, (0..200).collect::<Vec<_>>());
        }
    });
}

#[test]
fn an_ordered_pool_works_in_parallel_but_holds_no_more_values_than_workers() {
    const WORKERS: u64 = 4;
    on_one_p_and_on_three(|| async {
        let begun = Arc::new(AtomicU64::new(0));
        let counter = begun.clone();
        let (release, wait) = chan::<()>(0);
        let stage = patterns::worker_pool_ordered(
            &Context::background(),
            WORKERS as usize,
            buffered(0..50),
            move |n| {
                counter.fetch_add(1, SeqCst);
                let wait = wait.clone();
                async move {
                    if n == 0 {
                        wait.recv().await; // the others are ready long before
                    }
                    n
                }
            },
        );
        while begun.load(SeqCst) < WORKERS {
            yield_now().await;
        }
        settle().await;
        assert_eq!(begun.load(SeqCst), WORKERS, "0 holds the others up");
        drop(release);
        for n in 0..50 {
            assert_eq!(stage.recv().await, Some(n));
            assert!(begun.load(SeqCst) <= n + 1 + WORKERS);
        }
        assert_eq!(stage.recv().await, None);
    });
}

#[test]
fn workers_end_with_the_input_although_some_never_had_a_value() {
    on_one_p_and_on_three(|| async {
        for count in 0..3 {
            let ctx = Context::background();
            let stage = patterns::worker_pool(&ctx, 10, numbers(0, 0..count), |n| async move { n });
            assert_eq!(drain(&stage).await.len() as u64, count);
            let stage =
                patterns::worker_pool_ordered(&ctx, 10, numbers(0, 0..count), |n| async move { n });
            assert_eq!(drain(&stage).await, (0..count).collect::<Vec<_>>());
        }
    });
}

#[test]
fn results_come_as_they_are_ready() {
    on_one_p_and_on_three(|| async {
        let (release, wait) = chan::<()>(0);
        let stage = patterns::worker_pool(&Context::background(), 2, buffered(0..4), move |n| {
            let wait = wait.clone();
            async move {
                if n == 0 {
                    wait.recv().await;
                }
                n
            }
        });
        let mut early = BTreeSet::new();
        for _ in 0..3 {
            early.extend(stage.recv().await);
        }
        assert_eq!(early, BTreeSet::from([1, 2, 3]), "0 holds up none of them");
        drop(release);
        assert_eq!(drain(&stage).await, [0]);
    });
}

#[test]
fn a_pool_without_workers_is_refused() {
    let ctx = Context::background();
    let f = |n: u64| async move { n };
    let text = panic_of(|| patterns::worker_pool(&ctx, 0, buffered([]), f));
    assert!(text.contains("no workers"), "{text}");
    let text = panic_of(|| patterns::worker_pool_with(&ctx, 0, buffered([]), |_| f));
    assert!(text.contains("no workers"), "{text}");
    let text = panic_of(|| patterns::worker_pool_ordered(&ctx, 0, buffered([]), f));
    assert!(text.contains("no workers"), "{text}");
}
