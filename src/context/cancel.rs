//! The right to cancel: what `with_cancel` and its like return beside the context.
//!
//! Called by users. The work is done in `tree`.
//!
//! # Invariants
//!
//! 1. A [`CancelFunc`] is used up once: by one of its methods or by its drop.
//! 2. Several rights to cancel one node may exist; the node ends once (`tree` invariant 1).

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::error::{Cause, ContextError, into_cause};
use super::handle::Context;
use super::tree::{End, Node, Origin};
#[cfg(all(unix, not(loom)))]
use crate::signal::Signals;

impl Context {
    /// A context that is done when its [`CancelFunc`] says so, or with its parent.
    ///
    /// A child of a parent that is done is born done, with the parent's error and cause.
    ///
    /// Go: `context.WithCancel` and `context.WithCancelCause`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// let (child, _cancel_child) = ctx.with_cancel();
    /// cancel.cancel_cause("user pressed stop");
    /// assert_eq!(child.cause().unwrap().to_string(), "user pressed stop");
    /// ```
    pub fn with_cancel(&self) -> (Self, CancelFunc) {
        CancelFunc::pair(Node::derive(&self.node, Origin::Cancel, None))
    }

    /// A context named after signals, and the right to cancel it twice: for the user, and for whoever
    /// waits for the signals.
    #[cfg(all(unix, not(loom)))]
    pub(crate) fn with_signals(&self, signals: Signals) -> (Self, CancelFunc, CancelFunc) {
        let node = Node::derive(&self.node, Origin::Signals(signals), None);
        let (ctx, cancel) = CancelFunc::pair(node.clone());
        (ctx, cancel, CancelFunc { node: Some(node) })
    }
}

/// The right to cancel one context, and with it all below.
///
/// Dropping it cancels, as `defer cancel()` would: keep it as long as the work goes on. The context
/// ends with [`ContextError::Canceled`], unless it has ended before: the first end stays.
///
/// The call returns when every context below is done. (One that somebody else is cancelling at the
/// same moment may take until his call returns.) Who waits is woken without any lock held; no
/// goroutine is started, except one for each function given to [`Context::after_func`].
///
/// Go: `context.CancelFunc` and `context.CancelCauseFunc`.
///
/// # Examples
///
/// ```
/// use gosched::Context;
/// use gosched::context::CancelFunc;
///
/// fn start() -> (Context, CancelFunc) {
///     Context::background().with_cancel()
/// }
///
/// let (ctx, _cancel) = start(); // a name keeps it; `_` alone would drop it at once
/// assert!(ctx.check().is_ok());
/// let (ctx, _) = start();
/// assert!(ctx.check().is_err());
/// ```
#[must_use = "dropping a CancelFunc cancels its context at once"]
pub struct CancelFunc {
    /// `None` once it is used up.
    node: Option<Arc<Node>>,
}

impl CancelFunc {
    /// The handle of `node` and the right to cancel it.
    pub(super) fn pair(node: Arc<Node>) -> (Context, Self) {
        (Context { node: node.clone() }, Self { node: Some(node) })
    }

    /// Cancels the context.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// cancel.cancel();
    /// assert!(ctx.check().is_err());
    /// ```
    pub fn cancel(mut self) {
        self.finish(None);
    }

    /// Cancels the context and says why: [`Context::cause`] returns `cause` from then on, here and
    /// in contexts below that had not ended.
    ///
    /// Takes any error, a text, or the [`Cause`] of another context.
    ///
    /// Go: `context.CancelCauseFunc`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    /// use std::io;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// cancel.cancel_cause(io::Error::from(io::ErrorKind::BrokenPipe));
    /// let cause = ctx.cause().unwrap();
    /// assert_eq!(cause.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::BrokenPipe);
    /// ```
    pub fn cancel_cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        self.finish(Some(into_cause(cause)));
    }

    /// Gives the right up: from now on the context ends with its parent or at its deadline only.
    ///
    /// Go: a cancel function that is never called.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// cancel.detach();
    /// assert!(ctx.check().is_ok());
    /// ```
    pub fn detach(mut self) {
        self.node = None;
    }

    fn finish(&mut self, cause: Option<Cause>) {
        if let Some(node) = self.node.take() {
            node.cancel(&End {
                error: ContextError::Canceled,
                cause: cause.map(Arc::new),
            });
        }
    }
}

impl Drop for CancelFunc {
    fn drop(&mut self) {
        self.finish(None);
    }
}

impl fmt::Debug for CancelFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelFunc").finish_non_exhaustive()
    }
}
