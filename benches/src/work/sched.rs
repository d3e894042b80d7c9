//! The workloads without channels: starting tasks, joining them, taking turns.

use std::pin::Pin;

use super::Work;
use super::latch::Latch;
use super::meter::{Reading, Setting, measure};
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
