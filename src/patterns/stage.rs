//! [`Stage`]: a running stage, by its output.
//!
//! Returned by every function of this module, and taken by every one as its input.
//!
//! # Invariants
//!
//! 1. The channel is received from to its end first, then what the stage had in hand when its context
//!    was done, then its panic: `crew` I2 and I3 say why all of that is there by then.
//! 2. The receive future is the channel's own, and an arm of a select as that is; only its result is
//!    looked at here.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use pin_project::pin_project;

use super::crew::{Owner, Rest};
use crate::chan::op::{Op, Receiving};
use crate::chan::{IntoStream, Receiver, Recv};
use crate::runtime::wait::WaitReason;
use crate::select::{__private::SelectCase, ChanArm, ChanOp};

/// A running stage of a pipeline, by its output.
///
/// Receive from it as from a [`Receiver`]. It is also what the functions of this
/// [module](crate::patterns) take as their input; a plain `Receiver` turns into one.
///
/// Clones share the output: each value goes to one of them. When the last one is dropped the stage is
/// cancelled, and with it what feeds it: `return`, `break` and `?` stop a whole pipeline, and no
/// goroutine waits for ever to send to nobody.
///
/// Go: the `<-chan T` that a stage returns. There one who stops receiving early has to close a `done`
/// channel, or the stage leaks.
///
/// # Examples
///
/// ```
/// use gosched::{Context, patterns};
///
/// # gosched::block_on(async {
/// let ctx = Context::background();
/// let squares = patterns::map(&ctx, patterns::generate(&ctx, 1..), |n| async move { n * n });
/// let mut sum = 0;
/// while let Some(square) = squares.recv().await {
///     if square > 100 {
///         break; // `squares` is dropped below, and both stages end
///     }
///     sum += square;
/// }
/// assert_eq!(sum, 385);
/// # });
/// ```
#[must_use = "a stage ends when nobody holds its output"]
pub struct Stage<T> {
    rx: Receiver<T>,
    /// `None` for what was a plain receiver.
    link: Option<Link<T>>,
}

struct Link<T> {
    rest: Arc<Rest<T>>,
    owner: Arc<Owner>,
}

impl<T> Stage<T> {
    pub(super) fn new(rx: Receiver<T>, rest: Arc<Rest<T>>, owner: Arc<Owner>) -> Self {
        Self {
            rx,
            link: Some(Link { rest, owner }),
        }
    }

    /// Receives a value; `None` when the stage has ended.
    ///
    /// A stage ends when its input does, and when its context is done: ask [`Context::err`] which it
    /// was. In the second case what it had in hand is received first, so that nothing is lost which it
    /// had taken from its input. An arm of `select!`.
    ///
    /// [`Context::err`]: crate::Context::err
    ///
    /// Go: `v, ok := <-ch`.
    ///
    /// # Panics
    ///
    /// Instead of `None`, if the stage, or one that feeds it, panicked: with the same payload, or, when
    /// another handle of it was told before, with its text.
    ///
    /// # Cancel safety
    ///
    /// Strict, as [`Receiver::recv`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::{Context, patterns};
    ///
    /// # gosched::block_on(async {
    /// let numbers = patterns::generate(&Context::background(), [1, 2]);
    /// assert_eq!(numbers.recv().await, Some(1));
    /// assert_eq!(numbers.recv().await, Some(2));
    /// assert_eq!(numbers.recv().await, None);
    /// # });
    /// ```
    #[track_caller]
    #[inline]
    pub fn recv(&self) -> StageRecv<'_, T> {
        StageRecv {
            recv: self.rx.recv(),
            stage: self,
        }
    }

    /// A `futures::Stream` of what [`recv`](Self::recv) gives.
    ///
    /// Go: `for v := range ch`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::StreamExt as _;
    /// use gosched::{Context, patterns};
    ///
    /// # gosched::block_on(async {
    /// let numbers = patterns::generate(&Context::background(), 1..=3).into_stream();
    /// assert_eq!(numbers.collect::<Vec<_>>().await, [1, 2, 3]);
    /// # });
    /// ```
    #[track_caller]
    pub fn into_stream(self) -> StageStream<T> {
        StageStream {
            stream: self.rx.into_stream(),
            link: self.link,
        }
    }
}

/// What a receive gives that the channel answered with `received` (I1).
fn concluded<T>(link: Option<&Link<T>>, received: Option<T>) -> Option<T> {
    if received.is_some() {
        return received;
    }
    let link = link?;
    link.rest.take().or_else(|| {
        link.owner.resume_panic();
        None
    })
}

impl<T> From<Receiver<T>> for Stage<T> {
    fn from(rx: Receiver<T>) -> Self {
        Self { rx, link: None }
    }
}

impl<T> Clone for Stage<T> {
    fn clone(&self) -> Self {
        Self {
            rx: self.rx.clone(),
            link: self.link.clone(),
        }
    }
}

impl<T> Clone for Link<T> {
    fn clone(&self) -> Self {
        Self {
            rest: Arc::clone(&self.rest),
            owner: Arc::clone(&self.owner),
        }
    }
}

impl<T> fmt::Debug for Stage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("receiver", &self.rx)
            .finish_non_exhaustive()
    }
}

/// The future of [`Stage::recv`].
#[must_use = "a receive happens only when it is awaited"]
#[pin_project]
pub struct StageRecv<'a, T> {
    #[pin]
    recv: Recv<'a, T>,
    stage: &'a Stage<T>,
}

impl<T> StageRecv<'_, T> {
    /// See `Recv::renew`.
    #[inline]
    fn renew(self) -> Self {
        Self {
            recv: self.recv.renew(),
            ..self
        }
    }
}

impl<T> Future for StageRecv<'_, T> {
    type Output = Option<T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Option<T>> {
        let this = self.project();
        let link = this.stage.link.as_ref();
        this.recv
            .poll(task)
            .map(|received| concluded(link, received))
    }
}

impl<T> ChanOp for StageRecv<'_, T> {
    type Value = T;
    type Side = Receiving;
    type Output = Option<T>;
    const WAITS: WaitReason = Recv::<T>::WAITS;
    const WAITS_NIL: WaitReason = Recv::<T>::WAITS_NIL;

    #[inline]
    fn op(self: Pin<&mut Self>) -> Pin<&mut Op<T, Receiving>> {
        self.project().recv.op()
    }
    #[inline]
    fn op_ref(&self) -> &Op<T, Receiving> {
        self.recv.op_ref()
    }
    #[inline]
    fn finish(self: Pin<&mut Self>) -> Option<T> {
        let this = self.project();
        concluded(this.stage.link.as_ref(), this.recv.finish())
    }
}

impl<'a, T> SelectCase for StageRecv<'a, T> {
    type Arm = ChanArm<StageRecv<'a, T>>;

    #[inline]
    fn into_arm(this: Option<Self>) -> Self::Arm {
        ChanArm::new(this.map(StageRecv::renew))
    }
}

impl<T> fmt::Debug for StageRecv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageRecv")
            .field("recv", &self.recv)
            .finish_non_exhaustive()
    }
}

/// The stream of [`Stage::into_stream`].
///
/// # Panics
///
/// Polled at its end, if the stage panicked; see [`Stage::recv`].
///
/// # Cancel safety
///
/// As for [`chan::Stream`](crate::chan::Stream).
#[must_use = "a stream does nothing unless it is polled"]
pub struct StageStream<T> {
    stream: IntoStream<T>,
    link: Option<Link<T>>,
}

impl<T> futures::Stream for StageStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Option<T>> {
        let polled = Pin::new(&mut self.stream).poll_next(task);
        polled.map(|received| concluded(self.link.as_ref(), received))
    }
}

impl<T> fmt::Debug for StageStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageStream")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}
