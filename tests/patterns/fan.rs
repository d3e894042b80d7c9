//! `fan_out` and `merge`.

use gosched::patterns::{self, Stage};
use gosched::{Context, chan, yield_now};

use super::{at_once, buffered, drain, left_in, numbers, on_one_p_and_on_three, settle};

#[test]
fn each_value_goes_to_one_function_and_each_function_has_its_own_output() {
    on_one_p_and_on_three(|| async {
        let ctx = Context::background();
        let functions = (0..3).map(|function| move |n: u64| async move { (function, n) });
        let outputs = patterns::fan_out(&ctx, numbers(0, 0..300), functions);
        assert_eq!(outputs.len(), 3);
        let mut all = Vec::new();
        let reads = futures::future::join_all(outputs.iter().map(drain)).await;
        for (function, values) in reads.into_iter().enumerate() {
            assert!(values.iter().all(|value| value.0 == function));
            assert!(values.is_sorted(), "the order is kept in each");
            all.extend(values.into_iter().map(|value| value.1));
        }
        all.sort_unstable();
        assert_eq!(all, (0..300).collect::<Vec<_>>());
    });
}

#[test]
fn a_function_whose_output_is_dropped_leaves_the_values_to_the_others() {
    on_one_p_and_on_three(|| async {
        let ctx = Context::background();
        let (tx, rx) = chan(0);
        let functions = [(); 2].map(|()| |n: u64| async move { n });
        let mut outputs = patterns::fan_out(&ctx, rx, functions);
        drop(outputs.pop());
        settle().await;
        let sender = gosched::go(async move {
            for n in 0..50 {
                tx.send(n).await.unwrap();
            }
        });
        // The dropped one may have had a value handed over before it saw that it is cancelled.
        let values = drain(&outputs[0]).await;
        sender.await.unwrap();
        assert!(values.len() >= 49 && values.is_sorted(), "{values:?}");
    });
}

#[test]
fn without_functions_the_input_is_dropped() {
    on_one_p_and_on_three(|| async {
        let (tx, rx) = chan(0);
        let functions: [fn(u64) -> std::future::Ready<u64>; 0] = [];
        assert!(patterns::fan_out(&Context::background(), rx, functions).is_empty());
        assert!(tx.send(1).await.is_err());
    });
}

#[test]
fn a_merge_gives_all_values_and_keeps_the_order_of_each_input() {
    on_one_p_and_on_three(|| async {
        for (inputs, each) in [(0, 5), (1, 100), (2, 200), (16, 50), (1_000, 3)] {
            for capacity in [0, 2] {
                let ctx = Context::background();
                let receivers = (0..inputs).map(|input| {
                    let base = input * 1_000;
                    numbers(capacity, base..base + each)
                });
                let merged = patterns::merge(&ctx, receivers);
                let mut next = vec![0; inputs as usize];
                while let Some(value) = merged.recv().await {
                    let expected = &mut next[(value / 1_000) as usize];
                    assert_eq!(value % 1_000, *expected);
                    *expected += 1;
                }
                assert!(next.iter().all(|&count| count == each), "{next:?}");
            }
        }
    });
}

#[test]
fn a_merge_goes_on_while_one_input_is_silent_or_ended() {
    on_one_p_and_on_three(|| async {
        let (silent_tx, silent) = chan(0);
        let inputs = [silent, numbers(0, []), numbers(0, 0..10)];
        let merged = patterns::merge(&Context::background(), inputs);
        for n in 0..10 {
            assert_eq!(merged.recv().await, Some(n));
        }
        settle().await;
        assert_eq!(at_once(&merged), None);
        silent_tx.send(99).await.unwrap();
        drop(silent_tx);
        assert_eq!(drain(&merged).await, [99]);
    });
}

#[test]
fn after_cancel_a_merge_gives_what_it_had_taken_and_leaves_the_rest() {
    on_one_p_and_on_three(|| async {
        let (ctx, cancel) = Context::background().with_cancel();
        let inputs: Vec<_> = (0..5).map(|i| buffered(i * 10..i * 10 + 10)).collect();
        let merged = patterns::merge(&ctx, inputs.clone());
        let mut values = vec![merged.recv().await.unwrap(), merged.recv().await.unwrap()];
        settle().await;
        cancel.cancel();
        values.extend(drain(&merged).await);
        assert!(values.len() <= 2 + 5);
        values.extend(inputs.iter().flat_map(left_in));
        values.sort_unstable();
        assert_eq!(values, (0..50).collect::<Vec<_>>());
    });
}

#[test]
fn dropping_a_merge_ends_all_its_inputs() {
    on_one_p_and_on_three(|| async {
        let ctx = Context::background();
        let (tx, rx) = chan::<u64>(0);
        let endless = patterns::generate(&ctx, 0..);
        let merged = patterns::merge(&ctx, [endless, Stage::from(rx)]);
        assert!(merged.recv().await.is_some());
        drop(merged);
        while !tx.is_closed() {
            yield_now().await;
        }
    });
}
