//! Sends wait for room, and one of them is dropped: before or after there is room for it.

use gosched_peers::{
    AsyncChannel, Census, Chan, Crossfire, Flume, Gosched, Kanal, Tokio, outcomes, parked, poll,
};

/// What is received, in the end, of a channel filled by 0 in which the sends of 1 and 2 waited, when that of 1 is
/// dropped while it waits.
fn received_without_the_dropped_one<C: Chan>() -> Vec<usize> {
    let census = Census::default();
    let (tx, mut rx) = C::make(1);
    C::put(&tx, census.value(0));
    let (first, _) = parked(C::send(&tx, census.value(1)));
    let (mut second, second_wakes) = parked(C::send(&tx, census.value(2)));
    drop(first);
    assert!(census.is_dropped(1));
    assert_eq!(second_wakes.count(), 0, "there is no room yet");
    let mut received = C::drain(&mut rx);
    assert_eq!(second_wakes.count(), 1);
    assert!(poll(second.as_mut()).is_ready());
    received.extend(C::drain(&mut rx));
    received
}

outcomes! { received_without_the_dropped_one:
    gosched_takes_a_waiting_send_back: Gosched => [0, 2],
    tokio_takes_a_waiting_send_back: Tokio => [0, 2],
    kanal_takes_a_waiting_send_back: Kanal => [0, 2],
    flume_takes_a_waiting_send_back: Flume => [0, 2],
    async_channel_takes_a_waiting_send_back: AsyncChannel => [0, 2],
    crossfire_takes_a_waiting_send_back: Crossfire => [0, 2],
}

/// What became of a send for which room was made, and which was then dropped without a poll.
#[derive(Debug, PartialEq)]
enum Served {
    /// Its value is in the channel: the room was filled for it.
    Sent,
    /// Its value is dropped: it had only been woken.
    Dropped,
}

fn dropped_when_there_was_room<C: Chan>() -> Served {
    let census = Census::default();
    let (tx, mut rx) = C::make(1);
    C::put(&tx, census.value(0));
    let (first, first_wakes) = parked(C::send(&tx, census.value(1)));
    let (mut second, second_wakes) = parked(C::send(&tx, census.value(2)));
    assert_eq!(C::try_recv(&mut rx).map(|value| value.id), Some(0));
    assert_eq!((first_wakes.count(), second_wakes.count()), (1, 0));
    drop(first);
    let (served, then) = match C::try_recv(&mut rx) {
        Some(value) => {
            assert_eq!(value.id, 1);
            (Served::Sent, second_wakes.count())
        }
        None => {
            assert!(census.is_dropped(1));
            (Served::Dropped, second_wakes.count())
        }
    };
    // In neither case is the room forgotten.
    assert_eq!(then, 1, "the second send is next");
    assert!(poll(second.as_mut()).is_ready());
    assert_eq!(C::drain(&mut rx), [2]);
    served
}

outcomes! { dropped_when_there_was_room:
    gosched_has_sent_what_there_was_room_for: Gosched => Served::Sent,
    tokio_drops_what_there_was_room_for: Tokio => Served::Dropped,
    kanal_has_sent_what_there_was_room_for: Kanal => Served::Sent,
    flume_has_sent_what_there_was_room_for: Flume => Served::Sent,
    async_channel_drops_what_there_was_room_for: AsyncChannel => Served::Dropped,
    crossfire_drops_what_there_was_room_for: Crossfire => Served::Dropped,
}
