//! A receive waits, a value is sent, and the receive is dropped before it is polled again.

use gosched_peers::{
    AsyncChannel, Census, Chan, Crossfire, Flume, Gosched, Kanal, Tokio, outcomes, parked,
};

/// What can be received afterwards, of the value that was sent to the waiting receive and a later one.
fn left_in_the_channel<C: Chan>() -> Vec<usize> {
    let census = Census::default();
    let (tx, mut rx) = C::make(2);
    let (recv, _) = parked(C::recv(&mut rx));
    C::put(&tx, census.value(1));
    C::put(&tx, census.value(2));
    drop(recv);
    let left = C::drain(&mut rx);
    assert!([1, 2].into_iter().all(|id| census.is_dropped(id)));
    left
}

outcomes! { left_in_the_channel:
    gosched_keeps_the_value_in_its_place: Gosched => [1, 2],
    tokio_keeps_the_value_in_its_place: Tokio => [1, 2],
    kanal_loses_the_value: Kanal => [2],
    flume_keeps_the_value_in_its_place: Flume => [1, 2],
    async_channel_keeps_the_value_in_its_place: AsyncChannel => [1, 2],
    crossfire_keeps_the_value_in_its_place: Crossfire => [1, 2],
}

/// The same without a buffer; the later value is that of a send that waits.
fn left_in_the_rendezvous<C: Chan>() -> Vec<usize> {
    let census = Census::default();
    let (tx, mut rx) = C::make(0);
    let (recv, _) = parked(C::recv(&mut rx));
    C::put(&tx, census.value(1));
    let (_send, _) = parked(C::send(&tx, census.value(2)));
    drop(recv);
    let left = C::drain(&mut rx);
    assert!([1, 2].into_iter().all(|id| census.is_dropped(id)));
    left
}

outcomes! { left_in_the_rendezvous:
    gosched_keeps_the_value_without_a_buffer: Gosched => [1, 2],
    kanal_loses_the_value_without_a_buffer: Kanal => [2],
    flume_keeps_the_value_without_a_buffer: Flume => [1, 2],
}
