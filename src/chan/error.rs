//! What a channel operation can fail with.
//!
//! Returned by every sending and receiving call of this module. A failed send always carries the
//! value that was not sent.
//!
//! # Invariants
//!
//! 1. None of these needs anything of `T`: neither `Debug` nor `Display` shows the value.
//!
//! What it does not do: no receive has an error of its own beside [`TryRecvError`]; a drained channel
//! answers `None`.

use std::error::Error;
use std::fmt;

/// A send failed because the channel is closed; the value is in it.
///
/// Go panics here ("send on closed channel").
///
/// # Examples
///
/// ```
/// use gosched::chan;
///
/// let (tx, rx) = chan::<String>(1);
/// tx.close();
/// let err = tx.send_blocking("late".to_string()).unwrap_err();
/// assert_eq!(err.to_string(), "send on a closed channel");
/// assert_eq!(err.into_inner(), "late");
/// # drop(rx);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

impl<T> SendError<T> {
    /// The value that was not sent.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gosched::chan::SendError(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("send on a closed channel")
    }
}

impl<T> Error for SendError<T> {}

/// A send that may not wait failed; the value is in it.
///
/// # Examples
///
/// ```
/// use gosched::chan::{self, TrySendError};
///
/// let (tx, _rx) = chan::chan(1);
/// tx.try_send(1).unwrap();
/// assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
/// tx.close();
/// assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room and no receiver waits.
    Full(T),
    /// The channel is closed.
    Closed(T),
}

impl<T> TrySendError<T> {
    /// The value that was not sent.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gosched::chan::TrySendError::Full(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }

    /// Whether there was no room.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(gosched::chan::TrySendError::Full(7).is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the channel was closed.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(gosched::chan::TrySendError::Closed(7).is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "no room in the channel and no receiver waiting",
            Self::Closed(_) => "send on a closed channel",
        })
    }
}

impl<T> Error for TrySendError<T> {}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(err: SendError<T>) -> Self {
        Self::Closed(err.0)
    }
}

/// A receive that may not wait found nothing.
///
/// # Examples
///
/// ```
/// use gosched::chan::{self, TryRecvError};
///
/// let (tx, rx) = chan::chan::<u8>(0);
/// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
/// drop(tx);
/// assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing is buffered and no sender waits.
    Empty,
    /// The channel is closed and drained.
    Closed,
}

impl TryRecvError {
    /// Whether the channel was merely empty.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(gosched::chan::TryRecvError::Empty.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Whether the channel was closed and drained.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(gosched::chan::TryRecvError::Closed.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "nothing in the channel and no sender waiting",
            Self::Closed => "the channel is closed and drained",
        })
    }
}

impl Error for TryRecvError {}
