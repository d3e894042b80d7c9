//! The alarm of the M that sleeps in the poller: a `timerfd` in tokio's driver. epoll counts
//! milliseconds, a timerfd nanoseconds; and setting it from another thread wakes nobody.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::task::{Context, Poll};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::runtime::p::{NEVER, Nanos, now};

pub(super) struct Alarm {
    fd: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// Inside the context of the runtime whose driver will see it.
    pub(super) fn new() -> io::Result<Alarm> {
        // SAFETY: no pointers are passed.
        let fd = unsafe {
            libc::timerfd_create(
                libc::CLOCK_MONOTONIC,
                libc::TFD_NONBLOCK | libc::TFD_CLOEXEC,
            )
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a fresh descriptor that nobody else owns.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: `AsyncFd` owns the descriptor, which stays open and the same until it is dropped.
        let fd = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE)? };
        Ok(Alarm { fd })
    }

    /// Sets the alarm, from a thread that is not the sleeper's; `true` = that is possible.
    pub(super) fn set_from_outside(&self, when: Nanos) -> bool {
        self.set(when);
        true
    }

    /// Sets the alarm, earlier or later. Two at once must not.
    pub(super) fn set(&self, when: Nanos) {
        let delay = if when == NEVER {
            0
        } else {
            when.saturating_sub(now()).max(1)
        };
        let spec = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: (delay / 1_000_000_000) as libc::time_t,
                tv_nsec: (delay % 1_000_000_000) as libc::c_long,
            },
        };
        let fd = self.fd.get_ref().as_raw_fd();
        // SAFETY: `spec` is a valid itimerspec, the descriptor is ours; the old value is not asked for.
        let set = unsafe { libc::timerfd_settime(fd, 0, &raw const spec, std::ptr::null_mut()) };
        debug_assert_eq!(set, 0);
    }

    /// Sees to it that the task of `cx` is woken when the alarm goes off.
    pub(super) fn poll(&self, cx: &mut Context<'_>) {
        // The descriptor is not read: setting it again resets it. An alarm that went off meanwhile is
        // forgotten, because the caller looks at the clock before it sleeps.
        while let Poll::Ready(Ok(mut ready)) = self.fd.poll_read_ready(cx) {
            ready.clear_ready();
        }
    }
}
