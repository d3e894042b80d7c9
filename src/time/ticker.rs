//! `Ticker`: a tick every so often.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project::pin_project;

use super::alarm::{Alarm, deadline};
use crate::runtime::clock;
use crate::runtime::wait::{self, WaitReason};

/// Ticks every `d`. Go's `time.Ticker`.
///
/// At most one tick waits for a slow reader; those that it misses are dropped, and the phase is kept.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # gosched::block_on(async {
/// let mut ticker = gosched::time::Ticker::new(Duration::from_millis(1));
/// let first = ticker.tick().await;
/// let second = ticker.tick().await;
/// assert!(second >= first + Duration::from_millis(1));
/// # });
/// ```
#[derive(Debug)]
pub struct Ticker {
    period: Duration,
    /// The next tick; `None` when stopped, or when it never comes.
    next: Option<Instant>,
}

impl Ticker {
    /// The first tick comes after `d`.
    ///
    /// # Panics
    ///
    /// When `d` is zero, as in Go.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use gosched::time::Ticker;
    /// # gosched::block_on(async {
    /// let start = std::time::Instant::now();
    /// let mut ticker = Ticker::new(Duration::from_millis(1));
    /// assert!(ticker.tick().await >= start + Duration::from_millis(1));
    /// # });
    /// ```
    #[track_caller]
    pub fn new(d: Duration) -> Ticker {
        assert!(!d.is_zero(), "Ticker: the period must not be zero");
        Ticker {
            period: d,
            next: deadline(d),
        }
    }

    /// The next tick: its scheduled time, however late it is read. Never comes when stopped.
    ///
    /// # Cancel safety
    ///
    /// A dropped `tick` takes no tick. It is an arm of `select!`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use gosched::time::Ticker;
    /// # gosched::block_on(async {
    /// let mut ticker = Ticker::new(Duration::from_millis(1));
    /// let (first, second) = (ticker.tick().await, ticker.tick().await);
    /// assert!(second >= first + Duration::from_millis(1));
    /// # });
    /// ```
    #[track_caller]
    pub fn tick(&mut self) -> Tick<'_> {
        let alarm = Alarm::new(self.next);
        Tick {
            ticker: self,
            alarm,
            site: Location::caller(),
        }
    }

    /// No more ticks, until [`reset`](Ticker::reset).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use gosched::time::Ticker;
    /// # gosched::block_on(async {
    /// let mut ticker = Ticker::new(Duration::from_millis(1));
    /// ticker.stop();
    /// let ticked = gosched::select! {
    ///     _ = ticker.tick() => true,
    ///     _ = gosched::time::after(Duration::from_millis(5)) => false,
    /// };
    /// assert!(!ticked);
    /// # });
    /// ```
    pub fn stop(&mut self) {
        self.next = None;
    }

    /// Starts anew with another period; a tick that waits is dropped.
    ///
    /// # Panics
    ///
    /// When `d` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use gosched::time::Ticker;
    /// # gosched::block_on(async {
    /// let mut ticker = Ticker::new(Duration::from_secs(3600));
    /// ticker.reset(Duration::from_millis(1));
    /// ticker.tick().await;
    /// # });
    /// ```
    #[track_caller]
    pub fn reset(&mut self, d: Duration) {
        *self = Ticker::new(d);
    }

    /// Takes the tick that is due.
    fn take(&mut self) -> Option<Instant> {
        let due = self.next?;
        let late = clock::instant().saturating_duration_since(due);
        // The phase is kept: the next tick is a whole number of periods after this one. Counted in
        // nanoseconds, for the number of periods missed may be beyond `u32`.
        let phase = late.as_nanos() % self.period.as_nanos();
        let since = Duration::new(
            u64::try_from(phase / 1_000_000_000).unwrap_or(u64::MAX),
            (phase % 1_000_000_000) as u32,
        );
        self.next = due
            .checked_add(late - since)
            .and_then(|last| last.checked_add(self.period));
        Some(due)
    }
}

/// The future of [`Ticker::tick`].
#[pin_project]
#[must_use = "futures do nothing unless awaited"]
pub struct Tick<'a> {
    ticker: &'a mut Ticker,
    #[pin]
    alarm: Alarm,
    site: &'static Location<'static>,
}

impl Future for Tick<'_> {
    type Output = Instant;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        let this = self.project();
        if this.alarm.poll(cx).is_ready() {
            if let Some(due) = this.ticker.take() {
                return Poll::Ready(due);
            }
        }
        wait::note(WaitReason::Sleep, this.site);
        Poll::Pending
    }
}

impl fmt::Debug for Tick<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tick").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_ticker_goes_on_after_more_missed_ticks_than_a_u32_counts() {
        let due = Instant::now() - Duration::from_secs(60);
        for period in [1, 7, 1_000, 1_000_000_007] {
            let mut ticker = Ticker {
                period: Duration::from_nanos(period),
                next: Some(due),
            };
            assert_eq!(ticker.take(), Some(due));
            let next = ticker.next.unwrap();
            assert!(next + ticker.period > Instant::now() - Duration::from_secs(10));
            assert_eq!((next - due).as_nanos() % u128::from(period), 0);
            assert!(next > due);
        }
    }
}
