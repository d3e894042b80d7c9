//! A channel of capacity 0, where a send waits until its value is received.

use std::panic::catch_unwind;

use gosched_peers::{
    AsyncChannel, Census, Chan, Crossfire, Flume, Gosched, Kanal, Tokio, outcomes,
};

#[derive(Debug, PartialEq)]
enum Zero {
    /// There is one.
    Rendezvous,
    /// Asking for one panics.
    Panics,
    /// Asking for one gives a channel with one place.
    One,
}

fn asked_for<C: Chan>() -> Zero {
    let Ok((tx, mut rx)) = catch_unwind(|| C::make(0)) else {
        return Zero::Panics;
    };
    let census = Census::default();
    if C::try_send(&tx, census.value(1)).is_err() {
        return Zero::Rendezvous;
    }
    assert!(C::try_send(&tx, census.value(2)).is_err());
    assert_eq!(C::drain(&mut rx), [1]);
    Zero::One
}

outcomes! { asked_for:
    gosched_has_a_rendezvous: Gosched => Zero::Rendezvous,
    tokio_panics: Tokio => Zero::Panics,
    kanal_has_a_rendezvous: Kanal => Zero::Rendezvous,
    flume_has_a_rendezvous: Flume => Zero::Rendezvous,
    async_channel_panics: AsyncChannel => Zero::Panics,
    crossfire_has_one_place_instead: Crossfire => Zero::One,
}
