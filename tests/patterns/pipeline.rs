//! `generate`, `map`, `flat_map`, and what holds for every `Stage`.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use futures::StreamExt as _;
use gosched::context::ContextError;
use gosched::{Context, chan, go, patterns, select, yield_now};

use super::common::{Census, eventually, within};
use super::{at_once, buffered, drain, left_in, numbers, on_one_p_and_on_three, settle};

#[test]
fn values_pass_in_order_whatever_the_capacity_of_the_input() {
    on_one_p_and_on_three(|| async {
        for capacity in [0, 1, 7] {
            let ctx = Context::background();
            let doubled = patterns::map(&ctx, numbers(capacity, 0..500), |n| async move {
                if n % 3 == 0 {
                    yield_now().await;
                }
                2 * n
            });
            let split = patterns::flat_map(&ctx, doubled, |n| async move { [n, n + 1] });
            let odd = patterns::flat_map(&ctx, split, |n| async move { (n % 2 == 1).then_some(n) });
            assert_eq!(
                drain(&odd).await,
                (0..500).map(|n| 2 * n + 1).collect::<Vec<_>>()
            );
            assert_eq!(odd.recv().await, None, "the end stays the end");
        }
    });
}

#[test]
fn an_iterator_is_asked_for_a_value_only_when_the_one_before_was_received() {
    on_one_p_and_on_three(|| async {
        let asked = Arc::new(AtomicU64::new(0));
        let counter = asked.clone();
        let values = (0..).inspect(move |_| {
            counter.fetch_add(1, SeqCst);
        });
        let stage = patterns::generate(&Context::background(), values);
        for n in 0..20 {
            settle().await;
            assert!(asked.load(SeqCst) <= n + 1);
            assert_eq!(stage.recv().await, Some(n));
        }
    });
}

#[test]
fn dropping_the_output_ends_a_pipeline_that_waits_for_an_input_that_never_comes() {
    on_one_p_and_on_three(|| async {
        let census = Census::default();
        let (tx, rx) = chan::<u64>(0);
        let ctx = Context::background();
        let guard = census.value();
        let first = patterns::map(&ctx, rx, move |n| {
            let _ = &guard;
            async move { n }
        });
        let guard = census.value();
        let second = patterns::map(&ctx, first, move |n| {
            let _ = &guard;
            async move { n }
        });
        let other = second.clone();
        tx.send(1).await.unwrap();
        assert_eq!(second.recv().await, Some(1));
        drop(second);
        settle().await;
        assert_eq!(census.dropped(), 0, "a clone still holds the output");
        drop(other);
        while census.dropped() < 2 {
            yield_now().await;
        }
        assert!(tx.send(2).await.is_err(), "its input is dropped too");
    });
}

#[test]
fn dropping_the_output_ends_a_call_that_waits() {
    on_one_p_and_on_three(|| async {
        let census = Census::default();
        let theirs = census.clone();
        let (started_tx, started) = chan(1);
        let stage = patterns::map(&Context::background(), buffered(0..3), move |_| {
            let (guard, started) = (theirs.value(), started_tx.clone());
            async move {
                let _guard = guard;
                started.send(()).await.unwrap();
                pending::<()>().await;
            }
        });
        started.recv().await;
        drop(stage);
        while census.dropped() < 1 {
            yield_now().await;
        }
        assert_eq!(census.made(), 1, "no other call began");
    });
}

#[test]
fn clones_share_the_output() {
    on_one_p_and_on_three(|| async {
        let stage = patterns::generate(&Context::background(), 0..300u64);
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let stage = stage.clone();
                go(async move { drain(&stage).await })
            })
            .collect();
        drop(stage);
        let mut all = Vec::new();
        for reader in readers {
            let values = reader.await.unwrap();
            assert!(values.is_sorted());
            all.extend(values);
        }
        all.sort_unstable();
        assert_eq!(all, (0..300).collect::<Vec<_>>());
    });
}

#[test]
fn after_cancel_each_value_was_received_once_or_is_still_in_the_input() {
    on_one_p_and_on_three(|| async {
        for take in [0, 1, 5] {
            let (ctx, cancel) = Context::background().with_cancel();
            let input = buffered(0..100);
            let stage = patterns::map(&ctx, input.clone(), |n| async move { n });
            let mut values = Vec::new();
            for _ in 0..take {
                values.extend(stage.recv().await);
            }
            settle().await; // one more is in its hand now
            cancel.cancel();
            values.extend(drain(&stage).await);
            assert!(values.len() <= take + 1);
            values.extend(left_in(&input));
            assert_eq!(values, (0..100).collect::<Vec<_>>());
            assert_eq!(ctx.err(), Some(ContextError::Canceled));
        }
    });
}

#[test]
fn what_an_earlier_stage_had_in_hand_is_received_from_a_clone_of_it() {
    on_one_p_and_on_three(|| async {
        let (ctx, cancel) = Context::background().with_cancel();
        let input = buffered(0..10);
        let first = patterns::map(&ctx, input.clone(), |n| async move { n });
        let second = patterns::map(&ctx, first.clone(), |n| async move { n });
        let mut values = vec![second.recv().await.unwrap()];
        settle().await;
        cancel.cancel();
        values.extend(drain(&second).await);
        values.extend(drain(&first).await);
        values.extend(left_in(&input));
        assert_eq!(values, (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn a_stage_whose_context_is_done_takes_nothing() {
    on_one_p_and_on_three(|| async {
        let (ctx, cancel) = Context::background().with_cancel();
        cancel.cancel();
        let input = buffered(0..10);
        let stage = patterns::map(&ctx, input.clone(), |n| async move { n });
        assert_eq!(stage.recv().await, None);
        assert_eq!(left_in(&input).len(), 10);
        assert_eq!(patterns::generate(&ctx, 0..10).recv().await, None);
    });
}

#[test]
fn a_call_that_waits_is_dropped_when_the_context_is_done() {
    on_one_p_and_on_three(|| async {
        let census = Census::default();
        let theirs = census.clone();
        let (ctx, cancel) = Context::background().with_cancel();
        let (started_tx, started) = chan(1);
        let stage = patterns::map(&ctx, buffered(0..10), move |n| {
            let (guard, started) = (theirs.value(), started_tx.clone());
            async move {
                let _guard = guard;
                if n == 2 {
                    started.send(()).await.unwrap();
                    pending::<()>().await;
                }
                n
            }
        });
        assert_eq!(stage.recv().await, Some(0));
        assert_eq!(stage.recv().await, Some(1));
        started.recv().await;
        cancel.cancel();
        assert_eq!(stage.recv().await, None);
        assert_eq!((census.made(), census.dropped()), (3, 3));
    });
}

#[test]
fn a_call_that_does_not_wait_is_finished_although_it_cancels_the_context() {
    on_one_p_and_on_three(|| async {
        let (ctx, cancel) = Context::background().with_cancel();
        let mut cancel = Some(cancel);
        let stage = patterns::map(&ctx, buffered(0..10), move |n| {
            if n == 3 {
                drop(cancel.take());
            }
            async move { n }
        });
        assert_eq!(drain(&stage).await, [0, 1, 2, 3]);
    });
}

#[test]
fn when_the_context_is_done_an_iterator_without_end_ends() {
    on_one_p_and_on_three(|| async {
        let (ctx, cancel) = Context::background().with_cancel();
        let source = patterns::generate(&ctx, 0..);
        let stage = patterns::flat_map(&ctx, source, |n: u64| async move { n.. });
        assert_eq!(stage.recv().await, Some(0));
        assert_eq!(stage.recv().await, Some(1));
        settle().await;
        cancel.cancel();
        let rest = drain(&stage).await;
        assert!(rest == [2] || rest.is_empty(), "{rest:?}");
    });
}

#[test]
fn a_receive_from_a_stage_is_an_arm_of_a_select_and_loses_nothing() {
    on_one_p_and_on_three(|| async {
        let stage = patterns::generate(&Context::background(), 0..200u64);
        let (tick_tx, tick) = chan(0);
        let ticks = go(async move {
            for _ in 0..100 {
                tick_tx.send(()).await.unwrap();
            }
        });
        let (mut values, mut ticked, mut open) = (Vec::new(), 0, true);
        while open || ticked < 100 {
            select! {
                value = stage.recv(), if open => match value {
                    Some(value) => values.push(value),
                    None => open = false,
                },
                _ = tick.recv(), if ticked < 100 => ticked += 1,
            }
        }
        assert_eq!(values, (0..200).collect::<Vec<_>>());
        ticks.await.unwrap();
        let nil = gosched::chan::Receiver::<u64>::nil();
        let quiet = patterns::map(&Context::background(), nil, |n| async move { n });
        let looked = select! { value = quiet.recv() => value, default => Some(7) };
        assert_eq!(looked, Some(7));
    });
}

#[test]
fn a_stream_is_a_source_and_ends_with_the_context_though_it_is_silent() {
    on_one_p_and_on_three(|| async {
        let census = Census::default();
        let (ctx, cancel) = Context::background().with_cancel();
        let (tx, rx) = chan(0);
        let guard = census.value();
        let stream = rx.into_stream().inspect(move |_| {
            let _ = &guard;
        });
        let stage = patterns::from_stream(&ctx, stream);
        for n in 0..20 {
            tx.send(n).await.unwrap();
            assert_eq!(stage.recv().await, Some(n));
        }
        tx.send(20).await.unwrap(); // taken, and not received
        cancel.cancel();
        assert_eq!(drain(&stage).await, [20]);
        assert_eq!(census.dropped(), 1);

        let ctx = Context::background();
        let stage = patterns::from_stream(&ctx, futures::stream::iter(0..300));
        assert_eq!(drain(&stage).await, (0..300).collect::<Vec<_>>());
        let silent = patterns::from_stream(&ctx, futures::stream::pending::<u64>());
        settle().await;
        drop(silent); // no goroutine is left, says the harness
    });
}

#[test]
fn a_stage_is_a_stream_with_what_was_in_hand_at_its_end() {
    on_one_p_and_on_three(|| async {
        let (ctx, cancel) = Context::background().with_cancel();
        let input = buffered(0..10);
        let stage = patterns::map(&ctx, input.clone(), |n| async move { n });
        settle().await;
        let mut stream = stage.into_stream();
        let mut values = vec![stream.next().await.unwrap()];
        settle().await;
        cancel.cancel();
        values.extend(stream.by_ref().collect::<Vec<_>>().await);
        values.extend(left_in(&input));
        assert_eq!(values, (0..10).collect::<Vec<_>>());
        assert_eq!(stream.next().await, None);
    });
}

#[test]
fn a_nil_channel_as_input_waits_for_the_context() {
    on_one_p_and_on_three(|| async {
        let (ctx, cancel) = Context::background().with_cancel();
        let nil = gosched::chan::Receiver::<u64>::nil();
        let stage = patterns::map(&ctx, nil, |n| async move { n });
        settle().await;
        assert_eq!(at_once(&stage), None);
        cancel.cancel();
        assert_eq!(stage.recv().await, None);
    });
}

#[test]
fn a_plain_thread_may_start_stages_and_any_executor_receive() {
    within(|| {
        let census = Census::default();
        let guard = census.value();
        let stage = patterns::map(&Context::background(), buffered(0..50), move |n| {
            let _ = &guard;
            async move { n }
        });
        let sum: u64 = futures::executor::block_on(drain(&stage)).iter().sum();
        assert_eq!(sum, 1225);
        eventually("the goroutine's future is dropped", || {
            census.dropped() == 1
        });
    });
}

#[test]
fn stages_and_their_futures_go_from_thread_to_thread() {
    fn sent<T: Send>(_: &T) {}
    fn shared<T: Sync>(_: &T) {}
    fn moved<T: Unpin>(_: &T) {}
    // A value that is `Send` alone.
    let (_tx, rx) = chan::<std::cell::Cell<u8>>(0);
    let stage = patterns::Stage::from(rx);
    sent(&stage);
    shared(&stage);
    moved(&stage);
    let recv = stage.recv();
    sent(&recv);
    shared(&recv);
    let stream = stage.clone().into_stream();
    sent(&stream);
    moved(&stream);
}

#[test]
fn a_goroutine_of_a_stage_is_known_by_the_line_that_started_it() {
    on_one_p_and_on_three(|| async {
        let ctx = Context::background();
        let (_tx, rx) = chan::<u64>(0);
        let first = line!() + 1;
        let stage = patterns::map(&ctx, rx, |n| async move { n });
        let stage = patterns::worker_pool(&ctx, 2, stage, |n| async move { n });
        let stage = patterns::merge(&ctx, patterns::tee(&ctx, 1, stage));
        settle().await;
        // Those of all runtimes: other tests run beside this one.
        let mut lines: Vec<u32> = gosched::debug::goroutines()
            .iter()
            .map(|g| g.spawned_at())
            .filter(|site| site.file() == file!())
            .filter_map(|site| site.line().checked_sub(first))
            .filter(|&line| line < 3)
            .collect();
        lines.sort_unstable();
        assert_eq!(lines, [0, 1, 1, 2, 2]);
        drop(stage);
    });
}
