//! What a workload asks of a runtime.
//!
//! Called by everything in `work`; implemented once per runtime beside this file.
//!
//! # Invariants
//!
//! - I1. `start` runs its future in a *spawned* task, not on the thread that waits for it: on some
//!   runtimes the thread in `block_on` is a second-class citizen, and its wake-ups cost more.
//! - I2. No method adds a future of its own around the runtime's: a wrapper costs 10 to 20 ns per
//!   await and would be charged to whoever needs it.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

/// A runtime under test.
pub trait Rt: 'static {
    /// What `spawn` returns.
    type Join<T: Send + 'static>: Future + Send + 'static;

    /// Ticks at a fixed rate.
    type Ticker: Send;

    /// Starts the runtime with `procs` workers, runs `main` as a task on it, and waits.
    ///
    /// # Errors
    ///
    /// A line for the user when the runtime cannot be started as asked.
    fn start<F>(procs: usize, main: F) -> Result<F::Output, String>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Spawns a task whose result is wanted.
    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// What a finished task returned.
    fn value<T: Send + 'static>(joined: <Self::Join<T> as Future>::Output) -> T;

    /// Spawns a task that nobody joins.
    fn detach<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static;

    /// Lets other tasks run first.
    fn yield_now() -> impl Future<Output = ()> + Send;

    /// Waits.
    fn sleep(time: Duration) -> impl Future<Output: Send> + Send;

    /// The first tick comes after `period`. Ticks that nobody waits for are dropped, where the runtime has a ticker
    /// that can do so, and the phase is kept.
    fn ticker(period: Duration) -> Self::Ticker;

    /// The next tick.
    fn tick(ticker: &mut Self::Ticker) -> impl Future<Output: Send> + Send;

    /// Sends every byte back until the other side closes. The stream does not block.
    fn echo(stream: TcpStream) -> impl Future<Output = io::Result<()>> + Send;
}
