//! tokio's multi-threaded runtime, with all of its drivers on, as `#[tokio::main]` starts it.

use super::Rt;

/// See the module.
pub struct Tokio;

impl Rt for Tokio {
    type Join<T: Send + 'static> = tokio::task::JoinHandle<T>;

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
}
