//! A machine that has more to compute than it can: how much of it gets done, and how long somebody else waits meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::busy::Busy;
use super::latch::Latch;
use super::lateness::Lateness;
use super::meter::{Budget, Reading, Setting};
use super::process::cpu_time;
use crate::rt::Rt;

/// Tasks that compute, for each worker.
const EACH: usize = 4;
/// Computed between two looks at the clock.
const CHUNK: Duration = Duration::from_micros(100);
/// Until all tasks compute and the runtime knows them.
const RUN_UP: Duration = Duration::from_millis(100);
/// Between two times that the victim is to be woken.
const PAUSE: Duration = Duration::from_millis(1);

/// Tasks that compute `poll` without a pause, yield, and go on so; and one that sleeps, again and again, and does nothing
/// when it is woken.
///
/// Steps are counted while the time of the measurement runs, not until the last task is through: at the end, some workers
/// are out of work. The processor time is that of all steps. On a machine that others use it is the figure to compare:
/// how much is computed in a second depends on how much of the machine there was.
pub async fn saturated<R: Rt>(poll: Duration, setting: Setting) -> Result<Reading, String> {
    let Budget::Time(time) = setting.budget else {
        return Err("it is the time that is given, not the number of operations".into());
    };
    let busy = Busy::calibrated();
    let chunks = (poll.as_micros() / CHUNK.as_micros()).max(1) as u64;
    let from = Instant::now() + RUN_UP;
    let until = from + time;

    let tasks = setting.procs * EACH;
    let latch = Latch::new();
    let [in_time, in_all] = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
    latch.arm(tasks);
    let cpu = cpu_time();
    for _ in 0..tasks {
        let (latch, in_time, in_all) = (latch.clone(), in_time.clone(), in_all.clone());
        R::detach(async move {
            let mut now = Instant::now();
            let (mut counted, mut polls) = (0, 0);
            while now < until {
                for _ in 0..chunks {
                    busy.compute(CHUNK);
                    now = Instant::now();
                    counted += u64::from(from < now && now < until);
                }
                polls += 1;
                R::yield_now().await;
            }
            // Relaxed: the latch orders them before the loads below.
            in_time.fetch_add(counted, Ordering::Relaxed);
            in_all.fetch_add(polls * chunks, Ordering::Relaxed);
            latch.done();
        });
    }
    let victim = R::spawn(async move {
        let mut late = Lateness::default();
        loop {
            let due = Instant::now() + PAUSE;
            R::sleep(PAUSE).await;
            let now = Instant::now();
            if now >= until {
                return late;
            }
            if due > from {
                late.add(now.saturating_duration_since(due));
            }
        }
    });
    latch.wait().await;
    let cpu = cpu_time() - cpu;
    let late = R::value(victim.await);
    if late.count() == 0 {
        return Err("the task beside them was never woken".into());
    }

    let steps = |chunks: &AtomicU64| (chunks.load(Ordering::Relaxed) * busy.steps_in(CHUNK)) as f64;
    let [p99] = late.quantiles([99.0]);
    Ok(Reading {
        figures: vec![
            steps(&in_time) / time.as_secs_f64() / 1e6,
            cpu.as_nanos() as f64 / steps(&in_all) * 1e3,
            p99,
        ],
        ops: in_time.load(Ordering::Relaxed),
    })
}
