//! Batch: a channel of values becomes one of `Vec`s, cut by number and by time.
//!
//! Called by users.
//!
//! # Invariants
//!
//! 1. A batch that is begun is handed on whatever happens: at its end, when it is full, when its time is
//!    up; or it is left to who receives to the end (`Begun`), when the context is done or the input
//!    panics.

use std::time::Duration;

use super::Stage;
use super::crew::{Crew, Outlet};
use crate::context::Context;
use crate::{select, time};

/// Collects values into batches of up to `max`, and waits for no longer than `max_wait` for a batch to
/// become full.
///
/// A batch is handed on when it has `max` values, when `max_wait` has passed since its first value came,
/// or when the input ends, whichever comes first. No batch is empty. While nobody receives a batch, no
/// values are taken from the input. `Duration::MAX` cuts by number alone, `usize::MAX` by time alone.
///
/// Go: a select over the input and a `time.Timer`, in a loop.
///
/// # Panics
///
/// If `max` or `max_wait` is zero. A panic of the stage that is the input is resumed where the output
/// is received, after the batch that was begun.
///
/// # Cancel safety
///
/// When `ctx` is done no more values are taken, and the batch that was begun is still to be received.
///
/// # Examples
///
/// ```
/// use gosched::{Context, patterns};
/// use std::time::Duration;
///
/// # gosched::block_on(async {
/// let ctx = Context::background();
/// let rows = patterns::generate(&ctx, 1..=5);
/// let inserts = patterns::batch(&ctx, 2, Duration::from_secs(60), rows);
/// assert_eq!(inserts.recv().await, Some(vec![1, 2]));
/// assert_eq!(inserts.recv().await, Some(vec![3, 4]));
/// assert_eq!(inserts.recv().await, Some(vec![5]));
/// assert_eq!(inserts.recv().await, None);
/// # });
/// ```
#[track_caller]
pub fn batch<T>(
    ctx: &Context,
    max: usize,
    max_wait: Duration,
    input: impl Into<Stage<T>>,
) -> Stage<Vec<T>>
where
    T: Send + 'static,
{
    assert!(max > 0, "batch: batches without values");
    assert!(!max_wait.is_zero(), "batch: the wait must not be zero");
    let crew = Crew::new(ctx);
    let (out, stage) = crew.output();
    crew.go(out.clone(), collect(input.into(), out, max, max_wait));
    stage
}

/// A batch that is left to who receives to the end, unless it is taken (I1).
struct Begun<'a, T> {
    values: Vec<T>,
    out: &'a Outlet<Vec<T>>,
}

impl<T> Drop for Begun<'_, T> {
    fn drop(&mut self) {
        if !self.values.is_empty() {
            self.out.leave(std::mem::take(&mut self.values));
        }
    }
}

async fn collect<T>(input: Stage<T>, out: Outlet<Vec<T>>, max: usize, max_wait: Duration) {
    let mut ended = false;
    while !ended {
        let Some(first) = out.next(&input).await else {
            return;
        };
        let due = time::now().checked_add(max_wait);
        let mut begun = Begun {
            values: vec![first],
            out: &out,
        };
        while begun.values.len() < max {
            // Looked at here, an input that always has values cannot put the end off.
            if due.is_some_and(|due| due <= time::now()) {
                break;
            }
            let value = select! {
                biased;
                value = input.recv() => value,
                _ = out.ctx().done() => None,
                _ = time::sleep_until(due.unwrap_or_else(time::now)), if due.is_some() => break,
            };
            match value {
                Some(value) => begun.values.push(value),
                None => {
                    ended = true;
                    break;
                }
            }
        }
        let values = std::mem::take(&mut begun.values);
        ended |= !out.emit(values).await;
    }
}
