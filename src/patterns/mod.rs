//! Go's concurrency patterns as functions: worker pools, fan-out and fan-in, pipelines, tee, throttle,
//! batch. The [guide](crate::guide::patterns) says when to use which.
//!
//! | function | what it does | order |
//! |---|---|---|
//! | [`generate`], [`from_stream`] | the values of an iterator, or of a `futures::Stream` | kept |
//! | [`map`], [`flat_map`] | a function for each value, one at a time | kept |
//! | [`worker_pool`], [`worker_pool_with`] | a function for each value, `n` at a time | as they are ready |
//! | [`worker_pool_ordered`] | the same | kept |
//! | [`fan_out`] | several functions share the values, each with its own output | kept in each |
//! | [`merge`] | many inputs, one output (fan-in) | kept of each input |
//! | [`tee`] | each value to all of `k` outputs | kept |
//! | [`throttle`] | at most `n` values per period | kept |
//! | [`batch`] | `Vec`s of values, cut by number and by time | kept |
//!
//! Each takes a [`Context`](crate::Context) first, as in Go, then, but for the source, an input: a
//! [`Receiver`](crate::chan::Receiver) or the [`Stage`] that another function returned. Each starts its
//! goroutines at once and returns their output as a `Stage`, to be received from.
//!
//! # When a stage ends
//!
//! All outputs are unbuffered: no stage runs ahead of who receives by more than what its goroutines have
//! in hand. A stage ends, and leaves no goroutine behind,
//!
//! - when its **input ends**: it hands on what it has, and its output ends. So one stops gracefully:
//!   close the channel at the head, and receive to the end.
//! - when its **context is done**: it takes no more values. What it has taken and not handed on is
//!   handed to who receives to the end.
//! - when **nobody holds its output** any more: its input is dropped, which ends the stage before it.
//! - when something in it **panics**: the others of its goroutines are cancelled, its input is dropped,
//!   and the panic travels down instead of the end, to who receives from the last stage. Nobody takes
//!   half of the values for all of them. A goroutine that is ended from outside, by
//!   [`goexit`](crate::runtime::goexit) or with its runtime, counts as one that panicked.
//!
//! # What becomes of the values when the context is done
//!
//! | where the value is | what becomes of it |
//! |---|---|
//! | in the channel that is the input | it stays there, for who holds another `Receiver` of it |
//! | taken by a stage, or returned by its function | received from the stage's output, after those before it |
//! | in an iterator that a function of [`flat_map`] returned | dropped with it |
//! | in a call of your function that waits | dropped with the call's future |
//! | in the hands of a stage whose `Stage` is another's input | received from a clone of that `Stage`, if there is one |
//!
//! Where stages follow each other, each sees the context by itself: one that is done receives no more from the
//! one before it. So where everything must arrive, end the input instead.
//!
//! # Errors
//!
//! An error is a value. Let the function return a `Result`, and use `?` where the output is received: that
//! drops the `Stage`, and so the first error stops what was at work on the rest. For tasks that give
//! nothing but an error there is [`ErrGroup`](crate::sync::ErrGroup).
//!
//! # Examples
//!
//! ```
//! use gosched::{Context, chan, go, patterns};
//!
//! async fn price(ticker: &str) -> Result<f64, String> {
//!     match ticker {
//!         "GOOD" => Ok(12.5),
//!         other => Err(format!("no such ticker: {other}")),
//!     }
//! }
//!
//! async fn sum_of_prices(ctx: &Context) -> Result<f64, Box<dyn std::error::Error + Send + Sync>> {
//!     let (tx, tickers) = chan(0);
//!     go!({
//!         for ticker in ["GOOD", "GOOD", "BAD", "GOOD"] {
//!             if tx.send(ticker).await.is_err() {
//!                 return; // nobody wants more
//!             }
//!         }
//!     });
//!     let prices = patterns::worker_pool_ordered(ctx, 2, tickers, price);
//!     let mut sum = 0.0;
//!     while let Some(price) = prices.recv().await {
//!         sum += price?;
//!     }
//!     ctx.check()?; // all of them, or was it cancelled?
//!     Ok(sum)
//! }
//!
//! # gosched::block_on(async {
//! let error = sum_of_prices(&Context::background()).await.unwrap_err();
//! assert_eq!(error.to_string(), "no such ticker: BAD");
//! # });
//! ```
#![forbid(unsafe_code)]

mod stage;

mod batch;
mod fan_out;
mod merge;
mod pipeline;
mod tee;
mod throttle;
mod worker_pool;

mod crew;

pub use batch::batch;
pub use fan_out::fan_out;
pub use merge::merge;
pub use pipeline::{flat_map, from_stream, generate, map};
pub use stage::{Stage, StageRecv, StageStream};
pub use tee::tee;
pub use throttle::throttle;
pub use worker_pool::{worker_pool, worker_pool_ordered, worker_pool_with};
