//! The rules of selects, one by one.

mod chan_support;

use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Poll, RawWaker, RawWakerVTable, Waker};

use chan_support::{Census, Wakes, now, parked, poll, poll_with};
use gosched::chan::{self, TryRecvError, chan};
use gosched::select::{Select, recv_any};

#[test]
fn the_ready_arm_is_chosen() {
    let (tx, rx) = chan(1);
    let (_quiet_tx, quiet) = chan::<u8>(1);
    tx.try_send(7).unwrap();
    let got = now(IntoFuture::into_future(
        Select::new().recv(&quiet, |_| None).recv(&rx, Some),
    ));
    assert_eq!(got, Some(Some(7)));
}

#[test]
fn each_ready_arm_is_chosen_equally_often() {
    const ROUNDS: u32 = 40_000;
    let chans: Vec<_> = (0..4).map(|_| chan(1)).collect();
    let receivers: Vec<_> = chans.iter().map(|(_, rx)| rx).collect();
    let mut counts = [0u32; 4];
    for _ in 0..ROUNDS {
        // Three are ready; the second never is.
        for (at, (tx, _)) in chans.iter().enumerate() {
            if at != 1 && tx.is_empty() {
                tx.try_send(at).unwrap();
            }
        }
        counts[now(recv_any(&receivers)).0] += 1;
    }
    assert_eq!(counts[1], 0);
    let (n, p) = (f64::from(ROUNDS), 1.0 / 3.0);
    let limit = 10.0 * (n * p * (1.0 - p)).sqrt();
    for at in [0, 2, 3] {
        assert!((f64::from(counts[at]) - n * p).abs() < limit, "{counts:?}");
    }
}

#[test]
fn a_send_a_receive_a_closed_channel_and_a_future_are_chosen_equally_often() {
    const ROUNDS: u32 = 40_000;
    let (tx, rx) = chan(1);
    let (full_tx, full_rx) = chan(1);
    let (closed_tx, closed_rx) = chan::<u8>(1);
    closed_tx.close();
    let mut counts = [0u32; 5];
    for _ in 0..ROUNDS {
        full_tx.try_send(1).ok();
        rx.try_recv().ok();
        let which = now(Select::new()
            .send(&tx, 1, |sent| {
                sent.unwrap();
                0
            })
            .recv(&full_rx, |_| 1)
            .recv(&closed_rx, |v| {
                assert!(v.is_none());
                2
            })
            .send(&closed_tx, 1, |sent| {
                assert!(sent.is_err());
                3
            })
            .future(ready(4usize), |n| n)
            .into_future());
        counts[which] += 1;
    }
    let (n, p) = (f64::from(ROUNDS), 1.0 / 5.0);
    let limit = 10.0 * (n * p * (1.0 - p)).sqrt();
    for count in counts {
        assert!((f64::from(count) - n * p).abs() < limit, "{counts:?}");
    }
}

#[test]
fn biased_takes_the_first_ready_arm_in_the_order_of_the_source() {
    for _ in 0..100 {
        let (tx, rx) = chan(3);
        let (_t, quiet) = chan::<u8>(1);
        tx.try_send(1).unwrap();
        let which = now(Select::new()
            .recv(&quiet, |_| 0)
            .recv(&rx, |_| 1)
            .future(ready(()), |()| 2)
            .biased()
            .into_future());
        assert_eq!(which, 1);
    }
}

#[test]
fn biased_a_context_that_is_done_wins_over_a_value_that_came_meanwhile_and_leaves_it_there() {
    for capacity in [0, 1] {
        let (tx, rx) = chan(capacity);
        let (ctx, cancel) = gosched::Context::background().with_cancel();
        let mut select = pin!(async {
            gosched::select! {
                biased;
                () = ctx.done() => None,
                v = rx.recv() => Some(v),
            }
        });
        assert!(poll(select.as_mut()).is_pending());
        cancel.cancel();
        assert_eq!(tx.try_send(7), Ok(()));
        assert_eq!(poll(select.as_mut()), Poll::Ready(None));
        assert_eq!(rx.try_recv(), Ok(7));

        // The other way round it comes after the value; and a channel found closed is no value.
        let (ctx, cancel) = gosched::Context::background().with_cancel();
        let value_first = || async {
            gosched::select! {
                biased;
                v = rx.recv() => Some(v),
                () = ctx.done() => None,
            }
        };
        let mut select = pin!(value_first());
        assert!(poll(select.as_mut()).is_pending());
        cancel.cancel();
        assert_eq!(tx.try_send(8), Ok(()));
        assert_eq!(poll(select.as_mut()), Poll::Ready(Some(Some(8))));
        let (ctx, cancel) = gosched::Context::background().with_cancel();
        let mut select = pin!(async {
            gosched::select! {
                biased;
                () = ctx.done() => true,
                _ = rx.recv() => false,
            }
        });
        assert!(poll(select.as_mut()).is_pending());
        tx.close();
        cancel.cancel();
        assert_eq!(poll(select.as_mut()), Poll::Ready(true));
    }
}

#[test]
fn biased_looks_from_the_top_when_it_is_polled_again() {
    for also_channel in [true, false].repeat(50) {
        let (tx, rx) = chan(1);
        let (gate_tx, gate_rx) = chan(1);
        let mut polls = 0;
        let gate = poll_fn(move |_| {
            polls += 1;
            if polls == 1 {
                Poll::Pending
            } else {
                gate_rx.try_recv().map_or(Poll::Pending, Poll::Ready)
            }
        });
        let mut select = parked(
            Select::new()
                .recv(&rx, |_| "channel")
                .future(gate, |()| "future")
                .biased()
                .into_future(),
        );
        gate_tx.try_send(()).unwrap();
        if also_channel {
            tx.try_send(1).unwrap();
        }
        let first = if also_channel { "channel" } else { "future" };
        assert_eq!(poll(select.as_mut()), Poll::Ready(first));
    }
}

#[test]
fn arms_on_nil_channels_are_never_chosen() {
    let (nil_tx, nil_rx) = chan::nil::<u8>();
    let got = now(Select::new()
        .recv(&nil_rx, |_| false)
        .send(&nil_tx, 1, |_| false)
        .default(|| true)
        .into_future());
    assert!(got);
    drop(parked(Select::new().recv(&nil_rx, |_| ()).into_future()));
    drop(parked(Select::<()>::new().into_future()));
    drop(parked(recv_any::<u8>(&[])));
}

#[test]
fn default_is_chosen_when_no_arm_is_ready_and_only_then() {
    let (tx, rx) = chan(1);
    let look = || {
        now(Select::new()
            .recv(&rx, |v| v)
            .future(pending::<()>(), |()| None)
            .default(|| None)
            .into_future())
    };
    assert_eq!(look(), None);
    tx.try_send(1).unwrap();
    assert_eq!(look(), Some(1));
    tx.close();
    let closed = now(Select::new()
        .recv(&rx, |v| v.is_none())
        .default(|| false)
        .into_future());
    assert!(closed, "a closed channel is ready");
}

#[test]
fn a_select_without_arms_waits_for_ever_whatever_is_expected_of_it() {
    async fn number() -> u8 {
        gosched::select! {}
    }
    let mut plain = Box::pin(async {
        gosched::select! { biased; }
    });
    assert!(poll(plain.as_mut()).is_pending());
    let mut number = Box::pin(number());
    for _ in 0..3 {
        assert!(poll(number.as_mut()).is_pending());
    }
}

#[test]
#[should_panic(expected = "at most one default")]
fn a_second_default_panics() {
    let _ = Select::new().default(|| ()).default(|| ());
}

#[test]
fn a_parked_select_is_served_by_a_send_and_leaves_all_other_queues() {
    let (a_tx, a_rx) = chan(0);
    let (b_tx, b_rx) = chan(0);
    let (wakes, waker) = Wakes::new();
    let mut select = Box::pin(recv_any(&[&a_rx, &b_rx]));
    assert!(poll_with(select.as_mut(), &waker).is_pending());
    b_tx.try_send(7).unwrap();
    assert_eq!(wakes.count(), 1);
    assert!(
        a_tx.try_send(8).unwrap_err().is_full(),
        "one select takes one value"
    );
    assert_eq!(poll(select.as_mut()), Poll::Ready((1, Some(7))));
    assert!(a_tx.try_send(8).unwrap_err().is_full());
    assert!(b_tx.try_send(8).unwrap_err().is_full());
}

#[test]
fn a_parked_select_is_served_by_a_receive() {
    let (tx, rx) = chan(0);
    let (_t, quiet) = chan::<u8>(0);
    let mut select = Box::pin(
        Select::new()
            .send(&tx, 7, |sent| sent.is_ok())
            .recv(&quiet, |_| false)
            .into_future(),
    );
    assert!(poll(select.as_mut()).is_pending());
    assert_eq!(rx.try_recv(), Ok(7));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(poll(select.as_mut()), Poll::Ready(true));
}

#[test]
fn a_parked_select_keeps_its_turn_among_the_waiters() {
    let (tx, rx) = chan(0);
    let (_t, quiet) = chan::<u8>(0);
    let mut first = parked(rx.recv());
    let mut second = parked(recv_any(&[&quiet, &rx]));
    let mut third = parked(rx.recv());
    for n in 0..3 {
        tx.try_send(n).unwrap();
    }
    assert_eq!(poll(first.as_mut()), Poll::Ready(Some(0)));
    assert_eq!(poll(second.as_mut()), Poll::Ready((1, Some(1))));
    assert_eq!(poll(third.as_mut()), Poll::Ready(Some(2)));
}

#[test]
fn one_channel_in_several_arms_serves_one_of_them() {
    let mut counts = [0u32; 3];
    for _ in 0..3_000 {
        let (tx, rx) = chan(0);
        let mut select = parked(recv_any(&[&rx, &rx, &rx]));
        tx.try_send(1).unwrap();
        assert!(tx.try_send(2).unwrap_err().is_full());
        let Poll::Ready((which, got)) = poll(select.as_mut()) else {
            panic!("served")
        };
        assert_eq!(got, Some(1));
        counts[which] += 1;
    }
    assert!(
        counts.iter().all(|&n| n > 800),
        "they share what comes while they are parked: {counts:?}"
    );
    let (tx, rx) = chan(1);
    let mut counts = [0u32; 2];
    for _ in 0..10_000 {
        tx.try_send(1).unwrap();
        counts[now(recv_any(&[&rx, &rx])).0] += 1;
    }
    assert!(counts.iter().all(|&n| n > 4_000), "{counts:?}");
}

#[test]
fn a_select_that_waits_on_a_channel_twice_and_is_served_by_another_leaves_the_queue_intact() {
    for place in 0..3 {
        let (tx, rx) = chan(0);
        let (other_tx, other_rx) = chan(0);
        let mut waiting: Vec<_> = (0..place).map(|_| parked(rx.recv())).collect();
        let mut select = parked(recv_any(&[&rx, &other_rx, &rx]));
        waiting.extend((place..2).map(|_| parked(rx.recv())));
        other_tx.try_send(7).unwrap();
        // Served, and not yet polled: its places on the first channel lead to nobody.
        tx.try_send(0).unwrap();
        assert_eq!(poll(select.as_mut()), Poll::Ready((1, Some(7))));
        tx.try_send(1).unwrap();
        assert!(tx.try_send(2).unwrap_err().is_full());
        for (n, receiver) in waiting.iter_mut().enumerate() {
            assert_eq!(poll(receiver.as_mut()), Poll::Ready(Some(n)));
        }
    }
}

#[test]
fn a_select_never_meets_itself_on_an_unbuffered_channel() {
    let (tx, rx) = chan(0);
    let mut select = parked(
        Select::new()
            .send(&tx, 1, |_| "sent")
            .recv(&rx, |_| "received")
            .into_future(),
    );
    for _ in 0..5 {
        assert!(poll(select.as_mut()).is_pending());
    }
    let (_, waker) = Wakes::new();
    assert!(
        poll_with(select.as_mut(), &waker).is_pending(),
        "nor when its waker changes"
    );
    tx.try_send(2).unwrap();
    assert_eq!(poll(select.as_mut()), Poll::Ready("received"));
    assert!(rx.try_recv().is_err());
}

#[test]
fn a_select_on_both_ends_of_a_channel_with_one_slot_alternates() {
    let (tx, rx) = chan(1);
    for round in 0..100 {
        let what = now(Select::new()
            .send(&tx, 1, |_| "send")
            .recv(&rx, |_| "recv")
            .into_future());
        assert_eq!(what, if round % 2 == 0 { "send" } else { "recv" });
    }
}

#[test]
fn closing_a_channel_on_which_a_select_sends_and_receives_ends_the_receive() {
    for _ in 0..200 {
        let (tx, rx) = chan(0);
        let mut select = parked(
            Select::new()
                .send(&tx, 1, |_| "send")
                .recv(&rx, |v| if v.is_none() { "recv" } else { "value" })
                .into_future(),
        );
        tx.close();
        assert_eq!(poll(select.as_mut()), Poll::Ready("recv"));
    }
}

#[test]
fn two_selects_that_cross_meet_once() {
    for _ in 0..200 {
        let (a_tx, a_rx) = chan(0);
        let (b_tx, b_rx) = chan(0);
        let mut one = parked(
            Select::new()
                .recv(&a_rx, |v| ("recv", v))
                .send(&b_tx, 2, |_| ("send", None))
                .into_future(),
        );
        let two = now(Select::new()
            .send(&a_tx, 1, |_| ("send", None))
            .recv(&b_rx, |v| ("recv", v))
            .into_future());
        let Poll::Ready(one) = poll(one.as_mut()) else {
            panic!("served")
        };
        match (one, two) {
            (("recv", Some(1)), ("send", None)) | (("send", None), ("recv", Some(2))) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_losing_send_has_sent_nothing_and_drops_its_value() {
    let census = Census::default();
    let (tx, rx) = chan(0);
    let (done_tx, done_rx) = chan(1);
    done_tx.try_send(()).unwrap();
    let mut slot = Some(census.value(2));
    now(Select::new()
        .send(&tx, census.value(1), |_| panic!("nobody receives"))
        .send_from(&tx, &mut slot, |_| panic!("nobody receives"))
        .recv(&done_rx, |_| ())
        .into_future());
    assert_eq!((census.made(), census.dropped()), (2, 1));
    assert_eq!(slot.map(|v| v.id), Some(2));
    assert!(rx.try_recv().is_err());
}

#[test]
fn the_handler_runs_when_all_losers_are_gone() {
    let census = Census::default();
    let (tx, rx) = chan(0);
    let (done_tx, done_rx) = chan(0);
    let probe = census.clone();
    let probe_tx = tx.clone();
    let mut select = parked(
        Select::new()
            .send(&tx, census.value(1), |_| (0, true))
            .recv(&done_rx, move |_| (probe.alive(), probe_tx.is_closed()))
            .into_future(),
    );
    done_tx.try_send(()).unwrap();
    assert_eq!(poll(select.as_mut()), Poll::Ready((0, false)));
    drop(rx);
}

#[test]
fn a_select_polled_again_with_another_waker_wakes_that_one() {
    let (tx, rx) = chan(0);
    let (_t, quiet) = chan::<u8>(0);
    let (first, first_waker) = Wakes::new();
    let (second, second_waker) = Wakes::new();
    let mut select = Box::pin(recv_any(&[&quiet, &rx]));
    assert!(poll_with(select.as_mut(), &first_waker).is_pending());
    assert!(poll_with(select.as_mut(), &second_waker).is_pending());
    tx.try_send(7).unwrap();
    assert_eq!((first.count(), second.count()), (0, 1));
    assert_eq!(poll(select.as_mut()), Poll::Ready((1, Some(7))));
}

/// The waker of a task that lies where `task` points to. A clone of it is the task's own: with other data, as lawful as
/// one with the same.
fn borrowed(task: &Waker) -> Waker {
    unsafe fn clone(task: *const ()) -> RawWaker {
        // SAFETY: the pointer of `borrowed`, whose caller keeps the task in place.
        let waker = std::mem::ManuallyDrop::new(unsafe { &*task.cast::<Waker>() }.clone());
        RawWaker::new(waker.data(), waker.vtable())
    }
    unsafe fn wake(task: *const ()) {
        // SAFETY: as above.
        unsafe { &*task.cast::<Waker>() }.wake_by_ref();
    }
    unsafe fn nothing(_: *const ()) {}
    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, nothing);
    // SAFETY: the functions keep to the contract for as long as `task` is there, and no test lets it go before.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::from_ref(task).cast(), &VTABLE)) }
}

#[test]
fn a_select_polled_by_another_task_that_lies_where_the_first_one_lay_wakes_the_other() {
    let (tx, rx) = chan(0);
    let mut select = pin!(IntoFuture::into_future(Select::new().recv(&rx, |v| v)));
    let (first, mut task) = Wakes::new();
    assert!(poll_with(select.as_mut(), &borrowed(&task)).is_pending());
    let (second, other) = Wakes::new();
    task = other;
    assert!(poll_with(select.as_mut(), &borrowed(&task)).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!((first.count(), second.count()), (0, 1));
    assert_eq!(poll(select.as_mut()), Poll::Ready(Some(1)));
}

#[test]
fn no_channel_serves_a_select_while_it_polls_a_future() {
    let (tx, rx) = chan(0);
    let inner_tx = tx.clone();
    let mut polls = 0;
    let meddler = poll_fn(move |_| {
        polls += 1;
        if polls == 1 {
            return Poll::Pending;
        }
        // The select's receive is parked, but this very select is looking for itself.
        assert!(inner_tx.try_send(1).unwrap_err().is_full());
        Poll::Ready(())
    });
    let mut select = parked(
        Select::new()
            .recv(&rx, |_| "channel")
            .future(meddler, |()| "future")
            .biased()
            .into_future(),
    );
    assert_eq!(poll(select.as_mut()), Poll::Ready("future"));
    assert!(
        tx.try_send(1).unwrap_err().is_full(),
        "and it has left the queue"
    );
}

#[test]
fn what_becomes_ready_while_a_select_polls_a_future_is_seen_before_it_sleeps() {
    let (tx, rx) = chan(1);
    let inner_tx = tx.clone();
    let mut polls = 0;
    let meddler = poll_fn(move |_| {
        polls += 1;
        if polls == 2 {
            inner_tx.try_send(7).unwrap();
        }
        Poll::<()>::Pending
    });
    let mut select = parked(
        Select::new()
            .recv(&rx, |v| v)
            .future(meddler, |()| None)
            .into_future(),
    );
    assert_eq!(poll(select.as_mut()), Poll::Ready(Some(7)));
}

#[test]
fn a_future_that_panics_leaves_the_queues_intact() {
    for first_poll in [true, false] {
        let (tx, rx) = chan(0);
        let mut polls = 0;
        let bad = poll_fn(move |_| -> Poll<()> {
            polls += 1;
            if polls == 1 && !first_poll {
                return Poll::Pending;
            }
            panic!("in poll")
        });
        let mut select = Box::pin(
            Select::new()
                .recv(&rx, |_| ())
                .future(bad, |()| ())
                .into_future(),
        );
        if !first_poll {
            assert!(poll(select.as_mut()).is_pending());
        }
        let mut next = parked(rx.recv());
        assert!(catch_unwind(AssertUnwindSafe(|| poll(select.as_mut()))).is_err());
        drop(select);
        tx.try_send(7).unwrap();
        assert_eq!(poll(next.as_mut()), Poll::Ready(Some(7)));
    }
}

#[test]
fn a_borrowed_future_lives_on_across_selects() {
    let (tx, rx) = chan(0);
    let (gate_tx, gate_rx) = chan(1);
    let mut long = pin!(gate_rx.recv());
    for n in 0..3 {
        let mut select = parked(
            Select::new()
                .recv(&rx, |v| v)
                .future(long.as_mut(), |v| v)
                .into_future(),
        );
        tx.try_send(n).unwrap();
        assert_eq!(poll(select.as_mut()), Poll::Ready(Some(n)));
    }
    gate_tx.try_send(9).unwrap();
    let got = now(Select::new()
        .recv(&rx, |v| v)
        .future(long.as_mut(), |v| v)
        .into_future());
    assert_eq!(got, Some(9));
}

#[test]
fn more_arms_than_fit_inline_are_all_served() {
    let chans: Vec<_> = (0..300).map(|_| chan(0)).collect();
    let receivers: Vec<_> = chans.iter().map(|(_, rx)| rx).collect();
    for at in [0, 7, 8, 63, 64, 65, 299] {
        let mut select = parked(recv_any(&receivers));
        chans[at].0.try_send(at).unwrap();
        assert_eq!(poll(select.as_mut()), Poll::Ready((at, Some(at))));
    }
    for (tx, _) in &chans {
        assert!(
            tx.try_send(0).unwrap_err().is_full(),
            "no place in a queue is left"
        );
    }
}

#[test]
#[should_panic(expected = "polled after it had completed")]
fn polling_a_select_again_after_its_end_panics() {
    let (tx, rx) = chan(1);
    tx.try_send(1).unwrap();
    let mut select = Box::pin(recv_any(&[&rx]));
    assert!(poll(select.as_mut()).is_ready());
    let _ = poll(select.as_mut());
}

#[test]
fn a_parked_select_that_is_dropped_leaves_all_queues() {
    let census = Census::default();
    let (a_tx, a_rx) = chan(0);
    let (b_tx, b_rx) = chan(0);
    let mut slot = Some(census.value(2));
    let select = parked(
        Select::new()
            .recv(&a_rx, |_| ())
            .send(&b_tx, census.value(1), |_| ())
            .send_from(&b_tx, &mut slot, |_| ())
            .into_future(),
    );
    drop(select);
    assert!(a_tx.try_send(census.value(3)).is_err());
    assert!(b_rx.try_recv().is_err());
    assert_eq!(slot.as_ref().map(|v| v.id), Some(2));
    assert_eq!(census.alive(), 1);
}

#[test]
fn a_select_dropped_after_its_receive_was_served_gives_the_value_back() {
    let (a_tx, a_rx) = chan(0);
    let (_b_tx, b_rx) = chan(0);
    let select = parked(recv_any(&[&a_rx, &b_rx]));
    let mut next = parked(a_rx.recv());
    a_tx.try_send(7).unwrap();
    drop(select);
    assert_eq!(poll(next.as_mut()), Poll::Ready(Some(7)));

    let select = parked(recv_any(&[&a_rx, &b_rx]));
    a_tx.try_send(1).unwrap();
    let waiting = parked(a_tx.send(2));
    drop(select);
    assert_eq!(
        (a_rx.try_recv(), a_rx.try_recv()),
        (Ok(1), Ok(2)),
        "ahead of all later ones"
    );
    drop(waiting);
}

#[test]
fn a_select_dropped_after_its_send_was_served_has_sent() {
    let census = Census::default();
    let (tx, rx) = chan(0);
    let (_t, quiet) = chan::<u8>(0);
    let mut slot = Some(census.value(1));
    let select = parked(
        Select::new()
            .send_from(&tx, &mut slot, |_| ())
            .recv(&quiet, |_| ())
            .into_future(),
    );
    let got = rx.try_recv().ok().unwrap();
    drop(select);
    assert!(slot.is_none());
    assert_eq!((got.id, census.alive()), (1, 1));
}

/// The shape into which `select!` expands, driven by hand.
#[test]
// The borrow is the trick: `__gosched_tag` is looked for on `&Probe`, as in the macro's expansion.
#[allow(clippy::needless_borrow)]
fn an_operand_finds_its_arm_by_its_type() {
    use gosched::select::__private::{
        Arm as _, Case, Probe, Selector, ViaCase as _, ViaFuture as _,
    };
    use std::pin::Pin;

    let (tx, rx) = chan(1);
    let mut slot = Some(5);
    let (f0, f1, f2, f3) = (
        Some(rx.recv()),
        Some(async { 3 }),
        Some(tx.send_from(&mut slot)),
        None::<chan::SendFuture<'_, i32>>,
    );
    let mut selector = pin!(Selector::new(true));
    let mut a0 = pin!((&Probe(&f0)).__gosched_tag().__gosched_arm(f0));
    let mut a1 = pin!((&Probe(&f1)).__gosched_tag().__gosched_arm(f1));
    let mut a2 = pin!((&Probe(&f2)).__gosched_tag().__gosched_arm(f2));
    let mut a3 = pin!((&Probe(&f3)).__gosched_tag().__gosched_arm(f3));
    let mut cases: [Pin<&mut dyn Case>; 4] = [a0.as_mut(), a1.as_mut(), a2.as_mut(), a3.as_mut()];
    assert_eq!(selector.as_mut().try_poll(&mut cases), Some(1));
    assert_eq!(a1.as_mut().finish(), 3);
    assert!(catch_unwind(AssertUnwindSafe(|| a0.as_mut().finish())).is_err());
}
