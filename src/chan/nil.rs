//! The nil channel.
//!
//! Made by hand, or put in the place of a channel to switch an arm of a select off.
//!
//! # Invariants
//!
//! 1. A handle of a nil channel holds no pointer, so all nil channels of a type are the same one.

use super::{Receiver, Sender};

/// Both ends of a nil channel: never ready, never closed, without length or capacity.
///
/// An arm of a `select!` on a nil channel is never chosen. In Go, `var c chan T`.
///
/// # Examples
///
/// ```
/// let (tx, rx) = gosched::chan::nil::<u8>();
/// assert!(tx.try_send(1).unwrap_err().is_full());
/// assert!(rx.try_recv().unwrap_err().is_empty());
/// assert!(!tx.close());
/// ```
pub const fn nil<T>() -> (Sender<T>, Receiver<T>) {
    (Sender::nil(), Receiver::nil())
}
