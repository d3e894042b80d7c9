//! An arm that is a future.
//!
//! Made by `case` from any operand that is not an operation on a channel.
//!
//! # Invariants
//!
//! 1. The future is dropped as soon as it has ended, and is never polled again.
//! 2. A panic in the future leaves the arm as it was; the select's drop does the rest.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use super::case::{Arm, Case, Kind, Look, sealed};

/// An arm around `F`. `LEVEL` futures lose nothing by losing.
#[pin_project]
pub struct FutureArm<F: Future, const LEVEL: bool> {
    #[pin]
    future: Option<F>,
    enabled: bool,
    output: Option<F::Output>,
}

impl<F: Future, const LEVEL: bool> FutureArm<F, LEVEL> {
    /// The arm; `None` is one that is switched off.
    pub(super) fn new(future: Option<F>) -> Self {
        Self {
            enabled: future.is_some(),
            future,
            output: None,
        }
    }

    /// The future, until it has ended.
    pub(super) fn future(self: Pin<&mut Self>) -> Option<Pin<&mut F>> {
        self.project().future.as_pin_mut()
    }
}

impl<F: Future, const LEVEL: bool> sealed::Sealed for FutureArm<F, LEVEL> {}

impl<F: Future, const LEVEL: bool> Case for FutureArm<F, LEVEL> {
    fn kind(self: Pin<&mut Self>) -> Kind {
        match (*self.project().enabled, LEVEL) {
            (false, _) => Kind::Off,
            (true, true) => Kind::Level,
            (true, false) => Kind::Future,
        }
    }

    fn enter(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Look {
        match self.as_mut().kind() {
            Kind::Off => Look::Not(Kind::Off),
            kind if !self.poll(cx) => Look::Not(kind),
            _ => Look::Ended,
        }
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let mut this = self.project();
        if let Some(future) = this.future.as_mut().as_pin_mut() {
            let Poll::Ready(output) = future.poll(cx) else {
                return false;
            };
            *this.output = Some(output);
            this.future.set(None);
        }
        this.output.is_some()
    }
}

impl<F: Future, const LEVEL: bool> Arm for FutureArm<F, LEVEL> {
    type Output = F::Output;

    fn finish(self: Pin<&mut Self>) -> F::Output {
        self.project()
            .output
            .take()
            .expect("the arm of a select was not the one chosen")
    }
}

impl<F: Future, const LEVEL: bool> fmt::Debug for FutureArm<F, LEVEL> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FutureArm")
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}
