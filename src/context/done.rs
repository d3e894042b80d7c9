//! Waiting for a context: the future that `done()` returns.
//!
//! Called by users, by `select!` (which looks, and polls only to wait: losing loses nothing) and by
//! [`Run`](super::Run) through the same registration in the tree.
//!
//! # Invariants
//!
//! 1. The place in the scope's list is given up when the future is dropped.
//! 2. Once ready, every later poll is ready too: a context does not come back to life.
//!
//! A live context costs one short lock to park on, and one load each time the same task polls again. A
//! context that can never be cancelled costs neither.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use super::handle::Context;
use super::tree::Waiting;
use crate::runtime::wait::{self, WaitReason};
use crate::select::__private::{Peek, PeekArm, SelectCase};

/// Waits until a context is done. Made by [`Context::done`].
///
/// # Cancel safety
///
/// Dropping it loses nothing: ask again at any time.
#[must_use = "futures do nothing unless awaited"]
pub struct Done<'a> {
    ctx: &'a Context,
    waiting: Waiting,
    site: &'static Location<'static>,
}

impl<'a> Done<'a> {
    pub(super) fn new(ctx: &'a Context, site: &'static Location<'static>) -> Self {
        Self {
            ctx,
            waiting: Waiting::default(),
            site,
        }
    }
}

impl Future for Done<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Some(scope) = this.ctx.node.scope() else {
            wait::note(WaitReason::ChanReceiveNil, this.site);
            return Poll::Pending;
        };
        match scope.poll_ended(&mut this.waiting, task) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => {
                wait::note(WaitReason::ChanReceive, this.site);
                Poll::Pending
            }
        }
    }
}

impl Peek for Done<'_> {
    fn is_ready(self: Pin<&mut Self>) -> bool {
        self.ctx.err().is_some()
    }
}

impl SelectCase for Done<'_> {
    type Arm = PeekArm<Self>;

    #[inline]
    fn into_arm(this: Option<Self>) -> Self::Arm {
        PeekArm::new(this)
    }
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        if let Some(scope) = self.ctx.node.scope() {
            scope.stop_waiting(&mut self.waiting);
        }
    }
}

impl fmt::Debug for Done<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Done").field("ctx", self.ctx).finish()
    }
}
