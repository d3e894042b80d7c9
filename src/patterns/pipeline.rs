//! The stages of a pipeline: where values come from, and what is done to each in turn.
//!
//! Called by users; `fan_out` is made of `map`.
//!
//! # Invariants
//!
//! 1. One goroutine a stage, so that values come out in the order in which they went in.

use std::future::Future;
use std::pin::pin;

use futures::{Stream, StreamExt as _};

use super::Stage;
use super::crew::Crew;
use crate::context::Context;

/// A source: the values of an iterator.
///
/// The iterator is asked for a value when the one before has been received, in the stage's goroutine;
/// so it may be infinite. One that blocks belongs into [`block_in_place`](crate::runtime::block_in_place),
/// or into a goroutine of your own that sends to a channel.
///
/// Go: the `gen` function at the head of a pipeline.
///
/// # Cancel safety
///
/// When `ctx` is done, at most one value has been taken from the iterator and not received; it still
/// is to be received.
///
/// # Examples
///
/// ```
/// use gosched::{Context, patterns};
///
/// # gosched::block_on(async {
/// let (ctx, cancel) = Context::background().with_cancel();
/// let numbers = patterns::generate(&ctx, 1..);
/// assert_eq!(numbers.recv().await, Some(1));
/// assert_eq!(numbers.recv().await, Some(2));
/// cancel.cancel();
/// while numbers.recv().await.is_some() {} // it ends
/// # });
/// ```
#[track_caller]
pub fn generate<T, I>(ctx: &Context, values: I) -> Stage<T>
where
    T: Send + 'static,
    I: IntoIterator<Item = T>,
    I::IntoIter: Send + 'static,
{
    let crew = Crew::new(ctx);
    let (out, stage) = crew.output();
    let values = values.into_iter();
    crew.go(out.clone(), async move {
        out.emit_all(values).await;
    });
    stage
}

/// A source: the values of a `futures::Stream`.
///
/// The stream is polled in the stage's goroutine, for a value when the one before has been received. The
/// other way, from a stage to a stream, is [`Stage::into_stream`].
///
/// # Panics
///
/// A panic of the stream ends the stage, and is resumed where its output is received.
///
/// # Cancel safety
///
/// When `ctx` is done, at most one value has been taken from the stream and not received; it still is to
/// be received. The stream is dropped.
///
/// # Examples
///
/// ```
/// use gosched::{Context, patterns};
///
/// # gosched::block_on(async {
/// let stream = futures::stream::iter(["a", "b"]);
/// let letters = patterns::from_stream(&Context::background(), stream);
/// assert_eq!(letters.recv().await, Some("a"));
/// assert_eq!(letters.recv().await, Some("b"));
/// assert_eq!(letters.recv().await, None);
/// # });
/// ```
#[track_caller]
pub fn from_stream<S>(ctx: &Context, stream: S) -> Stage<S::Item>
where
    S: Stream + Send + 'static,
    S::Item: Send + 'static,
{
    let crew = Crew::new(ctx);
    let (out, stage) = crew.output();
    crew.go(out.clone(), async move {
        let mut stream = pin!(stream);
        while out.ctx().err().is_none() {
            // Not chosen, it has taken nothing: what a stream has is still there at the next poll.
            let Some(Some(value)) = out.run(stream.next()).await else {
                return;
            };
            if !out.emit(value).await {
                return;
            }
        }
    });
    stage
}

/// A stage that applies a function to each value, one after the other.
///
/// The function may keep state between its calls. An error is a value like any other: let the
/// function return a `Result`, and `?` where it is received stops the pipeline.
///
/// Go: a goroutine that ranges over one channel and sends to another.
///
/// # Panics
///
/// A panic of the function ends the stage, and is resumed where its output is received; see
/// [`Stage::recv`].
///
/// # Cancel safety
///
/// When `ctx` is done, no more values are taken from `input`. What the function returned before is
/// still to be received; while it waits, its future is dropped there. It is polled at least once:
/// a function that does not wait loses nothing.
///
/// # Examples
///
/// ```
/// use gosched::{Context, patterns};
///
/// # gosched::block_on(async {
/// let ctx = Context::background();
/// let words = patterns::generate(&ctx, ["one", "three"]);
/// let mut position = 0;
/// let lengths = patterns::map(&ctx, words, move |word| {
///     position += 1;
///     async move { (position, word.len()) }
/// });
/// assert_eq!(lengths.recv().await, Some((1, 3)));
/// assert_eq!(lengths.recv().await, Some((2, 5)));
/// # });
/// ```
#[track_caller]
pub fn map<T, U, F, R>(ctx: &Context, input: impl Into<Stage<T>>, mut f: F) -> Stage<U>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnMut(T) -> R + Send + 'static,
    R: Future<Output = U> + Send + 'static,
{
    let crew = Crew::new(ctx);
    let (out, stage) = crew.output();
    let input = input.into();
    crew.go(out.clone(), async move {
        while let Some(value) = out.next(&input).await {
            let Some(result) = out.run(f(value)).await else {
                return;
            };
            if !out.emit(result).await {
                return;
            }
        }
    });
    stage
}

/// As [`map`], but each call gives any number of values: an `Option` to filter, a `Vec` to split.
///
/// # Panics
///
/// As [`map`]; the iterator counts as the function's.
///
/// # Cancel safety
///
/// As [`map`] and [`generate`]: of what a call returned, the value that is being handed on is still to be
/// received, the rest of the iterator is dropped.
///
/// # Examples
///
/// ```
/// use gosched::{Context, patterns};
///
/// # gosched::block_on(async {
/// let ctx = Context::background();
/// let lines = patterns::generate(&ctx, ["to be", "", "or not"]);
/// let words = patterns::flat_map(&ctx, lines, |line| async { line.split_whitespace() });
/// let short = patterns::flat_map(&ctx, words, |word| async move {
///     (word.len() < 3).then_some(word)
/// });
/// assert_eq!(short.recv().await, Some("to"));
/// assert_eq!(short.recv().await, Some("be"));
/// assert_eq!(short.recv().await, Some("or"));
/// assert_eq!(short.recv().await, None);
/// # });
/// ```
#[track_caller]
pub fn flat_map<T, U, I, F, R>(ctx: &Context, input: impl Into<Stage<T>>, mut f: F) -> Stage<U>
where
    T: Send + 'static,
    U: Send + 'static,
    I: IntoIterator<Item = U> + Send + 'static,
    I::IntoIter: Send + 'static,
    F: FnMut(T) -> R + Send + 'static,
    R: Future<Output = I> + Send + 'static,
{
    let crew = Crew::new(ctx);
    let (out, stage) = crew.output();
    let input = input.into();
    crew.go(out.clone(), async move {
        while let Some(value) = out.next(&input).await {
            let Some(results) = out.run(f(value)).await else {
                return;
            };
            if !out.emit_all(results).await {
                return;
            }
        }
    });
    stage
}
