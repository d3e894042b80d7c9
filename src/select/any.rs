//! Receiving from whichever of many channels has a value.
//!
//! # Invariants
//!
//! 1. The arms are dropped before the selector: fields drop in order.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use super::case::{Arm, Case, SelectCase};
use super::chan_arm::ChanArm;
use super::engine::{Cases, Selector};
use crate::chan::{Receiver, Recv};

/// Receives from the first of these that has a value, or is closed and drained; with its index.
///
/// Of several that are ready one is chosen at random. Without any, or with none but nil channels, it
/// waits for ever. In Go, `reflect.Select` over receives.
///
/// # Cancel safety
///
/// Strict, as for [`Receiver::recv`].
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// use gosched::select::recv_any;
///
/// let (_quiet, a) = gosched::chan::<u8>(1);
/// let (tx, b) = gosched::chan(1);
/// tx.send(7).await.unwrap();
/// assert_eq!(recv_any(&[&a, &b]).await, (1, Some(7)));
/// # });
/// ```
#[track_caller]
pub fn recv_any<'a, T>(receivers: &[&'a Receiver<T>]) -> RecvAny<'a, T> {
    let site = Location::caller();
    let arms = receivers
        .iter()
        .map(|rx| Recv::into_arm(Some(rx.recv())))
        .collect::<Box<[_]>>();
    RecvAny {
        arms: Arms(arms.into()),
        selector: Selector::at(false, site),
    }
}

/// The future of [`recv_any`].
#[must_use = "a receive happens only when it is awaited"]
#[pin_project]
pub struct RecvAny<'a, T> {
    arms: Arms<'a, T>,
    #[pin]
    selector: Selector,
}

/// In a pinned box, for they move no more once they are parked.
struct Arms<'a, T>(Pin<Box<[ChanArm<Recv<'a, T>>]>>);

impl<'a, T> Arms<'a, T> {
    fn arm(&mut self, index: usize) -> Pin<&mut ChanArm<Recv<'a, T>>> {
        // SAFETY: an element of a pinned slice is pinned.
        unsafe { self.0.as_mut().map_unchecked_mut(|arms| &mut arms[index]) }
    }
}

impl<T> Cases for Arms<'_, T> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn at(&mut self, index: usize) -> Pin<&mut dyn Case> {
        self.arm(index)
    }
}

impl<T> Future for RecvAny<'_, T> {
    type Output = (usize, Option<T>);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let index = ready!(this.selector.poll_cases(this.arms, cx));
        Poll::Ready((index, this.arms.arm(index).finish()))
    }
}

impl<T> fmt::Debug for RecvAny<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvAny")
            .field("receivers", &self.arms.0.len())
            .finish_non_exhaustive()
    }
}
