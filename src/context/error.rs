//! Why a context is done: the two errors, and the cause behind them.
//!
//! Used by every file of this module. Nothing here holds state beyond two shared causes that are
//! made when first asked for.
//!
//! # Invariants
//!
//! 1. [`ContextError`] has exactly Go's two values, in Go's words.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, LazyLock};

/// Why a context was cancelled, in the words of whoever did it.
///
/// [`Context::cause`](crate::Context::cause) gives it; `downcast_ref` finds the concrete error.
///
/// Go: what `context.Cause` returns.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why a context is done.
///
/// Go: `context.Canceled` and `context.DeadlineExceeded`.
///
/// # Examples
///
/// ```
/// use gosched::context::{Context, ContextError};
///
/// let (ctx, cancel) = Context::background().with_cancel();
/// assert_eq!(ctx.err(), None);
/// cancel.cancel();
/// assert_eq!(ctx.err(), Some(ContextError::Canceled));
/// assert_eq!(ctx.err().unwrap().to_string(), "context canceled");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContextError {
    /// Somebody cancelled it, or a context above it.
    Canceled,
    /// Its deadline, or one above it, has passed.
    DeadlineExceeded,
}

impl ContextError {
    /// Whether time ran out, rather than somebody cancelling.
    ///
    /// Go: the error's `Timeout` method.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::context::ContextError;
    ///
    /// assert!(ContextError::DeadlineExceeded.is_timeout());
    /// assert!(!ContextError::Canceled.is_timeout());
    /// ```
    pub fn is_timeout(self) -> bool {
        self == Self::DeadlineExceeded
    }

    /// The cause of a context that was given none: the error itself.
    pub(super) fn as_cause(self) -> Cause {
        static CANCELED: LazyLock<Cause> = LazyLock::new(|| Arc::new(ContextError::Canceled));
        static EXCEEDED: LazyLock<Cause> =
            LazyLock::new(|| Arc::new(ContextError::DeadlineExceeded));
        match self {
            Self::Canceled => CANCELED.clone(),
            Self::DeadlineExceeded => EXCEEDED.clone(),
        }
    }
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Canceled => "context canceled",
            Self::DeadlineExceeded => "context deadline exceeded",
        })
    }
}

impl Error for ContextError {}

/// A passed deadline becomes [`io::ErrorKind::TimedOut`], a cancellation [`io::ErrorKind::Other`]:
/// `Interrupted` would make `read_exact` and its like try again for ever.
impl From<ContextError> for io::Error {
    fn from(error: ContextError) -> Self {
        let kind = match error {
            ContextError::Canceled => io::ErrorKind::Other,
            ContextError::DeadlineExceeded => io::ErrorKind::TimedOut,
        };
        Self::new(kind, error)
    }
}

/// Turns what a caller gives as the cause into one. A [`Cause`] stays the one it is, so that
/// `downcast_ref` still finds what is inside.
pub(super) fn into_cause(error: impl Into<Box<dyn Error + Send + Sync>>) -> Cause {
    match error.into().downcast::<Cause>() {
        Ok(cause) => *cause,
        Err(other) => Cause::from(other),
    }
}
