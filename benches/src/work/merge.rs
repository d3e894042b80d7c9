//! Fan-in on gosched: values of many unbuffered channels through one.
//!
//! The senders, the channels and whoever receives in the end are the same; what lies between is what is compared.

use gosched::chan::{Receiver, Sender};
use gosched::select::recv_any;
use gosched::{Context, chan, go, patterns};

use super::Work;
use super::chan::feed;
use super::meter::{Reading, Setting, measure};
use crate::chan::{Gosched as Channel, Tally};
use crate::rt::{Gosched, Rt};

type Value = [u64; 1];

/// Runs it by `patterns::merge`: a goroutine for each input.
///
/// # Errors
///
/// A line for the report.
pub fn run(work: Work, setting: Setting) -> Result<Reading, String> {
    let inputs = inputs_of(work)?;
    Gosched::start(setting.procs, async move {
        measure(setting.budget, |ops| by_stages(inputs, ops)).await
    })?
}

/// Runs it with one goroutine for all inputs.
///
/// # Errors
///
/// As for `run`.
pub fn run_over_recv_any(work: Work, setting: Setting) -> Result<Reading, String> {
    let inputs = inputs_of(work)?;
    Gosched::start(setting.procs, async move {
        measure(setting.budget, |ops| by_recv_any(inputs, ops)).await
    })?
}

fn inputs_of(work: Work) -> Result<usize, String> {
    match work {
        Work::Merge { inputs } => Ok(inputs),
        other => Err(format!("{other:?} merges nothing")),
    }
}

async fn by_stages(inputs: usize, ops: u64) -> Result<u64, String> {
    let (total, fed) = fed(inputs, ops);
    let merged = patterns::merge(&Context::background(), fed);
    let mut tally = Tally::default();
    while let Some(value) = merged.recv().await {
        tally.add(&value);
    }
    tally.check(total)
}

async fn by_recv_any(inputs: usize, ops: u64) -> Result<u64, String> {
    let (total, fed) = fed(inputs, ops);
    let (tx, rx) = chan(0);
    drop(go(forward(fed, tx)));
    let mut tally = Tally::default();
    while let Some(value) = rx.recv().await {
        tally.add(&value);
    }
    tally.check(total)
}

/// Sends on what comes from any of the inputs, until all have ended.
async fn forward(inputs: Vec<Receiver<Value>>, out: Sender<Value>) {
    let mut open: Vec<&Receiver<Value>> = inputs.iter().collect();
    while !open.is_empty() {
        match recv_any(&open).await {
            (_, Some(value)) => {
                if out.send(value).await.is_err() {
                    return;
                }
            }
            (ended, None) => {
                open.swap_remove(ended);
            }
        }
    }
}

/// Channels that a goroutine each sends its share into, and how many values that makes together.
fn fed(inputs: usize, ops: u64) -> (u64, Vec<Receiver<Value>>) {
    let each = ops.div_ceil(inputs as u64);
    let receivers = (0..inputs as u64).map(|place| {
        let (tx, rx) = chan(0);
        Gosched::detach(feed::<Channel, Value>(tx, place * each, each));
        rx
    });
    (each * inputs as u64, receivers.collect())
}
