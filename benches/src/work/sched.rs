//! The workloads without channels: starting tasks, joining them, taking turns, waking one.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::thread;

use futures::task::AtomicWaker;

use super::latch::Latch;
use super::meter::{Reading, Setting, measure};
use super::{Work, saturated, time};
use crate::rt::Rt;

/// Tasks per batch in [`Work::Spawn`].
const BATCH: u64 = 1_000;
/// Tasks that take turns in [`Work::Yield`].
const TURNS: u64 = 8;
/// Leaves of the tree in [`Work::Skynet`].
const LEAVES: u64 = 1_000_000;

/// Runs a scheduler workload on `R`.
///
/// # Errors
///
/// A line for the report.
pub fn run<R: Rt>(work: Work, setting: Setting) -> Result<Reading, String> {
    let budget = setting.budget;
    R::start(setting.procs, async move {
        match work {
            Work::Spawn => measure(budget, spawn::<R>).await,
            Work::SpawnJoin => measure(budget, spawn_join::<R>).await,
            Work::Yield => measure(budget, take_turns::<R>).await,
            Work::Skynet => measure(budget, skynet::<R>).await,
            Work::Wake => measure(budget, wake::<R>).await,
            Work::Timers { tasks } => time::timers::<R>(tasks).await,
            Work::TickerUnderHogs => time::ticker_under_hogs::<R>(setting.procs).await,
            Work::Saturated { poll } => saturated::saturated::<R>(poll, setting).await,
            other => Err(format!("{other:?} needs a channel")),
        }
    })?
}

async fn spawn<R: Rt>(ops: u64) -> Result<u64, String> {
    let latch = Latch::new();
    let batches = ops.div_ceil(BATCH);
    for _ in 0..batches {
        latch.arm(BATCH as usize);
        for _ in 0..BATCH {
            let latch = latch.clone();
            R::detach(async move { latch.done() });
        }
        latch.wait().await;
    }
    Ok(batches * BATCH)
}

async fn spawn_join<R: Rt>(ops: u64) -> Result<u64, String> {
    for number in 0..ops {
        let echoed = R::value::<u64>(R::spawn(async move { number }).await);
        if echoed != number {
            return Err(format!("task {number} returned {echoed}"));
        }
    }
    Ok(ops)
}

async fn take_turns<R: Rt>(ops: u64) -> Result<u64, String> {
    let latch = Latch::new();
    let each = ops.div_ceil(TURNS);
    latch.arm(TURNS as usize);
    for _ in 0..TURNS {
        let latch = latch.clone();
        R::detach(async move {
            for _ in 0..each {
                R::yield_now().await;
            }
            latch.done();
        });
    }
    latch.wait().await;
    Ok(each * TURNS)
}

async fn skynet<R: Rt>(ops: u64) -> Result<u64, String> {
    let trees = ops.div_ceil(LEAVES);
    for _ in 0..trees {
        let sum = R::value::<u64>(R::spawn(branch::<R>(0, LEAVES)).await);
        let expected = LEAVES * (LEAVES - 1) / 2;
        if sum != expected {
            return Err(format!("the leaves add up to {sum}, not {expected}"));
        }
    }
    Ok(trees * LEAVES)
}

/// The sum of the leaves from `first` on, each of them a task. Boxed because it recurs.
fn branch<R: Rt>(first: u64, leaves: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if leaves == 1 {
            return first;
        }
        let part = leaves / 10;
        let children: [_; 10] =
            std::array::from_fn(|i| R::spawn(branch::<R>(first + i as u64 * part, part)));
        let mut sum = 0;
        for child in children {
            sum += R::value::<u64>(child.await);
        }
        sum
    })
}

/// What a thread and a task say to each other.
#[derive(Default)]
struct Bell {
    rung: AtomicU64,
    waker: AtomicWaker,
    answered: AtomicU64,
}

impl Bell {
    /// Resolves once it was rung `times` times.
    fn heard(&self, times: u64) -> impl Future<Output = ()> + Send {
        poll_fn(move |cx| {
            // Ordering: pairs with the thread's store of `rung`, as does the second look.
            if self.rung.load(Ordering::Acquire) >= times {
                return Poll::Ready(());
            }
            self.waker.register(cx.waker());
            if self.rung.load(Ordering::Acquire) >= times {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }
}

/// A thread of its own rings, the task wakes up and unparks the thread.
async fn wake<R: Rt>(ops: u64) -> Result<u64, String> {
    let bell = Arc::new(Bell::default());
    let ringer = thread::spawn({
        let bell = bell.clone();
        move || {
            for number in 1..=ops {
                // Ordering: pairs with the loads in `heard`.
                bell.rung.store(number, Ordering::Release);
                bell.waker.wake();
                // Ordering: pairs with the task's store of `answered`.
                while bell.answered.load(Ordering::Acquire) < number {
                    thread::park();
                }
            }
        }
    });
    for number in 1..=ops {
        bell.heard(number).await;
        // Ordering: pairs with the thread's load of `answered`.
        bell.answered.store(number, Ordering::Release);
        ringer.thread().unpark();
    }
    ringer
        .join()
        .map_err(|_| "the thread panicked".to_owned())?;
    Ok(ops)
}
