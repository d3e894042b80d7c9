//! An operation waits, is polled again by another task, and only then can go on.

use gosched_peers::{
    AsyncChannel, Census, Chan, Crossfire, Flume, Gosched, Kanal, Tokio, Wakes, outcomes, parked,
    poll_with,
};

#[derive(Debug, PartialEq)]
enum Woken {
    /// The task that polled it last.
    Last,
    /// Only the one that polled it first.
    First,
}

fn of_a_receive<C: Chan>() -> Woken {
    let census = Census::default();
    let (tx, mut rx) = C::make(1);
    let (mut recv, first) = parked(C::recv(&mut rx));
    let (last, waker) = Wakes::new();
    assert!(poll_with(recv.as_mut(), &waker).is_pending());
    C::put(&tx, census.value(1));
    woken(first.count(), last.count())
}

fn of_a_send<C: Chan>() -> Woken {
    let census = Census::default();
    let (tx, mut rx) = C::make(1);
    C::put(&tx, census.value(0));
    let (mut send, first) = parked(C::send(&tx, census.value(1)));
    let (last, waker) = Wakes::new();
    assert!(poll_with(send.as_mut(), &waker).is_pending());
    assert!(C::try_recv(&mut rx).is_some());
    woken(first.count(), last.count())
}

fn woken(first: usize, last: usize) -> Woken {
    match (first, last) {
        (_, 1..) => Woken::Last,
        (1.., 0) => Woken::First,
        (0, 0) => panic!("nobody was woken"),
    }
}

outcomes! { of_a_receive:
    gosched_wakes_who_polled_the_receive_last: Gosched => Woken::Last,
    tokio_wakes_who_polled_the_receive_last: Tokio => Woken::Last,
    kanal_wakes_who_polled_the_receive_last: Kanal => Woken::Last,
    flume_wakes_who_polled_the_receive_last: Flume => Woken::Last,
    async_channel_wakes_who_polled_the_receive_last: AsyncChannel => Woken::Last,
    crossfire_wakes_who_polled_the_receive_last: Crossfire => Woken::Last,
}

outcomes! { of_a_send:
    gosched_wakes_who_polled_the_send_last: Gosched => Woken::Last,
    tokio_wakes_who_polled_the_send_last: Tokio => Woken::Last,
    kanal_wakes_who_polled_the_send_first: Kanal => Woken::First,
    flume_wakes_who_polled_the_send_last: Flume => Woken::Last,
    async_channel_wakes_who_polled_the_send_last: AsyncChannel => Woken::Last,
    crossfire_wakes_who_polled_the_send_last: Crossfire => Woken::Last,
}
