//! A receiver as a `futures::Stream`.
//!
//! # Invariants
//!
//! 1. The box holds a receive only while one waits; it is kept for the next one. So a stream
//!    allocates once, at its first wait, and is `Unpin`.
//! 2. The receive is dropped before the receiver that it borrows: fields drop in order.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::FusedStream;

use super::op::{Op, Receiving};
use super::{Receiver, TryRecvError};
use crate::runtime::coop;
use crate::runtime::wait::{self, WaitReason};

/// Where a receive waits: pinned, so that its box can be kept when it is over.
type Waiting<T> = Pin<Box<Option<Op<T, Receiving>>>>;

/// What both streams do: one receive after the other.
struct Pull<T> {
    waiting: Option<Waiting<T>>,
    site: &'static Location<'static>,
    ended: bool,
}

impl<T> Pull<T> {
    fn new(site: &'static Location<'static>) -> Self {
        Self {
            waiting: None,
            site,
            ended: false,
        }
    }

    /// # Safety
    ///
    /// It is always the same receiver, and it outlives `self`.
    unsafe fn poll_next(&mut self, rx: &Receiver<T>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if self.ended {
            return Poll::Ready(None);
        }
        ready!(coop::poll_proceed(cx));
        if !self.is_waiting() {
            match rx.try_recv() {
                Ok(value) => return Poll::Ready(Some(value)),
                Err(TryRecvError::Closed) => {
                    self.ended = true;
                    return Poll::Ready(None);
                }
                Err(TryRecvError::Empty) => {
                    // SAFETY: passed on.
                    let op = unsafe { Op::new(rx.raw(), None) };
                    match &mut self.waiting {
                        Some(waiting) => waiting.set(Some(op)),
                        None => self.waiting = Some(Box::pin(Some(op))),
                    }
                }
            }
        }
        let waiting = self.waiting.as_mut().expect("made above");
        let mut op = waiting.as_mut().as_pin_mut().expect("filled above");
        let Poll::Ready(next) = op.as_mut().poll(cx) else {
            let nil = op.is_nil();
            wait::note(
                if nil {
                    WaitReason::ChanReceiveNil
                } else {
                    WaitReason::ChanReceive
                },
                self.site,
            );
            return Poll::Pending;
        };
        waiting.set(None);
        self.ended = next.is_none();
        Poll::Ready(next)
    }

    fn is_waiting(&self) -> bool {
        self.waiting
            .as_ref()
            .is_some_and(|waiting| waiting.is_some())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // Other receivers may take what is there now.
        (0, if self.ended { Some(0) } else { None })
    }
}

/// The stream of [`Receiver::stream`].
///
/// # Cancel safety
///
/// Once polled without success, the stream waits in the channel's queue until it is polled again or
/// dropped, and a value may be handed to it meanwhile. The next poll yields it; dropping the stream
/// gives it to the next receiver.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Stream<'a, T> {
    pull: Pull<T>,
    rx: &'a Receiver<T>,
}

impl<'a, T> Stream<'a, T> {
    pub(super) fn new(rx: &'a Receiver<T>, site: &'static Location<'static>) -> Self {
        Self {
            pull: Pull::new(site),
            rx,
        }
    }
}

impl<T> futures::Stream for Stream<'_, T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let rx = self.rx;
        // SAFETY: the receiver is borrowed for longer than the stream lives.
        unsafe { self.pull.poll_next(rx, cx) }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.pull.size_hint()
    }
}

impl<T> FusedStream for Stream<'_, T> {
    fn is_terminated(&self) -> bool {
        self.pull.ended
    }
}

impl<T> fmt::Debug for Stream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("receiver", self.rx)
            .finish_non_exhaustive()
    }
}

/// The stream of [`Receiver::into_stream`].
///
/// # Cancel safety
///
/// As for [`Stream`].
#[must_use = "a stream does nothing unless it is polled"]
pub struct IntoStream<T> {
    // Before the receiver, so that it is dropped first (I2).
    pull: Pull<T>,
    rx: Receiver<T>,
}

impl<T> IntoStream<T> {
    pub(super) fn new(rx: Receiver<T>, site: &'static Location<'static>) -> Self {
        Self {
            pull: Pull::new(site),
            rx,
        }
    }
}

impl<T> futures::Stream for IntoStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        // SAFETY: I2; the receiver is never replaced.
        unsafe { this.pull.poll_next(&this.rx, cx) }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.pull.size_hint()
    }
}

impl<T> FusedStream for IntoStream<T> {
    fn is_terminated(&self) -> bool {
        self.pull.ended
    }
}

impl<T> fmt::Debug for IntoStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoStream")
            .field("receiver", &self.rx)
            .finish_non_exhaustive()
    }
}
