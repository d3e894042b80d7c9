//! Times a workload: warm up, choose the number of operations, time them once.

use std::time::{Duration, Instant};

/// A warm-up run that took this long tells the speed well enough.
const WARM: Duration = Duration::from_millis(20);

/// How much to do.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// As many operations as take about this long, after a warm-up.
    Time(Duration),
    /// Exactly so many, cold: for a tool that counts instructions.
    Ops(u64),
}

/// What a measurement is told besides its workload.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Workers of the runtime.
    pub procs: usize,
    /// Size of the values in channels.
    pub bytes: usize,
    /// How much to do.
    pub budget: Budget,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Nanoseconds of wall time per operation.
    pub ns_per_op: f64,
    /// Operations timed.
    pub ops: u64,
}

/// Measures `work`, which does about as many operations as it is told and returns how many it did.
///
/// # Errors
///
/// The workload's own, at once.
pub async fn measure<F, W>(budget: Budget, mut work: W) -> Result<Reading, String>
where
    W: FnMut(u64) -> F + Send,
    F: Future<Output = Result<u64, String>> + Send,
{
    let ops = match budget {
        Budget::Ops(ops) => ops,
        Budget::Time(target) => {
            let mut ops = 64;
            loop {
                let start = Instant::now();
                let done = work(ops).await?;
                let took = start.elapsed();
                if took >= WARM {
                    let share = target.as_secs_f64() / took.as_secs_f64();
                    break ((done as f64 * share) as u64).max(1);
                }
                ops *= 2;
            }
        }
    };
    let start = Instant::now();
    let done = work(ops).await?;
    let took = start.elapsed();
    Ok(Reading {
        ns_per_op: took.as_nanos() as f64 / done as f64,
        ops: done,
    })
}
