//! What is left to do once the channel's lock is gone: wake whom the operation served.
//!
//! Returned by every operation of `hchan` that can hand something to a parked peer.
//!
//! # Invariants
//!
//! 1. A waker is foreign code: it is called, and dropped, only without a lock.
//! 2. The peer has been served before it is woken. If the waker panics, the rest goes on.

use std::task::Waker;

use crate::runtime::wake;

/// One peer to wake, or none.
#[must_use = "a served peer sleeps on until it is woken"]
#[derive(Default)]
pub struct Ready(Option<Waker>);

impl Ready {
    /// Nobody is to be woken.
    pub(crate) const NOBODY: Self = Self(None);

    /// The peer behind `waker`.
    #[inline]
    pub(crate) fn peer(waker: Option<Waker>) -> Self {
        Self(waker)
    }

    /// Wakes the peer. Call it without a lock.
    #[inline]
    pub(crate) fn fire(self) {
        if let Some(waker) = self.0 {
            wake::wake(waker);
        }
    }
}

/// Up to [`WakeList::ROOM`] peers to wake.
pub(super) struct WakeList {
    wakers: [Option<Waker>; Self::ROOM],
    len: usize,
}

impl WakeList {
    /// So many are collected before the lock is given up in between.
    pub(super) const ROOM: usize = 32;

    /// Nobody.
    pub(super) fn new() -> Self {
        Self {
            wakers: [const { None }; Self::ROOM],
            len: 0,
        }
    }

    /// Whether another `push` must wait for `fire`.
    pub(super) fn is_full(&self) -> bool {
        self.len == Self::ROOM
    }

    /// Notes one more.
    pub(super) fn push(&mut self, ready: Ready) {
        if let Some(waker) = ready.0 {
            self.wakers[self.len] = Some(waker);
            self.len += 1;
        }
    }

    /// Wakes all, in the order in which they were noted. Call it without a lock.
    pub(super) fn fire(&mut self) {
        for waker in &mut self.wakers[..self.len] {
            if let Some(waker) = waker.take() {
                wake::wake(waker);
            }
        }
        self.len = 0;
    }
}
