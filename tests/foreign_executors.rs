//! Channels, selects, contexts, timers and goroutines under an executor that is not ours.

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use common::{FAR, within};
use futures::executor::{LocalPool, block_on};
use futures::future::{join, join_all};
use futures::stream::FusedStream as _;
use futures::task::LocalSpawnExt as _;
use futures::{SinkExt as _, StreamExt as _, TryStreamExt as _};
use gosched::chan::SendError;
use gosched::context::ContextError;
use gosched::{Context, chan, go, select, time};

#[test]
fn tasks_and_values_that_never_leave_their_thread_meet_in_channels() {
    within(|| {
        let mut pool = LocalPool::new();
        let log = Rc::new(RefCell::new(Vec::new()));
        let (tx, rx) = chan(0);
        for id in 0..3 {
            let tx = tx.clone();
            pool.spawner()
                .spawn_local(async move {
                    for n in 0..4 {
                        tx.send(Rc::new((id, n))).await.unwrap();
                    }
                })
                .unwrap();
        }
        drop(tx);
        let seen = log.clone();
        pool.spawner()
            .spawn_local(async move {
                while let Some(value) = rx.recv().await {
                    seen.borrow_mut().push(*value);
                }
            })
            .unwrap();
        pool.run();
        let log = log.borrow();
        assert_eq!(log.len(), 12);
        for id in 0..3 {
            let of_one: Vec<_> = log.iter().filter(|v| v.0 == id).map(|v| v.1).collect();
            assert_eq!(of_one, [0, 1, 2, 3], "in order for each sender");
        }
    });
}

#[test]
fn selects_of_one_thread_match_each_other_exactly_once() {
    within(|| {
        let (a, from_a) = chan(0);
        let (b, from_b) = chan(0);
        let left = async {
            let mut sent = 0;
            for n in 0..200 {
                select! {
                    r = a.send(n) => r.unwrap(),
                    r = b.send(n) => r.unwrap(),
                }
                sent += 1;
            }
            a.close();
            b.close();
            sent
        };
        let right = async {
            let mut got = Vec::new();
            loop {
                let n = select! {
                    n = from_a.recv() => n,
                    n = from_b.recv() => n,
                };
                match n {
                    Some(n) => got.push(n),
                    None => break got,
                }
            }
        };
        let (sent, got) = block_on(join(left, right));
        assert_eq!(sent, 200);
        assert_eq!(got, (0..200).collect::<Vec<_>>());
    });
}

#[test]
fn a_context_ends_what_waits_under_it() {
    within(|| {
        let (ctx, cancel) = Context::background().with_cancel();
        let (tx, rx) = chan::<u8>(0);
        let (outcome, ()) = block_on(join(ctx.run(rx.recv()), async move { cancel.cancel() }));
        assert_eq!(outcome, Err(ContextError::Canceled));
        drop(tx);
        let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(2));
        block_on(async {
            select! {
                _ = ctx.done() => {}
                _ = time::after(FAR) => panic!("an hour has passed"),
            }
        });
        assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
    });
}

#[test]
fn goroutines_and_tasks_of_other_executors_work_together() {
    within(|| {
        let (jobs, inbox) = chan(2);
        let (results, outbox) = chan(2);
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let (inbox, results) = (inbox.clone(), results.clone());
                go(async move {
                    while let Some(n) = inbox.recv().await {
                        results.send(n * n).await.unwrap();
                    }
                })
            })
            .collect();
        drop((inbox, results));
        let feeder = thread::spawn(move || {
            block_on(async {
                for n in 1..=100_u64 {
                    jobs.send(n).await.unwrap();
                }
            });
        });
        let sum = block_on(outbox.stream().fold(0, |sum, n| async move { sum + n }));
        assert_eq!(sum, 338_350);
        feeder.join().unwrap();
        for worker in block_on(join_all(workers)) {
            worker.unwrap();
        }
    });
}

#[test]
fn a_stream_forwards_into_a_sink_and_closes_it() {
    within(|| {
        let (tx, rx) = chan(3);
        let (out, end) = chan(1);
        for n in 0..3 {
            tx.try_send(n).unwrap();
        }
        drop(tx);
        let pipe = rx.into_stream().map(Ok).forward(out.into_sink());
        let (piped, got) = block_on(join(pipe, end.stream().collect::<Vec<_>>()));
        assert_eq!((piped, got), (Ok(()), vec![0, 1, 2]));
        assert!(end.is_closed());
    });
}

#[test]
fn a_sink_on_a_closed_channel_gives_the_item_back() {
    let (tx, rx) = chan(1);
    let mut sink = tx.into_sink();
    drop(rx);
    assert_eq!(block_on(sink.send(7)), Err(SendError(7)));
    let stream = futures::stream::iter([Ok::<_, SendError<u8>>(1), Err(SendError(2))]);
    let collected = block_on(stream.try_collect::<Vec<_>>());
    assert_eq!(collected, Err(SendError(2)));
}

#[test]
fn a_stream_is_fused_and_goes_into_the_select_of_futures() {
    within(|| {
        let (tx, rx) = chan(2);
        let (_other_tx, other) = chan::<u8>(0);
        tx.try_send(1).unwrap();
        tx.try_send(2).unwrap();
        drop(tx);
        block_on(async {
            // `select_next_some` asks for `FusedStream`.
            let (mut stream, mut silent) = (rx.into_stream(), other.into_stream());
            let mut sum = 0;
            while !stream.is_terminated() {
                let next = futures::future::select(stream.next(), silent.next()).await;
                if let futures::future::Either::Left((Some(n), _)) = next {
                    sum += n;
                }
            }
            assert_eq!(sum, 3);
            assert_eq!(stream.next().await, None);
            assert!(!silent.is_terminated());
        });
    });
}
