//! A channel is closed while values are in it and operations wait.

use std::task::Poll;

use gosched_peers::{
    AsyncChannel, Census, Chan, Close, Crossfire, Flume, Gosched, Kanal, Tokio, outcomes, parked,
    poll,
};

#[derive(Debug, PartialEq)]
enum Unsent {
    /// In the error of the send.
    Back,
    /// Dropped by the channel.
    Gone,
    /// Sent after all.
    Sent,
}

/// The last sender goes while a receive waits.
fn a_receive_that_waits<C: Chan>() -> bool {
    let (tx, mut rx) = C::make(1);
    let (mut recv, wakes) = parked(C::recv(&mut rx));
    drop(tx);
    wakes.count() > 0 && matches!(poll(recv.as_mut()), Poll::Ready(None))
}

outcomes! { a_receive_that_waits:
    gosched_ends_a_waiting_receive_with_the_last_sender: Gosched => true,
    tokio_ends_a_waiting_receive_with_the_last_sender: Tokio => true,
    kanal_ends_a_waiting_receive_with_the_last_sender: Kanal => true,
    flume_ends_a_waiting_receive_with_the_last_sender: Flume => true,
    async_channel_ends_a_waiting_receive_with_the_last_sender: AsyncChannel => true,
    crossfire_ends_a_waiting_receive_with_the_last_sender: Crossfire => true,
}

/// The last receiver goes while a send waits.
fn a_send_whose_receivers_go<C: Chan>() -> Unsent {
    let census = Census::default();
    let (tx, rx) = C::make(1);
    C::put(&tx, census.value(0));
    let (mut send, wakes) = parked(C::send(&tx, census.value(1)));
    drop(rx);
    assert!(wakes.count() > 0);
    match poll(send.as_mut()) {
        Poll::Ready(Err(Some(value))) => {
            assert_eq!(value.id, 1);
            Unsent::Back
        }
        Poll::Ready(Err(None)) => {
            assert!(census.is_dropped(1));
            Unsent::Gone
        }
        Poll::Ready(Ok(())) => Unsent::Sent,
        Poll::Pending => panic!("it waits for nobody"),
    }
}

outcomes! { a_send_whose_receivers_go:
    gosched_gives_a_waiting_send_its_value_back: Gosched => Unsent::Back,
    tokio_gives_a_waiting_send_its_value_back: Tokio => Unsent::Back,
    kanal_drops_the_value_of_a_waiting_send: Kanal => Unsent::Gone,
    flume_gives_a_waiting_send_its_value_back: Flume => Unsent::Back,
    async_channel_gives_a_waiting_send_its_value_back: AsyncChannel => Unsent::Back,
    crossfire_gives_a_waiting_send_its_value_back: Crossfire => Unsent::Back,
}

/// Closed by hand: whether a waiting send ends with an error, and what can still be received.
fn closed_by_hand<C: Close>() -> (bool, Vec<usize>) {
    let census = Census::default();
    let (tx, mut rx) = C::make(1);
    C::put(&tx, census.value(0));
    let (mut send, wakes) = parked(C::send(&tx, census.value(1)));
    C::close(&tx, &mut rx);
    let woken = wakes.count() > 0;
    let failed = woken && matches!(poll(send.as_mut()), Poll::Ready(Err(_)));
    (failed, C::drain(&mut rx))
}

outcomes! { closed_by_hand:
    gosched_keeps_what_was_sent_before_the_close: Gosched => (true, vec![0]),
    tokio_keeps_what_was_sent_before_the_close: Tokio => (true, vec![0]),
    kanal_drops_what_was_sent_before_the_close: Kanal => (true, vec![]),
    async_channel_keeps_what_was_sent_before_the_close: AsyncChannel => (true, vec![0]),
}

/// Without waiting, into a channel without room.
fn refused<C: Chan>() -> Unsent {
    let census = Census::default();
    let (tx, _rx) = C::make(1);
    C::put(&tx, census.value(0));
    match C::try_send(&tx, census.value(1)) {
        Ok(()) => Unsent::Sent,
        Err(Some(_)) => Unsent::Back,
        Err(None) => Unsent::Gone,
    }
}

outcomes! { refused:
    gosched_gives_a_refused_value_back: Gosched => Unsent::Back,
    tokio_gives_a_refused_value_back: Tokio => Unsent::Back,
    kanal_drops_a_refused_value: Kanal => Unsent::Gone,
    flume_gives_a_refused_value_back: Flume => Unsent::Back,
    async_channel_gives_a_refused_value_back: AsyncChannel => Unsent::Back,
    crossfire_gives_a_refused_value_back: Crossfire => Unsent::Back,
}
