//! Waiting for a channel to be closed.

mod chan_support;

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use chan_support::{Wakes, block_on, now, parked, poll_with};
use gosched::chan::{Sender, chan};
use gosched::{go, select, yield_now};

#[test]
fn every_watcher_is_woken_once_by_a_close_and_by_the_last_receiver() {
    for closes in [true, false] {
        let (tx, rx) = chan::<u8>(1);
        let (wakes, waker) = Wakes::new();
        let mut watching: Vec<_> = (0..40).map(|_| Box::pin(tx.closed())).collect();
        for watcher in &mut watching {
            // The second poll replaces nothing and adds nothing.
            for _ in 0..2 {
                assert!(poll_with(watcher.as_mut(), &waker).is_pending());
            }
        }
        let other = rx.clone();
        drop(rx);
        assert_eq!(wakes.count(), 0, "a receiver is left");
        if closes {
            tx.close();
        }
        drop(other);
        assert_eq!(wakes.count(), 40);
        for watcher in watching {
            now(watcher);
        }
        now(tx.closed());
    }
}

#[test]
fn traffic_wakes_no_watcher() {
    let (tx, rx) = chan(1);
    let (wakes, waker) = Wakes::new();
    let mut watching = Box::pin(tx.closed());
    assert!(poll_with(watching.as_mut(), &waker).is_pending());
    for n in 0..10 {
        tx.try_send(n).unwrap();
        assert_eq!(rx.try_recv(), Ok(n));
    }
    assert_eq!(wakes.count(), 0);
}

#[test]
fn a_watcher_that_was_dropped_is_not_woken_and_its_waker_is_released() {
    let (tx, rx) = chan::<u8>(1);
    let (wakes, waker) = Wakes::new();
    let mut gone = Box::pin(tx.closed());
    assert!(poll_with(gone.as_mut(), &waker).is_pending());
    drop((gone, waker));
    assert_eq!(Arc::strong_count(&wakes), 1);
    drop(rx);
    assert_eq!(wakes.count(), 0);
}

#[test]
fn it_is_the_waker_of_the_last_poll_that_is_woken() {
    let (tx, rx) = chan::<u8>(1);
    let ((old, first), (new, second)) = (Wakes::new(), Wakes::new());
    let mut watching = Box::pin(tx.closed());
    assert!(poll_with(watching.as_mut(), &first).is_pending());
    assert!(poll_with(watching.as_mut(), &second).is_pending());
    drop(first);
    assert_eq!(Arc::strong_count(&old), 1, "the former waker is released");
    drop(rx);
    assert_eq!((old.count(), new.count()), (0, 1));
}

#[test]
fn the_nil_channel_is_never_closed() {
    drop(parked(Sender::<u8>::nil().closed()));
}

#[test]
fn a_watcher_on_a_thread_is_never_forgotten() {
    for _ in 0..500 {
        let (tx, rx) = chan::<u8>(0);
        let start = Arc::new(Barrier::new(2));
        let theirs = start.clone();
        let closer = thread::spawn(move || {
            theirs.wait();
            drop(rx);
        });
        start.wait();
        block_on(tx.closed());
        closer.join().unwrap();
    }
}

#[gosched::test]
async fn a_producer_that_waits_for_something_else_ends_when_nobody_listens() {
    let (tx, rx) = chan(1);
    let (ask, asked) = chan::<u8>(0);
    let producer = go(async move {
        select! {
            n = asked.recv() => tx.send(n).await.is_ok(),
            () = tx.closed() => false,
        }
    });
    drop(rx);
    assert!(!producer.await.unwrap());
    assert!(ask.is_closed());
}

#[gosched::test]
async fn a_dump_says_what_a_watcher_waits_for() {
    let (tx, rx) = chan::<u8>(0);
    let watcher = go(async move { tx.closed().await });
    let reason = loop {
        let all = gosched::debug::goroutines();
        let one = all.iter().find(|g| g.id() == watcher.id()).unwrap();
        match one.wait_reason() {
            Some(reason) => break reason.to_owned(),
            None => yield_now().await,
        }
    };
    assert_eq!(reason, "chan closed");
    gosched::time::sleep(Duration::from_millis(1)).await;
    assert!(!watcher.is_finished());
    drop(rx);
    watcher.await.unwrap();
}
