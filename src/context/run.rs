//! Running a future for as long as a context lives.
//!
//! Called by users through [`Context::run`](super::Context::run).
//!
//! # Invariants
//!
//! 1. The context is looked at before the future is polled: nothing is started, and no further step
//!    is taken, for a context that is done.
//! 2. The future is dropped as soon as its outcome is known, before that is handed on.
//! 3. The place in the scope's list is given up when the future is dropped or ready.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use pin_project::{pin_project, pinned_drop};

use super::error::ContextError;
use super::handle::Context;
use super::tree::Waiting;
use crate::runtime::wait::{self, WaitReason};

/// Runs a future until it is ready or its context is done. Made by [`Context::run`].
///
/// # Panics
///
/// Polling it after it was ready panics.
///
/// # Cancel safety
///
/// Dropping it drops the future inside, and so does the end of the context. A receive in there that
/// had just been served gives its value back; a send has happened, and with `send_from` its slot says so.
#[must_use = "futures do nothing unless awaited"]
#[pin_project(PinnedDrop)]
pub struct Run<F> {
    ctx: Context,
    waiting: Waiting,
    #[pin]
    future: Option<F>,
    site: &'static Location<'static>,
}

impl<F> Run<F> {
    pub(super) fn new(ctx: Context, future: F, site: &'static Location<'static>) -> Self {
        Self {
            ctx,
            waiting: Waiting::default(),
            future: Some(future),
            site,
        }
    }
}

impl<F: Future> Future for Run<F> {
    type Output = Result<F::Output, ContextError>;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        assert!(
            this.future.as_mut().as_pin_mut().is_some(),
            "`Context::run` polled after it was ready"
        );
        if let Some(scope) = this.ctx.node.scope() {
            if let Poll::Ready(error) = scope.poll_ended(this.waiting, task) {
                this.future.set(None);
                return Poll::Ready(Err(error));
            }
        }
        let future = this.future.as_mut().as_pin_mut().expect("seen above");
        match future.poll(task) {
            Poll::Ready(output) => {
                this.future.set(None);
                if let Some(scope) = this.ctx.node.scope() {
                    scope.stop_waiting(this.waiting);
                }
                Poll::Ready(Ok(output))
            }
            Poll::Pending => {
                wait::note_around(WaitReason::ChanReceive, this.site);
                Poll::Pending
            }
        }
    }
}

#[pinned_drop]
impl<F> PinnedDrop for Run<F> {
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        if let Some(scope) = this.ctx.node.scope() {
            scope.stop_waiting(this.waiting);
        }
    }
}

impl<F> fmt::Debug for Run<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("ctx", &self.ctx)
            .finish_non_exhaustive()
    }
}
