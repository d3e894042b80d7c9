//! The workloads over contexts: a tree that is cancelled at once, and what one context costs to make, ask and wait for.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context as Task, Waker};
use std::time::{Duration, Instant};

use super::meter::{Budget, Reading, Setting, measure};
use super::process::resident;
use crate::ctx::Ctx;
use crate::rt::Rt;

/// Contexts of a tree, its root not counted.
pub const CONTEXTS: usize = 100_000;
/// Contexts with a time limit that live beside the one that comes and goes.
const LIVE: usize = 4_000;
/// The limit of each. None is reached.
const LIMIT: Duration = Duration::from_secs(3_600);

/// What is done with contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contexts {
    /// A tree of [`CONTEXTS`] is made, cancelled at its root, and dropped.
    Tree {
        /// Children of each context; all below the root where that is 0.
        fan_out: usize,
    },
    /// A child is made and cancelled. Per child.
    Child,
    /// A child with a time limit is made and cancelled beside many others. Per child.
    Timeout,
    /// A live context is asked whether it is done. Per question.
    Err,
    /// A wait for a live context is polled, again and again. Per poll.
    Poll,
    /// A wait for a live context is begun and given up. Per wait.
    Wait,
}

/// Runs a workload over contexts of `C` on `R`.
///
/// # Errors
///
/// A line for the report.
pub fn run<R: Rt, C: Ctx>(work: Contexts, setting: Setting) -> Result<Reading, String> {
    let budget = setting.budget;
    R::start(setting.procs, async move {
        match work {
            Contexts::Tree { fan_out } => tree::<C>(fan_out, budget),
            Contexts::Child => measure(budget, |ops| async move { children::<C>(ops) }).await,
            Contexts::Timeout => {
                let root = C::root();
                let live: Vec<C> = (0..LIVE).map(|_| root.timed(LIMIT)).collect();
                let reading = measure(budget, |ops| timeouts(&root, ops)).await;
                match live.iter().filter(|live| live.is_cancelled()).count() {
                    0 => reading,
                    ended => Err(format!("{ended} contexts ended too early")),
                }
            }
            Contexts::Err => measure(budget, |ops| async move { questions::<C>(ops) }).await,
            Contexts::Poll => measure(budget, |ops| async move { polls::<C>(ops) }).await,
            Contexts::Wait => measure(budget, |ops| async move { waits::<C>(ops) }).await,
        }
    })?
}

/// Trees, one after the other, for as long as was asked for; the medians of their figures.
fn tree<C: Ctx>(fan_out: usize, budget: Budget) -> Result<Reading, String> {
    let (size, target) = match budget {
        Budget::Ops(ops) => (ops as usize, Duration::ZERO),
        Budget::Time(target) => (CONTEXTS, target),
    };
    let begin = Instant::now();
    let mut samples: [Vec<f64>; 3] = Default::default();
    let mut bytes = None;
    while samples[0].is_empty() || begin.elapsed() < target {
        // The space for them is the harness's: written to, so that it is resident before the first look.
        let mut all: Vec<Option<C>> = Vec::new();
        all.resize_with(size + 1, || None);
        let before = resident()?;
        let start = Instant::now();
        all[0] = Some(C::root());
        for place in 1..=size {
            let above = (place - 1).checked_div(fan_out).unwrap_or(0);
            all[place] = all[above].as_ref().map(C::child);
        }
        let made = start.elapsed();
        // Later trees lie where the first did.
        let grown = resident()?.saturating_sub(before);
        bytes.get_or_insert(grown as f64 / size as f64);

        let start = Instant::now();
        all[0].as_mut().map(C::cancel);
        let cancelled = start.elapsed();
        let done = all
            .iter()
            .flatten()
            .filter(|ctx| ctx.is_cancelled())
            .count();
        if done != size + 1 {
            return Err(format!("only {done} of {} were cancelled", size + 1));
        }

        let start = Instant::now();
        drop(all);
        let dropped = start.elapsed();
        for (samples, took) in samples.iter_mut().zip([made, cancelled, dropped]) {
            samples.push(took.as_nanos() as f64 / size as f64);
        }
    }
    let ops = (samples[0].len() * size) as u64;
    let mut figures = Vec::from(samples.map(|mut samples| {
        samples.sort_by(f64::total_cmp);
        samples[samples.len() / 2]
    }));
    figures.extend(bytes);
    Ok(Reading { figures, ops })
}

fn children<C: Ctx>(ops: u64) -> Result<u64, String> {
    let root = C::root();
    for _ in 0..ops {
        let mut child = root.child();
        child.cancel();
        if !child.is_cancelled() {
            return Err("a child was not cancelled".into());
        }
    }
    Ok(ops)
}

async fn timeouts<C: Ctx>(root: &C, ops: u64) -> Result<u64, String> {
    for _ in 0..ops {
        let mut child = root.timed(LIMIT);
        child.cancel();
        if !child.is_cancelled() {
            return Err("a child was not cancelled".into());
        }
    }
    Ok(ops)
}

fn questions<C: Ctx>(ops: u64) -> Result<u64, String> {
    let root = C::root();
    let child = root.child();
    for _ in 0..ops {
        if black_box(&child).is_cancelled() {
            return Err("a live context says that it is done".into());
        }
    }
    Ok(ops)
}

fn polls<C: Ctx>(ops: u64) -> Result<u64, String> {
    let root = C::root();
    let child = root.child();
    let mut done = pin!(child.done());
    let mut task = Task::from_waker(Waker::noop());
    for _ in 0..ops {
        if black_box(done.as_mut()).poll(&mut task).is_ready() {
            return Err("a wait for a live context is over".into());
        }
    }
    Ok(ops)
}

fn waits<C: Ctx>(ops: u64) -> Result<u64, String> {
    let root = C::root();
    let child = root.child();
    let mut task = Task::from_waker(Waker::noop());
    for _ in 0..ops {
        if pin!(black_box(&child).done()).poll(&mut task).is_ready() {
            return Err("a wait for a live context is over".into());
        }
    }
    Ok(ops)
}
