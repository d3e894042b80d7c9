//! Forwarding between our channels and those of the crate `async-channel` (feature `async-channel`).
//!
//! Called by users who have one kind where a library wants the other. Each direction is a future that moves one
//! value after the other; the conversions with `From` run it in a goroutine.
//!
//! # Invariants
//!
//! 1. A value is taken from the source only when the one before has been delivered: so at most one is in the
//!    future's hands, the order is kept, and a full destination holds the source's senders back.
//! 2. The future owns both ends. When it is over, however it ends, each of the two channels has one handle less,
//!    which closes it if that was the last one on its side.
//!
//! What it does not do: give back the value in its hands when it is dropped. `async-channel` has no way to wait
//! for room without giving the value away.

use ::async_channel as foreign;

use super::{Receiver, SendError, Sender, chan};
use crate::select;

impl<T> Receiver<T> {
    /// Moves every value into an `async-channel`, until there are no more or nobody takes them.
    ///
    /// It waits while the destination is full, and ends
    ///
    /// - with `Ok`, when this channel is closed and drained. The destination closes if `to` was its last sender.
    /// - with an error as soon as the destination is closed, also while there is nothing to forward. This channel
    ///   closes if this was its last receiver.
    ///
    /// Run it in a goroutine, or as a future under any executor. In Go: `for v := range rx { to <- v }`.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value that was to be delivered when the destination closed, if there was one.
    ///
    /// # Cancel safety
    ///
    /// It may be awaited by `&mut` in a `select!`, and goes on at the next await. Dropped, it drops the value that
    /// waits for room, if there is one; all others stay in this channel.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let (tx, rx) = gosched::chan(0);
    /// let (to, foreign) = async_channel::bounded(1);
    /// let forwarder = gosched::go(rx.forward_to(to));
    /// for n in 1..=3 {
    ///     tx.send(n).await.unwrap();
    ///     assert_eq!(foreign.recv().await, Ok(n));
    /// }
    /// drop(tx);
    /// assert_eq!(forwarder.await.unwrap(), Ok(()));
    /// assert!(foreign.is_closed());
    /// # });
    /// ```
    pub async fn forward_to(self, to: foreign::Sender<T>) -> Result<(), SendError<Option<T>>> {
        loop {
            let value = select! {
                value = self.recv() => value,
                () = to.closed() => return Err(SendError(None)),
            };
            let Some(value) = value else {
                return Ok(());
            };
            if let Err(foreign::SendError(value)) = to.send(value).await {
                return Err(SendError(Some(value)));
            }
        }
    }
}

impl<T> Sender<T> {
    /// Moves every value of an `async-channel` into this channel, until there are no more or nobody takes them:
    /// [`Receiver::forward_to`] in the other direction, with the same endings.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value that was to be delivered when this channel closed, if there was one.
    ///
    /// # Cancel safety
    ///
    /// As [`Receiver::forward_to`].
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let (foreign, from) = async_channel::unbounded();
    /// let (tx, rx) = gosched::chan(0);
    /// let forwarder = gosched::go(tx.forward_from(from));
    /// foreign.send("hello").await.unwrap();
    /// assert_eq!(rx.recv().await, Some("hello"));
    /// // Nobody listens any more: the other side learns it.
    /// drop(rx);
    /// assert!(forwarder.await.unwrap().is_err());
    /// assert!(foreign.is_closed());
    /// # });
    /// ```
    pub async fn forward_from(
        self,
        from: foreign::Receiver<T>,
    ) -> Result<(), SendError<Option<T>>> {
        loop {
            let value = select! {
                value = from.recv() => value,
                () = self.closed() => return Err(SendError(None)),
            };
            let Ok(value) = value else {
                return Ok(());
            };
            if let Err(SendError(value)) = self.send(value).await {
                return Err(SendError(Some(value)));
            }
        }
    }
}

/// A goroutine forwards, as [`Sender::forward_from`] does, into an unbuffered channel. It takes a value before
/// somebody asks for it; one that it holds when the receiver goes away is dropped.
impl<T: Send + 'static> From<foreign::Receiver<T>> for Receiver<T> {
    #[track_caller]
    fn from(from: foreign::Receiver<T>) -> Self {
        let (tx, rx) = chan(0);
        // The goroutine ends with either of the channels.
        drop(crate::go(tx.forward_from(from)));
        rx
    }
}

/// A goroutine forwards, as [`Receiver::forward_to`] does, into a channel with room for one value, the least that
/// an `async-channel` can have.
impl<T: Send + 'static> From<Receiver<T>> for foreign::Receiver<T> {
    #[track_caller]
    fn from(from: Receiver<T>) -> Self {
        let (tx, rx) = foreign::bounded(1);
        // As above.
        drop(crate::go(from.forward_to(tx)));
        rx
    }
}

/// A goroutine forwards what is sent, as [`Receiver::forward_to`] does. A send has happened when the goroutine
/// has the value, before it is delivered; it fails once the destination is closed.
impl<T: Send + 'static> From<foreign::Sender<T>> for Sender<T> {
    #[track_caller]
    fn from(to: foreign::Sender<T>) -> Self {
        let (tx, rx) = chan(0);
        // As above.
        drop(crate::go(rx.forward_to(to)));
        tx
    }
}

/// A goroutine forwards what is sent, as [`Sender::forward_from`] does, by way of a channel with room for one
/// value.
impl<T: Send + 'static> From<Sender<T>> for foreign::Sender<T> {
    #[track_caller]
    fn from(to: Sender<T>) -> Self {
        let (tx, rx) = foreign::bounded(1);
        // As above.
        drop(crate::go(to.forward_from(rx)));
        tx
    }
}
