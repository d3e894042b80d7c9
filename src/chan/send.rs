//! The futures of a send.
//!
//! Made by `Sender::send` and `Sender::send_from`, awaited by themselves or handed to a select.
//!
//! # Invariants
//!
//! 1. They borrow a sender, which keeps the channel alive (op I1).
//! 2. `SendFrom` keeps the value inside itself and puts it back when it is dropped. Were the value
//!    left in the caller's slot, a counterpart would reach it there through a pointer, and a future
//!    that is leaked would let the slot go meanwhile.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::{pin_project, pinned_drop};

use super::op::{Op, Sending};
use super::{SendError, Sender};
use crate::runtime::coop;
use crate::runtime::wait::{self, WaitReason};

/// The future of [`Sender::send`]. Its name is not `Send`, which would hide the trait wherever all of this module is
/// imported.
///
/// Takes its place among the waiting senders when it is first polled. Panics if it is polled again
/// after it was ready.
///
/// # Cancel safety
///
/// Dropped, the send has either happened, or its value is dropped too.
#[must_use = "a send happens only when it is awaited"]
#[pin_project]
pub struct SendFuture<'a, T> {
    #[pin]
    op: Op<T, Sending>,
    site: &'static Location<'static>,
    _sender: PhantomData<&'a Sender<T>>,
}

impl<'a, T> SendFuture<'a, T> {
    #[inline]
    pub(super) fn new(sender: &'a Sender<T>, value: T, site: &'static Location<'static>) -> Self {
        // SAFETY: I1.
        let op = unsafe { Op::new(sender.raw(), Some(value)) };
        Self {
            op,
            site,
            _sender: PhantomData,
        }
    }

    /// See `Op::renew`.
    #[inline]
    pub(crate) fn renew(self) -> Self {
        Self {
            op: self.op.renew(),
            ..self
        }
    }

    #[inline]
    pub(crate) fn op(self: Pin<&mut Self>) -> Pin<&mut Op<T, Sending>> {
        self.project().op
    }

    #[inline]
    pub(crate) fn op_ref(&self) -> &Op<T, Sending> {
        &self.op
    }

    /// The result, once the operation has ended.
    pub(crate) fn finish(self: Pin<&mut Self>) -> Result<(), SendError<T>> {
        sent(self.project().op.conclude())
    }
}

/// The result of a send that left this in its slot.
#[inline]
fn sent<T>(left: Option<T>) -> Result<(), SendError<T>> {
    match left {
        None => Ok(()),
        Some(value) => Err(SendError(value)),
    }
}

impl<T> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !coop::slice_is_over() && self.as_mut().op().quick().is_some() {
            return Poll::Ready(Ok(()));
        }
        self.poll_slowly(cx)
    }
}

impl<T> SendFuture<'_, T> {
    #[inline(never)]
    fn poll_slowly(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<T>>> {
        ready!(coop::poll_proceed(cx));
        let polled = self.as_mut().op().poll(cx);
        if polled.is_pending() {
            let reason = if self.op_ref().is_nil() {
                WaitReason::ChanSendNil
            } else {
                WaitReason::ChanSend
            };
            wait::note(reason, self.site);
        }
        polled.map(sent)
    }
}

impl<T> fmt::Debug for SendFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFuture")
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

/// The future of [`Sender::send_from`].
///
/// Takes its place among the waiting senders when it is first polled. Panics if it is polled again
/// after it was ready.
///
/// # Cancel safety
///
/// Strict: dropped, the send has either happened, or the value is back in the slot. Only a future
/// that is leaked keeps the value.
#[must_use = "a send happens only when it is awaited"]
#[pin_project(PinnedDrop)]
pub struct SendFrom<'a, T> {
    #[pin]
    send: SendFuture<'a, T>,
    home: &'a mut Option<T>,
}

// SAFETY: `home` is reached through an exclusive borrow only, so no value is shared.
unsafe impl<T: Send> Sync for SendFrom<'_, T> {}

impl<'a, T> SendFrom<'a, T> {
    pub(super) fn new(
        sender: &'a Sender<T>,
        slot: &'a mut Option<T>,
        site: &'static Location<'static>,
    ) -> Self {
        let value = slot.take();
        // Without a value it is never ready, which is what an operation without a channel is.
        let chan = if value.is_some() { sender.raw() } else { None };
        // SAFETY: I1.
        let op = unsafe { Op::new(chan, value) };
        Self {
            send: SendFuture {
                op,
                site,
                _sender: PhantomData,
            },
            home: slot,
        }
    }

    #[inline]
    pub(crate) fn op(self: Pin<&mut Self>) -> Pin<&mut Op<T, Sending>> {
        self.project().send.op()
    }

    #[inline]
    pub(crate) fn op_ref(&self) -> &Op<T, Sending> {
        self.send.op_ref()
    }

    /// The result, once the operation has ended.
    pub(crate) fn finish(self: Pin<&mut Self>) -> Result<(), SendError<T>> {
        self.project().send.finish()
    }
}

impl<T> Future for SendFrom<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().send.poll(cx)
    }
}

#[pinned_drop]
impl<T> PinnedDrop for SendFrom<'_, T> {
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        let mut op = this.send.op();
        op.as_mut().dequeue();
        // Out of the queue, and whoever sent the value has taken it: what is there is unsent (I2).
        if let Some(value) = op.take_slot() {
            **this.home = Some(value);
        }
    }
}

impl<T> fmt::Debug for SendFrom<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFrom")
            .field("site", &self.send.site)
            .finish_non_exhaustive()
    }
}
