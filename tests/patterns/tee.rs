//! `tee`.

use gosched::patterns::{self, Stage};
use gosched::{Context, chan, yield_now};

use super::common::panic_of;
use super::{at_once, buffered, drain, left_in, numbers, on_one_p_and_on_three, settle};

fn two<T: Clone + Send + 'static>(ctx: &Context, input: impl Into<Stage<T>>) -> [Stage<T>; 2] {
    patterns::tee(ctx, 2, input).try_into().unwrap()
}

#[test]
fn every_output_gets_every_value_in_order() {
    on_one_p_and_on_three(|| async {
        for (outputs, capacity) in [(1, 0), (2, 0), (3, 5), (40, 0)] {
            let input = numbers(capacity, 0..100);
            let outputs = patterns::tee(&Context::background(), outputs, input);
            let all = futures::future::join_all(outputs.iter().map(drain)).await;
            for values in all {
                assert_eq!(values, (0..100).collect::<Vec<_>>());
            }
        }
    });
}

#[test]
fn outputs_may_be_received_from_in_any_order_and_none_gets_ahead() {
    on_one_p_and_on_three(|| async {
        let [a, b] = two(&Context::background(), numbers(0, 0..20));
        for n in 0..20 {
            let (first, second) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
            assert_eq!(first.recv().await, Some(n));
            settle().await;
            assert_eq!(at_once(first), None, "the other has not had its copy");
            assert_eq!(second.recv().await, Some(n));
        }
        assert_eq!(a.recv().await, None);
        assert_eq!(b.recv().await, None);
    });
}

#[test]
fn an_output_that_is_dropped_is_left_out() {
    on_one_p_and_on_three(|| async {
        let [a, b] = two(&Context::background(), numbers(0, 0..20));
        assert_eq!(a.recv().await, Some(0));
        assert_eq!(b.recv().await, Some(0));
        assert_eq!(a.recv().await, Some(1));
        settle().await; // 1 is offered to b
        drop(b);
        assert_eq!(drain(&a).await, (2..20).collect::<Vec<_>>());
    });
}

#[test]
fn a_tee_ends_when_all_outputs_are_dropped() {
    on_one_p_and_on_three(|| async {
        let (tx, rx) = chan::<u64>(0);
        let [a, b] = two(&Context::background(), rx);
        drop(a);
        tx.send(1).await.unwrap();
        assert_eq!(b.recv().await, Some(1));
        drop(b);
        while !tx.is_closed() {
            yield_now().await;
        }
    });
}

#[test]
fn after_cancel_who_has_not_had_the_value_still_gets_it() {
    on_one_p_and_on_three(|| async {
        let (ctx, cancel) = Context::background().with_cancel();
        let input = buffered(0..10);
        let [a, b] = two(&ctx, input.clone());
        assert_eq!(a.recv().await, Some(0));
        assert_eq!(b.recv().await, Some(0));
        assert_eq!(a.recv().await, Some(1));
        settle().await;
        cancel.cancel();
        assert_eq!(a.recv().await, None);
        assert_eq!(drain(&b).await, [1]);
        assert_eq!(left_in(&input), (2..10).collect::<Vec<_>>());
    });
}

#[test]
fn a_tee_without_outputs_is_refused() {
    let ctx = Context::background();
    let text = panic_of(|| patterns::tee(&ctx, 0, buffered([])));
    assert!(text.contains("no outputs"), "{text}");
}
