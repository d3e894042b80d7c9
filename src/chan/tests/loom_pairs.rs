//! Model-checked races of the fast paths, of `close`, and of selects that face each other.
//!
//! The second half of `loom.rs` beside this file, whose header says how to run and read it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use loom::future::block_on;
use loom::sync::atomic::AtomicBool as Flag;
use loom::thread;

use crate::chan::{Receiver, Sender, chan};
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

/// A waker that counts.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

// Caught: `push` that does not look again under the lock; one that gives the lock back first.
#[test]
fn a_push_beside_a_receiver_that_parks_is_received() {
    loom::model(|| {
        let (tx, rx) = chan(1);
        let receiver = thread::spawn(move || block_on(rx.recv()));
        tx.try_send(7).unwrap();
        assert_eq!(receiver.join().unwrap(), Some(7));
        assert_eq!(tx.len(), 0);
    });
}

// Caught: `pop` that does not look again under the lock; one that gives the lock back first.
#[test]
fn a_pop_beside_a_sender_that_parks_lets_its_value_in() {
    loom::model(|| {
        let (tx, rx) = chan(1);
        tx.try_send(1).unwrap();
        let sender = thread::spawn(move || {
            block_on(tx.send(2)).unwrap();
            tx
        });
        assert_eq!(rx.try_recv(), Ok(1));
        // With the receiver still there: nobody but the pop can have let the sender in.
        let tx = sender.join().unwrap();
        assert_eq!((tx.len(), rx.try_recv()), (1, Ok(2)));
    });
}

// Caught: `push` that stores the picture Relaxed; `mirror` that loads it Relaxed; `push` that stores the picture
// before it has the lock.
#[test]
fn a_value_that_is_seen_to_be_there_can_be_received_and_shows_what_was_done_before() {
    loom::model(|| {
        let before = Arc::new(Flag::new(false));
        let (tx, rx) = chan::<Box<u8>>(1);
        let receiver = {
            let before = before.clone();
            thread::spawn(move || {
                if rx.len() == 1 {
                    // Before the receive, whose lock would show it anyway.
                    assert!(before.load(Ordering::Relaxed));
                    assert_eq!(rx.try_recv().map(|value| *value), Ok(7));
                }
                rx
            })
        };
        before.store(true, Ordering::Relaxed);
        tx.try_send(Box::new(7)).unwrap();
        receiver.join().unwrap();
    });
}

// Caught: `push` or `pop` that gives the lock back first.
#[test]
fn pushes_and_pops_of_two_threads_each_move_one_value() {
    loom::model(|| {
        let (tx, rx) = chan(2);
        tx.try_send(1).unwrap();
        let (other_tx, other_rx) = (tx.clone(), rx.clone());
        let other = thread::spawn(move || {
            let sent = other_tx.try_send(2).is_ok();
            (sent, other_rx.try_recv().ok())
        });
        let mine = (tx.try_send(3).is_ok(), rx.try_recv().ok());
        let theirs = other.join().unwrap();
        let mut got: Vec<_> = [mine.1, theirs.1].into_iter().flatten().collect();
        got.extend(std::iter::from_fn(|| rx.try_recv().ok()));
        got.sort_unstable();
        let mut sent = vec![1];
        sent.extend(theirs.0.then_some(2));
        sent.extend(mine.0.then_some(3));
        // At most one of the two sends may have found the channel full.
        assert!(sent.len() >= 2);
        assert_eq!(got, sent);
    });
}

// Caught: `close` that looks without the lock whether it is the first; `release_waiters` that lets no sender go.
#[test]
fn a_close_lets_a_parked_sender_and_a_second_closer_go() {
    loom::model(|| {
        let (tx, rx) = chan(0);
        let (parked, closer) = (tx.clone(), tx.clone());
        let sender = thread::spawn(move || block_on(parked.send(1)));
        let other = thread::spawn(move || closer.close());
        let mine = tx.close();
        // Exactly one of them has closed it.
        assert!(mine != other.join().unwrap());
        assert_eq!(sender.join().unwrap().unwrap_err().into_inner(), 1);
        assert!(rx.try_recv().unwrap_err().is_closed());
    });
}

// Caught: `release_waiters` that lets the senders go first.
#[test]
fn a_close_ends_a_select_that_waits_on_both_sides_by_its_receive() {
    loom::model(|| {
        let (tx, rx) = chan(0);
        let closer = tx.clone();
        let mut select = pin!(async {
            Select::new()
                .send(&tx, 1, |sent| Err(sent.is_err()))
                .recv(&rx, Ok)
                .await
        });
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        let closer = thread::spawn(move || closer.close());
        let first = select.as_mut().poll(&mut Context::from_waker(&waker));
        closer.join().unwrap();
        match first {
            // It came too late to wait, and either end will do.
            Poll::Ready(ended) => assert!(matches!(ended, Ok(None) | Err(true))),
            // As in Go, where a close lets all receivers go before the first sender.
            Poll::Pending => {
                assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
                let ended = select.as_mut().poll(&mut Context::from_waker(&waker));
                assert_eq!(ended, Poll::Ready(Ok(None)));
            }
        }
    });
}

// Caught: `release_waiters` that lets one go.
#[test]
fn a_close_beside_two_parked_receivers_ends_both() {
    loom::model(|| {
        let (tx, rx) = chan::<u8>(0);
        let other_rx = rx.clone();
        let one = thread::spawn(move || block_on(rx.recv()));
        let two = thread::spawn(move || block_on(other_rx.recv()));
        tx.close();
        assert_eq!((one.join().unwrap(), two.join().unwrap()), (None, None));
    });
}

/// Sends into one channel or receives from the other, whichever happens; what happened, if it did
/// before the select was dropped.
async fn cross(out: &Sender<u8>, into: &Receiver<u8>, value: u8) -> Result<bool, Option<u8>> {
    Select::new()
        .send(out, value, |sent| Ok(sent.is_ok()))
        .recv(into, Err)
        .await
}

// Caught: `Op::drop` without `give_back`.
#[test]
fn of_two_selects_that_face_each_other_one_may_be_dropped() {
    loom::model(|| {
        let (a_tx, a_rx) = chan(0);
        let (b_tx, b_rx) = chan(0);
        let keep = (a_tx.clone(), a_rx.clone(), b_tx.clone(), b_rx.clone());
        // This one waits; the other looks once and goes.
        let waiting = thread::spawn(move || block_on(cross(&a_tx, &b_rx, 1)));
        let dropped = poll_and_drop(cross(&b_tx, &a_rx, 2));
        if dropped.is_none() {
            // Nothing has happened, or a value came back: whoever waits can still be served.
            let returned = keep.1.try_recv();
            if returned.is_err() {
                // Its send was not taken, so the dropped one may have sent: the close ends it else.
                keep.2.close();
                keep.0.close();
            }
            match (waiting.join().unwrap(), returned) {
                // Sent to the dropped select, which gave it back, or to us.
                (Ok(true), Ok(1)) => {}
                // Received from the dropped select, or let go by one of the closes.
                (Err(Some(2) | None) | Ok(false), Err(_)) => {}
                other => panic!("{other:?}"),
            }
        } else {
            match (waiting.join().unwrap(), dropped.unwrap()) {
                (Ok(true), Err(Some(1))) | (Err(Some(2)), Ok(true)) => {}
                other => panic!("{other:?}"),
            }
        }
    });
}

// Caught: `Op::drop` without `give_back`.
#[test]
fn a_dropped_select_beside_a_waiting_one_hands_it_its_value() {
    loom::model(|| {
        let (tx, rx) = chan(0);
        let (_quiet_tx, quiet) = chan(0);
        let (other_rx, other_quiet) = (rx.clone(), quiet.clone());
        let waiting = thread::spawn(move || block_on(recv_any(&[&other_rx, &other_quiet])));
        let sender = thread::spawn(move || {
            block_on(tx.send(7)).unwrap();
            tx
        });
        let first = poll_and_drop(recv_any(&[&rx, &quiet]));
        let tx = sender.join().unwrap();
        if first.is_some() {
            tx.close();
        }
        match (first, waiting.join().unwrap()) {
            (Some((0, Some(7))), (0, None)) | (None, (0, Some(7))) => {}
            other => panic!("{other:?}"),
        }
    });
}

// Caught: `look_locked` that arms the word although one was ready; one that arms it before it looks.
#[test]
fn a_select_that_finds_one_ready_while_it_takes_its_places_takes_no_other() {
    loom::model(|| {
        let (a_tx, a_rx) = chan(0);
        let (b_tx, b_rx) = chan(1);
        let sender = thread::spawn(move || {
            b_tx.try_send(2).unwrap();
            let mut slot = Some(1);
            poll_and_drop(a_tx.send_from(&mut slot));
            (slot.is_none(), a_tx, b_tx)
        });
        let got = block_on(recv_any(&[&a_rx, &b_rx]));
        let (sent, _a_tx, _b_tx) = sender.join().unwrap();
        match (got, sent, b_rx.try_recv().ok()) {
            ((0, Some(1)), true, Some(2)) | ((1, Some(2)), false, None) => {}
            other => panic!("{other:?}"),
        }
    });
}

// Caught: `resume` that does not claim the word; a `choose` that serves without the word.
#[test]
fn a_send_arm_beside_a_future_that_is_woken_from_outside_is_exact() {
    loom::model(|| {
        let (tx, rx) = chan(0);
        let (gate_tx, gate_rx) = chan::<()>(0);
        let receiver = thread::spawn(move || block_on(rx.recv()));
        let closer = thread::spawn(move || drop(gate_tx));
        // Foreign to the select: it does not see the channel inside.
        let gate = async { gate_rx.recv().await };
        let sent = block_on(async {
            Select::new()
                .send(&tx, 7, |sent| sent.is_ok())
                .future(gate, |_| false)
                .await
        });
        drop(tx);
        assert_eq!(receiver.join().unwrap(), sent.then_some(7));
        closer.join().unwrap();
    });
}

// Caught: `abandon` that empties the channel before it is closed.
#[test]
fn a_value_sent_by_an_upgraded_handle_is_dropped_with_the_last_receiver() {
    loom::model(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = chan(1);
        let weak = tx.downgrade();
        let dropper = thread::spawn(move || {
            drop(tx);
            drop(rx);
        });
        let tx = weak.upgrade();
        if let Some(tx) = &tx {
            // Sent, or back because the receiver is gone.
            let _ = tx.try_send(Counted(drops.clone()));
        }
        dropper.join().unwrap();
        // Not only with the channel: `tx` is there still.
        assert_eq!(drops.load(Ordering::Relaxed), usize::from(tx.is_some()));
    });
}

// Caught: `Sender::drop` that counts down with Release alone, or with Acquire alone; `with_locked` that stores the
// picture Relaxed.
#[test]
fn whoever_sees_the_channel_closed_sees_what_each_sender_did_before_it_was_dropped() {
    loom::model(|| {
        let before = Arc::new(Flag::new(false));
        let (tx, rx) = chan::<u8>(0);
        let other = tx.clone();
        let observer = {
            let before = before.clone();
            thread::spawn(move || {
                if rx.is_closed() {
                    assert!(before.load(Ordering::Relaxed));
                }
                rx
            })
        };
        let dropper = thread::spawn(move || drop(other));
        before.store(true, Ordering::Relaxed);
        drop(tx);
        dropper.join().unwrap();
        assert!(observer.join().unwrap().is_closed());
    });
}

// Caught: `watch` that does not look, under the lock, whether the channel is closed; `release_waiters` that takes
// the watchers before `closed` is set.
#[test]
fn who_watches_while_the_channel_is_closed_learns_it() {
    loom::model(|| {
        let (tx, rx) = chan::<u8>(0);
        let closer = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        assert!(tx.is_closed());
        closer.join().unwrap();
    });
}
