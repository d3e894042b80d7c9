//! A sender as a `futures::Sink`.
//!
//! # Invariants
//!
//! 1. At most one item is inside the sink: the one that `start_send` found no room for. It waits in
//!    the channel's queue like any send.
//! 2. The send is dropped before the sender that it borrows: fields drop in order.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Sink;

use super::op::{Op, Sending};
use super::{SendError, Sender, TrySendError};
use crate::runtime::coop;
use crate::runtime::wait::{self, WaitReason};

/// Where a send waits: pinned, so that its box can be kept when it is over.
type Waiting<T> = Pin<Box<Option<Op<T, Sending>>>>;

/// The sink of [`Sender::into_sink`].
///
/// An item for which the channel has no room stays in the sink's own single slot: `start_send` never
/// fails for lack of room, `poll_ready` waits until the slot is free, `poll_flush` until its item is
/// sent. `poll_close` flushes, then drops the sender; the channel is closed if that was the last one.
///
/// Its errors carry the item that was not sent.
///
/// # Panics
///
/// `start_send` panics without a `poll_ready` before it that was ready, and after `poll_close`.
///
/// # Cancel safety
///
/// An item in the slot is not lost while the sink lives: dropping the `SinkExt::send` that put it there
/// leaves it in the slot, and it goes out at the next poll, or before, when its turn comes in the
/// channel's queue. A `SinkExt::send` dropped while the slot was still taken drops its item, as a send does.
/// Dropped with an item in its slot, the sink drops the item; flush it first.
#[must_use = "a sink does nothing unless it is polled"]
pub struct IntoSink<T> {
    // The box is kept for the next item that has to wait. Before the sender (I2).
    waiting: Option<Waiting<T>>,
    tx: Option<Sender<T>>,
    site: &'static Location<'static>,
}

impl<T> IntoSink<T> {
    pub(super) fn new(tx: Sender<T>, site: &'static Location<'static>) -> Self {
        Self {
            waiting: None,
            tx: Some(tx),
            site,
        }
    }

    fn is_waiting(&self) -> bool {
        self.waiting
            .as_ref()
            .is_some_and(|waiting| waiting.is_some())
    }
}

impl<T> Sink<T> for IntoSink<T> {
    type Error = SendError<T>;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        self.poll_flush(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), SendError<T>> {
        let this = &mut *self;
        assert!(
            !this.is_waiting(),
            "start_send on a sink that was not ready"
        );
        let tx = this
            .tx
            .as_ref()
            .expect("start_send on a sink that was closed");
        match tx.try_send(item) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(item)) => Err(SendError(item)),
            Err(TrySendError::Full(item)) => {
                // SAFETY: I2; the sender goes only when nothing waits.
                let op = unsafe { Op::new(tx.raw(), Some(item)) };
                match &mut this.waiting {
                    Some(waiting) => waiting.set(Some(op)),
                    None => this.waiting = Some(Box::pin(Some(op))),
                }
                Ok(())
            }
        }
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<T>>> {
        ready!(coop::poll_proceed(cx));
        let site = self.site;
        let Some(waiting) = &mut self.waiting else {
            return Poll::Ready(Ok(()));
        };
        let Some(mut op) = waiting.as_mut().as_pin_mut() else {
            return Poll::Ready(Ok(()));
        };
        let Poll::Ready(unsent) = op.as_mut().poll(cx) else {
            let nil = op.is_nil();
            wait::note(
                if nil {
                    WaitReason::ChanSendNil
                } else {
                    WaitReason::ChanSend
                },
                site,
            );
            return Poll::Pending;
        };
        waiting.set(None);
        Poll::Ready(unsent.map_or(Ok(()), |item| Err(SendError(item))))
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<T>>> {
        let flushed = ready!(self.as_mut().poll_flush(cx));
        self.tx = None;
        Poll::Ready(flushed)
    }
}

impl<T> fmt::Debug for IntoSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoSink")
            .field("sender", &self.tx)
            .field("item_waits", &self.is_waiting())
            .finish()
    }
}
