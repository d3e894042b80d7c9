//! A receive and a send are made and dropped, and never polled.

use gosched_peers::{
    AsyncChannel, Census, Chan, Crossfire, Flume, Gosched, Kanal, Tokio, outcomes,
};

/// What is in the channel afterwards; 1 was before, and the send was of 2.
fn still_there<C: Chan>() -> Vec<usize> {
    let census = Census::default();
    let (tx, mut rx) = C::make(2);
    C::put(&tx, census.value(1));
    drop(C::recv(&mut rx));
    drop(C::send(&tx, census.value(2)));
    assert!(census.is_dropped(2));
    C::drain(&mut rx)
}

outcomes! { still_there:
    gosched_has_done_nothing: Gosched => [1],
    tokio_has_done_nothing: Tokio => [1],
    kanal_has_done_nothing: Kanal => [1],
    flume_has_done_nothing: Flume => [1],
    async_channel_has_done_nothing: AsyncChannel => [1],
    crossfire_has_done_nothing: Crossfire => [1],
}
