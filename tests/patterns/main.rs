//! `gosched::patterns`: what each stage does with its values, and how stages end.
//!
//! Every test runs on one P and on three, and fails if a goroutine is left behind.

#[path = "../common/mod.rs"]
mod common;

mod batch;
mod fan;
mod panics;
mod pipeline;
mod tee;
mod throttle;
mod worker_pool;

use std::future::Future;
use std::task::{Context, Poll, Waker};

use common::{eventually, runtime, within};
use gosched::chan::Receiver;
use gosched::patterns::Stage;
use gosched::{chan, go};

/// Runs a test on one P and on three; afterwards no goroutine is left.
fn on_one_p_and_on_three<F, R>(test: F)
where
    F: Fn() -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    within(move || {
        for procs in [1, 3] {
            let rt = runtime(procs);
            if let Err(error) = rt.block_on(rt.handle().go(test())) {
                std::panic::resume_unwind(error.into_panic());
            }
            eventually("no goroutine is left", || rt.handle().num_goroutine() == 0);
        }
    });
}

/// A channel of this capacity with the values of `range`, sent by a goroutine.
fn numbers(capacity: usize, range: impl IntoIterator<Item = u64>) -> Receiver<u64> {
    let (tx, rx) = chan(capacity);
    let values: Vec<u64> = range.into_iter().collect();
    go!({
        for value in values {
            if tx.send(value).await.is_err() {
                return;
            }
        }
    });
    rx
}

/// A channel that has these values, and whose sender is gone.
fn buffered(values: impl IntoIterator<Item = u64>) -> Receiver<u64> {
    let values: Vec<u64> = values.into_iter().collect();
    let (tx, rx) = chan(values.len());
    for value in values {
        tx.try_send(value).unwrap();
    }
    rx
}

/// All that there is to receive.
async fn drain<T>(stage: &Stage<T>) -> Vec<T> {
    let mut values = Vec::new();
    while let Some(value) = stage.recv().await {
        values.push(value);
    }
    values
}

/// What is in a channel that nobody sends to.
fn left_in<T>(rx: &Receiver<T>) -> Vec<T> {
    std::iter::from_fn(|| rx.try_recv().ok()).collect()
}

/// Lets everybody else run until all that can be done without the caller is done. Counts on nothing: who
/// calls it only gives a wrong implementation time to go wrong.
async fn settle() {
    for _ in 0..50 {
        gosched::yield_now().await;
    }
}

/// What a receive gives without waiting.
fn at_once<T>(stage: &Stage<T>) -> Option<Option<T>> {
    let mut recv = std::pin::pin!(stage.recv());
    match recv.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(received) => Some(received),
        Poll::Pending => None,
    }
}
