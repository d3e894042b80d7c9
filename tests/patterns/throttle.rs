//! `throttle`.

use std::time::{Duration, Instant};

use gosched::{Context, chan, patterns};

use super::common::{FAR, panic_of};
use super::{at_once, buffered, drain, left_in, numbers, on_one_p_and_on_three, settle};

#[test]
fn values_pass_in_order_and_no_faster_than_asked_for() {
    on_one_p_and_on_three(|| async {
        for (n, values, capacity) in [(1, 6, 0), (3, 10, 0), (4, 9, 8)] {
            let period = Duration::from_millis(3);
            let start = Instant::now();
            let input = numbers(capacity, 0..values);
            let stage = patterns::throttle(&Context::background(), n, period, input);
            for value in 0..values {
                assert_eq!(stage.recv().await, Some(value));
                let periods = u32::try_from(value).unwrap() / u32::try_from(n).unwrap();
                assert!(start.elapsed() >= periods * period, "value {value} of {n}");
            }
            assert_eq!(stage.recv().await, None);
        }
    });
}

#[test]
fn a_burst_passes_at_once_and_the_next_value_waits() {
    on_one_p_and_on_three(|| async {
        let (tx, rx) = chan(0);
        let stage = patterns::throttle(&Context::background(), 3, FAR, rx);
        let sender = gosched::go(async move {
            for n in 0..4 {
                tx.send(n).await.unwrap(); // the fourth is taken too, and held
            }
        });
        for n in 0..3 {
            assert_eq!(stage.recv().await, Some(n)); // an hour apart, were they not a burst
        }
        sender.await.unwrap();
        settle().await;
        assert_eq!(at_once(&stage), None);
    });
}

#[test]
fn after_cancel_the_value_that_waits_is_received() {
    on_one_p_and_on_three(|| async {
        for period in [FAR, Duration::MAX] {
            let (ctx, cancel) = Context::background().with_cancel();
            let input = buffered(0..10);
            let stage = patterns::throttle(&ctx, 2, period, input.clone());
            let mut values = vec![stage.recv().await.unwrap(), stage.recv().await.unwrap()];
            settle().await;
            cancel.cancel();
            values.extend(drain(&stage).await);
            assert!(values.len() <= 3, "{values:?}");
            values.extend(left_in(&input));
            assert_eq!(values, (0..10).collect::<Vec<_>>());
        }
    });
}

#[test]
fn dropping_the_output_ends_a_throttle_that_waits() {
    on_one_p_and_on_three(|| async {
        let stage = patterns::throttle(&Context::background(), 1, FAR, numbers(0, 0..10));
        assert_eq!(stage.recv().await, Some(0));
        settle().await;
        drop(stage); // no goroutine is left, says the harness
    });
}

#[test]
fn the_end_of_the_input_is_not_delayed() {
    on_one_p_and_on_three(|| async {
        let stage = patterns::throttle(&Context::background(), 2, FAR, numbers(0, 0..2));
        assert_eq!(drain(&stage).await, [0, 1]);
    });
}

#[test]
fn no_values_and_no_period_are_refused() {
    let ctx = Context::background();
    let text = panic_of(|| patterns::throttle(&ctx, 0, FAR, buffered([])));
    assert!(text.contains("no values"), "{text}");
    let text = panic_of(|| patterns::throttle(&ctx, 1, Duration::ZERO, buffered([])));
    assert!(text.contains("must not be zero"), "{text}");
}
