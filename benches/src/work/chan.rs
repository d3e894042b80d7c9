//! The workloads over channels: to and fro, and through. The others have files of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::latch::Latch;
use super::meter::{Reading, Setting, measure};
use super::parked::parked;
use super::sieve::sieve;
use super::{Payload, Work, select};
use crate::chan::{Chan, Received, Sent, Tally};
use crate::rt::Rt;

/// Runs a channel workload on `R` with channels of `C`.
///
/// # Errors
///
/// A line for the report.
pub fn run<R: Rt, C: Chan>(work: Work, setting: Setting) -> Result<Reading, String> {
    match setting.bytes {
        8 => sized::<R, C, [u64; 1]>(work, setting),
        64 => sized::<R, C, [u64; 8]>(work, setting),
        1024 => sized::<R, C, [u64; 128]>(work, setting),
        other => Err(format!("no workload has values of {other} bytes")),
    }
}

fn sized<R: Rt, C: Chan, V: Payload>(work: Work, setting: Setting) -> Result<Reading, String> {
    let budget = setting.budget;
    R::start(setting.procs, async move {
        match work {
            Work::PingPong { capacity } => {
                measure(budget, |ops| ping_pong::<R, C, V>(capacity, ops)).await
            }
            Work::Stream {
                senders,
                receivers,
                capacity,
            } => {
                measure(budget, |ops| {
                    stream::<R, C, V>(senders, receivers, capacity, ops)
                })
                .await
            }
            Work::Select { channels, capacity } => {
                measure(budget, |ops| {
                    select::channels::<R, C, V>(channels, capacity, ops)
                })
                .await
            }
            Work::SelectDone { capacity } => {
                measure(budget, |ops| select::done::<R, C, V>(capacity, ops)).await
            }
            Work::SelectTimer { capacity } => {
                measure(budget, |ops| select::timer::<R, C, V>(capacity, ops)).await
            }
            Work::Sieve { capacity } => {
                measure(budget, |ops| sieve::<R, C, V>(capacity, ops)).await
            }
            Work::Parked { tasks, one_channel } => parked::<R, C>(tasks, one_channel).await,
            other => Err(format!("{other:?} has no channel")),
        }
    })?
}

async fn ping_pong<R: Rt, C: Chan, V: Payload>(capacity: usize, ops: u64) -> Result<u64, String> {
    let (ping, mut pinged) = C::make::<V>(capacity);
    let (pong, mut ponged) = C::make::<V>(capacity);
    R::detach(async move {
        while let Some(value) = C::recv(&mut pinged).await.into_value() {
            if !C::send(&pong, value).await.is_sent() {
                return;
            }
        }
    });
    for number in 0..ops {
        let sent = C::send(&ping, V::numbered(number)).await.is_sent();
        let back = C::recv(&mut ponged).await.into_value();
        if !sent || back.is_none_or(|value| value.number() != number) {
            return Err(format!("lost value {number}"));
        }
    }
    Ok(ops)
}

async fn stream<R: Rt, C: Chan, V: Payload>(
    senders: usize,
    receivers: usize,
    capacity: usize,
    ops: u64,
) -> Result<u64, String> {
    let each = ops.div_ceil(senders as u64);
    let (tx, rx) = C::make::<V>(capacity);
    let latch = Latch::new();
    latch.arm(senders + receivers);

    let arrived = Arc::new(Arrived::default());
    for mut rx in ends(rx, receivers, C::clone_rx)? {
        let (arrived, latch) = (arrived.clone(), latch.clone());
        R::detach(async move {
            let mut tally = Tally::default();
            while let Some(value) = C::recv(&mut rx).await.into_value() {
                tally.add(&value);
            }
            arrived.add(tally);
            latch.done();
        });
    }
    for (sender, tx) in (0..).zip(ends(tx, senders, C::clone_tx)?) {
        let latch = latch.clone();
        R::detach(async move {
            feed::<C, V>(tx, sender * each, each).await;
            latch.done();
        });
    }
    latch.wait().await;
    arrived.total().check(each * senders as u64)
}

/// Sends the values numbered from `first` on, and drops the sender.
pub async fn feed<C: Chan, V: Payload>(tx: C::Tx<V>, first: u64, count: u64) {
    for number in first..first + count {
        if !C::send(&tx, V::numbered(number)).await.is_sent() {
            return;
        }
    }
}

/// `first` and enough clones of it to make `count`.
fn ends<E>(first: E, count: usize, clone: impl Fn(&E) -> Option<E>) -> Result<Vec<E>, String> {
    let mut all = Vec::with_capacity(count);
    for _ in 1..count {
        all.push(clone(&first).ok_or("this channel cannot have so many ends")?);
    }
    all.push(first);
    Ok(all)
}

impl Tally {
    /// Whether the values numbered 0 to `count` - 1 arrived, each once.
    pub fn check(self, count: u64) -> Result<u64, String> {
        let expected = Tally {
            count,
            sum: (0..count).fold(0, u64::wrapping_add),
        };
        if self == expected {
            Ok(count)
        } else if self.count < count {
            Err(format!("lost {} of {count} values", count - self.count))
        } else {
            Err(format!(
                "{} values arrived, and not the {count} sent",
                self.count
            ))
        }
    }
}

/// What all receivers got together.
///
/// Relaxed throughout: the latch orders each receiver's additions before the reading of them.
#[derive(Default)]
struct Arrived {
    count: AtomicU64,
    sum: AtomicU64,
}

impl Arrived {
    fn add(&self, tally: Tally) {
        self.count.fetch_add(tally.count, Ordering::Relaxed);
        self.sum.fetch_add(tally.sum, Ordering::Relaxed);
    }

    fn total(&self) -> Tally {
        Tally {
            count: self.count.load(Ordering::Relaxed),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}
