//! The sending end.
//!
//! # Invariants
//!
//! 1. All senders of a channel together hold one of its references; the last one dropped closes the
//!    channel, then gives the reference up. A weak sender holds a reference of its own.
//!
//! What it does not do: it holds no state but the pointer.

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

use super::hchan::{Hchan, Outcome};
use super::{Closed, End, IntoSink, SendError, SendFrom, SendFuture, TrySendError, blocking};
use crate::loom::sync::atomic::Ordering;

/// The sending end of a channel. Clone it for every sender.
///
/// The last one dropped closes the channel.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let (tx, rx) = gosched::chan(1);
/// tx.send("hello").await.unwrap();
/// drop(tx);
/// assert_eq!(rx.recv().await, Some("hello"));
/// assert_eq!(rx.recv().await, None);
/// # });
/// ```
pub struct Sender<T> {
    chan: Option<NonNull<Hchan<T>>>,
}

// SAFETY: the channel behind the pointer is `Send` and `Sync` for `T: Send`.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Sender<T> {}

impl<T> Unpin for Sender<T> {}
impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Sender<T> {
    /// A sender of the nil channel, on which nothing is ever sent.
    ///
    /// # Examples
    ///
    /// ```
    /// let tx = gosched::chan::Sender::nil();
    /// assert!(tx.try_send(1).unwrap_err().is_full());
    /// ```
    pub const fn nil() -> Self {
        Self { chan: None }
    }

    /// # Safety
    ///
    /// One count among the channel's senders is handed over.
    pub(super) const unsafe fn from_raw(chan: Option<NonNull<Hchan<T>>>) -> Self {
        Self { chan }
    }

    #[inline]
    pub(super) fn raw(&self) -> Option<NonNull<Hchan<T>>> {
        self.chan
    }

    #[inline]
    pub(super) fn hchan(&self) -> Option<&Hchan<T>> {
        // SAFETY: hchan I9: this handle is one of those that keep the channel.
        self.chan.map(|chan| unsafe { chan.as_ref() })
    }

    /// Sends a value, when there is room or a receiver that takes it.
    ///
    /// Go's `ch <- v`. Senders that wait are served in the order of their first poll.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the channel is closed, also while the send waits.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the send has either happened, or its value is dropped too. Use
    /// [`send_from`](Self::send_from) where the value must survive.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let (tx, rx) = gosched::chan(0);
    /// let (sent, received) = futures::future::join(tx.send(7), rx.recv()).await;
    /// assert_eq!(sent, Ok(()));
    /// assert_eq!(received, Some(7));
    /// # });
    /// ```
    #[track_caller]
    #[inline]
    pub fn send(&self, value: T) -> SendFuture<'_, T> {
        SendFuture::new(self, value, Location::caller())
    }

    /// Sends the value in `slot`, which is emptied only if the send ends.
    ///
    /// As `send(slot.take())`, but dropped, or not chosen by a `select!`, it puts the value back.
    /// While `slot` is `None` it is never ready.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the channel is closed, also while the send waits.
    ///
    /// # Cancel safety
    ///
    /// Strict: dropped, the send has either happened, and `slot` is `None`, or it has not, and the
    /// value is in `slot`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::FutureExt as _;
    ///
    /// let (tx, rx) = gosched::chan(0);
    /// let mut slot = Some("kept");
    /// // Nobody receives, so this future is dropped without having sent.
    /// assert!(tx.send_from(&mut slot).now_or_never().is_none());
    /// assert_eq!(slot, Some("kept"));
    /// # drop(rx);
    /// ```
    #[track_caller]
    #[inline]
    pub fn send_from<'a>(&'a self, slot: &'a mut Option<T>) -> SendFrom<'a, T> {
        SendFrom::new(self, slot, Location::caller())
    }

    /// Sends a value if that needs no waiting.
    ///
    /// Go's `select { case ch <- v: default: }`. Works in any thread. A failure without room takes
    /// no lock.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the value: `Full` if it would have to wait, `Closed` if the channel is
    /// closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan(1);
    /// assert!(tx.try_send(1).is_ok());
    /// assert!(tx.try_send(2).unwrap_err().is_full());
    /// # drop(rx);
    /// ```
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let Some(chan) = self.hchan() else {
            return Err(TrySendError::Full(value));
        };
        let mut slot = Some(value);
        if chan.push(&mut slot) {
            return Ok(());
        }
        let mirror = chan.mirror();
        let outcome = if mirror.is_closed() {
            Outcome::Closed
        } else if mirror.may_send(chan.capacity()) {
            chan.with(|core| core.send(&mut slot))
        } else {
            Outcome::Block
        };
        match (outcome, slot) {
            (Outcome::Done(ready, _), _) => {
                ready.fire();
                Ok(())
            }
            (Outcome::Closed, Some(value)) => Err(TrySendError::Closed(value)),
            (Outcome::Block, Some(value)) => Err(TrySendError::Full(value)),
            (Outcome::Closed | Outcome::Block, None) => {
                unreachable!("a failed send keeps its value")
            }
        }
    }

    /// Sends a value, and blocks the thread until that is done.
    ///
    /// For plain threads. Inside a goroutine, its P is handed off first, so that others run.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the channel is closed, also while the send waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan(0);
    /// let sender = std::thread::spawn(move || tx.send_blocking(7));
    /// assert_eq!(rx.recv_blocking(), Some(7));
    /// sender.join().unwrap().unwrap();
    /// ```
    #[track_caller]
    pub fn send_blocking(&self, value: T) -> Result<(), SendError<T>> {
        match self.try_send(value) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(value)) => Err(SendError(value)),
            Err(TrySendError::Full(value)) => blocking::wait(self.send(value)),
        }
    }

    /// Closes the channel. `true` for the call that closed it.
    ///
    /// What is buffered can still be received; then receivers get `None`. Receivers that wait are
    /// woken, then senders that wait, with their values. Go's `close(ch)`, which panics on a closed
    /// channel and on a nil one; this returns `false`.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan(1);
    /// tx.try_send(1).unwrap();
    /// assert!(tx.close());
    /// assert!(!tx.close());
    /// assert_eq!(rx.recv_blocking(), Some(1));
    /// assert_eq!(rx.recv_blocking(), None);
    /// ```
    pub fn close(&self) -> bool {
        self.hchan().is_some_and(Hchan::close)
    }

    /// Ready once the channel is closed: by [`close`](Self::close), or because its last receiver is gone. So a
    /// sender that has nothing to send learns that nobody would take it. An arm of `select!` like any future.
    ///
    /// Never ready on the nil channel. Go has no such thing.
    ///
    /// # Cancel safety
    ///
    /// Dropping it changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let (tx, rx) = gosched::chan::<u8>(1);
    /// let listener = gosched::go(async move { rx.recv().await });
    /// tx.send(1).await.unwrap();
    /// tx.closed().await;
    /// assert_eq!(listener.await.unwrap(), Some(1));
    /// # });
    /// ```
    #[track_caller]
    pub fn closed(&self) -> Closed<'_, T> {
        Closed::new(self, Location::caller())
    }

    /// A handle that does not keep the channel open.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan::<u8>(1);
    /// let weak = tx.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(tx);
    /// assert!(rx.is_closed());
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakSender<T> {
        if let Some(chan) = self.hchan() {
            // Relaxed: this handle keeps the channel meanwhile.
            chan.refs.fetch_add(1, Ordering::Relaxed);
        }
        WeakSender { chan: self.chan }
    }

    /// A `futures::Sink` that sends what is put into it.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::SinkExt as _;
    /// # gosched::block_on(async {
    /// let (tx, rx) = gosched::chan(2);
    /// tx.into_sink().send_all(&mut futures::stream::iter([Ok(1), Ok(2)])).await.unwrap();
    /// assert_eq!(rx.recv().await, Some(1));
    /// # });
    /// ```
    #[track_caller]
    pub fn into_sink(self) -> IntoSink<T> {
        IntoSink::new(self, Location::caller())
    }

    /// How many values are buffered; 0 for an unbuffered or nil channel. Go's `len`.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan(2);
    /// tx.try_send(1).unwrap();
    /// assert_eq!(tx.len(), 1);
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
    /// assert_eq!(tx.capacity(), 2);
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
    /// assert!(tx.is_empty());
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
    /// assert!(!tx.is_full());
    /// tx.try_send(1).unwrap();
    /// assert!(tx.is_full());
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
    /// assert!(tx.is_closed());
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

    /// How many [`Sender`]s the channel has; 0 for a nil channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan::<u8>(1);
    /// let other = tx.clone();
    /// assert_eq!(tx.sender_count(), 2);
    /// # drop((other, rx));
    /// ```
    pub fn sender_count(&self) -> usize {
        // Relaxed: a number that may be old when it arrives; nothing is read because of it.
        self.hchan()
            .map_or(0, |chan| chan.senders.load(Ordering::Relaxed))
    }

    /// How many [`Receiver`](crate::chan::Receiver)s the channel has; 0 for a nil channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = gosched::chan::<u8>(1);
    /// assert_eq!(tx.receiver_count(), 1);
    /// # drop((tx, rx));
    /// ```
    pub fn receiver_count(&self) -> usize {
        // Relaxed: as in `sender_count`.
        self.hchan()
            .map_or(0, |chan| chan.receivers.load(Ordering::Relaxed))
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        if let Some(chan) = self.hchan() {
            // Relaxed: this handle keeps the count above 0; nothing is read because of it.
            let count = chan.senders.fetch_add(1, Ordering::Relaxed);
            // Only a program that leaks handles without end gets here; wrapping would free too early.
            if count > isize::MAX as usize {
                std::process::abort();
            }
        }
        Self { chan: self.chan }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let Some(chan) = self.chan else {
            return;
        };
        /// Gives the reference up even if a value's drop panics.
        struct Release<T>(NonNull<Hchan<T>>);
        impl<T> Drop for Release<T> {
            fn drop(&mut self) {
                // SAFETY: the last sender gives up the reference that all held together (I1).
                unsafe { Hchan::release(self.0) }
            }
        }
        // SAFETY: hchan I9: this handle is one of those that keep the channel.
        let hchan = unsafe { chan.as_ref() };
        // Ordering: AcqRel: the last one sees, and its `release` hands on, what the others did before
        // their own decrement, the same operation.
        if hchan.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            let _release = Release(chan);
            hchan.close();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.chan.is_none() {
            return f.write_str("Sender(nil)");
        }
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// A sender that does not keep its channel open.
///
/// # Examples
///
/// ```
/// let (tx, _rx) = gosched::chan::<u8>(1);
/// let weak = tx.downgrade();
/// assert!(weak.upgrade().unwrap().same_channel(&tx));
/// ```
pub struct WeakSender<T> {
    chan: Option<NonNull<Hchan<T>>>,
}

// SAFETY: the channel behind the pointer is `Send` and `Sync` for `T: Send`.
unsafe impl<T: Send> Send for WeakSender<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for WeakSender<T> {}

impl<T> Unpin for WeakSender<T> {}
impl<T> UnwindSafe for WeakSender<T> {}
impl<T> RefUnwindSafe for WeakSender<T> {}

impl<T> WeakSender<T> {
    /// A [`Sender`], unless the last one was dropped.
    ///
    /// For a nil channel, which nothing closes, always one.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, _rx) = gosched::chan::<u8>(1);
    /// let weak = tx.downgrade();
    /// let again = weak.upgrade();
    /// drop(tx);
    /// assert!(again.is_some() && weak.upgrade().is_some());
    /// drop(again);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let Some(chan) = self.chan else {
            return Some(Sender::nil());
        };
        // SAFETY: I1: this handle holds a reference.
        let senders = &unsafe { chan.as_ref() }.senders;
        // Relaxed: as for a clone; a count that is 0 stays 0, and its owners have their reference
        // for as long as it is not.
        let mut count = senders.load(Ordering::Relaxed);
        while count != 0 {
            match senders.compare_exchange_weak(
                count,
                count + 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(Sender { chan: self.chan }),
                Err(now) => count = now,
            }
        }
        None
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        if let Some(chan) = self.chan {
            // Relaxed: this handle keeps the channel meanwhile.
            // SAFETY: I1.
            let refs = unsafe { chan.as_ref() }
                .refs
                .fetch_add(1, Ordering::Relaxed);
            if refs > isize::MAX as usize {
                std::process::abort();
            }
        }
        Self { chan: self.chan }
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        if let Some(chan) = self.chan {
            // SAFETY: I1: the reference is this handle's own.
            unsafe { Hchan::release(chan) }
        }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.chan.is_some() {
            "WeakSender"
        } else {
            "WeakSender(nil)"
        })
    }
}
