//! An arm whose future can be looked at without being polled, as that of a context.
//!
//! A poll leaves a waker behind, under a lock, and takes it back when the select is over. A select that finds a
//! channel ready has no use for that: so the first look is only a look, and the future is polled when the
//! select is about to wait.
//!
//! # Invariants
//!
//! 1. While the select waits, the future has been polled: `settle` comes before that.

use std::fmt;
use std::pin::Pin;
use std::task::Context;

use pin_project::pin_project;

use super::case::{Arm, Case, Kind, Look, Peek, sealed};
use super::future_arm::FutureArm;

/// An arm around `F`.
#[pin_project]
pub struct PeekArm<F: Peek>(#[pin] FutureArm<F, true>);

impl<F: Peek> PeekArm<F> {
    /// The arm; `None` is one that is switched off.
    pub(crate) fn new(future: Option<F>) -> Self {
        Self(FutureArm::new(future))
    }
}

impl<F: Peek> sealed::Sealed for PeekArm<F> {}

impl<F: Peek> Case for PeekArm<F> {
    fn kind(self: Pin<&mut Self>) -> Kind {
        self.project().0.kind()
    }

    fn enter(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Look {
        let mut arm = self.project().0;
        if arm
            .as_mut()
            .future()
            .is_some_and(|future| !future.is_ready())
        {
            return Look::Unpolled;
        }
        arm.enter(cx)
    }

    fn settle(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        self.project().0.poll(cx)
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        self.project().0.poll(cx)
    }
}

impl<F: Peek> Arm for PeekArm<F> {
    type Output = F::Output;

    fn finish(self: Pin<&mut Self>) -> F::Output {
        self.project().0.finish()
    }
}

impl<F: Peek> fmt::Debug for PeekArm<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PeekArm").field(&self.0).finish()
    }
}
