//! [`Context`]: the handle, and what can be asked of it.
//!
//! Called by users. Its other methods are in the files of what they make: `cancel`, `deadline`,
//! `after`, `token`.
//!
//! # Invariants
//!
//! 1. A handle is one reference to one node; cloning it makes no new context.
//! 2. Nothing asked of a live context takes a lock.

use std::future::IntoFuture;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use super::done::Done;
use super::error::{Cause, ContextError};
use super::run::Run;
use super::tree::{Kind, Never, Node};
use super::value::{self, Entry};

/// Carries cancellation, a deadline and values from a request down to its work.
///
/// A handle is cheap to clone, `Send` and `Sync`, and works under any executor. A context owns no
/// goroutine.
///
/// Go: `context.Context`.
///
/// # Examples
///
/// ```
/// use gosched::Context;
///
/// struct RequestId(u64);
///
/// let (ctx, cancel) = Context::background().with_cancel();
/// let ctx = ctx.with_value(RequestId(7));
/// assert_eq!(ctx.value::<RequestId>().unwrap().0, 7);
/// cancel.cancel();
/// assert!(ctx.check().is_err());
/// ```
#[derive(Clone)]
pub struct Context {
    pub(super) node: Arc<Node>,
}

impl Context {
    /// The root of a tree of contexts: never done, no deadline, no values.
    ///
    /// Go: `context.Background`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    ///
    /// assert_eq!(Context::background().to_string(), "context.Background");
    /// ```
    pub fn background() -> Self {
        Self::root("context.Background")
    }

    /// As [`background`](Self::background), where it is not yet clear which context to use.
    ///
    /// Go: `context.TODO`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    ///
    /// assert_eq!(Context::todo().to_string(), "context.TODO");
    /// ```
    pub fn todo() -> Self {
        Self::root("context.TODO")
    }

    fn root(name: &'static str) -> Self {
        let kind = Kind::Root {
            name,
            never: Never::default(),
        };
        Self {
            node: Arc::new(Node { parent: None, kind }),
        }
    }

    /// A context that also carries `value`, under its type.
    ///
    /// It hides a value of the same type further up. It is done exactly when this one is. Use a
    /// type of your own for each purpose: two libraries that both carry a `String` would hide each
    /// other's.
    ///
    /// Go: `context.WithValue`, where the key is the type.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    ///
    /// #[derive(Debug, PartialEq)]
    /// struct User(&'static str);
    ///
    /// let ctx = Context::background().with_value(User("ann"));
    /// assert_eq!(ctx.value(), Some(&User("ann")));
    /// assert_eq!(ctx.with_value(User("bob")).value(), Some(&User("bob")));
    /// ```
    #[must_use]
    pub fn with_value<T: Send + Sync + 'static>(&self, value: T) -> Self {
        Self {
            node: Entry::node(&self.node, value),
        }
    }

    /// The nearest value of type `T`, here or above.
    ///
    /// Go: `ctx.Value`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    ///
    /// let ctx = Context::background().with_value(7_u32);
    /// assert_eq!(ctx.value::<u32>(), Some(&7));
    /// assert_eq!(ctx.value::<u64>(), None);
    /// ```
    pub fn value<T: 'static>(&self) -> Option<&T> {
        value::find(&self.node)
    }

    /// A context with the same values that neither cancellation nor deadline of this one reaches.
    ///
    /// For work that must finish although its request is over.
    ///
    /// Go: `context.WithoutCancel`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_value(7_u32).with_cancel();
    /// let audit = ctx.without_cancel();
    /// cancel.cancel();
    /// assert!(audit.check().is_ok());
    /// assert_eq!(audit.value::<u32>(), Some(&7));
    /// ```
    #[must_use]
    pub fn without_cancel(&self) -> Self {
        Self {
            node: Node::step(
                &self.node,
                Kind::WithoutCancel {
                    never: Never::default(),
                },
            ),
        }
    }

    /// Waits until the context is done.
    ///
    /// Ready at once if it is; never, if it cannot be cancelled. An arm of `select!`.
    ///
    /// Go: `<-ctx.Done()`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    ///
    /// # gosched::block_on(async {
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// gosched::go(async move { cancel.cancel() });
    /// ctx.done().await;
    /// assert!(ctx.err().is_some());
    /// # });
    /// ```
    #[track_caller]
    pub fn done(&self) -> Done<'_> {
        Done::new(self, Location::caller())
    }

    /// Why the context is done, or `None` while it is not.
    ///
    /// One atomic load. Once it returns an error it always returns that one, and
    /// [`done`](Self::done) is ready.
    ///
    /// Go: `ctx.Err`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::context::{Context, ContextError};
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// assert_eq!(ctx.err(), None);
    /// drop(cancel);
    /// assert_eq!(ctx.err(), Some(ContextError::Canceled));
    /// ```
    #[inline]
    pub fn err(&self) -> Option<ContextError> {
        self.node.scope()?.error()
    }

    /// [`err`](Self::err) as a `Result`, for `?`.
    ///
    /// # Errors
    ///
    /// Why the context is done, if it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::context::{Context, ContextError};
    ///
    /// fn sum(ctx: &Context, of: &[u64]) -> Result<u64, ContextError> {
    ///     let mut sum = 0;
    ///     for part in of.chunks(1_000) {
    ///         ctx.check()?;
    ///         sum += part.iter().sum::<u64>();
    ///     }
    ///     Ok(sum)
    /// }
    /// assert_eq!(sum(&Context::background(), &[1, 2, 3]), Ok(6));
    /// ```
    #[inline]
    pub fn check(&self) -> Result<(), ContextError> {
        match self.err() {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    /// What whoever ended the context gave as the reason, or `None` while it is not done.
    ///
    /// Where no reason was given it is the error that [`err`](Self::err) returns. A context that
    /// ended with its parent has the parent's cause. The first cause stays.
    ///
    /// Go: `context.Cause`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// cancel.cancel_cause("client went away");
    /// assert_eq!(ctx.cause().unwrap().to_string(), "client went away");
    /// ```
    pub fn cause(&self) -> Option<Cause> {
        let end = self.node.scope()?.ended()?;
        Some(match end.cause {
            Some(cause) => Cause::clone(&cause),
            None => end.error.as_cause(),
        })
    }

    /// When the context will be done at the latest, if there is a deadline here or above.
    ///
    /// Go: `ctx.Deadline`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    /// use std::time::{Duration, Instant};
    ///
    /// let (ctx, _cancel) = Context::background().with_timeout(Duration::from_secs(3));
    /// let (later, _cancel) = ctx.with_timeout(Duration::from_secs(9));
    /// assert_eq!(later.deadline(), ctx.deadline());
    /// assert!(ctx.deadline().unwrap() > Instant::now());
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        Some(self.node.scope()?.deadline.as_ref()?.at())
    }

    /// Runs `future` until it is ready or the context is done, whichever comes first.
    ///
    /// The context is looked at first, on every poll: when both are so far, the context wins, and a
    /// request that was cancelled does no more work. (Go's `select` over the two would toss a
    /// coin.) The future is dropped before the result is handed on. What this returns owns a handle
    /// of the context, so it may be given to [`go`](crate::go()).
    ///
    /// Go: no equivalent; a goroutine and a `select` over its result and `ctx.Done()`.
    ///
    /// # Errors
    ///
    /// Why the context is done, if that came first.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops `future`; it is as safe as `future` is.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::context::{Context, ContextError};
    ///
    /// # gosched::block_on(async {
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// assert_eq!(ctx.run(async { 7 }).await, Ok(7));
    /// cancel.cancel();
    /// assert_eq!(ctx.run(std::future::pending::<()>()).await, Err(ContextError::Canceled));
    /// # });
    /// ```
    #[track_caller]
    pub fn run<F: IntoFuture>(&self, future: F) -> Run<F::IntoFuture> {
        Run::new(self.clone(), future.into_future(), Location::caller())
    }
}
