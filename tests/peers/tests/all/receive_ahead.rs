//! A receive waits and is sent a value; before it is polled or dropped, another receiver takes what it can.

use gosched_peers::{
    AsyncChannel, Census, Crossfire, Flume, Gosched, Kanal, Shared, outcomes, parked,
};

/// What the other receives, before and after the first is dropped. 1 is sent first, while the first waits.
fn the_other_receives<C: Shared>() -> Vec<usize> {
    let census = Census::default();
    let (tx, mut rx) = C::make(2);
    let mut other_rx = C::clone_rx(&rx);
    let (first, _) = parked(C::recv(&mut rx));
    C::put(&tx, census.value(1));
    C::put(&tx, census.value(2));
    let before = C::try_recv(&mut other_rx).map(|value| value.id);
    drop(first);
    before.into_iter().chain(C::drain(&mut other_rx)).collect()
}

outcomes! { the_other_receives:
    gosched_has_handed_the_earlier_value_to_the_first: Gosched => [2, 1],
    kanal_has_handed_the_earlier_value_to_the_first_and_loses_it: Kanal => [2],
    flume_lets_the_other_have_the_earlier_value: Flume => [1, 2],
    async_channel_lets_the_other_have_the_earlier_value: AsyncChannel => [1, 2],
    crossfire_lets_the_other_have_the_earlier_value: Crossfire => [1, 2],
}
