//! smol's global executor.
//!
//! It sizes itself from `SMOL_THREADS`, which the harness sets for each measurement; started by hand
//! without it, the workload refuses rather than run on another number of threads than it reports.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use smol::Timer;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::stream::StreamExt;

use super::Rt;

/// See the module.
pub struct Smol;

impl Rt for Smol {
    type Join<T: Send + 'static> = smol::Task<T>;
    /// It makes up for missed ticks: it has no other behaviour.
    type Ticker = Timer;

    fn start<F>(procs: usize, main: F) -> Result<F::Output, String>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let threads = std::env::var("SMOL_THREADS").ok();
        if threads.as_deref() != Some(procs.to_string().as_str()) {
            return Err(format!("smol: run with SMOL_THREADS={procs}"));
        }
        Ok(smol::block_on(smol::spawn(main)))
    }

    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        smol::spawn(future)
    }

    fn value<T: Send + 'static>(joined: <Self::Join<T> as Future>::Output) -> T {
        joined
    }

    fn detach<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        smol::spawn(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        smol::future::yield_now()
    }

    fn sleep(time: Duration) -> impl Future<Output: Send> + Send {
        Timer::after(time)
    }

    fn ticker(period: Duration) -> Self::Ticker {
        Timer::interval(period)
    }

    fn tick(ticker: &mut Self::Ticker) -> impl Future<Output: Send> + Send {
        ticker.next()
    }

    async fn echo(stream: TcpStream) -> io::Result<()> {
        let mut stream = smol::Async::new(stream)?;
        let mut bytes = [0; 64];
        loop {
            let count = stream.read(&mut bytes).await?;
            if count == 0 {
                return Ok(());
            }
            stream.write_all(&bytes[..count]).await?;
        }
    }
}
