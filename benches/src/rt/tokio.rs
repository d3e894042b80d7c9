//! tokio's multi-threaded runtime, with all of its drivers on, as `#[tokio::main]` starts it.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::Rt;

/// See the module.
pub struct Tokio;

impl Rt for Tokio {
    type Join<T: Send + 'static> = tokio::task::JoinHandle<T>;
    type Ticker = Interval;

    fn start<F>(procs: usize, main: F) -> Result<F::Output, String>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(procs)
            .enable_all()
            .build()
            .map_err(|error| format!("tokio does not start: {error}"))?;
        let main = runtime.spawn(main);
        runtime
            .block_on(main)
            .map_err(|error| format!("the workload failed: {error}"))
    }

    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(future)
    }

    fn value<T: Send + 'static>(joined: <Self::Join<T> as Future>::Output) -> T {
        joined.expect("no task of a workload panics")
    }

    fn detach<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(tokio::spawn(future));
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn sleep(time: Duration) -> impl Future<Output: Send> + Send {
        tokio::time::sleep(time)
    }

    fn ticker(period: Duration) -> Self::Ticker {
        let mut ticker = interval_at(Instant::now() + period, period);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticker
    }

    fn tick(ticker: &mut Self::Ticker) -> impl Future<Output: Send> + Send {
        ticker.tick()
    }

    fn echo(stream: TcpStream) -> impl Future<Output = io::Result<()>> + Send {
        echo(stream)
    }
}

/// Under tokio and under gosched, whose goroutines use tokio's sockets.
pub(super) async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut stream = tokio::net::TcpStream::from_std(stream)?;
    let mut bytes = [0; 64];
    loop {
        let count = stream.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&bytes[..count]).await?;
    }
}
