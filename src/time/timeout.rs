//! `timeout`: a future with a time limit.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project::pin_project;

use super::alarm::{Alarm, deadline};
use crate::runtime::coop;

/// Gives `future` no longer than `d`. When the time is up the future is dropped with the [`Timeout`].
///
/// A future that is ready wins, also when the time is up. In Go one selects over the result and
/// `time.After(d)`, and the work goes on by itself; here it ends.
///
/// # Errors
///
/// [`Elapsed`] when the time was up first.
///
/// # Cancel safety
///
/// As `future`.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use gosched::time::timeout;
/// # gosched::block_on(async {
/// assert_eq!(timeout(Duration::from_secs(60), async { 7 }).await, Ok(7));
/// let never = std::future::pending::<()>();
/// assert!(timeout(Duration::from_millis(1), never).await.is_err());
/// # });
/// ```
pub fn timeout<F: IntoFuture>(d: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout {
        future: future.into_future(),
        alarm: Alarm::new(deadline(d)),
    }
}

/// The future of [`timeout`].
#[pin_project]
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Timeout<F> {
    #[pin]
    future: F,
    #[pin]
    alarm: Alarm,
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let given_way = coop::times_given_way();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if coop::times_given_way() != given_way {
            // It may be ready, and will be polled again soon.
            return Poll::Pending;
        }
        this.alarm.poll(cx).map(|()| Err(Elapsed(())))
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").finish_non_exhaustive()
    }
}

/// The time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time was up")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}
