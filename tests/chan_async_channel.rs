//! Forwarding between our channels and those of async-channel.
#![cfg(feature = "async-channel")]

mod chan_support;

use std::pin::pin;
use std::thread;
use std::time::Duration;

use async_channel as foreign;
use chan_support::{Census, block_on, now, parked, poll};
use gosched::chan::{self, Receiver, SendError, Sender, TrySendError, chan};
use gosched::{go, select};

/// Longer than any test runs.
const FAR: Duration = Duration::from_secs(600);

#[gosched::test]
async fn all_values_arrive_in_order_and_then_the_end() {
    let (tx, rx) = chan(3);
    let (to, from) = foreign::bounded(2);
    let (back, home) = chan(0);
    let there = go(rx.forward_to(to));
    let and_back = go(back.forward_from(from));
    go(async move {
        for n in 0..1_000 {
            tx.send(n).await.unwrap();
        }
    });
    for n in 0..1_000 {
        assert_eq!(home.recv().await, Some(n));
    }
    assert_eq!(home.recv().await, None);
    assert_eq!(there.await.unwrap(), Ok(()));
    assert_eq!(and_back.await.unwrap(), Ok(()));
}

#[test]
fn a_full_destination_holds_the_source_back() {
    let (tx, rx) = chan(0);
    let (to, from) = foreign::bounded(2);
    let mut forwarding = parked(rx.forward_to(to));
    let mut taken = 0;
    while tx.try_send(taken).is_ok() {
        taken += 1;
        assert!(poll(forwarding.as_mut()).is_pending());
    }
    assert_eq!(taken, 3, "two that fit, and one in the forwarder's hands");
    assert_eq!(from.try_recv(), Ok(0));
    assert!(poll(forwarding.as_mut()).is_pending());
    assert_eq!(tx.try_send(3), Ok(()));

    let (to, from) = foreign::unbounded();
    let (tx, rx) = chan(2);
    for n in 0..10 {
        to.try_send(n).unwrap();
    }
    let mut forwarding = parked(tx.forward_from(from));
    assert_eq!((rx.len(), to.len()), (2, 7));
    assert_eq!(rx.try_recv(), Ok(0));
    assert!(poll(forwarding.as_mut()).is_pending());
    assert_eq!((rx.len(), to.len()), (2, 6));
}

#[test]
fn an_idle_forwarder_ends_as_soon_as_the_destination_closes() {
    // The wake-up comes from the close: nothing else happens.
    for closes in [true, false] {
        let (tx, rx) = chan::<u8>(0);
        let (to, from) = foreign::bounded(1);
        let forwarder = thread::spawn(move || block_on(rx.forward_to(to)));
        thread::sleep(Duration::from_millis(5));
        if closes {
            from.close();
        } else {
            drop(from);
        }
        assert_eq!(forwarder.join().unwrap(), Err(SendError(None)));
        assert_eq!(tx.try_send(1), Err(TrySendError::Closed(1)));

        let (to, from) = foreign::bounded::<u8>(1);
        let (tx, rx) = chan(0);
        let keep = tx.clone();
        let forwarder = thread::spawn(move || block_on(tx.forward_from(from)));
        thread::sleep(Duration::from_millis(5));
        if closes {
            keep.close();
        } else {
            drop(rx);
        }
        assert_eq!(forwarder.join().unwrap(), Err(SendError(None)));
        assert!(to.is_closed());
    }
}

#[test]
fn the_value_that_cannot_be_delivered_comes_back() {
    let (tx, rx) = chan(4);
    let (to, from) = foreign::bounded(1);
    for n in 0..3 {
        tx.try_send(n).unwrap();
    }
    let mut forwarding = parked(rx.forward_to(to));
    drop(from);
    assert_eq!(now(&mut forwarding), Err(SendError(Some(1))));

    let (to, from) = foreign::unbounded();
    let (tx, rx) = chan(1);
    for n in 0..3 {
        to.try_send(n).unwrap();
    }
    let mut forwarding = parked(tx.forward_from(from));
    drop(rx);
    assert_eq!(now(&mut forwarding), Err(SendError(Some(1))));
}

#[test]
fn what_is_buffered_when_the_source_closes_is_delivered() {
    let (tx, rx) = chan(4);
    let (to, from) = foreign::unbounded();
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    tx.close();
    assert_eq!(now(rx.forward_to(to)), Ok(()));
    assert_eq!((from.try_recv(), from.try_recv()), (Ok(1), Ok(2)));
    assert!(from.is_closed());

    let (to, from) = foreign::unbounded();
    to.try_send(1).unwrap();
    to.close();
    let (tx, rx) = chan(1);
    assert_eq!(now(tx.forward_from(from)), Ok(()));
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(rx.is_closed());
}

#[test]
fn other_senders_keep_the_destination_open() {
    let (tx, rx) = chan::<u8>(1);
    let (to, from) = foreign::bounded(1);
    let other = to.clone();
    drop(tx);
    assert_eq!(now(rx.forward_to(to)), Ok(()));
    assert!(!from.is_closed());
    drop(other);
    assert!(from.is_closed());
}

#[test]
fn a_forwarder_that_is_dropped_loses_the_value_in_its_hands_alone() {
    let census = Census::default();
    let (tx, rx) = chan(3);
    let (to, from) = foreign::bounded(1);
    for id in 0..3 {
        tx.try_send(census.value(id)).ok().unwrap();
    }
    let other = rx.clone();
    let forwarding = parked(rx.forward_to(to));
    drop(forwarding);
    assert_eq!(census.dropped(), 1);
    assert_eq!(from.try_recv().unwrap().id, 0);
    assert_eq!(other.try_recv().ok().unwrap().id, 2);
}

#[test]
fn a_wait_for_a_forwarder_can_be_given_up_and_taken_up_again() {
    let (tx, rx) = chan(2);
    let (to, from) = foreign::bounded(1);
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    let mut forwarding = pin!(rx.forward_to(to));
    for _ in 0..3 {
        let over = block_on(async {
            select! {
                biased;
                _ = &mut forwarding => true,
                default => false,
            }
        });
        assert!(!over);
    }
    drop(tx);
    assert_eq!(from.try_recv(), Ok(1));
    assert_eq!(now(forwarding), Ok(()));
    assert_eq!(from.try_recv(), Ok(2));
}

#[gosched::test]
async fn each_end_converts_into_the_other_kind() {
    // Receivers, there and back.
    let (tx, rx) = chan(0);
    let there: foreign::Receiver<u32> = rx.into();
    let back: Receiver<u32> = there.into();
    let sender = go(async move {
        for n in 0..100 {
            tx.send(n).await.unwrap();
        }
        tx
    });
    for n in 0..100 {
        assert_eq!(back.recv().await, Some(n));
    }
    let tx = sender.await.unwrap();
    drop(back);
    // The end travels backwards through both goroutines.
    tx.closed().await;

    // Senders, there and back.
    let (tx, rx) = chan(0);
    let there: foreign::Sender<u32> = tx.into();
    let back: Sender<u32> = there.into();
    let sender = go(async move {
        for n in 0..100 {
            back.send(n).await.unwrap();
        }
    });
    for n in 0..100 {
        assert_eq!(rx.recv().await, Some(n));
    }
    sender.await.unwrap();
    assert_eq!(rx.recv().await, None, "the end travels forwards");
}

#[gosched::test]
async fn forwarders_on_several_threads_lose_nothing() {
    const EACH: usize = 500;
    let (tx, rx) = chan(2);
    let (to, from) = foreign::bounded(2);
    let forwarders: Vec<_> = (0..2)
        .map(|_| {
            let (rx, to) = (rx.clone(), to.clone());
            thread::spawn(move || block_on(rx.forward_to(to)))
        })
        .collect();
    drop((rx, to));
    for id in 0..4 {
        let tx = tx.clone();
        go(async move {
            for n in 0..EACH {
                tx.send(id * EACH + n).await.unwrap();
            }
        });
    }
    drop(tx);
    let mut seen = vec![false; 4 * EACH];
    while let Ok(n) = from.recv().await {
        assert!(!std::mem::replace(&mut seen[n], true), "{n} came twice");
    }
    assert!(seen.iter().all(|&seen| seen));
    for forwarder in forwarders {
        assert_eq!(forwarder.join().unwrap(), Ok(()));
    }
}

#[gosched::test]
async fn an_async_channel_is_an_arm_of_select_as_it_is() {
    let (_to, from) = foreign::bounded::<u8>(1);
    let (tx, rx) = chan::chan(1);
    tx.try_send(7).unwrap();
    let got = select! {
        got = from.recv() => got.ok(),
        got = rx.recv() => got,
        _ = gosched::time::after(FAR) => None,
    };
    assert_eq!(got, Some(7));
}
