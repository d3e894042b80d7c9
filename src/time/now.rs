//! `now`.

use std::time::Instant;

use crate::runtime::clock;

/// The time by the clock that timers, tickers and context deadlines follow here. Go's `time.Now`, its monotonic
/// part.
///
/// That is [`Instant::now`], but in a runtime with [virtual time](crate::testing), where the clock stands while
/// goroutines run. Code that is to be tested under one measures with this: `Instant::now` and
/// `Instant::elapsed` always read the system's clock.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use gosched::time;
/// # gosched::block_on(async {
/// let start = time::now();
/// time::sleep(Duration::from_millis(1)).await;
/// assert!(time::now() - start >= Duration::from_millis(1));
/// # });
/// ```
#[must_use]
pub fn now() -> Instant {
    clock::instant()
}
