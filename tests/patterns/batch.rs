//! `batch`.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use gosched::{Context, chan, patterns};

use super::common::{FAR, panic_of, text};
use super::{at_once, buffered, drain, left_in, numbers, on_one_p_and_on_three, settle};

#[test]
fn batches_are_cut_by_number_and_the_rest_comes_at_the_end() {
    on_one_p_and_on_three(|| async {
        for (count, max, capacity) in [(0, 3, 0), (1, 1, 0), (10, 3, 0), (12, 4, 5), (5, 9, 2)] {
            let ctx = Context::background();
            let stage = patterns::batch(&ctx, max, FAR, numbers(capacity, 0..count));
            let batches = drain(&stage).await;
            let expected: Vec<u64> = (0..count).collect();
            let expected: Vec<_> = expected.chunks(max).map(<[u64]>::to_vec).collect();
            assert_eq!(batches, expected);
        }
    });
}

#[test]
fn a_batch_that_does_not_fill_comes_when_its_time_is_up() {
    on_one_p_and_on_three(|| async {
        let wait = Duration::from_millis(5);
        let (tx, rx) = chan(0);
        let stage = patterns::batch(&Context::background(), 100, wait, rx);
        settle().await;
        assert_eq!(at_once(&stage), None, "there is no empty batch");
        let start = Instant::now();
        tx.send(1).await.unwrap();
        assert_eq!(stage.recv().await, Some(vec![1]));
        assert!(start.elapsed() >= wait);
        tx.send(2).await.unwrap();
        tx.close();
        assert_eq!(drain(&stage).await, [vec![2]]);
    });
}

#[test]
fn an_input_that_always_has_values_does_not_put_the_end_of_a_batch_off() {
    on_one_p_and_on_three(|| async {
        let ctx = Context::background();
        let source = patterns::generate(&ctx, 0..);
        let stage = patterns::batch(&ctx, usize::MAX, Duration::from_millis(1), source);
        let (first, second) = (stage.recv().await.unwrap(), stage.recv().await.unwrap());
        let both: Vec<u64> = first.iter().chain(&second).copied().collect();
        assert_eq!(both, (0..both.len() as u64).collect::<Vec<_>>());
        assert!(!first.is_empty() && !second.is_empty());
    });
}

#[test]
fn no_values_are_taken_while_nobody_receives_a_batch() {
    on_one_p_and_on_three(|| async {
        let input = buffered(0..10);
        let stage = patterns::batch(&Context::background(), 3, FAR, input.clone());
        settle().await;
        assert!(input.len() >= 7);
        assert_eq!(stage.recv().await, Some(vec![0, 1, 2]));
    });
}

#[test]
fn after_cancel_the_batch_that_was_begun_is_received() {
    on_one_p_and_on_three(|| async {
        for wait in [FAR, Duration::MAX] {
            let (ctx, cancel) = Context::background().with_cancel();
            let (tx, rx) = chan(0);
            let stage = patterns::batch(&ctx, 5, wait, rx);
            tx.send(1).await.unwrap();
            tx.send(2).await.unwrap();
            cancel.cancel();
            assert_eq!(drain(&stage).await, [vec![1, 2]]);
        }
        // And one that is full but not received.
        let (ctx, cancel) = Context::background().with_cancel();
        let input = buffered(0..10);
        let stage = patterns::batch(&ctx, 4, FAR, input.clone());
        settle().await;
        cancel.cancel();
        let mut values = drain(&stage).await.concat();
        values.extend(left_in(&input));
        assert_eq!(values, (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn a_panic_of_the_input_comes_after_the_batch_that_was_begun() {
    on_one_p_and_on_three(|| async {
        let ctx = Context::background();
        let input = patterns::map(&ctx, buffered(0..10), |n| async move {
            if n == 5 {
                resume_unwind(Box::new("five"));
            }
            n
        });
        let stage = patterns::batch(&ctx, 3, FAR, input);
        assert_eq!(stage.recv().await, Some(vec![0, 1, 2]));
        assert_eq!(stage.recv().await, Some(vec![3, 4]));
        let payload = AssertUnwindSafe(stage.recv())
            .catch_unwind()
            .await
            .unwrap_err();
        assert_eq!(text(&*payload), "five");
    });
}

#[test]
fn batches_of_nothing_and_no_wait_are_refused() {
    let ctx = Context::background();
    let text = panic_of(|| patterns::batch(&ctx, 0, FAR, buffered([])));
    assert!(text.contains("without values"), "{text}");
    let text = panic_of(|| patterns::batch(&ctx, 1, Duration::ZERO, buffered([])));
    assert!(text.contains("must not be zero"), "{text}");
}
