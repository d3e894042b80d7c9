//! A select waits for a receive and a send, both can go on before it is polled again, and the receive is chosen.

use std::task::Poll;

use gosched_peers::{
    AsyncChannel, Census, Chan, Crossfire, Flume, Gosched, Kanal, Tokio, now, outcomes, parked,
    poll,
};

#[derive(Debug, PartialEq)]
enum Losing {
    /// It has sent, and nobody tells.
    Sent,
    /// It has not sent, and its value is dropped.
    Dropped,
}

/// What became of the send that lost in a `tokio::select!`.
fn losing_send<C: Chan>() -> Losing {
    let census = Census::default();
    let (a_tx, mut a_rx) = C::make(1);
    let (tx, mut rx) = C::make(1);
    C::put(&tx, census.value(0));
    let (mut selecting, _) = parked(async {
        tokio::select! {
            biased;
            value = C::recv(&mut a_rx) => value.map(|value| value.id),
            _ = C::send(&tx, census.value(1)) => None,
        }
    });
    assert_eq!(C::try_recv(&mut rx).map(|value| value.id), Some(0));
    C::put(&a_tx, census.value(2));
    assert_eq!(poll(selecting.as_mut()), Poll::Ready(Some(2)));
    drop(selecting);
    match C::drain(&mut rx)[..] {
        [] => {
            assert!(census.is_dropped(1));
            Losing::Dropped
        }
        [1] => Losing::Sent,
        _ => unreachable!("nothing else was sent"),
    }
}

outcomes! { losing_send:
    gosched_in_a_foreign_select_has_sent: Gosched => Losing::Sent,
    tokio_drops_the_value_of_a_losing_send: Tokio => Losing::Dropped,
    kanal_has_sent_in_a_losing_arm: Kanal => Losing::Sent,
    flume_has_sent_in_a_losing_arm: Flume => Losing::Sent,
    async_channel_drops_the_value_of_a_losing_send: AsyncChannel => Losing::Dropped,
    crossfire_drops_the_value_of_a_losing_send: Crossfire => Losing::Dropped,
}

/// The same in the library's own select: it is over with the first that happens, which is the send.
#[test]
fn gosched_select_does_one_of_both() {
    let (a_tx, a_rx) = gosched::chan(1);
    let (tx, rx) = gosched::chan(1);
    tx.try_send(0).unwrap();
    let (mut selecting, wakes) = parked(async {
        gosched::select! {
            value = a_rx.recv() => Err(value),
            sent = tx.send(1) => Ok(sent),
        }
    });
    assert_eq!(rx.try_recv(), Ok(0));
    a_tx.try_send(2).unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(poll(selecting.as_mut()), Poll::Ready(Ok(Ok(()))));
    assert_eq!((rx.try_recv(), a_rx.try_recv()), (Ok(1), Ok(2)));
}

#[test]
fn gosched_send_from_keeps_the_value_of_a_losing_send() {
    let (a_tx, a_rx) = gosched::chan(1);
    let (tx, _rx) = gosched::chan(0);
    let mut slot = Some(1);
    let (mut selecting, _) = parked(async {
        gosched::select! {
            value = a_rx.recv() => value,
            _ = tx.send_from(&mut slot) => None,
        }
    });
    a_tx.try_send(2).unwrap();
    assert_eq!(poll(selecting.as_mut()), Poll::Ready(Some(2)));
    drop(selecting);
    assert_eq!(slot, Some(1));
}

/// tokio's answer: reserve room in the arm, and send in its body.
#[test]
fn tokio_reserve_keeps_the_value_of_a_losing_send() {
    let (a_tx, mut a_rx) = tokio::sync::mpsc::channel(1);
    let (tx, mut rx) = tokio::sync::mpsc::channel(1);
    tx.try_send(0).unwrap();
    let mut value = Some(1);
    let (mut selecting, _) = parked(async {
        tokio::select! {
            biased;
            received = a_rx.recv() => received,
            permit = tx.reserve() => {
                permit.unwrap().send(value.take().unwrap());
                None
            }
        }
    });
    assert_eq!(rx.try_recv(), Ok(0));
    a_tx.try_send(2).unwrap();
    assert_eq!(poll(selecting.as_mut()), Poll::Ready(Some(2)));
    drop(selecting);
    assert_eq!(value, Some(1));
    assert!(rx.try_recv().is_err());
    assert!(now(tx.send(3)).is_ok(), "the room is free again");
}

/// flume has a select with send arms, for threads: it blocks the one that calls it.
#[test]
fn flume_selector_blocks_and_drops_the_value_of_a_losing_send() {
    let census = Census::default();
    let (a_tx, a_rx) = flume::bounded(1);
    let (tx, rx) = flume::bounded(1);
    tx.send(census.value(0)).unwrap();
    a_tx.send(2).unwrap();
    let received = flume::Selector::new()
        .recv(&a_rx, |value| value.ok())
        .send(&tx, census.value(1), |_| None)
        .wait();
    assert_eq!(received, Some(2));
    assert!(census.is_dropped(1));
    assert_eq!(rx.drain().count(), 1);
}
