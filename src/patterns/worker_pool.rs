//! Worker pools: several goroutines that apply a function to the values of one channel.
//!
//! Called by users.
//!
//! # Invariants
//!
//! 1. In an ordered pool one worker at a time receives: the one that has the ticket. It passes on a
//!    channel that is closed when its own result has been handed on, or will never be; the next worker
//!    hands its result on only then. So results leave in the order of the values, and with `n` workers
//!    at most `n` values are in the pool.
//! 2. The chain of I1 always moves: the first in it waits for the receiver of the output or for the
//!    context, everybody else for one before him.

use std::convert::Infallible;
use std::future::Future;
use std::panic::resume_unwind;

use super::Stage;
use super::crew::{Crew, Outlet};
use crate::chan::{Receiver, Sender, chan};
use crate::context::Context;
use crate::select;
use crate::sync::caught::Caught;

/// Applies a function to each value, up to `workers` at a time; results come as they are ready.
///
/// Each worker is a goroutine with a clone of `f` of its own: what the function keeps between calls is
/// the worker's. A worker takes its next value when its last result has been received. For work that
/// blocks the thread use [`block_in_place`](crate::runtime::block_in_place) in `f`.
///
/// An error is a value like any other: let `f` return a `Result`, and `?` where it is received stops
/// the pool at the first error.
///
/// Go: `for range n { go worker(jobs, results) }`, with a `WaitGroup` to close `results`.
///
/// # Panics
///
/// If `workers` is 0. A panic of `f` ends the pool, and is resumed where its output is received, after
/// the results that were ready; see [`Stage::recv`].
///
/// # Cancel safety
///
/// When `ctx` is done, no more values are taken from `input`. Results that are ready are still to be
/// received. A call of `f` that waits is dropped there, and its value with it; each call is polled at
/// least once, so one that does not wait loses nothing. What must not be cut short belongs into a
/// goroutine: `|job| async { go(work(job)).await }`.
///
/// # Examples
///
/// ```
/// use gosched::{Context, patterns};
///
/// # gosched::block_on(async {
/// let ctx = Context::background();
/// let numbers = patterns::generate(&ctx, ["1", "20", "x", "300"]);
/// let parsed = patterns::worker_pool(&ctx, 2, numbers, |text| async move { text.parse::<u32>() });
/// let sum = async {
///     let mut sum = 0;
///     while let Some(number) = parsed.recv().await {
///         sum += number?;
///     }
///     Ok::<u32, std::num::ParseIntError>(sum)
/// };
/// assert!(sum.await.is_err());
/// # });
/// ```
#[track_caller]
pub fn worker_pool<T, U, F, R>(
    ctx: &Context,
    workers: usize,
    input: impl Into<Stage<T>>,
    f: F,
) -> Stage<U>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnMut(T) -> R + Clone + Send + 'static,
    R: Future<Output = U> + Send + 'static,
{
    worker_pool_with(ctx, workers, input, |_| f.clone())
}

/// As [`worker_pool`], with a function made for each worker from its number.
///
/// For workers that have something of their own: a name, a buffer, a connection.
///
/// # Panics
///
/// As [`worker_pool`].
///
/// # Cancel safety
///
/// As [`worker_pool`].
///
/// # Examples
///
/// ```
/// use gosched::{Context, patterns};
///
/// # gosched::block_on(async {
/// let ctx = Context::background();
/// let jobs = patterns::generate(&ctx, 0..100);
/// let done = patterns::worker_pool_with(&ctx, 3, jobs, |worker| {
///     let mut so_far = 0; // this worker's
///     move |_job| {
///         so_far += 1;
///         async move { (worker, so_far) }
///     }
/// });
/// let mut by_worker = [0; 3];
/// while let Some((worker, so_far)) = done.recv().await {
///     by_worker[worker] = so_far;
/// }
/// assert_eq!(by_worker.iter().sum::<i32>(), 100);
/// # });
/// ```
#[track_caller]
pub fn worker_pool_with<T, U, F, R>(
    ctx: &Context,
    workers: usize,
    input: impl Into<Stage<T>>,
    mut make: impl FnMut(usize) -> F,
) -> Stage<U>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnMut(T) -> R + Send + 'static,
    R: Future<Output = U> + Send + 'static,
{
    assert!(workers > 0, "worker_pool: no workers");
    let crew = Crew::new(ctx);
    let (out, stage) = crew.output();
    let input = input.into();
    for worker in 0..workers {
        crew.go(out.clone(), work(input.clone(), out.clone(), make(worker)));
    }
    stage
}

async fn work<T, U, F, R>(input: Stage<T>, out: Outlet<U>, mut f: F)
where
    F: FnMut(T) -> R,
    R: Future<Output = U>,
{
    while let Some(value) = out.next(&input).await {
        let Some(result) = out.run(f(value)).await else {
            return;
        };
        if !out.emit(result).await {
            return;
        }
    }
}

/// As [`worker_pool`], with the results in the order of the values.
///
/// A result waits in its worker until all before it have been received; the worker takes no other value
/// meanwhile. So one slow value holds up at most `workers - 1` others, and nothing piles up.
///
/// # Panics
///
/// As [`worker_pool`], but a panic waits for its turn too: the results of all values before it are
/// received first. Those of values after it may come before the panic does.
///
/// # Cancel safety
///
/// As [`worker_pool`]. After `ctx` is done the results that are still to be received keep their order;
/// those of calls that were cut short are missing between them.
///
/// # Examples
///
/// ```
/// use gosched::{Context, patterns, time};
/// use std::time::Duration;
///
/// # gosched::block_on(async {
/// let ctx = Context::background();
/// let delays = patterns::generate(&ctx, [3, 2, 1]);
/// let done = patterns::worker_pool_ordered(&ctx, 3, delays, |n| async move {
///     time::sleep(Duration::from_millis(n)).await;
///     n
/// });
/// assert_eq!(done.recv().await, Some(3));
/// assert_eq!(done.recv().await, Some(2));
/// assert_eq!(done.recv().await, Some(1));
/// # });
/// ```
#[track_caller]
pub fn worker_pool_ordered<T, U, F, R>(
    ctx: &Context,
    workers: usize,
    input: impl Into<Stage<T>>,
    f: F,
) -> Stage<U>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnMut(T) -> R + Clone + Send + 'static,
    R: Future<Output = U> + Send + 'static,
{
    assert!(workers > 0, "worker_pool_ordered: no workers");
    let crew = Crew::new(ctx);
    let (out, stage) = crew.output();
    let input = input.into();
    let tickets = Tickets::new();
    for _ in 0..workers {
        crew.go(
            out.clone(),
            work_in_order(input.clone(), out.clone(), tickets.clone(), f.clone()),
        );
    }
    stage
}

/// Closed, once the worker before has handed its result on (I1).
type Ticket = Receiver<Infallible>;

/// The one ticket of a pool, or nothing while a worker receives with it.
#[derive(Clone)]
struct Tickets {
    give: Sender<Ticket>,
    take: Receiver<Ticket>,
}

impl Tickets {
    fn new() -> Self {
        let (give, take) = chan(1);
        let (first, ticket) = chan(0);
        drop(first);
        let tickets = Self { give, take };
        tickets.put(ticket);
        tickets
    }

    fn put(&self, ticket: Ticket) {
        let put = self.give.try_send(ticket);
        debug_assert!(put.is_ok(), "there is one ticket, and the caller has it");
    }
}

async fn work_in_order<T, U, F, R>(input: Stage<T>, out: Outlet<U>, tickets: Tickets, mut f: F)
where
    F: FnMut(T) -> R,
    R: Future<Output = U>,
{
    loop {
        let ticket = select! {
            ticket = tickets.take.recv() => ticket,
            _ = out.ctx().done() => None,
        };
        let Some(before) = ticket else {
            return;
        };
        let Some(value) = out.next(&input).await else {
            tickets.give.close(); // the others have nothing to wait for
            return;
        };
        // Dropped, on whatever way out, it lets the next one pass.
        let (_handed_on, ticket) = chan(0);
        tickets.put(ticket);
        let outcome = match Caught::new(async { out.run(f(value)).await }).await {
            Ok(Some(result)) => Ok(result),
            Ok(None) => return,
            Err(payload) => Err(payload),
        };
        before.recv().await;
        match outcome {
            Ok(result) => {
                if !out.emit(result).await {
                    return;
                }
            }
            // Not before its turn: it ends the crew, and those before it are not to be cut short.
            Err(payload) => resume_unwind(payload),
        }
    }
}
