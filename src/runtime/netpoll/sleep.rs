//! The alarm of the M that sleeps in the poller, where there is no `timerfd`: a `tokio::time::Sleep`,
//! with tokio's resolution of a millisecond.
//!
//! Setting it from another thread cannot reach the sleeper's future: the sleeper is woken instead, and
//! sleeps again with the new deadline.

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::Context;
use std::time::Duration;

use crate::runtime::p::{NEVER, Nanos, now};

pub(super) struct Alarm {
    sleep: Mutex<Option<Pin<Box<tokio::time::Sleep>>>>,
}

impl Alarm {
    pub(super) fn new() -> io::Result<Alarm> {
        Ok(Alarm {
            sleep: Mutex::new(None),
        })
    }

    /// Sets the alarm, earlier or later. On the sleeper's thread.
    pub(super) fn set(&self, when: Nanos) {
        let mut sleep = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        *sleep = (when != NEVER).then(|| {
            Box::pin(tokio::time::sleep(Duration::from_nanos(
                when.saturating_sub(now()),
            )))
        });
    }

    /// Would set the alarm from a thread that is not the sleeper's; `false` = that is impossible.
    pub(super) fn set_from_outside(&self, _when: Nanos) -> bool {
        false
    }

    /// Sees to it that the task of `cx` is woken when the alarm goes off.
    pub(super) fn poll(&self, cx: &mut Context<'_>) {
        let mut sleep = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sleep) = sleep.as_mut() {
            if sleep.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
    }
}
