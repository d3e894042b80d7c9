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
use crate::runtime::wait::WaitReason;

/// A future on a channel, as an arm uses it.
pub trait ChanOp {
    /// What a channel carries.
    type Value;
    /// Which way.
    type Side: Side;
    /// What the future yields.
    type Output;
    /// What a goroutine waits for that awaits it; and where there is no channel.
    const WAITS: WaitReason;
    /// See above.
    const WAITS_NIL: WaitReason;

    /// The operation inside.
    fn op(self: Pin<&mut Self>) -> Pin<&mut Op<Self::Value, Self::Side>>;
    /// The operation inside, to look at.
    fn op_ref(&self) -> &Op<Self::Value, Self::Side>;
    /// The result of an operation that has ended.
    fn finish(self: Pin<&mut Self>) -> Self::Output;
}

macro_rules! chan_op {
    ($future:ident, $side:ident, $output:ty, $waits:ident, $waits_nil:ident, $renew:expr) => {
        impl<T> ChanOp for $future<'_, T> {
            type Value = T;
            type Side = $side;
            type Output = $output;
            const WAITS: WaitReason = WaitReason::$waits;
            const WAITS_NIL: WaitReason = WaitReason::$waits_nil;

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

chan_op!(
    Recv,
    Receiving,
    Option<T>,
    ChanReceive,
    ChanReceiveNil,
    Recv::renew
);
chan_op!(
    SendFuture,
    Sending,
    Result<(), SendError<T>>,
    ChanSend,
    ChanSendNil,
    SendFuture::renew
);
chan_op!(
    SendFrom,
    Sending,
    Result<(), SendError<T>>,
    ChanSend,
    ChanSendNil,
    |send| send
);

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

    fn alone(self: Pin<&mut Self>) -> Option<WaitReason> {
        let nil = match self.sort() {
            Kind::Off => return None,
            sort => sort == Kind::Nil,
        };
        Some(if nil { O::WAITS_NIL } else { O::WAITS })
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

    fn can_return(self: Pin<&mut Self>) -> bool {
        // By the drop of the arm.
        self.op().is_some_and(|op| op.can_return())
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
