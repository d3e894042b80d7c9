//! Waiting for a channel to be closed.
//!
//! Made by `Sender::closed`. A channel that nobody watches has an empty pointer for this and nothing else:
//! no send and no receive looks at it.
//!
//! # Invariants
//!
//! 1. Who watches is in the channel's list only while the channel is open: closing takes the list, under the
//!    lock under which a newcomer looks. So each is woken, or sees for himself.
//! 2. It borrows a sender, which keeps the channel.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::Sender;
use super::hchan::Core;
use crate::runtime::wait::{self, WaitReason};
use crate::runtime::wake::{drop_waker, keep, wake, wakes_same};
use crate::sync::roster::{Place, Roster};

/// The future of [`Sender::closed`].
///
/// # Cancel safety
///
/// Dropping it changes nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct Closed<'a, T> {
    sender: &'a Sender<T>,
    place: Option<Place>,
    site: &'static Location<'static>,
}

impl<'a, T> Closed<'a, T> {
    pub(super) fn new(sender: &'a Sender<T>, site: &'static Location<'static>) -> Self {
        Self {
            sender,
            place: None,
            site,
        }
    }
}

/// Those who wait for a channel to be closed.
#[derive(Default)]
pub(super) struct Watchers(Option<Box<Roster<Waker>>>);

impl Watchers {
    /// Wakes all. Call it without a lock.
    pub(super) fn wake(self) {
        if let Some(roster) = self.0 {
            roster.into_members().for_each(wake);
        }
    }

    /// Puts the waker in, at the place or at a new one; hands out one that it replaces.
    fn watch(&mut self, place: &mut Option<Place>, waker: Waker) -> Option<Waker> {
        let roster = self.0.get_or_insert_with(|| Box::new(Roster::new()));
        match place.and_then(|place| roster.get_mut(place)) {
            Some(old) if wakes_same(old, &waker) => Some(waker),
            Some(old) => Some(std::mem::replace(old, waker)),
            None => {
                *place = Some(roster.insert(waker));
                None
            }
        }
    }
}

impl<T> Core<T> {
    /// `Err` with the waker: the channel is closed.
    fn watch(&mut self, place: &mut Option<Place>, waker: Waker) -> Result<Option<Waker>, Waker> {
        if self.is_closed() {
            return Err(waker);
        }
        Ok(self.watchers.watch(place, waker))
    }
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(chan) = this.sender.hchan() else {
            wait::note(WaitReason::ChanSendNil, this.site);
            return Poll::Pending;
        };
        if chan.mirror().is_closed() {
            return Poll::Ready(());
        }
        // Cloning and dropping a waker is foreign code: before and after the lock, not under it.
        let waker = keep(cx.waker());
        match chan.with(|core| core.watch(&mut this.place, waker)) {
            Ok(replaced) => {
                replaced.into_iter().for_each(drop_waker);
                wait::note(WaitReason::ChanClosed, this.site);
                Poll::Pending
            }
            Err(unused) => {
                drop_waker(unused);
                Poll::Ready(())
            }
        }
    }
}

impl<T> Drop for Closed<'_, T> {
    fn drop(&mut self) {
        let (Some(place), Some(chan)) = (self.place, self.sender.hchan()) else {
            return;
        };
        // Once closed the list is gone (I1), and with it the place.
        let waker = chan.with(|core| core.watchers.0.as_mut()?.remove(place));
        waker.into_iter().for_each(drop_waker);
    }
}

impl<T> fmt::Debug for Closed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed")
            .field("sender", self.sender)
            .finish_non_exhaustive()
    }
}
