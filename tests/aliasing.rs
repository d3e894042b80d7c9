//! Futures that borrow from themselves, as most `async` blocks do, inside everything here that holds a user's future. That it
//! comes to the right end is the least; `.ci/memcheck` runs this under Miri, which sees every reference that aliases one.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use gosched::select::{Select, recv_any};
use gosched::{chan, select};

/// Pending `n` times. It holds a `&mut` of its own variable meanwhile.
async fn pause(n: u32) -> u32 {
    let mut left = n;
    let left = &mut left;
    poll_fn(move |cx| {
        if *left == 0 {
            return Poll::Ready(n);
        }
        *left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// Polls to the end, at most so many times.
fn drive<F: Future>(future: F, most: usize) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    (0..most)
        .find_map(|_| match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
        .expect("it ends")
}

#[test]
fn in_a_select_of_any_number_of_arms() {
    let (tx, rx) = chan::<u32>(0);
    let few = async {
        select! {
            v = rx.recv() => v.unwrap(),
            n = pause(3) => n,
        }
    };
    assert_eq!(drive(few, 5), 3);
    let many = async {
        select! {
            v = rx.recv() => v.unwrap(),
            _ = tx.send(1) => 1,
            n = pause(7) => n,
            n = pause(3) => n,
        }
    };
    assert_eq!(drive(many, 5), 3);
    let dynamic = Select::new()
        .recv(&rx, Option::unwrap)
        .future(pause(7), |n| n)
        .future(pause(3), |n| n);
    assert_eq!(drive(dynamic.into_future(), 5), 3);
}

#[test]
fn in_a_select_that_is_served_or_dropped_meanwhile() {
    let (tx, rx) = chan::<u32>(0);
    let mut served = pin!(async {
        select! {
            v = rx.recv() => v.unwrap(),
            n = pause(9) => n,
        }
    });
    let mut cx = Context::from_waker(Waker::noop());
    assert!(served.as_mut().poll(&mut cx).is_pending());
    assert!(tx.try_send(5).is_ok());
    assert_eq!(served.as_mut().poll(&mut cx), Poll::Ready(5));

    let mut dropped = Box::pin(async {
        select! {
            _ = rx.recv() => {},
            _ = pause(9) => {},
            () = async { select! { _ = rx.recv() => {}, _ = pause(9) => {} } } => {},
        }
    });
    assert!(dropped.as_mut().poll(&mut cx).is_pending());
    assert!(dropped.as_mut().poll(&mut cx).is_pending());
    drop(dropped);
    assert!(tx.try_send(6).is_err(), "nobody waits");
}

#[test]
fn in_a_run_of_a_context() {
    let (ctx, cancel) = gosched::Context::background().with_cancel();
    assert_eq!(drive(ctx.run(pause(3)), 5).unwrap(), 3);
    let mut ended: Pin<Box<_>> = Box::pin(ctx.run(pause(9)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(ended.as_mut().poll(&mut cx).is_pending());
    cancel.cancel();
    assert!(matches!(ended.as_mut().poll(&mut cx), Poll::Ready(Err(_))));
}

#[test]
fn what_waits_in_queues_stays_where_it_is() {
    let (tx, rx) = chan::<String>(1);
    let (_quiet, other) = chan::<String>(0);
    let mut cx = Context::from_waker(Waker::noop());
    let mut any = Box::pin(recv_any(&[&other, &rx]));
    assert!(any.as_mut().poll(&mut cx).is_pending());
    assert!(tx.try_send("a".into()).is_ok());
    assert_eq!(
        any.as_mut().poll(&mut cx),
        Poll::Ready((1, Some("a".into())))
    );
    // A buffered one, one that is parked, one that is dropped while it is.
    drive(tx.send("b".into()), 1).unwrap();
    let mut parked = Box::pin(tx.send("c".into()));
    let mut dropped = Box::pin(tx.send("d".into()));
    assert!(parked.as_mut().poll(&mut cx).is_pending());
    assert!(dropped.as_mut().poll(&mut cx).is_pending());
    drop(dropped);
    assert_eq!(drive(rx.recv(), 1).as_deref(), Some("b"));
    assert_eq!(parked.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
    assert_eq!(drive(rx.recv(), 1).as_deref(), Some("c"));
    drop(tx);
    assert_eq!(drive(rx.recv(), 1), None);
}
