//! Making a channel, and what both of its ends have in common.
//!
//! # Invariants
//!
//! 1. A capacity that cannot be had is the caller's mistake and panics at the caller's line.

use std::ptr::NonNull;

use super::hchan::Hchan;
use super::{Receiver, Sender};

/// Makes a channel with room for `capacity` values; with 0 it is unbuffered.
///
/// In an unbuffered channel, a send is over when a receiver has taken the value. Go's
/// `make(chan T, capacity)`.
///
/// # Panics
///
/// If memory for so many values cannot be had. More than `usize::MAX / 256` are refused even where they take none.
///
/// # Examples
///
/// ```
/// let (tx, rx) = gosched::chan(2);
/// tx.try_send("a").unwrap();
/// tx.try_send("b").unwrap();
/// assert!(tx.try_send("c").is_err());
/// assert_eq!(rx.try_recv(), Ok("a"));
/// ```
#[track_caller]
pub fn chan<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    match Hchan::allocate(capacity) {
        // SAFETY: the new block counts one sender and one receiver.
        Some(chan) => unsafe { (Sender::from_raw(Some(chan)), Receiver::from_raw(Some(chan))) },
        None => panic!(
            "chan: capacity {capacity} is out of range for values of {} bytes",
            size_of::<T>()
        ),
    }
}

/// A handle of a channel: a [`Sender`] or a [`Receiver`].
///
/// What `same_channel` can be asked with. Implemented by nothing else.
///
/// # Examples
///
/// ```
/// let (tx, rx) = gosched::chan::<u8>(0);
/// assert!(tx.same_channel(&rx));
/// assert!(rx.same_channel(&tx.clone()));
/// assert!(!rx.same_channel(&gosched::chan::<u8>(0).1));
/// ```
pub trait End<T>: sealed::End<T> {}

impl<T, E: sealed::End<T>> End<T> for E {}

pub(super) mod sealed {
    use super::*;

    pub trait End<T> {
        #[doc(hidden)]
        fn address(&self) -> Option<NonNull<()>>;
    }

    impl<T> End<T> for Sender<T> {
        fn address(&self) -> Option<NonNull<()>> {
            self.raw().map(NonNull::cast)
        }
    }

    impl<T> End<T> for Receiver<T> {
        fn address(&self) -> Option<NonNull<()>> {
            self.raw().map(NonNull::cast)
        }
    }
}
