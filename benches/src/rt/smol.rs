//! smol's global executor.
//!
//! It sizes itself from `SMOL_THREADS`, which the harness sets for each measurement; started by hand
//! without it, the workload refuses rather than run on another number of threads than it reports.

use super::Rt;

/// See the module.
pub struct Smol;

impl Rt for Smol {
    type Join<T: Send + 'static> = smol::Task<T>;

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
}
