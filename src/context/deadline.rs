//! Contexts that end by themselves.
//!
//! Called by users; the timer that [`call_at`] sets calls back into the tree.
//!
//! # Invariants
//!
//! 1. A deadline is kept only if none above it is earlier: a scope without a timer of its own ends
//!    in time through its parent.
//! 2. The timer holds its node weakly. Ending the node, or dropping the last handle of it, stops
//!    the timer. (Functions and tokens that must outlive the handles pin the node, see `tree`
//!    invariant 5.)
//! 3. The timer is armed after the node is in the tree, and kept by the node only while it is
//!    alive.

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::cancel::CancelFunc;
use super::error::{Cause, ContextError, into_cause};
use super::handle::Context;
use super::tree::{End, Kind, Node, Origin};
use crate::runtime::clock;
use crate::time::{CallTimer, call_at};

/// When a scope ends by itself; shared with those below that have no earlier one.
pub(super) struct Deadline {
    at: Instant,
    /// How the caller put it, for its name.
    timeout: Option<Duration>,
    timer: OnceLock<CallTimer>,
}

impl Deadline {
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// To be called once.
    pub(super) fn keep(&self, timer: CallTimer) {
        let kept = self.timer.set(timer);
        debug_assert!(kept.is_ok(), "a scope has one timer");
    }

    pub(super) fn stop(&self) {
        if let Some(timer) = self.timer.get() {
            timer.stop();
        }
    }
}

impl Context {
    /// A context that is done after `timeout`, when its [`CancelFunc`] says so, or with its parent.
    ///
    /// As [`with_deadline`](Self::with_deadline) at now plus `timeout`. [`Duration::MAX`], like any
    /// timeout beyond what the clock can count, is never; zero is now.
    ///
    /// Go: `context.WithTimeout`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::context::{Context, ContextError};
    /// use std::time::Duration;
    ///
    /// let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(1));
    /// gosched::go(async move {
    ///     ctx.done().await;
    ///     assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
    /// });
    /// ```
    pub fn with_timeout(&self, timeout: Duration) -> (Self, CancelFunc) {
        let now = clock::instant();
        self.timed(now, now.checked_add(timeout), Some(timeout), None)
    }

    /// A context that is done at `deadline`, when its [`CancelFunc`] says so, or with its parent.
    ///
    /// At the deadline its error is [`ContextError::DeadlineExceeded`]. A deadline that has passed
    /// gives a context that is born done. If a deadline above is earlier, that one stands, and this
    /// is as [`with_cancel`](Self::with_cancel).
    ///
    /// Go: `context.WithDeadline`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::context::{Context, ContextError};
    /// use std::time::Instant;
    ///
    /// let (ctx, _cancel) = Context::background().with_deadline(Instant::now());
    /// assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
    /// ```
    pub fn with_deadline(&self, deadline: Instant) -> (Self, CancelFunc) {
        self.timed(clock::instant(), Some(deadline), None, None)
    }

    /// [`with_timeout`](Self::with_timeout), with `cause` as the cause when the time is up.
    ///
    /// A cancellation before that does not use it.
    ///
    /// Go: `context.WithTimeoutCause`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::context::{Context, ContextError};
    /// use std::time::Duration;
    ///
    /// let (ctx, _cancel) = Context::background().with_timeout_cause(Duration::ZERO, "no time for it");
    /// assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
    /// assert_eq!(ctx.cause().unwrap().to_string(), "no time for it");
    /// ```
    pub fn with_timeout_cause(
        &self,
        timeout: Duration,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> (Self, CancelFunc) {
        let now = clock::instant();
        let deadline = now.checked_add(timeout);
        self.timed(now, deadline, Some(timeout), Some(into_cause(cause)))
    }

    /// [`with_deadline`](Self::with_deadline), with `cause` as the cause when the deadline passes.
    ///
    /// A cancellation before that does not use it.
    ///
    /// Go: `context.WithDeadlineCause`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    /// use std::time::Instant;
    ///
    /// let (ctx, _cancel) = Context::background().with_deadline_cause(Instant::now(), "closing time");
    /// assert_eq!(ctx.cause().unwrap().to_string(), "closing time");
    /// ```
    pub fn with_deadline_cause(
        &self,
        deadline: Instant,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> (Self, CancelFunc) {
        let cause = into_cause(cause);
        self.timed(clock::instant(), Some(deadline), None, Some(cause))
    }

    /// `deadline` is `None` for never; `timeout` is how the caller put it.
    fn timed(
        &self,
        now: Instant,
        deadline: Option<Instant>,
        timeout: Option<Duration>,
        cause: Option<Cause>,
    ) -> (Self, CancelFunc) {
        let above = self.deadline();
        let deadline = match (deadline, above) {
            (Some(own), Some(above)) if above < own => return self.with_cancel(),
            (Some(own), _) => own,
            (None, _) => return self.with_cancel(),
        };
        let own = Arc::new(Deadline {
            at: deadline,
            timeout,
            timer: OnceLock::new(),
        });
        let node = Node::derive(&self.node, Origin::Deadline, Some(own));
        let end = End {
            error: ContextError::DeadlineExceeded,
            cause: cause.map(Arc::new),
        };
        if deadline <= now {
            // Does nothing to a node that was born done with its parent.
            node.cancel(&end);
        } else if let Kind::Cancel(scope) = &node.kind {
            if scope.error().is_none() {
                let target = Arc::downgrade(&node);
                scope.arm(call_at(deadline, move || {
                    if let Some(node) = target.upgrade() {
                        node.cancel(&end);
                    }
                }));
            }
        }
        CancelFunc::pair(node)
    }
}
