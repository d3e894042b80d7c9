//! Warnings that could come by the thousand.

use std::sync::atomic::{AtomicU64, Ordering};

use super::p::{Nanos, now};

/// At most one report in so long.
const REPORT_EVERY: Nanos = 1_000_000_000;

/// Lets one report pass at a time, and counts the others.
pub(crate) struct Limiter {
    next: AtomicU64,
    held_back: AtomicU64,
}

impl Limiter {
    pub(crate) fn new() -> Limiter {
        Limiter {
            next: AtomicU64::new(0),
            held_back: AtomicU64::new(0),
        }
    }

    /// `Some` = report, and say that so many were held back since the last.
    pub(crate) fn pass(&self) -> Option<u64> {
        let at = now();
        let next = self.next.load(Ordering::Relaxed);
        // Relaxed: a report more or less does not matter.
        let passes = at >= next
            && self
                .next
                .compare_exchange(
                    next,
                    at + REPORT_EVERY,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok();
        if !passes {
            self.held_back.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.held_back.swap(0, Ordering::Relaxed))
    }
}
