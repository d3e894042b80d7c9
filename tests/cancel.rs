//! Every operation can be dropped at every point: what `docs/cancel-safety.md` says and no other file shows.
//!
//! The points are: before the first poll, parked, served but not polled again, and after the end.

mod chan_support;
mod common;

use std::future::{IntoFuture, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use chan_support::{Census, Wakes, now, parked, poll, poll_with};
use common::{FAR, eventually, run, within};
use futures::{SinkExt, StreamExt};
use gosched::chan::{TryRecvError, chan};
use gosched::select::{Select, recv_any};
use gosched::sync::{ErrGroup, SingleFlight, WaitGroup};
use gosched::time::{Ticker, Timer, after, sleep, timeout};
use gosched::{Context, go, select, yield_now};

#[test]
fn a_send_and_a_receive_dropped_after_their_end_change_nothing() {
    let census = Census::default();
    let (tx, rx) = chan(1);
    let mut send = Box::pin(tx.send(census.value(1)));
    assert!(poll(send.as_mut()).is_ready());
    drop(send);
    let mut recv = Box::pin(rx.recv());
    let Poll::Ready(Some(value)) = poll(recv.as_mut()) else {
        panic!("there is one");
    };
    drop(recv);
    assert_eq!(census.dropped(), 0);
    assert!(rx.try_recv().is_err(), "received once");
    drop(value);
    assert_eq!((census.made(), census.dropped()), (1, 1));
}

#[test]
fn a_receiver_may_be_ahead_of_a_value_that_another_gives_back() {
    let (tx, rx) = chan(1);
    let served = parked(rx.recv());
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    assert_eq!(rx.try_recv(), Ok(2), "1 is on its way to the other");
    tx.try_send(3).unwrap();
    drop(served);
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(1), Ok(3)));
}

#[test]
fn a_blocking_end_cannot_be_dropped_and_ends_with_the_channel() {
    within(|| {
        let (tx, rx) = chan::<u8>(0);
        let (other_tx, other_rx) = chan(0);
        let receiver = thread::spawn(move || rx.recv_blocking());
        let sender = thread::spawn(move || other_tx.send_blocking(7));
        drop(tx);
        drop(other_rx);
        assert_eq!(receiver.join().unwrap(), None);
        assert_eq!(sender.join().unwrap().unwrap_err().into_inner(), 7);
    });
}

#[test]
fn a_stream_keeps_its_place_and_its_value_when_its_next_is_dropped() {
    let (tx, rx) = chan(0);
    let mut stream = rx.stream();
    drop(parked(stream.next()));
    let behind = parked(rx.recv());
    tx.try_send(7).unwrap();
    drop(behind);
    assert_eq!(
        rx.try_recv(),
        Err(TryRecvError::Empty),
        "it is the stream's"
    );
    assert_eq!(now(stream.next()), Some(7));
}

#[test]
fn a_stream_dropped_while_it_waits_leaves_the_queue() {
    let (tx, rx) = chan(0);
    let mut stream = rx.stream();
    drop(parked(stream.next()));
    drop(stream);
    assert!(tx.try_send(7).is_err(), "nobody waits");
}

#[test]
fn an_item_that_its_sink_was_not_ready_for_is_dropped_with_its_future() {
    let census = Census::default();
    let (tx, rx) = chan(0);
    let mut sink = tx.into_sink();
    drop(parked(sink.send(census.value(1))));
    drop(parked(sink.send(census.value(2))));
    assert_eq!(census.dropped(), 1, "the slot was taken by the first");
    assert_eq!(rx.try_recv().ok().map(|value| value.id), Some(1));
    drop(parked(sink.send(census.value(3))));
    drop(sink);
    assert!(rx.try_recv().is_err());
    assert_eq!(census.alive(), 0, "with the sink goes what is in its slot");
}

#[test]
fn a_select_dropped_before_its_first_poll_has_had_no_effect() {
    let (tx, rx) = chan(1);
    tx.try_send(1).unwrap();
    let (other_tx, other_rx) = chan(1);
    let mut slot = Some(2);
    let looked = AtomicBool::new(false);
    drop(async {
        select! {
            _ = rx.recv() => {}
            _ = other_tx.send_from(&mut slot) => {}
            _ = async { looked.store(true, SeqCst) } => {}
        }
    });
    drop(
        Select::new()
            .recv(&rx, |_| ())
            .send_from(&other_tx, &mut slot, |_| ())
            .into_future(),
    );
    drop(recv_any(&[&rx]));
    assert!(!looked.load(SeqCst));
    assert_eq!((slot, other_rx.len()), (Some(2), 0));
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn a_select_macro_dropped_while_it_waits_leaves_all_queues() {
    let (a_tx, a_rx) = chan(0);
    let (b_tx, b_rx) = chan(0);
    let mut slot = Some(2);
    let census = Census::default();
    let held = census.value(0);
    drop(parked(async {
        select! {
            _ = a_rx.recv() => {}
            _ = b_tx.send_from(&mut slot) => {}
            _ = async { let _held = held; pending::<()>().await } => {}
        }
    }));
    assert!(a_tx.try_send(1).is_err());
    assert!(b_rx.try_recv().is_err());
    assert_eq!(slot, Some(2));
    assert_eq!(census.dropped(), 1, "a foreign future goes with the select");
}

#[test]
fn a_select_macro_dropped_after_it_was_served_gives_back_or_has_sent() {
    let (a_tx, a_rx) = chan(0);
    let (b_tx, b_rx) = chan(0);
    let mut slot = Some(2);
    let selecting = parked(async {
        select! {
            _ = a_rx.recv() => {}
            _ = b_tx.send_from(&mut slot) => {}
        }
    });
    a_tx.try_send(1).unwrap();
    assert!(b_rx.try_recv().is_err(), "one arm only");
    drop(selecting);
    assert_eq!((a_rx.try_recv(), slot), (Ok(1), Some(2)));

    let selecting = parked(async {
        select! {
            _ = a_rx.recv() => {}
            _ = b_tx.send_from(&mut slot) => {}
        }
    });
    assert_eq!(b_rx.try_recv(), Ok(2));
    assert!(a_tx.try_send(1).is_err(), "one arm only");
    drop(selecting);
    assert_eq!(slot, None);
}

#[test]
fn a_receive_under_run_gives_its_value_back_when_the_context_ends_it() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (tx, rx) = chan(0);
    let mut running = parked(ctx.run(rx.recv()));
    tx.try_send(7).unwrap();
    cancel.cancel();
    assert!(matches!(poll(running.as_mut()), Poll::Ready(Err(_))));
    assert_eq!(rx.try_recv(), Ok(7));
}

/// `run` looks at its context first, and cannot tell that the send it drops has happened.
#[test]
fn a_send_under_run_may_have_happened_when_the_context_ends_it_and_its_slot_says_so() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (tx, rx) = chan(0);
    let (mut sent, mut unsent) = (Some(1), Some(2));
    {
        let mut served = parked(ctx.run(tx.send_from(&mut sent)));
        let mut waiting = parked(ctx.run(tx.send_from(&mut unsent)));
        assert_eq!(rx.try_recv(), Ok(1));
        cancel.cancel();
        assert!(matches!(poll(served.as_mut()), Poll::Ready(Err(_))));
        assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Err(_))));
    }
    assert_eq!((sent, unsent), (None, Some(2)));
    assert!(rx.try_recv().is_err());
}

/// The same in a select, which looks at what has happened first.
#[test]
fn a_select_that_was_served_before_its_context_ended_says_so() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (tx, rx) = chan(0);
    let mut selecting = parked(async {
        select! {
            biased;
            _ = ctx.done() => None,
            sent = tx.send(1) => Some(sent),
        }
    });
    assert_eq!(rx.try_recv(), Ok(1));
    cancel.cancel();
    assert_eq!(poll(selecting.as_mut()), Poll::Ready(Some(Ok(()))));
}

#[test]
fn a_run_dropped_while_it_waits_drops_its_future_and_is_not_woken() {
    let (ctx, cancel) = Context::background().with_cancel();
    let census = Census::default();
    let held = census.value(0);
    let (wakes, waker) = Wakes::new();
    let mut running = Box::pin(ctx.run(async move {
        let _held = held;
        pending::<()>().await;
    }));
    assert!(poll_with(running.as_mut(), &waker).is_pending());
    drop(running);
    assert_eq!(census.dropped(), 1);
    cancel.cancel();
    assert_eq!(wakes.count(), 0);
}

#[test]
fn a_wait_for_a_context_can_be_given_up_at_any_point_and_taken_up_again() {
    let (ctx, cancel) = Context::background().with_cancel();
    drop(ctx.done());
    let (gone, gone_waker) = Wakes::new();
    let mut waiting = Box::pin(ctx.done());
    assert!(poll_with(waiting.as_mut(), &gone_waker).is_pending());
    drop(waiting);
    let woken = parked(ctx.done());
    cancel.cancel();
    drop(woken);
    assert_eq!(gone.count(), 0);
    for _ in 0..2 {
        now(ctx.done());
    }
}

/// A future that was ready in time is not lost because the time is up as well.
#[test]
fn a_timeout_that_is_served_and_due_gives_the_value() {
    within(|| {
        let (tx, rx) = chan(0);
        let (wakes, waker) = Wakes::new();
        let mut limited = Box::pin(timeout(Duration::from_millis(5), rx.recv()));
        assert!(poll_with(limited.as_mut(), &waker).is_pending());
        eventually("the time is up", || wakes.count() > 0);
        tx.try_send(7).unwrap();
        assert_eq!(poll(limited.as_mut()), Poll::Ready(Ok(Some(7))));
    });
}

#[test]
fn a_timeout_dropped_after_its_receive_was_served_gives_the_value_back() {
    let (tx, rx) = chan(0);
    let limited = parked(timeout(FAR, rx.recv()));
    tx.try_send(7).unwrap();
    drop(limited);
    assert_eq!(rx.try_recv(), Ok(7));
}

#[test]
fn timers_dropped_before_their_first_poll_have_taken_nothing() {
    run(1, async {
        let timer = Timer::new(Duration::ZERO);
        let mut ticker = Ticker::new(Duration::from_millis(1));
        sleep(Duration::from_millis(3)).await;
        drop(timer.fired());
        drop(ticker.tick());
        drop(after(Duration::ZERO));
        drop(sleep(Duration::ZERO));
        let first = ticker.tick().await;
        assert!(timer.fired().await < first);
        assert!(!timer.stop(), "received once");
    });
}

#[test]
fn a_wait_for_a_group_that_is_dropped_when_served_leaves_the_group_as_it_is() {
    let group = WaitGroup::new();
    group.add(1);
    drop(group.wait());
    let served = parked(group.wait());
    group.done();
    drop(served);
    now(group.wait());
}

#[test]
fn a_panic_that_a_dropped_wait_had_not_taken_goes_to_the_next() {
    run(1, async {
        let group = WaitGroup::new();
        let (open, gate) = chan::<()>(0);
        group.go(async move {
            gate.recv().await;
            panic!("early");
        });
        let (wakes, waker) = Wakes::new();
        let mut served = Box::pin(group.wait());
        assert!(poll_with(served.as_mut(), &waker).is_pending());
        open.close();
        while wakes.count() == 0 {
            yield_now().await;
        }
        drop(served);
        let panic = go(async move { group.wait().await }).await.unwrap_err();
        assert_eq!(common::text(&*panic.into_panic()), "early");
    });
}

#[test]
fn an_error_that_a_dropped_wait_had_not_taken_goes_to_the_next() {
    run(1, async {
        let group = ErrGroup::new();
        let (open, gate) = chan::<()>(0);
        group.go(async move {
            gate.recv().await;
            Err("once")
        });
        drop(group.clone().wait());
        let (wakes, waker) = Wakes::new();
        let mut served = Box::pin(group.clone().wait());
        assert!(poll_with(served.as_mut(), &waker).is_pending());
        open.close();
        while wakes.count() == 0 {
            yield_now().await;
        }
        drop(served);
        assert_eq!(group.wait().await, Err("once"));
    });
}

#[test]
fn what_a_call_brings_is_dropped_when_its_only_caller_is() {
    run(1, async {
        let flight = SingleFlight::<u8, Arc<()>>::new();
        let (open, gate) = chan::<()>(0);
        let value = Arc::new(());
        let brought = value.clone();
        let (wakes, waker) = Wakes::new();
        let mut served = Box::pin(flight.run(1, || async move {
            gate.recv().await;
            brought
        }));
        assert!(poll_with(served.as_mut(), &waker).is_pending());
        open.close();
        while wakes.count() == 0 {
            yield_now().await;
        }
        assert_eq!(Arc::strong_count(&value), 2);
        drop(served);
        assert_eq!(Arc::strong_count(&value), 1);
        let (other, shared) = flight.run(1, || async { Arc::new(()) }).await;
        assert!(!Arc::ptr_eq(&other, &value) && !shared, "asked anew");
    });
}

#[test]
fn a_goroutine_aborted_after_its_receive_was_served_gives_the_value_back() {
    run(1, async {
        let (tx, rx) = chan(0);
        let theirs = rx.clone();
        let handle = go(async move { theirs.recv().await });
        while tx.try_send(7).is_err() {
            yield_now().await;
        }
        handle.abort(); // before it had its turn on the only P
        assert!(handle.await.unwrap_err().is_cancelled());
        assert_eq!(rx.try_recv(), Ok(7));
    });
}

#[test]
fn a_result_that_a_dropped_wait_had_not_taken_stays_in_the_handle() {
    run(1, async {
        let (open, gate) = chan::<()>(0);
        let mut handle = go(async move {
            gate.recv().await;
            7
        });
        let (wakes, waker) = Wakes::new();
        let mut served = Box::pin(async { (&mut handle).await });
        assert!(poll_with(served.as_mut(), &waker).is_pending());
        open.close();
        while wakes.count() == 0 {
            yield_now().await;
        }
        drop(served);
        assert_eq!(handle.await.unwrap(), 7);
    });
}
