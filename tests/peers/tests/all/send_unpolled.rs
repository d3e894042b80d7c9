//! A send waits and is kept, but not polled again, while its task goes on with other things ("futurelock").

use std::sync::Arc;
use std::task::Waker;

use gosched_peers::{
    AsyncChannel, Census, Chan, Crossfire, Flume, Gosched, Kanal, Tokio, Wakes, outcomes, parked,
    poll, poll_with,
};

/// What a receiver gets before nothing moves any more. 0 fills the channel, the send of 1 waits and is never polled
/// again, that of 2 waits behind it and is polled whenever it is woken.
fn received<C: Chan>() -> Vec<usize> {
    let census = Census::default();
    let (tx, mut rx) = C::make(1);
    C::put(&tx, census.value(0));
    let (_kept, _) = parked(C::send(&tx, census.value(1)));
    let (wakes, waker): (Arc<Wakes>, Waker) = Wakes::new();
    let mut sending = C::send(&tx, census.value(2));
    assert!(poll_with(sending.as_mut(), &waker).is_pending());
    let (mut received, mut polled_for, mut done) = (Vec::new(), 0, false);
    loop {
        let more = C::drain(&mut rx);
        let woken = !done && wakes.count() > polled_for;
        if more.is_empty() && !woken {
            return received;
        }
        received.extend(more);
        if woken {
            polled_for = wakes.count();
            done = poll_with(sending.as_mut(), &waker).is_ready();
        }
    }
}

outcomes! { received:
    gosched_sends_both: Gosched => [0, 1, 2],
    tokio_stands_still: Tokio => [0],
    kanal_sends_both: Kanal => [0, 1, 2],
    flume_sends_both: Flume => [0, 1, 2],
    async_channel_stands_still: AsyncChannel => [0],
    crossfire_stands_still: Crossfire => [0],
}

/// The room is reserved for who does not come for it.
#[test]
fn tokio_stands_still_behind_a_permit_too() {
    let (tx, mut rx) = tokio::sync::mpsc::channel(1);
    tx.try_send(0).unwrap();
    let (kept, _) = parked(tx.reserve());
    let (mut sending, wakes) = parked(tx.send(2));
    assert_eq!(rx.try_recv(), Ok(0));
    assert!(rx.try_recv().is_err());
    assert_eq!(wakes.count(), 0);
    drop(kept);
    assert_eq!(wakes.count(), 1);
    assert!(poll(sending.as_mut()).is_ready());
}
