//! Throttle: a channel that lets values through only so fast.
//!
//! Called by users.
//!
//! # Invariants
//!
//! 1. `sent` has the times of the last values, `n` at the most, taken after each was received. A value
//!    is offered no earlier than a period after the `n`th before it was received.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Stage;
use super::crew::{Crew, Outlet};
use crate::context::Context;
use crate::{select, time};

/// Lets at most `n` values through in any span of time of length `period`.
///
/// After a pause up to `n` values pass at once, as a burst. For an even pace, ask for one value in a
/// shorter period: `1` per 100 ms instead of `10` per second. Values wait where they come from: what
/// is held back is one value.
///
/// The times are those at which values are received, so that who receives slowly is not hurried
/// afterwards. A `period` that the clock cannot count, as `Duration::MAX`, lets `n` values through and
/// then none.
///
/// Go: a receive from a `time.Ticker` before each send, or `rate.Limiter.Wait`.
///
/// # Panics
///
/// If `n` or `period` is zero. A panic of the stage that is the input is resumed where the output is
/// received.
///
/// # Cancel safety
///
/// When `ctx` is done no more values are taken, and the one that was is still to be received.
///
/// # Examples
///
/// ```
/// use gosched::{Context, patterns};
/// use std::time::{Duration, Instant};
///
/// # gosched::block_on(async {
/// let ctx = Context::background();
/// let start = Instant::now();
/// let calls = patterns::generate(&ctx, 0..5);
/// let calls = patterns::throttle(&ctx, 2, Duration::from_millis(2), calls);
/// while calls.recv().await.is_some() {}
/// // Two at once, two after 2 ms, one after 4 ms.
/// assert!(start.elapsed() >= Duration::from_millis(4));
/// # });
/// ```
#[track_caller]
pub fn throttle<T>(
    ctx: &Context,
    n: usize,
    period: Duration,
    input: impl Into<Stage<T>>,
) -> Stage<T>
where
    T: Send + 'static,
{
    assert!(n > 0, "throttle: no values per period");
    assert!(!period.is_zero(), "throttle: the period must not be zero");
    let crew = Crew::new(ctx);
    let (out, stage) = crew.output();
    crew.go(out.clone(), pass(input.into(), out, n, period));
    stage
}

async fn pass<T>(input: Stage<T>, out: Outlet<T>, n: usize, period: Duration) {
    let mut sent = VecDeque::new();
    while let Some(value) = out.next(&input).await {
        if sent.len() == n {
            let oldest: Option<Instant> = sent.pop_front();
            let due = oldest.and_then(|oldest| oldest.checked_add(period));
            let done = select! {
                _ = time::sleep_until(due.unwrap_or_else(time::now)), if due.is_some() => false,
                _ = out.ctx().done() => true,
            };
            if done {
                return out.leave(value);
            }
        }
        if !out.emit(value).await {
            return;
        }
        sent.push_back(time::now());
    }
}
