//! Two receives wait, one value is sent, and the receive that was woken for it is dropped instead of being polled.

use std::task::Poll;

use gosched_peers::{
    AsyncChannel, Census, Crossfire, Flume, Gosched, Kanal, Shared, outcomes, parked, poll,
};

#[derive(Debug, PartialEq)]
enum Other {
    /// Woken, and has the value.
    Gets,
    /// Not woken, though the value is there.
    Oversleeps,
    /// Not woken, and there is nothing to wake it for.
    Waits,
}

/// What becomes of the receive that still waits.
fn the_other_receive<C: Shared>() -> Other {
    let census = Census::default();
    let (tx, mut rx) = C::make(1);
    let mut other_rx = C::clone_rx(&rx);
    let mut third_rx = C::clone_rx(&rx);
    let (first, first_wakes) = parked(C::recv(&mut rx));
    let (second, second_wakes) = parked(C::recv(&mut other_rx));
    C::put(&tx, census.value(1));
    assert_eq!(first_wakes.count() + second_wakes.count(), 1);
    let ((gone, _), (mut other, wakes)) = if first_wakes.count() == 1 {
        ((first, first_wakes), (second, second_wakes))
    } else {
        ((second, second_wakes), (first, first_wakes))
    };
    drop(gone);
    if wakes.count() > 0 {
        let Poll::Ready(Some(value)) = poll(other.as_mut()) else {
            panic!("woken for nothing");
        };
        assert_eq!(value.id, 1);
        return Other::Gets;
    }
    drop(other);
    match C::drain(&mut third_rx)[..] {
        [] => Other::Waits,
        _ => Other::Oversleeps,
    }
}

outcomes! { the_other_receive:
    gosched_hands_the_value_to_the_other: Gosched => Other::Gets,
    kanal_wakes_nobody_for_the_value_is_lost: Kanal => Other::Waits,
    flume_wakes_the_other: Flume => Other::Gets,
    async_channel_wakes_the_other: AsyncChannel => Other::Gets,
    crossfire_wakes_the_other: Crossfire => Other::Gets,
}
