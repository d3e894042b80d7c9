//! Channels between threads, and under other executors.

mod chan_support;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use chan_support::{Census, block_on, parked, poll};
use futures::{SinkExt as _, StreamExt as _};
use gosched::chan::{SendError, TryRecvError, chan};

const ROUNDS: usize = if cfg!(debug_assertions) {
    2_000
} else {
    20_000
};

#[test]
fn a_receive_that_may_not_wait_gets_the_buffered_value_even_beside_a_close() {
    for _ in 0..ROUNDS {
        let (tx, rx) = chan(1);
        tx.try_send(1).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| tx.close());
            assert_eq!(rx.try_recv(), Ok(1));
        });
    }
}

#[test]
fn values_of_many_threads_arrive_once_each_and_in_order_per_sender() {
    for capacity in [0, 1, 3, 64] {
        const SENDERS: usize = 4;
        let (tx, rx) = chan(capacity);
        let per_sender = ROUNDS / 4;
        thread::scope(|scope| {
            for id in 0..SENDERS {
                let tx = tx.clone();
                scope.spawn(move || {
                    block_on(async {
                        for n in 0..per_sender {
                            tx.send((id, n)).await.unwrap();
                        }
                    });
                });
            }
            drop(tx);
            let receivers: Vec<_> = (0..4)
                .map(|_| {
                    let rx = rx.clone();
                    scope.spawn(move || {
                        block_on(async {
                            let mut got = Vec::new();
                            while let Some(value) = rx.recv().await {
                                got.push(value);
                            }
                            got
                        })
                    })
                })
                .collect();
            let mut seen = HashSet::new();
            for receiver in receivers {
                let got = receiver.join().unwrap();
                let mut last = [None; SENDERS];
                for (id, n) in got {
                    assert!(last[id] < Some(n), "sender {id} was reordered");
                    last[id] = Some(n);
                    assert!(seen.insert((id, n)), "doubled");
                }
            }
            assert_eq!(seen.len(), SENDERS * per_sender, "lost");
        });
    }
}

#[test]
fn a_pool_of_twenty_three_workers_keeps_the_sum() {
    let (work_tx, work_rx) = chan(2);
    let (done_tx, done_rx) = chan(3);
    thread::scope(|scope| {
        for _ in 0..23 {
            let (rx, tx) = (work_rx.clone(), done_tx.clone());
            scope.spawn(move || {
                while let Some(n) = rx.recv_blocking() {
                    tx.send_blocking(n * 2usize).unwrap();
                }
            });
        }
        drop(done_tx);
        scope.spawn(move || {
            for n in 0..ROUNDS {
                work_tx.send_blocking(n).unwrap();
            }
        });
        let mut sum = 0;
        while let Some(n) = done_rx.recv_blocking() {
            sum += n;
        }
        assert_eq!(sum, ROUNDS * (ROUNDS - 1));
    });
}

#[test]
fn receives_dropped_while_they_are_served_lose_and_double_nothing() {
    let census = Census::default();
    for capacity in [0, 1, 4] {
        let (tx, rx) = chan(capacity);
        let got = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                let (rx, got) = (rx.clone(), &got);
                scope.spawn(move || {
                    let mut rng = fastrand::Rng::with_seed(3);
                    loop {
                        // Poll by hand, and give up at a random moment.
                        let mut receive = Box::pin(rx.recv());
                        for _ in 0..rng.usize(1..4) {
                            match poll(receive.as_mut()) {
                                std::task::Poll::Ready(Some(_)) => {
                                    got.fetch_add(1, Ordering::SeqCst);
                                    break;
                                }
                                std::task::Poll::Ready(None) => return,
                                std::task::Poll::Pending => thread::yield_now(),
                            }
                        }
                    }
                });
            }
            for n in 0..ROUNDS {
                tx.send_blocking(census.value(n)).ok().unwrap();
            }
            drop(tx);
        });
        // What was given back after the last receiver had seen the end is still there.
        let left = std::iter::from_fn(|| rx.try_recv().ok()).count();
        assert_eq!(got.load(Ordering::SeqCst) + left, ROUNDS);
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn sends_dropped_while_they_are_served_have_happened_or_are_back() {
    let (tx, rx) = chan(0);
    thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            let mut got = Vec::new();
            while let Some(n) = rx.recv_blocking() {
                got.push(n);
            }
            got
        });
        let mut n = 0;
        let mut rng = fastrand::Rng::with_seed(5);
        while n < ROUNDS {
            let mut slot = Some(n);
            {
                let mut send = Box::pin(tx.send_from(&mut slot));
                for _ in 0..rng.usize(1..4) {
                    if poll(send.as_mut()).is_ready() {
                        break;
                    }
                    thread::yield_now();
                }
            }
            n += usize::from(slot.is_none());
        }
        drop(tx);
        assert_eq!(receiver.join().unwrap(), (0..ROUNDS).collect::<Vec<_>>());
    });
}

#[test]
fn a_close_beside_sends_and_receives_leaves_nobody_waiting() {
    for round in 0..ROUNDS / 4 {
        let (tx, rx) = chan(round % 3);
        let sent = Arc::new(AtomicUsize::new(0));
        let received = thread::scope(|scope| {
            for _ in 0..2 {
                let (tx, sent) = (tx.clone(), sent.clone());
                scope.spawn(move || {
                    while tx.send_blocking(1usize).is_ok() {
                        sent.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            let receivers: Vec<_> = (0..2)
                .map(|_| {
                    let rx = rx.clone();
                    scope.spawn(move || std::iter::from_fn(|| rx.recv_blocking()).count())
                })
                .collect();
            thread::yield_now();
            assert!(tx.close());
            receivers
                .into_iter()
                .map(|r| r.join().unwrap())
                .sum::<usize>()
        });
        assert_eq!(received, sent.load(Ordering::SeqCst));
    }
}

#[test]
fn a_blocked_sender_gets_its_value_back_when_the_last_receiver_goes() {
    let (tx, rx) = chan(0);
    let sender = thread::spawn(move || tx.send_blocking(7));
    thread::sleep(Duration::from_millis(20));
    drop(rx);
    assert_eq!(sender.join().unwrap(), Err(SendError(7)));
}

#[test]
fn blocking_ends_work_inside_another_executor() {
    block_on(async {
        let (tx, rx) = chan(0);
        let sender = thread::spawn(move || tx.send_blocking(7));
        assert_eq!(rx.recv_blocking(), Some(7));
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn channels_work_between_tokio_tasks() {
    let rt = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    rt.block_on(async {
        let (tx, rx) = chan(0);
        for id in 0..10u64 {
            let tx = tx.clone();
            tokio::spawn(async move {
                for n in 0..100 {
                    tx.send(id * 100 + n).await.unwrap();
                }
            });
        }
        drop(tx);
        let mut sum = 0;
        while let Some(n) = rx.recv().await {
            sum += n;
        }
        assert_eq!(sum, (0..1000).sum());
    });
}

#[test]
fn upgrades_beside_the_last_drop_find_the_channel_open_or_fail() {
    for _ in 0..ROUNDS {
        let (tx, rx) = chan(1);
        let weak = tx.downgrade();
        thread::scope(|scope| {
            scope.spawn(move || drop(tx));
            if let Some(tx) = weak.upgrade() {
                tx.try_send(1).unwrap();
                assert_eq!(rx.try_recv(), Ok(1));
            }
        });
        assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    }
}

#[test]
fn a_stream_yields_all_values_and_ends_with_the_channel() {
    block_on(async {
        let (tx, rx) = chan(1);
        let produce = async move {
            for n in 0..50 {
                tx.send(n).await.unwrap();
            }
        };
        let (got, ()) = futures::future::join(rx.stream().collect::<Vec<_>>(), produce).await;
        assert_eq!(got, (0..50).collect::<Vec<_>>());
        let mut stream = rx.into_stream();
        assert_eq!(stream.next().await, None);
        assert!(futures::stream::FusedStream::is_terminated(&stream));
        assert_eq!(stream.next().await, None);
    });
}

#[test]
fn a_stream_dropped_after_it_was_served_gives_the_value_to_the_next_receiver() {
    let (tx, rx) = chan(0);
    let mut stream = rx.clone().into_stream();
    assert!(poll(std::pin::pin!(stream.next())).is_pending());
    tx.try_send(7).unwrap();
    assert_eq!(
        rx.try_recv(),
        Err(TryRecvError::Empty),
        "it is in the stream's hands"
    );
    drop(stream);
    assert_eq!(rx.try_recv(), Ok(7));
}

#[test]
fn a_sink_sends_all_items_and_closes_by_dropping_its_sender() {
    block_on(async {
        let (tx, rx) = chan(0);
        let mut sink = tx.into_sink();
        let feed = async {
            let mut items = futures::stream::iter((0..50).map(Ok));
            sink.send_all(&mut items).await.unwrap();
            sink.close().await.unwrap();
        };
        let ((), got) = futures::future::join(feed, rx.stream().collect::<Vec<_>>()).await;
        assert_eq!(got, (0..50).collect::<Vec<_>>());
    });
}

#[test]
fn an_item_in_a_sinks_slot_survives_the_drop_of_the_future_that_put_it_there() {
    let (tx, rx) = chan(0);
    let mut sink = tx.into_sink();
    drop(parked(sink.send(1)));
    assert_eq!(rx.try_recv(), Ok(1), "it waits in the channel's queue");
    drop(parked(sink.send(2)));
    assert!(rx.is_empty());
    drop(rx);
    let err = block_on(sink.flush()).unwrap_err();
    assert_eq!(err.into_inner(), 2, "what was not sent comes back");
}
