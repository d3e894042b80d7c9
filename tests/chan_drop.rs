//! Dropping a future is safe at every point, and no value is lost or doubled.

mod chan_support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};

use chan_support::{Census, Wakes, now, parked, poll, poll_with};
use gosched::chan::{TryRecvError, chan};

#[test]
fn a_receive_dropped_before_its_first_poll_has_taken_nothing() {
    let (tx, rx) = chan(1);
    tx.try_send(1).unwrap();
    drop(rx.recv());
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn a_served_receive_that_is_dropped_gives_its_value_to_the_next_waiting_receiver() {
    let (tx, rx) = chan(0);
    let first = parked(rx.recv());
    let (wakes, waker) = Wakes::new();
    let mut second = Box::pin(rx.recv());
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    tx.try_send(7).unwrap();
    assert_eq!(wakes.count(), 0);
    drop(first);
    assert_eq!(wakes.count(), 1);
    assert_eq!(poll(second.as_mut()), Poll::Ready(Some(7)));
}

#[test]
fn a_value_given_back_goes_out_before_all_later_ones() {
    for capacity in 0..3 {
        let (tx, rx) = chan(capacity);
        let first = parked(rx.recv());
        tx.try_send(0).unwrap();
        for n in 1..=capacity {
            tx.try_send(n).unwrap();
        }
        let mut waiting = parked(tx.send(capacity + 1));
        drop(first);
        assert_eq!(rx.len(), capacity, "len stays within the capacity");
        for n in 0..=capacity + 1 {
            assert_eq!(rx.try_recv(), Ok(n), "capacity {capacity}");
        }
        assert_eq!(poll(waiting.as_mut()), Poll::Ready(Ok(())));
    }
}

#[test]
fn values_given_back_in_any_order_go_out_in_the_senders_order() {
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let (tx, rx) = chan(0);
        let mut waiting: Vec<_> = (0..3).map(|_| Some(parked(rx.recv()))).collect();
        for n in 0..3 {
            tx.try_send(n).unwrap();
        }
        for at in order {
            waiting[at] = None;
        }
        let got: Vec<_> = (0..3).map(|_| rx.try_recv().unwrap()).collect();
        assert_eq!(got, [0, 1, 2], "dropped in the order {order:?}");
    }
}

#[test]
fn a_value_that_was_given_back_twice_keeps_its_place() {
    let (tx, rx) = chan(0);
    let a = parked(rx.recv());
    let b = parked(rx.recv());
    let c = parked(rx.recv());
    tx.try_send(0).unwrap();
    tx.try_send(1).unwrap();
    drop(a); // 0 goes to c
    drop(b); // 1 has no receiver left
    drop(c); // 0 comes back, ahead of 1
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(0), Ok(1)));
}

#[test]
fn nothing_is_sent_into_a_channel_that_a_returned_value_fills() {
    let (tx, rx) = chan(1);
    let first = parked(rx.recv());
    tx.try_send(0).unwrap();
    drop(first);
    assert!(tx.is_full());
    assert!(tx.try_send(1).unwrap_err().is_full());
    let mut waiting = parked(tx.send(1));
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!(poll(waiting.as_mut()), Poll::Ready(Ok(())));
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn a_value_given_back_after_the_close_can_still_be_received() {
    let (tx, rx) = chan(0);
    let first = parked(rx.recv());
    tx.try_send(7).unwrap();
    tx.close();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    drop(first);
    assert_eq!(rx.try_recv(), Ok(7));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn a_parked_send_that_is_dropped_takes_its_value_with_it() {
    let census = Census::default();
    let (tx, rx) = chan(0);
    let first = parked(tx.send(census.value(1)));
    let second = parked(tx.send(census.value(2)));
    drop(first);
    assert_eq!(census.dropped(), 1);
    assert_eq!(rx.try_recv().map(|v| v.id).unwrap(), 2);
    drop(second);
    assert!(rx.try_recv().is_err());
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_served_send_that_is_dropped_has_happened() {
    let census = Census::default();
    let (tx, rx) = chan(0);
    let waiting = parked(tx.send(census.value(1)));
    let got = rx.try_recv().ok().unwrap();
    drop(waiting);
    assert_eq!((got.id, census.alive()), (1, 1));
    let mut slot = Some(census.value(2));
    let waiting = parked(tx.send_from(&mut slot));
    let got = rx.try_recv().ok().unwrap();
    drop(waiting);
    assert!(slot.is_none());
    assert_eq!((got.id, census.alive()), (2, 2));
}

#[test]
fn a_send_that_the_close_failed_keeps_its_value_until_it_is_dropped() {
    let census = Census::default();
    let (tx, rx) = chan(0);
    let waiting = parked(tx.send(census.value(1)));
    let mut slot = Some(census.value(2));
    let waiting_from = parked(tx.send_from(&mut slot));
    tx.close();
    assert_eq!(census.alive(), 2);
    drop(waiting);
    drop(waiting_from);
    assert_eq!(census.alive(), 1);
    assert_eq!(slot.map(|v| v.id), Some(2));
    drop(rx);
}

#[test]
fn send_from_is_back_in_its_slot_when_the_future_is_dropped_parked() {
    let census = Census::default();
    let (tx, rx) = chan(0);
    let mut slot = Some(census.value(1));
    for _ in 0..3 {
        drop(parked(tx.send_from(&mut slot)));
    }
    assert_eq!(slot.as_ref().map(|v| v.id), Some(1));
    assert!(rx.try_recv().is_err());
    assert_eq!(census.dropped(), 0);
}

#[test]
fn a_leaked_send_from_leaves_the_slot_alone() {
    let (tx, rx) = chan(0);
    let mut slot = Some(Box::new(7));
    std::mem::forget(parked(tx.send_from(&mut slot)));
    // The borrow is over, and the slot may go; the value is the leaked future's.
    assert!(slot.is_none());
    drop(slot);
    assert_eq!(rx.try_recv().map(|v| *v), Ok(7));
}

#[test]
fn the_last_receiver_dropped_drops_the_buffer_at_that_moment() {
    let census = Census::default();
    let (tx, rx) = chan(4);
    for n in 0..3 {
        tx.try_send(census.value(n)).ok().unwrap();
    }
    drop(rx.try_recv().ok().unwrap());
    tx.try_send(census.value(3)).ok().unwrap();
    tx.try_send(census.value(4)).ok().unwrap();
    let other = rx.clone();
    drop(rx);
    assert_eq!(census.alive(), 4);
    drop(other);
    assert_eq!(census.alive(), 0);
    assert_eq!(tx.len(), 0);
    drop(tx);
}

#[test]
fn a_returned_value_is_dropped_with_the_last_receiver() {
    let census = Census::default();
    let (tx, rx) = chan(0);
    let first = parked(rx.recv());
    tx.try_send(census.value(1)).ok().unwrap();
    drop(first);
    assert_eq!((rx.len(), census.alive()), (0, 1));
    drop(rx);
    assert_eq!(census.alive(), 0);
}

#[test]
fn values_left_in_a_closed_channel_are_dropped_once() {
    let census = Census::default();
    let (tx, rx) = chan(4);
    for n in 0..3 {
        tx.try_send(census.value(n)).ok().unwrap();
    }
    let weak = tx.downgrade();
    drop(tx);
    drop(rx);
    assert_eq!((census.made(), census.dropped()), (3, 3));
    drop(weak);
    assert_eq!(census.dropped(), 3);
}

struct PanicsInDrop<'a>(&'a AtomicUsize, bool);

impl Drop for PanicsInDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        if self.1 {
            panic!("in drop");
        }
    }
}

#[test]
fn values_whose_drop_panics_keep_neither_the_others_nor_the_channel() {
    let drops = AtomicUsize::new(0);
    let (tx, rx) = chan(8);
    for panics in [false, true, false, true, false] {
        tx.try_send(PanicsInDrop(&drops, panics)).ok().unwrap();
    }
    let result = catch_unwind(AssertUnwindSafe(|| drop(rx)));
    assert!(result.is_err(), "the first panic goes on");
    assert_eq!(drops.load(Ordering::SeqCst), 5);
    assert!(tx.is_closed());
    assert!(
        tx.try_send(PanicsInDrop(&drops, false))
            .unwrap_err()
            .is_closed()
    );
}

#[test]
fn senders_are_woken_before_a_value_whose_drop_panics() {
    let drops = AtomicUsize::new(0);
    let (tx, rx) = chan(1);
    tx.try_send(PanicsInDrop(&drops, true)).ok().unwrap();
    let (wakes, waker) = Wakes::new();
    let mut waiting = Box::pin(tx.send(PanicsInDrop(&drops, false)));
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
    assert_eq!(wakes.count(), 1);
    assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Err(_))));
}

#[test]
fn a_parked_value_whose_drop_panics_has_left_the_queue() {
    let drops = AtomicUsize::new(0);
    let (tx, rx) = chan(0);
    let waiting = parked(tx.send(PanicsInDrop(&drops, true)));
    let next = parked(tx.send(PanicsInDrop(&drops, false)));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(waiting))).is_err());
    assert!(!rx.try_recv().ok().unwrap().1);
    drop(next);
}

/// A value that uses its own channel while it is dropped.
struct Reenters(gosched::chan::Sender<Reenters>, Arc<AtomicUsize>);

impl Drop for Reenters {
    fn drop(&mut self) {
        assert!(self.0.is_closed());
        self.0.close();
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_value_may_use_its_own_channel_while_it_is_dropped() {
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = chan(4);
    for _ in 0..3 {
        tx.try_send(Reenters(tx.clone(), drops.clone()))
            .ok()
            .unwrap();
    }
    drop(tx);
    drop(rx);
    assert_eq!(drops.load(Ordering::SeqCst), 3);
}

struct PanicsInWake(AtomicUsize);

impl Wake for PanicsInWake {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("in wake");
    }
}

#[test]
fn a_waker_that_panics_takes_down_neither_the_waking_call_nor_the_other_waiters() {
    let bad = Arc::new(PanicsInWake(AtomicUsize::new(0)));
    let bad_waker = Waker::from(bad.clone());
    let (good, good_waker) = Wakes::new();
    let (tx, rx) = chan(0);
    let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(rx.recv())).collect();
    for (at, receiver) in waiting.iter_mut().enumerate() {
        let waker = if at % 2 == 0 { &bad_waker } else { &good_waker };
        assert!(poll_with(receiver.as_mut(), waker).is_pending());
    }
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(bad.0.load(Ordering::SeqCst), 1);
    assert!(tx.close());
    assert_eq!((bad.0.load(Ordering::SeqCst), good.count()), (3, 2));
    assert_eq!(poll(waiting[0].as_mut()), Poll::Ready(Some(1)));
    assert_eq!(poll(waiting[4].as_mut()), Poll::Ready(None));
}

/// A waker that uses the channel when woken, when cloned it must not, and when dropped.
struct UsesChannel(gosched::chan::Receiver<u8>, AtomicUsize);

impl Wake for UsesChannel {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        let _ = self.0.try_recv();
        let _ = self.0.len();
    }
}

impl Drop for UsesChannel {
    fn drop(&mut self) {
        let _ = self.0.try_recv();
    }
}

#[test]
fn a_waker_may_use_the_channel_that_wakes_or_drops_it() {
    let (tx, rx) = chan(0);
    let user = Arc::new(UsesChannel(rx.clone(), AtomicUsize::new(0)));
    let waker = Waker::from(user.clone());
    let mut waiting = Box::pin(rx.recv());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!(user.1.load(Ordering::SeqCst), 1);
    assert_eq!(poll(waiting.as_mut()), Poll::Ready(Some(1)));
    // Replaced while parked: the old waker, the last of its kind, is dropped outside the lock.
    let mut waiting = Box::pin(rx.recv());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    drop((waker, user));
    assert!(poll(waiting.as_mut()).is_pending());
}

#[test]
fn a_hundred_thousand_parked_receivers_are_all_released_by_one_close() {
    const N: usize = 100_000;
    let (tx, rx) = chan::<u8>(0);
    let (wakes, waker) = Wakes::new();
    let mut waiting: Vec<_> = (0..N).map(|_| Box::pin(rx.recv())).collect();
    for receiver in &mut waiting {
        assert!(poll_with(receiver.as_mut(), &waker).is_pending());
    }
    tx.close();
    assert_eq!(wakes.count(), N);
    for receiver in &mut waiting {
        assert_eq!(poll(receiver.as_mut()), Poll::Ready(None));
    }
}

#[test]
fn a_queue_is_left_intact_by_drops_in_any_order() {
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..200 {
        let (tx, rx) = chan(0);
        let mut waiting: Vec<_> = (0..20).map(|n| (n, parked(tx.send(n)))).collect();
        for _ in 0..10 {
            let at = rng.usize(..waiting.len());
            drop(waiting.remove(at));
        }
        let rest: Vec<_> = waiting.iter().map(|(n, _)| *n).collect();
        let got: Vec<_> = std::iter::from_fn(|| rx.try_recv().ok()).collect();
        assert_eq!(got, rest);
    }
}

#[test]
fn a_send_that_never_was_polled_has_sent_nothing() {
    let census = Census::default();
    let (tx, rx) = chan(1);
    drop(tx.send(census.value(1)));
    assert!(rx.is_empty());
    assert_eq!(census.alive(), 0);
    assert!(now(tx.send(census.value(2))).is_ok());
}
