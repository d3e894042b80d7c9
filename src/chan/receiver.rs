//! The receiving end.
//!
//! # Invariants
//!
//! 1. All receivers of a channel together hold one of its references; the last one dropped closes the
//!    channel and drops its values, then gives the reference up.
//!
//! What it does not do: it holds no state but the pointer.

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

use super::hchan::{Hchan, Outcome};
use super::{End, IntoStream, Recv, Stream, TryRecvError, blocking};
use crate::loom::sync::atomic::Ordering;

/// The receiving end of a channel. Clone it for every receiver: each value goes to one of them.
///
/// The last one dropped closes the channel, and drops what is buffered.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let (tx, rx) = gosched::chan(8);
/// for n in 0..3 {
///     tx.send(n).await.unwrap();
/// }
/// drop(tx);
/// let mut sum = 0;
/// while let Some(n) = rx.recv().await {
///     sum += n;
/// }
/// assert_eq!(sum, 3);
/// # });
/// ```
pub struct Receiver<T> {
    chan: Option<NonNull<Hchan<T>>>,
}

// SAFETY: the channel behind the pointer is `Send` and `Sync` for `T: Send`.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Receiver<T> {}

impl<T> Unpin for Receiver<T> {}
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Receiver<T> {
    /// A receiver of the nil channel, on which nothing ever arrives.
    ///
    /// # Examples
    ///
    /// ```
    /// let (_tx, mut rx) = gosched::chan::<u8>(0);
    /// assert!(!rx.is_closed());
    /// // Switches the arms of a select off that receive from `rx`.
    /// rx = gosched::chan::Receiver::nil();
    /// assert!(rx.try_recv().unwrap_err().is_empty());
    /// ```
    pub const fn nil() -> Self {
        Self { chan: None }
    }

    /// # Safety
    ///
    /// One count among the channel's receivers is handed over.
    pub(super) const unsafe fn from_raw(chan: Option<NonNull<Hchan<T>>>) -> Self {
        Self { chan }
    }

    #[inline]
    pub(super) fn raw(&self) -> Option<NonNull<Hchan<T>>> {
        self.chan
    }

    #[inline]
    fn hchan(&self) -> Option<&Hchan<T>> {
        // SAFETY: hchan I9: this handle is one of those that keep the channel.
        self.chan.map(|chan| unsafe { chan.as_ref() })
    }

    /// Receives a value; `None` when the channel is closed and drained.
    ///
    /// Go's `v, ok := <-ch`. Receivers that wait are served in the order of their first poll.
    ///
    /// # Cancel safety
    ///
    /// Strict: a value that had already been handed to the dropped future goes to the next receiver,
    /// ahead of all later ones.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let (tx, rx) = gosched::chan(1);
    /// tx.send(7).await.unwrap();
    /// tx.close();
    /// assert_eq!(rx.recv().await, Some(7));
    /// assert_eq!(rx.recv().await, None);
    /// # });
    /// ```
    #[track_caller]
    #[inline]
    pub fn recv(&self) -> Recv<'_, T> {
        Recv::new(self, Location::caller())
    }

    /// Receives a value if that needs no waiting.
    ///
    /// Go's `select { case v, ok := <-ch: default: }`. Works in any thread. A failure takes no lock.
    ///
    /// # Errors
    ///
    /// `Empty` if it would have to wait, `Closed` if the channel is closed and drained.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan(1);
    /// assert!(rx.try_recv().unwrap_err().is_empty());
    /// tx.try_send(7).unwrap();
    /// assert_eq!(rx.try_recv(), Ok(7));
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let chan = self.hchan().ok_or(TryRecvError::Empty)?;
        if let Some((value, _)) = chan.pop() {
            return Ok(value);
        }
        let mirror = chan.mirror();
        if mirror.is_drained() {
            return Err(TryRecvError::Closed);
        }
        if !mirror.may_recv() {
            return Err(TryRecvError::Empty);
        }
        let mut slot = None;
        let outcome = chan.with(|core| core.recv(&mut slot));
        match outcome {
            Outcome::Done(ready, _) => {
                ready.fire();
                Ok(slot.expect("a receive that happened has a value"))
            }
            Outcome::Closed => Err(TryRecvError::Closed),
            Outcome::Block => Err(TryRecvError::Empty),
        }
    }

    /// Receives a value, and blocks the thread until there is one.
    ///
    /// `None` when the channel is closed and drained. For plain threads. Inside a goroutine, its P is
    /// handed off first, so that others run.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan(1);
    /// std::thread::spawn(move || tx.send_blocking(7));
    /// assert_eq!(rx.recv_blocking(), Some(7));
    /// assert_eq!(rx.recv_blocking(), None);
    /// ```
    #[track_caller]
    pub fn recv_blocking(&self) -> Option<T> {
        match self.try_recv() {
            Ok(value) => Some(value),
            Err(TryRecvError::Closed) => None,
            Err(TryRecvError::Empty) => blocking::wait(self.recv()),
        }
    }

    /// A `futures::Stream` of the values; it ends when the channel is closed and drained.
    ///
    /// Go's `for v := range ch`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::StreamExt as _;
    /// # gosched::block_on(async {
    /// let (tx, rx) = gosched::chan(2);
    /// tx.send(1).await.unwrap();
    /// tx.send(2).await.unwrap();
    /// tx.close();
    /// assert_eq!(rx.stream().collect::<Vec<_>>().await, [1, 2]);
    /// # });
    /// ```
    #[track_caller]
    pub fn stream(&self) -> Stream<'_, T> {
        Stream::new(self, Location::caller())
    }

    /// As [`stream`](Self::stream), but owns the receiver.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::StreamExt as _;
    /// # gosched::block_on(async {
    /// let (tx, rx) = gosched::chan(1);
    /// let mut values = rx.into_stream();
    /// tx.send(1).await.unwrap();
    /// assert_eq!(values.next().await, Some(1));
    /// # });
    /// ```
    #[track_caller]
    pub fn into_stream(self) -> IntoStream<T> {
        IntoStream::new(self, Location::caller())
    }

    /// How many values are buffered; 0 for an unbuffered or nil channel. Go's `len`.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan(2);
    /// tx.try_send(1).unwrap();
    /// assert_eq!(rx.len(), 1);
    /// # drop((tx, rx));
    /// ```
    pub fn len(&self) -> usize {
        self.hchan().map_or(0, Hchan::len)
    }

    /// How many values fit; 0 for an unbuffered or nil channel. Go's `cap`.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan::<u8>(2);
    /// assert_eq!(rx.capacity(), 2);
    /// # drop((tx, rx));
    /// ```
    pub fn capacity(&self) -> usize {
        self.hchan().map_or(0, Hchan::capacity)
    }

    /// Whether nothing is buffered. Always so for an unbuffered channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan::<u8>(1);
    /// assert!(rx.is_empty());
    /// # drop((tx, rx));
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the buffer has no room. Always so for an unbuffered channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan(1);
    /// assert!(!rx.is_full());
    /// tx.try_send(1).unwrap();
    /// assert!(rx.is_full());
    /// # drop((tx, rx));
    /// ```
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }

    /// Whether sends fail: closed by hand, or because one side has no handle left.
    ///
    /// Values may still be buffered.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan::<u8>(1);
    /// tx.close();
    /// assert!(rx.is_closed());
    /// # drop((tx, rx));
    /// ```
    pub fn is_closed(&self) -> bool {
        self.hchan().is_some_and(|chan| chan.mirror().is_closed())
    }

    /// Whether the other handle, of either end, is one of this channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan::<u8>(1);
    /// assert!(tx.same_channel(&rx) && rx.same_channel(&rx.clone()));
    /// ```
    pub fn same_channel(&self, other: &impl End<T>) -> bool {
        self.raw().map(NonNull::cast) == other.address()
    }

    /// How many [`Sender`](crate::chan::Sender)s the channel has; 0 for a nil channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan::<u8>(1);
    /// let other = tx.clone();
    /// assert_eq!(rx.sender_count(), 2);
    /// # drop((other, rx));
    /// ```
    pub fn sender_count(&self) -> usize {
        // Relaxed: a number that may be old when it arrives; nothing is read because of it.
        self.hchan()
            .map_or(0, |chan| chan.senders.load(Ordering::Relaxed))
    }

    /// How many [`Receiver`]s the channel has; 0 for a nil channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan::<u8>(1);
    /// assert_eq!(rx.receiver_count(), 1);
    /// # drop((tx, rx));
    /// ```
    pub fn receiver_count(&self) -> usize {
        // Relaxed: as in `sender_count`.
        self.hchan()
            .map_or(0, |chan| chan.receivers.load(Ordering::Relaxed))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        if let Some(chan) = self.hchan() {
            // Relaxed: this handle keeps the count above 0; nothing is read because of it.
            let count = chan.receivers.fetch_add(1, Ordering::Relaxed);
            // Only a program that leaks handles without end gets here; wrapping would free too early.
            if count > isize::MAX as usize {
                std::process::abort();
            }
        }
        Self { chan: self.chan }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let Some(chan) = self.chan else {
            return;
        };
        /// Gives the reference up even if a value's drop panics.
        struct Release<T>(NonNull<Hchan<T>>);
        impl<T> Drop for Release<T> {
            fn drop(&mut self) {
                // SAFETY: the last receiver gives up the reference that all held together (I1).
                unsafe { Hchan::release(self.0) }
            }
        }
        // SAFETY: hchan I9: this handle is one of those that keep the channel.
        let hchan = unsafe { chan.as_ref() };
        // Ordering: AcqRel: the last one sees, and its `release` hands on, what the others did before
        // their own decrement, the same operation.
        if hchan.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            let _release = Release(chan);
            hchan.abandon();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.chan.is_none() {
            return f.write_str("Receiver(nil)");
        }
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}
