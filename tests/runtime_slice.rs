//! A goroutine whose slice is over gives way at its next operation. What is ready then is ready all the same.

mod common;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::{Duration, Instant};

use common::{runtime_that_retakes_nothing, within};
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use gosched::select::Select;
use gosched::{chan, go, select, time, yield_now};

/// Longer than a slice.
fn compute() {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(15) {
        std::hint::spin_loop();
    }
}

/// Runs `main` as a goroutine on a P that is not taken away: it must give way.
fn on_the_only_p(main: impl Future<Output = ()> + Send + 'static) {
    within(|| {
        let rt = runtime_that_retakes_nothing(1);
        rt.block_on(rt.handle().go(main)).unwrap();
    });
}

/// What `future` yields, and how often it was polled.
async fn polls<F: Future>(future: F) -> (F::Output, usize) {
    let mut future = pin!(future);
    let mut polls = 0;
    let output = poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx)
    })
    .await;
    (output, polls)
}

/// Somebody else wants the P all the time.
fn neighbour() -> gosched::runtime::JoinHandle<()> {
    go(async {
        loop {
            yield_now().await;
        }
    })
}

#[test]
fn the_result_wins_over_the_time_also_where_the_slice_is_over() {
    on_the_only_p(async {
        let neighbour = neighbour();
        let (tx, rx) = chan(1);
        let mut gave_way = 0;
        while gave_way < 5 {
            tx.send(7).await.unwrap();
            let late = time::timeout(Duration::from_millis(5), rx.recv());
            compute();
            let (received, polls) = polls(late).await;
            assert_eq!(received, Ok(Some(7)));
            gave_way += polls - 1;
        }
        // Also where the slice ends inside.
        for _ in 0..5 {
            tx.send(7).await.unwrap();
            let late = time::timeout(Duration::from_millis(5), async {
                compute();
                select! {
                    v = rx.recv() => v,
                    _ = time::after(Duration::from_secs(3600)) => None,
                }
            });
            assert_eq!(late.await, Ok(Some(7)));
        }
        neighbour.abort();
    });
}

#[test]
fn who_asks_only_once_is_told_what_is_ready_also_where_the_slice_is_over() {
    on_the_only_p(async {
        let neighbour = neighbour();
        let (tx, rx) = chan(1);
        let stream = rx.clone();
        let mut stream = pin!(stream.stream());
        for _ in 0..5 {
            tx.send(7).await.unwrap();
            compute();
            assert_eq!(rx.recv().now_or_never(), Some(Some(7)));
            compute();
            assert_eq!(tx.send(8).now_or_never(), Some(Ok(())));
            compute();
            let got = select! {
                v = stream.next() => v,
                default => None,
            };
            assert_eq!(got, Some(8));
            tx.send(9).await.unwrap();
            compute();
            let got = select! {
                v = async { rx.recv().await } => v,
                default => None,
            };
            assert_eq!(got, Some(9));
            tx.send(10).await.unwrap();
            compute();
            let got = Select::new()
                .future(rx.recv(), |v| v)
                .default(|| None)
                .await;
            assert_eq!(got, Some(10));
            tx.send(11).await.unwrap();
            let mut crowd: FuturesUnordered<_> = [rx.recv()].into_iter().collect();
            compute();
            let got = select! {
                v = crowd.next() => v,
                default => None,
            };
            assert_eq!(got, Some(Some(11)));
        }
        neighbour.abort();
    });
}
