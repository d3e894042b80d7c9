//! The future of a receive.
//!
//! Made by `Receiver::recv`, awaited by itself or handed to a select as an operand.
//!
//! # Invariants
//!
//! 1. It borrows a receiver, which keeps the channel alive (op I1).

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use super::Receiver;
use super::op::{Op, Receiving};
use crate::runtime::coop;
use crate::runtime::wait::{self, WaitReason};

/// The future of [`Receiver::recv`].
///
/// Takes its place among the waiting receivers when it is first polled. Panics if it is polled again
/// after it was ready.
///
/// # Cancel safety
///
/// Strict; see [`Receiver::recv`].
#[must_use = "a receive happens only when it is awaited"]
#[pin_project]
pub struct Recv<'a, T> {
    #[pin]
    op: Op<T, Receiving>,
    site: &'static Location<'static>,
    _receiver: PhantomData<&'a Receiver<T>>,
}

impl<'a, T> Recv<'a, T> {
    #[inline]
    pub(super) fn new(receiver: &'a Receiver<T>, site: &'static Location<'static>) -> Self {
        // SAFETY: I1.
        let op = unsafe { Op::new(receiver.raw(), None) };
        Self {
            op,
            site,
            _receiver: PhantomData,
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
    pub(crate) fn op(self: Pin<&mut Self>) -> Pin<&mut Op<T, Receiving>> {
        self.project().op
    }

    #[inline]
    pub(crate) fn op_ref(&self) -> &Op<T, Receiving> {
        &self.op
    }

    /// The result, once the operation has ended.
    pub(crate) fn finish(self: Pin<&mut Self>) -> Option<T> {
        self.project().op.conclude()
    }
}

impl<T> Future for Recv<'_, T> {
    type Output = Option<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !coop::slice_is_over() {
            if let Some(received) = self.as_mut().op().quick() {
                return Poll::Ready(received);
            }
        }
        self.poll_slowly(cx)
    }
}

impl<T> Recv<'_, T> {
    #[inline(never)]
    fn poll_slowly(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(coop::poll_proceed(cx));
        let mut this = self.project();
        let polled = this.op.as_mut().poll(cx);
        if polled.is_pending() {
            let reason = if this.op.is_nil() {
                WaitReason::ChanReceiveNil
            } else {
                WaitReason::ChanReceive
            };
            wait::note(reason, this.site);
        }
        polled
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv")
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}
