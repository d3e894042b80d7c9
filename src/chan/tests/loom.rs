//! Model-checked races: every interleaving, within the bound on preemptions, of the smallest program
//! that has the race.
//!
//! Run with `RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 cargo test --release --lib chan::tests`.
//!
//! A lost wake-up shows as a deadlock, a lost or doubled value in the assertion at the end, a value
//! slot or a waker reached by two at once as a causality violation. Each model names a change to the
//! code that it was seen to catch.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::thread;

use crate::chan::{chan, nil};
use crate::select::{Select, recv_any};

/// Polls once; ready or not, the future is dropped afterwards.
fn poll_and_drop<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// A value that counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

// Caught: `Op::drop` without `give_back`; `give_back` without looking for a parked receiver.
#[test]
fn a_receive_dropped_while_it_is_served_passes_its_value_on() {
    loom::model(|| {
        let (tx, rx) = chan(0);
        let (keep, other) = (tx.clone(), rx.clone());
        let sender = thread::spawn(move || block_on(tx.send(7)).unwrap());
        let receiver = thread::spawn(move || block_on(other.recv()));
        let first = poll_and_drop(rx.recv());
        if first.is_some() {
            // Nothing is left for the other one.
            keep.close();
        }
        match (first, receiver.join().unwrap()) {
            (Some(Some(7)), None) | (None, Some(7)) => {}
            other => panic!("{other:?}"),
        }
        sender.join().unwrap();
    });
}

// Caught: `unqueue` that does not look again, under the lock, whether the node is still queued.
#[test]
fn a_send_dropped_while_it_is_received_happens_or_drops_its_value() {
    loom::model(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = chan(0);
        let value = Counted(drops.clone());
        let sender = thread::spawn(move || poll_and_drop(tx.send(value)).is_some());
        let got = rx.try_recv().ok();
        let sent = sender.join().unwrap();
        assert!(!sent || got.is_some());
        assert_eq!(drops.load(Ordering::Relaxed), usize::from(got.is_none()));
        drop(got);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

// Caught: `SendFrom`'s drop that takes the slot before `dequeue`.
#[test]
fn a_send_from_dropped_while_it_is_received_happens_or_is_back() {
    loom::model(|| {
        let (tx, rx) = chan(0);
        let sender = thread::spawn(move || {
            let mut slot = Some(7);
            poll_and_drop(tx.send_from(&mut slot));
            slot
        });
        let got = rx.try_recv().ok();
        match (sender.join().unwrap(), got) {
            (Some(7), None) | (None, Some(7)) => {}
            other => panic!("{other:?}"),
        }
    });
}

// Caught: `Op::drop` without `give_back`; `WaitQueue::choose` that serves without asking the word.
#[test]
fn a_select_dropped_while_it_is_served_passes_its_value_on() {
    loom::model(|| {
        let (tx, rx) = chan(0);
        let (_quiet_tx, quiet) = chan(0);
        let (keep, other) = (tx.clone(), rx.clone());
        let sender = thread::spawn(move || block_on(tx.send(7)).unwrap());
        let receiver = thread::spawn(move || block_on(other.recv()));
        let selected = poll_and_drop(recv_any(&[&rx, &quiet]));
        if selected.is_some() {
            keep.close();
        }
        match (selected, receiver.join().unwrap()) {
            (Some((0, Some(7))), None) | (None, Some(7)) => {}
            other => panic!("{other:?}"),
        }
        sender.join().unwrap();
    });
}

// Caught: `start` that parks without looking at `closed` (in `Core::recv`, `closed` never true).
#[test]
fn a_close_releases_a_receiver_that_is_about_to_park() {
    loom::model(|| {
        let (tx, rx) = chan::<u8>(0);
        let receiver = thread::spawn(move || block_on(rx.recv()));
        tx.close();
        assert_eq!(receiver.join().unwrap(), None);
    });
}

// Caught: `abandon` without `release_waiters`.
#[test]
fn the_last_receiver_dropped_gives_a_parked_sender_its_value_back() {
    loom::model(|| {
        let (tx, rx) = chan(1);
        tx.try_send(1).unwrap();
        let sender = thread::spawn(move || block_on(tx.send(2)));
        drop(rx);
        assert_eq!(sender.join().unwrap().unwrap_err().into_inner(), 2);
    });
}

// Caught: `refill` that lets a parked sender in after the close (a value is then received after
// another receive was told that nothing comes).
#[test]
fn a_close_beside_a_parked_sender_and_a_receiver_agrees_with_both() {
    loom::model(|| {
        let (tx, rx) = chan(1);
        tx.try_send(1).unwrap();
        let parked = tx.clone();
        let sender = thread::spawn(move || block_on(parked.send(2)).is_ok());
        let receiver = thread::spawn(move || {
            let first = rx.try_recv();
            (first, rx)
        });
        let closed_at = {
            tx.close();
            tx.try_send(3).is_err()
        };
        assert!(closed_at);
        let sent = sender.join().unwrap();
        let (first, rx) = receiver.join().unwrap();
        assert_eq!(first, Ok(1));
        assert_eq!(rx.try_recv().ok(), sent.then_some(2));
        assert!(rx.try_recv().unwrap_err().is_closed());
    });
}

/// One side of a crossed pair: whether it sent, or what it received.
fn cross(
    out: crate::chan::Sender<u8>,
    into: crate::chan::Receiver<u8>,
    value: u8,
) -> Result<(), Option<u8>> {
    block_on(async {
        let select = Select::new();
        select
            .send(&out, value, |sent| Ok(sent.unwrap()))
            .recv(&into, Err)
            .await
    })
}

// Caught: `look_locked` that locks, looks, unlocks, and enqueues under a second locking; a `serve`
// that stores `DONE` without comparing; locks taken in the order of the arms.
#[test]
fn two_selects_that_face_each_other_meet_exactly_once() {
    loom::model(|| {
        let (a_tx, a_rx) = chan(0);
        let (b_tx, b_rx) = chan(0);
        // Each keeps both channels open for the other.
        let keep = (a_tx.clone(), a_rx.clone(), b_tx.clone(), b_rx.clone());
        let one = thread::spawn(move || cross(a_tx, b_rx, 1));
        let two = cross(b_tx, a_rx, 2);
        match (one.join().unwrap(), two) {
            (Ok(()), Err(Some(1))) | (Err(Some(2)), Ok(())) => {}
            other => panic!("{other:?}"),
        }
        drop(keep);
    });
}

// Caught: `resume` that polls its futures without claiming the word; `resume` that stores `WAITING`
// without looking at the channels again.
#[test]
fn a_send_arm_beside_a_future_that_ends_at_the_same_moment_happens_or_does_not() {
    loom::model(|| {
        let (tx, rx) = chan(0);
        let (gate_tx, gate_rx) = chan(0);
        let opener = thread::spawn(move || gate_tx.try_send(()).is_ok());
        let receiver = thread::spawn(move || (rx.try_recv().ok(), rx));
        // Foreign to the select: it does not see the channel inside.
        let mut slot = Some(7);
        let gate = async { gate_rx.recv().await };
        let sent = block_on(async {
            Select::new()
                .send_from(&tx, &mut slot, |sent| sent.is_ok())
                .future(gate, |_| false)
                .await
        });
        let (got, _rx) = receiver.join().unwrap();
        opener.join().unwrap();
        assert_eq!(slot.is_none(), got.is_some());
        assert_eq!(sent, got.is_some());
    });
}

// Caught: `resume` that does not renew the waker in the word.
#[test]
fn a_select_whose_waker_changes_while_it_is_served_is_woken() {
    loom::model(|| {
        let (tx, rx) = chan(0);
        let (_, quiet) = nil();
        let sender = thread::spawn(move || block_on(tx.send(7)).unwrap());
        let mut select = pin!(recv_any(&[&rx, &quiet]));
        let noop = &mut Context::from_waker(Waker::noop());
        let got = match select.as_mut().poll(noop) {
            Poll::Ready(got) => got,
            Poll::Pending => block_on(select),
        };
        assert_eq!(got, (0, Some(7)));
        sender.join().unwrap();
    });
}

// Caught: `repark` that does not renew the waker.
#[test]
fn a_receive_whose_waker_changes_while_it_is_served_is_woken() {
    loom::model(|| {
        let (tx, rx) = chan(0);
        let sender = thread::spawn(move || block_on(tx.send(7)).unwrap());
        let mut receive = pin!(rx.recv());
        let noop = &mut Context::from_waker(Waker::noop());
        let got = match receive.as_mut().poll(noop) {
            Poll::Ready(got) => got,
            Poll::Pending => block_on(receive),
        };
        assert_eq!(got, Some(7));
        sender.join().unwrap();
    });
}

// Caught: `enter` that decides for `default` after pass 1, without all locks.
#[test]
fn default_is_not_chosen_while_one_of_two_channels_is_ready_at_each_moment() {
    loom::model(|| {
        let (a_tx, a_rx) = chan(1);
        let (b_tx, b_rx) = chan(1);
        a_tx.try_send(1).unwrap();
        let other = a_rx.clone();
        let mover = thread::spawn(move || {
            b_tx.try_send(1).unwrap();
            let _ = other.try_recv();
            b_tx
        });
        // In this order the race would be seen: `b` before it is filled, `a` after it was emptied.
        let ready = poll_and_drop(async {
            Select::new()
                .recv(&b_rx, |_| true)
                .recv(&a_rx, |_| true)
                .default(|| false)
                .await
        });
        assert_eq!(ready, Some(true));
        mover.join().unwrap();
    });
}

// Caught: `upgrade` that adds to the count without comparing it with 0.
#[test]
fn an_upgrade_beside_the_last_drop_finds_the_channel_open_or_fails() {
    loom::model(|| {
        let (tx, rx) = chan(1);
        let weak = tx.downgrade();
        let dropper = thread::spawn(move || drop(tx));
        let sent = match weak.upgrade() {
            Some(tx) => tx.try_send(7).map(|()| true).unwrap(),
            None => false,
        };
        dropper.join().unwrap();
        assert_eq!(rx.try_recv().ok(), sent.then_some(7));
        assert!(rx.try_recv().unwrap_err().is_closed());
    });
}

// Caught: a `publish` that clears the bit before the value is in, and a failing receive that reads
// the count and the closed flag in two loads.
#[test]
fn a_receive_that_may_not_wait_gets_the_buffered_value_beside_a_close() {
    loom::model(|| {
        let (tx, rx) = chan(1);
        let closer = thread::spawn(move || {
            tx.try_send(7).unwrap();
            tx.close();
        });
        match rx.try_recv() {
            Ok(7) => {}
            Err(err) if err.is_empty() => {}
            other => panic!("{other:?}"),
        }
        closer.join().unwrap();
    });
}
