//! Fan-in: many channels become one.
//!
//! Called by users.
//!
//! One goroutine per input, all of which send to one channel. Rejected: one goroutine for all over
//! `recv_any`, which builds and parks an arm per input for every value. Few inputs it serves faster, but what
//! a value costs grows with their number. Measured per value, from unbuffered inputs, on one P and on two
//! (`merge/N` in `benches`, medians of 5, AMD EPYC, two cores, 2026-11-28): with 2 inputs 185 and 180 ns against
//! 120 and 130, with 16 inputs 195 and 230 against 155 and 160, with 1,000 inputs 190 and 215 against 1,250 and
//! 1,720. (Go's fan-in: 290 and 260, 295 and 275, 305 and 340.)

use super::Stage;
use super::crew::{Crew, Outlet};
use crate::context::Context;

/// Brings the values of several inputs into one output, which ends when all of them have.
///
/// The values of one input keep their order; between inputs there is none. Without inputs the output
/// ends at once.
///
/// Go: fan-in, a goroutine per input that copies to one channel, and a `WaitGroup` to close it.
///
/// # Panics
///
/// If a stage among the inputs panicked, the merge ends, and the panic is resumed where its output is
/// received; see [`Stage::recv`].
///
/// # Cancel safety
///
/// When `ctx` is done no more values are taken, and those that were, at most one per input, are still
/// to be received.
///
/// # Examples
///
/// ```
/// use gosched::{Context, patterns};
///
/// # gosched::block_on(async {
/// let ctx = Context::background();
/// let odd = patterns::generate(&ctx, [1, 3, 5]);
/// let even = patterns::generate(&ctx, [2, 4]);
/// let all = patterns::merge(&ctx, [odd, even]);
/// let mut sum = 0;
/// while let Some(n) = all.recv().await {
///     sum += n;
/// }
/// assert_eq!(sum, 15);
/// # });
/// ```
#[track_caller]
pub fn merge<T, I>(ctx: &Context, inputs: impl IntoIterator<Item = I>) -> Stage<T>
where
    T: Send + 'static,
    I: Into<Stage<T>>,
{
    let crew = Crew::new(ctx);
    let (out, stage) = crew.output();
    for input in inputs {
        crew.go(out.clone(), forward(input.into(), out.clone()));
    }
    stage
}

async fn forward<T>(input: Stage<T>, out: Outlet<T>) {
    while let Some(value) = out.next(&input).await {
        if !out.emit(value).await {
            return;
        }
    }
}
