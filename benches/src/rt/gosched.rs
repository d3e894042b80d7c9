//! gosched's own runtime, as it is, and with the taking away of Ps switched off.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use super::{Rt, tokio};

/// The runtime. `RETAKE`: Ps are taken away from goroutines that are stuck in one poll.
pub struct Of<const RETAKE: bool>;

/// As everybody gets it.
pub type Gosched = Of<true>;

/// The other.
pub type GoschedWithoutRetake = Of<false>;

impl<const RETAKE: bool> Rt for Of<RETAKE> {
    type Join<T: Send + 'static> = gosched::JoinHandle<T>;
    type Ticker = gosched::time::Ticker;

    fn start<F>(procs: usize, main: F) -> Result<F::Output, String>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let mut builder = gosched::runtime::Runtime::builder();
        if !RETAKE {
            builder.hog_threshold(Duration::MAX);
        }
        let runtime = builder
            .procs(procs)
            .build()
            .map_err(|error| format!("gosched does not start: {error}"))?;
        let main = runtime.handle().go(main);
        runtime
            .block_on(main)
            .map_err(|error| format!("the workload failed: {error}"))
    }

    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        gosched::go(future)
    }

    fn value<T: Send + 'static>(joined: <Self::Join<T> as Future>::Output) -> T {
        joined.expect("no task of a workload panics")
    }

    fn detach<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(gosched::go(future));
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        gosched::yield_now()
    }

    fn sleep(time: Duration) -> impl Future<Output: Send> + Send {
        gosched::time::sleep(time)
    }

    fn ticker(period: Duration) -> Self::Ticker {
        gosched::time::Ticker::new(period)
    }

    fn tick(ticker: &mut Self::Ticker) -> impl Future<Output: Send> + Send {
        ticker.tick()
    }

    fn echo(stream: TcpStream) -> impl Future<Output = io::Result<()>> + Send {
        tokio::echo(stream)
    }
}
