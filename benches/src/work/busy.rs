//! Work for the processor: so much computing without a pause.
//!
//! It is counted in steps, not in time, so that one who shares his core with another does it later, and not less of it.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// The speed of this machine.
#[derive(Clone, Copy)]
pub struct Busy {
    steps_per_second: f64,
}

impl Busy {
    /// Finds it out, which takes some 50 ms. The fastest of five tries: the others were disturbed.
    pub fn calibrated() -> Busy {
        const STEPS: u64 = 4_000_000;
        let fastest = (0..5)
            .map(|_| {
                let start = Instant::now();
                steps(STEPS);
                start.elapsed()
            })
            .min()
            .unwrap_or_default();
        Busy {
            steps_per_second: STEPS as f64 / fastest.as_secs_f64().max(1e-9),
        }
    }

    /// Computes as much as an undisturbed core does in `time`.
    pub fn compute(self, time: Duration) {
        steps(self.steps_in(time));
    }

    /// How many steps that is.
    pub fn steps_in(self, time: Duration) -> u64 {
        (self.steps_per_second * time.as_secs_f64()) as u64
    }
}

/// Steps of xorshift: each needs the one before, so no compiler and no core does several at once.
fn steps(count: u64) {
    let mut state = black_box(0x9E37_79B9_7F4A_7C15_u64);
    for _ in 0..count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    black_box(state);
}
