//! Fan-out: several functions receive from one channel.
//!
//! Called by users. It is several `map`s on clones of one input.

use std::future::Future;

use super::{Stage, map};
use crate::context::Context;

/// Shares the values of `input` among several functions, each with a goroutine and an output of its own.
///
/// Each value goes to one of them: to whichever is free. The outputs are in the order of the functions;
/// [`merge`](super::merge) brings them together again, and [`worker_pool`](super::worker_pool) is both
/// in one. A function whose output is dropped stops, the others go on. One whose output nobody receives
/// from keeps one result and takes no more values.
///
/// Go: fan-out, several goroutines that range over one channel.
///
/// # Panics
///
/// A panic of a function ends its stage, and is resumed where that one's output is received; the others
/// go on.
///
/// # Cancel safety
///
/// As [`map`]: when `ctx` is done no more values are taken, and each result that is ready is still to be
/// received.
///
/// # Examples
///
/// ```
/// use gosched::{Context, patterns};
///
/// # gosched::block_on(async {
/// let ctx = Context::background();
/// let numbers = patterns::generate(&ctx, 1..=100);
/// let workers = ["anna", "bert"].map(|name| move |n| async move { (name, n * n) });
/// let squares = patterns::merge(&ctx, patterns::fan_out(&ctx, numbers, workers));
/// let mut sum = 0;
/// while let Some((name, square)) = squares.recv().await {
///     assert!(["anna", "bert"].contains(&name));
///     sum += square;
/// }
/// assert_eq!(sum, 338_350);
/// # });
/// ```
#[track_caller]
pub fn fan_out<T, U, F, R>(
    ctx: &Context,
    input: impl Into<Stage<T>>,
    functions: impl IntoIterator<Item = F>,
) -> Vec<Stage<U>>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnMut(T) -> R + Send + 'static,
    R: Future<Output = U> + Send + 'static,
{
    let input = input.into();
    let mut outputs = Vec::new();
    for f in functions {
        outputs.push(map(ctx, input.clone(), f));
    }
    outputs
}
