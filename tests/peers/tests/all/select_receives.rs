//! A select waits for two receives, both can go on before it is polled again, and one of them loses.

use std::task::Poll;

use gosched_peers::{
    AsyncChannel, Census, Chan, Crossfire, Flume, Gosched, Kanal, Tokio, outcomes, parked, poll,
};

/// What can be received of the channel whose receive lost in a `tokio::select!`.
fn left_for_the_loser<C: Chan>() -> Vec<usize> {
    let census = Census::default();
    let (a_tx, mut a_rx) = C::make(1);
    let (b_tx, mut b_rx) = C::make(1);
    let (mut selecting, _) = parked(async {
        tokio::select! {
            biased;
            value = C::recv(&mut a_rx) => value.map(|value| value.id),
            value = C::recv(&mut b_rx) => value.map(|value| value.id),
        }
    });
    C::put(&a_tx, census.value(1));
    C::put(&b_tx, census.value(2));
    assert_eq!(poll(selecting.as_mut()), Poll::Ready(Some(1)));
    drop(selecting);
    C::drain(&mut b_rx)
}

outcomes! { left_for_the_loser:
    gosched_keeps_what_the_loser_was_sent: Gosched => [2],
    tokio_keeps_what_the_loser_was_sent: Tokio => [2],
    kanal_loses_what_the_loser_was_sent: Kanal => [],
    flume_keeps_what_the_loser_was_sent: Flume => [2],
    async_channel_keeps_what_the_loser_was_sent: AsyncChannel => [2],
    crossfire_keeps_what_the_loser_was_sent: Crossfire => [2],
}

/// In the library's own select the loser is not even sent anything.
#[test]
fn gosched_select_takes_one_value_only() {
    let (a_tx, a_rx) = gosched::chan(0);
    let (b_tx, b_rx) = gosched::chan(0);
    let (mut selecting, wakes) = parked(async {
        gosched::select! {
            value = a_rx.recv() => value,
            value = b_rx.recv() => value,
        }
    });
    assert!(b_tx.try_send(2).is_ok());
    assert!(a_tx.try_send(1).unwrap_err().is_full());
    assert_eq!(wakes.count(), 1);
    assert_eq!(poll(selecting.as_mut()), Poll::Ready(Some(2)));
}
