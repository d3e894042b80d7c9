//! `sleep`, `sleep_until` and `after`.
//!
//! A select only looks at their deadline as long as another arm is ready, and places the timer when it is about to
//! wait: most of these timers are limits that are not reached. (The events of `Timer` and `Ticker` are another
//! matter: who is ready has taken the event, so a select polls them only while no channel can serve it.)

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project::pin_project;

use super::alarm::{Alarm, deadline};
use crate::runtime::wait::{self, WaitReason};
use crate::select::__private::{Peek, PeekArm, SelectCase};

/// Waits for `d`. Go's `time.Sleep`.
///
/// # Cancel safety
///
/// Dropping it loses nothing. It is an arm of `select!`.
///
/// # Examples
///
/// ```
/// # use std::time::{Duration, Instant};
/// # gosched::block_on(async {
/// let start = Instant::now();
/// gosched::time::sleep(Duration::from_micros(200)).await;
/// assert!(start.elapsed() >= Duration::from_micros(200));
/// # });
/// ```
#[track_caller]
pub fn sleep(d: Duration) -> Sleep {
    Sleep::new(deadline(d))
}

/// Waits until `instant`; one that has passed is due now.
///
/// # Cancel safety
///
/// As [`sleep`].
///
/// # Examples
///
/// ```
/// # use gosched::time::{Instant, sleep_until};
/// # gosched::block_on(async {
/// sleep_until(Instant::now()).await;
/// # });
/// ```
#[track_caller]
pub fn sleep_until(instant: Instant) -> Sleep {
    Sleep::new(Some(instant))
}

/// Gives the scheduled time once `d` has passed. Go's `<-time.After(d)`.
///
/// # Cancel safety
///
/// As [`sleep`].
///
/// # Examples
///
/// ```
/// # use std::time::{Duration, Instant};
/// # gosched::block_on(async {
/// let start = Instant::now();
/// let due = gosched::time::after(Duration::from_micros(100)).await;
/// assert!(due >= start + Duration::from_micros(100) && due <= Instant::now());
/// # });
/// ```
#[track_caller]
pub fn after(d: Duration) -> After {
    let due = deadline(d);
    After {
        sleep: Sleep::new(due),
        due,
    }
}

/// The future of [`sleep`] and [`sleep_until`].
#[pin_project]
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    #[pin]
    alarm: Alarm,
    site: &'static Location<'static>,
}

impl Sleep {
    #[track_caller]
    fn new(deadline: Option<Instant>) -> Sleep {
        Sleep {
            alarm: Alarm::new(deadline),
            site: Location::caller(),
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let polled = this.alarm.poll(cx);
        if polled.is_pending() {
            wait::note(WaitReason::Sleep, this.site);
        }
        polled
    }
}

/// The future of [`after`].
#[pin_project]
#[must_use = "futures do nothing unless awaited"]
pub struct After {
    #[pin]
    sleep: Sleep,
    due: Option<Instant>,
}

impl Future for After {
    type Output = Instant;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        let this = self.project();
        match (this.sleep.poll(cx), *this.due) {
            (Poll::Ready(()), Some(due)) => Poll::Ready(due),
            _ => Poll::Pending,
        }
    }
}

impl Peek for Sleep {
    fn is_ready(self: Pin<&mut Self>) -> bool {
        self.project().alarm.look()
    }
}

impl SelectCase for Sleep {
    type Arm = PeekArm<Self>;

    #[inline]
    fn into_arm(this: Option<Self>) -> Self::Arm {
        PeekArm::new(this)
    }
}

impl Peek for After {
    fn is_ready(self: Pin<&mut Self>) -> bool {
        self.project().sleep.is_ready()
    }
}

impl SelectCase for After {
    type Arm = PeekArm<Self>;

    #[inline]
    fn into_arm(this: Option<Self>) -> Self::Arm {
        PeekArm::new(this)
    }
}

impl std::fmt::Debug for Sleep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sleep").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("After")
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}
