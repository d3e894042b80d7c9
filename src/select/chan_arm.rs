//! An arm that sends or receives.
//!
//! Made by `case` from an operand `tx.send(v)`, `tx.send_from(&mut slot)` or `rx.recv()`, and from the
//! receive of a stage of `patterns`, which is a channel's with a word on its result.
//!
//! # Invariants
//!
//! 1. Everything that matters is in `chan::op`; this file only passes on.

use std::fmt;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::Context;

use pin_project::pin_project;

use super::case::{Arm, Case, Kind, Look, SelectCase, sealed};
use super::word::Word;
use crate::chan::lock::Lock;
use crate::chan::op::{Op, Receiving, Sending, Side};
use crate::chan::ready::Ready;
use crate::chan::{Recv, SendError, SendFrom, SendFuture};

/// A future on a channel, as an arm uses it.
pub trait ChanOp {
    /// What a channel carries.
    type Value;
    /// Which way.
    type Side: Side;
    /// What the future yields.
    type Output;

    /// The operation inside.
    fn op(self: Pin<&mut Self>) -> Pin<&mut Op<Self::Value, Self::Side>>;
    /// The operation inside, to look at.
    fn op_ref(&self) -> &Op<Self::Value, Self::Side>;
    /// The result of an operation that has ended.
    fn finish(self: Pin<&mut Self>) -> Self::Output;
}

macro_rules! chan_op {
    ($future:ident, $side:ident, $output:ty, $renew:expr) => {
        impl<T> ChanOp for $future<'_, T> {
            type Value = T;
            type Side = $side;
            type Output = $output;

            #[inline]
            fn op(self: Pin<&mut Self>) -> Pin<&mut Op<T, $side>> {
                $future::op(self)
            }
            #[inline]
            fn op_ref(&self) -> &Op<T, $side> {
                $future::op_ref(self)
            }
            #[inline]
            fn finish(self: Pin<&mut Self>) -> $output {
                $future::finish(self)
            }
        }

        impl<'a, T> SelectCase for $future<'a, T> {
            type Arm = ChanArm<$future<'a, T>>;

            #[inline]
            fn into_arm(this: Option<Self>) -> Self::Arm {
                ChanArm::new(this.map($renew))
            }
        }
    };
}

chan_op!(Recv, Receiving, Option<T>, Recv::renew);
chan_op!(SendFuture, Sending, Result<(), SendError<T>>, SendFuture::renew);
chan_op!(SendFrom, Sending, Result<(), SendError<T>>, |send| send);

/// An arm around one of these; `None` where it is switched off.
#[pin_project]
pub struct ChanArm<O> {
    #[pin]
    future: Option<O>,
}

impl<O: ChanOp> ChanArm<O> {
    #[inline]
    pub(crate) fn new(future: Option<O>) -> Self {
        Self { future }
    }

    #[inline]
    fn sort(&self) -> Kind {
        match &self.future {
            None => Kind::Off,
            Some(future) if future.op_ref().is_nil() => Kind::Nil,
            Some(_) => Kind::Chan,
        }
    }

    #[inline]
    fn op(self: Pin<&mut Self>) -> Option<Pin<&mut Op<O::Value, O::Side>>> {
        self.project().future.as_pin_mut().map(O::op)
    }
}

impl<O: ChanOp> sealed::Sealed for ChanArm<O> {}

impl<O: ChanOp> Case for ChanArm<O> {
    #[inline]
    fn kind(self: Pin<&mut Self>) -> Kind {
        self.sort()
    }

    #[inline]
    fn lock(self: Pin<&mut Self>) -> Option<NonNull<Lock>> {
        self.future
            .as_ref()
            .and_then(|future| future.op_ref().lock())
    }

    #[inline]
    fn enter(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Look {
        let Some(op) = self.op() else {
            return Look::Not(Kind::Off);
        };
        if op.is_nil() {
            return Look::Not(Kind::Nil);
        }
        if op.attempt() {
            Look::Ended
        } else {
            Look::Not(Kind::Chan)
        }
    }

    #[inline]
    fn attempt(self: Pin<&mut Self>) -> bool {
        self.op().is_some_and(Op::attempt)
    }

    #[inline]
    unsafe fn attempt_locked(
        self: Pin<&mut Self>,
        ready: &mut Ready,
        place: Option<(NonNull<Word>, u32)>,
    ) -> bool {
        // SAFETY: passed on.
        self.op()
            .is_some_and(|op| unsafe { op.attempt_locked(ready, place) })
    }

    #[inline]
    fn dequeue(self: Pin<&mut Self>) {
        if let Some(op) = self.op() {
            op.dequeue();
        }
    }
}

impl<O: ChanOp> Arm for ChanArm<O> {
    type Output = O::Output;

    #[inline]
    fn finish(self: Pin<&mut Self>) -> O::Output {
        let future = self.project().future.as_pin_mut();
        future
            .expect("the arm of a select was not the one chosen")
            .finish()
    }
}

impl<O: ChanOp> fmt::Debug for ChanArm<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChanArm")
            .field("kind", &self.sort())
            .finish_non_exhaustive()
    }
}
