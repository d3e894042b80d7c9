//! The workloads about time: many sleeps, and a ticker that has to share its cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::busy::Busy;
use super::latch::Latch;
use super::lateness::Lateness;
use super::meter::Reading;
use super::process::cpu_time;
use crate::rt::Rt;

/// The shortest and the longest of the sleeps.
const SLEEPS: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(1_000)];
/// Of the ticker.
const PERIOD: Duration = Duration::from_millis(1);
/// Ticks before there are hogs.
const CALM_TICKS: usize = 10;
/// How long each hog computes.
const HOG: Duration = Duration::from_millis(200);
/// Hogs for each worker.
const HOGS: usize = 2;

/// So many tasks that sleep at the same time.
pub async fn timers<R: Rt>(tasks: usize) -> Result<Reading, String> {
    let latch = Latch::new();
    latch.arm(tasks);
    let late: Arc<[AtomicU64]> = (0..tasks).map(|_| AtomicU64::new(u64::MAX)).collect();
    let span = (SLEEPS[1] - SLEEPS[0]).as_micros() as u64;

    let (start, cpu) = (Instant::now(), cpu_time());
    for place in 0..tasks {
        // Multiples of a large prime: in no order, and the same ones for everybody.
        let micros = place as u64 * 7_919_993 % span;
        let sleep = SLEEPS[0] + Duration::from_micros(micros);
        let (latch, late) = (latch.clone(), late.clone());
        R::detach(async move {
            let due = Instant::now() + sleep;
            R::sleep(sleep).await;
            if let Some(past) = Instant::now().checked_duration_since(due) {
                // Relaxed: the latch orders it before the loads below.
                late[place].store(past.as_nanos() as u64, Ordering::Relaxed);
            }
            latch.done();
        });
    }
    latch.wait().await;
    let (wall, cpu) = (start.elapsed(), cpu_time() - cpu);

    let mut lateness = Lateness::default();
    for nanos in late.iter().map(|late| late.load(Ordering::Relaxed)) {
        if nanos == u64::MAX {
            return Err("a sleep ended before its time".into());
        }
        lateness.add(Duration::from_nanos(nanos));
    }
    let [p99] = lateness.quantiles([99.0]);
    Ok(Reading {
        figures: vec![
            cpu.as_nanos() as f64 / tasks as f64,
            p99,
            wall.as_secs_f64() * 1e3,
        ],
        ops: tasks as u64,
    })
}

/// A ticker, and beside it tasks that compute without a pause, until they are through.
///
/// A tick that was never delivered counts as missed, and as late as the next one that was: who sleeps through ten
/// ticks was not late once, but ten times.
pub async fn ticker_under_hogs<R: Rt>(procs: usize) -> Result<Reading, String> {
    let busy = Busy::calibrated();
    let hogs = procs * HOGS;
    let latch = Latch::new();
    latch.arm(hogs);
    let over = Arc::new(AtomicBool::new(false));

    let ticking = R::spawn({
        let (latch, over) = (latch.clone(), over.clone());
        async move {
            let start = Instant::now();
            let mut ticker = R::ticker(PERIOD);
            for _ in 0..CALM_TICKS {
                R::tick(&mut ticker).await;
            }
            let hogs_start = Instant::now();
            for _ in 0..hogs {
                let latch = latch.clone();
                R::detach(async move {
                    busy.compute(HOG);
                    latch.done();
                });
            }
            let mut ticks = Ticks::after(start, hogs_start);
            // Ordering: pairs with the store below. It publishes nothing but itself.
            while !over.load(Ordering::Acquire) {
                R::tick(&mut ticker).await;
                ticks.seen(Instant::now());
            }
            (hogs_start, ticks)
        }
    });
    latch.wait().await;
    let hogs_end = Instant::now();
    // Ordering: pairs with the load above.
    over.store(true, Ordering::Release);
    let (hogs_start, ticks) = R::value(ticking.await);
    ticks.reading(hogs_end - hogs_start)
}

/// The ticks that were due, those that came, and how late.
struct Ticks {
    next: Instant,
    late: Lateness,
    came: u64,
}

impl Ticks {
    /// Those that are due after `from`, of a ticker that started at `start`.
    fn after(start: Instant, from: Instant) -> Ticks {
        let mut next = start + PERIOD;
        while next <= from {
            next += PERIOD;
        }
        Ticks {
            next,
            late: Lateness::default(),
            came: 0,
        }
    }

    /// One came at `now`. A ticker that makes up for missed ticks delivers some that were accounted for already.
    fn seen(&mut self, now: Instant) {
        self.came += u64::from(self.next <= now);
        while self.next <= now {
            self.late.add(now - self.next);
            self.next += PERIOD;
        }
    }

    fn reading(self, hogs: Duration) -> Result<Reading, String> {
        let due = self.late.count();
        if due == 0 {
            return Err("no tick was due".into());
        }
        let missed = (due - self.came) as f64 / due as f64 * 100.0;
        let [p50, p99, max] = self.late.quantiles([50.0, 99.0, 100.0]);
        Ok(Reading {
            figures: vec![p50, p99, max, missed, hogs.as_secs_f64() * 1e3],
            ops: due,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_slept_through_are_missed_and_late_each() {
        let start = Instant::now();
        let at = |micros| start + Duration::from_micros(micros);
        let mut ticks = Ticks::after(start, at(10_500));
        ticks.seen(at(11_100));
        ticks.seen(at(15_100));
        // Made up for: no tick is due that was not counted.
        ticks.seen(at(15_200));
        let reading = ticks.reading(Duration::from_millis(400)).unwrap();
        assert_eq!(reading.ops, 5);
        assert_eq!(reading.figures, [1_100.0, 3_100.0, 3_100.0, 60.0, 400.0]);
    }
}
