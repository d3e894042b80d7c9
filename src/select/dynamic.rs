//! A select whose arms are known only at run time.
//!
//! # Invariants
//!
//! 1. The arms are dropped before the selector: fields drop in order.
//! 2. The chosen arm's handler runs after all other arms are gone.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use super::case::{Arm, Case, SelectCase};
use super::engine::{Cases, Selector};
use super::future_arm::FutureArm;
use crate::chan::{Receiver, SendError, Sender};

/// A `select!` whose arms are added one by one; each has a handler for its result.
///
/// Await it to have exactly one arm happen; it yields what that arm's handler returns. Go's
/// `reflect.Select`. Each arm is one allocation.
///
/// # Panics
///
/// A second [`default`](Self::default) panics.
///
/// # Cancel safety
///
/// As for `select!`: dropping it is safe at any time, and has had no effect before it is ready, but
/// for a send arm that a receiver had already taken.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// use gosched::select::Select;
///
/// let (tx, rx) = gosched::chan(1);
/// let (_, quiet) = gosched::chan::nil::<u8>();
/// tx.send(7).await.unwrap();
/// let got = Select::new()
///     .recv(&rx, |v| format!("got {v:?}"))
///     .recv(&quiet, |_| "never".to_string())
///     .await;
/// assert_eq!(got, "got Some(7)");
/// # });
/// ```
#[must_use = "a select does nothing unless it is awaited"]
pub struct Select<'a, R> {
    arms: Vec<Pin<Box<dyn Bound<R> + marker::Send + 'a>>>,
    default: Option<Handler<'a, R>>,
    biased: bool,
    site: &'static Location<'static>,
}

type Handler<'a, R> = Box<dyn FnOnce() -> R + marker::Send + 'a>;

/// An arm with its handler.
trait Bound<R> {
    fn case(self: Pin<&mut Self>) -> Pin<&mut dyn Case>;
    /// Calls the handler of the chosen arm.
    fn finish(self: Pin<&mut Self>) -> R;
}

#[pin_project]
struct WithHandler<A, H> {
    #[pin]
    arm: A,
    handler: Option<H>,
}

impl<A: Arm, R, H: FnOnce(A::Output) -> R> Bound<R> for WithHandler<A, H> {
    fn case(self: Pin<&mut Self>) -> Pin<&mut dyn Case> {
        self.project().arm
    }
    fn finish(self: Pin<&mut Self>) -> R {
        let this = self.project();
        let output = this.arm.finish();
        let handler = this.handler.take().expect("a select ends once");
        handler(output)
    }
}

impl<'a, R> Select<'a, R> {
    /// A select without arms, which waits for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let select = gosched::select::Select::<()>::new();
    /// assert_eq!(select.default(|| ()).await, ());
    /// # });
    /// ```
    #[track_caller]
    pub fn new() -> Self {
        Self {
            arms: Vec::new(),
            default: None,
            biased: false,
            site: Location::caller(),
        }
    }

    fn with<A, H>(mut self, arm: A, handler: H) -> Self
    where
        A: Arm + marker::Send + 'a,
        H: FnOnce(A::Output) -> R + marker::Send + 'a,
    {
        self.arms.push(Box::pin(WithHandler {
            arm,
            handler: Some(handler),
        }));
        self
    }

    /// Adds a receive.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let (tx, rx) = gosched::chan(1);
    /// tx.send(7).await.unwrap();
    /// assert_eq!(gosched::select::Select::new().recv(&rx, |v| v).await, Some(7));
    /// # });
    /// ```
    #[track_caller]
    pub fn recv<T: marker::Send + 'a>(
        self,
        rx: &'a Receiver<T>,
        handler: impl FnOnce(Option<T>) -> R + marker::Send + 'a,
    ) -> Self {
        self.with(SelectCase::into_arm(Some(rx.recv())), handler)
    }

    /// Adds a send. The value is dropped if another arm is chosen.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let (tx, rx) = gosched::chan(1);
    /// assert!(gosched::select::Select::new().send(&tx, 7, |sent| sent.is_ok()).await);
    /// assert_eq!(rx.try_recv(), Ok(7));
    /// # });
    /// ```
    #[track_caller]
    pub fn send<T: marker::Send + 'a>(
        self,
        tx: &'a Sender<T>,
        value: T,
        handler: impl FnOnce(Result<(), SendError<T>>) -> R + marker::Send + 'a,
    ) -> Self {
        self.with(SelectCase::into_arm(Some(tx.send(value))), handler)
    }

    /// Adds a send out of a slot, where the value stays if another arm is chosen.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let (tx, _rx) = gosched::chan(0);
    /// let mut slot = Some(7);
    /// let select = gosched::select::Select::new();
    /// assert!(!select.send_from(&tx, &mut slot, |_| true).default(|| false).await);
    /// assert_eq!(slot, Some(7));
    /// # });
    /// ```
    #[track_caller]
    pub fn send_from<T: marker::Send + 'a>(
        self,
        tx: &'a Sender<T>,
        slot: &'a mut Option<T>,
        handler: impl FnOnce(Result<(), SendError<T>>) -> R + marker::Send + 'a,
    ) -> Self {
        self.with(SelectCase::into_arm(Some(tx.send_from(slot))), handler)
    }

    /// Adds any future. It is dropped if another arm is chosen; pass `&mut` to keep it.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let ready = std::future::ready(7);
    /// assert_eq!(gosched::select::Select::new().future(ready, |v| v + 1).await, 8);
    /// # });
    /// ```
    pub fn future<F>(
        self,
        future: F,
        handler: impl FnOnce(F::Output) -> R + marker::Send + 'a,
    ) -> Self
    where
        F: IntoFuture,
        F::IntoFuture: marker::Send + 'a,
        F::Output: marker::Send + 'a,
    {
        self.with(
            FutureArm::<_, false>::new(Some(future.into_future())),
            handler,
        )
    }

    /// What to do when no arm is ready: then the select does not wait.
    ///
    /// # Panics
    ///
    /// If it has a default already.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let (_tx, rx) = gosched::chan::<u8>(1);
    /// assert_eq!(gosched::select::Select::new().recv(&rx, |v| v).default(|| None).await, None);
    /// # });
    /// ```
    #[track_caller]
    pub fn default(mut self, handler: impl FnOnce() -> R + marker::Send + 'a) -> Self {
        assert!(self.default.is_none(), "a select has at most one default");
        self.default = Some(Box::new(handler));
        self
    }

    /// Chooses the first ready arm in the order in which they were added.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let (tx, rx) = gosched::chan(2);
    /// tx.try_send(1).unwrap();
    /// tx.try_send(2).unwrap();
    /// let select = gosched::select::Select::new();
    /// let which = select.recv(&rx, |_| "first").recv(&rx, |_| "second").biased().await;
    /// assert_eq!(which, "first");
    /// # });
    /// ```
    pub fn biased(mut self) -> Self {
        self.biased = true;
        self
    }
}

impl<R> Default for Select<'_, R> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<'a, R> IntoFuture for Select<'a, R> {
    type Output = R;
    type IntoFuture = Running<'a, R>;

    fn into_future(self) -> Running<'a, R> {
        Running {
            arms: self.arms,
            default: self.default,
            selector: Selector::at(self.biased, self.site),
        }
    }
}

impl<R> fmt::Debug for Select<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select")
            .field("arms", &self.arms.len())
            .finish_non_exhaustive()
    }
}

/// The future of a [`Select`].
#[must_use = "a select does nothing unless it is awaited"]
#[pin_project]
pub struct Running<'a, R> {
    arms: Vec<Pin<Box<dyn Bound<R> + marker::Send + 'a>>>,
    default: Option<Handler<'a, R>>,
    #[pin]
    selector: Selector,
}

impl<'a, R> Cases for Vec<Pin<Box<dyn Bound<R> + marker::Send + 'a>>> {
    fn len(&self) -> usize {
        Vec::len(self)
    }
    fn at(&mut self, index: usize) -> Pin<&mut dyn Case> {
        self[index].as_mut().case()
    }
}

impl<R> Future for Running<'_, R> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = self.project();
        let index = match this.default.take() {
            None => ready!(this.selector.poll_cases(this.arms, cx)),
            Some(default) => match this.selector.try_cases(this.arms) {
                Some(index) => index,
                None => {
                    this.arms.clear();
                    return Poll::Ready(default());
                }
            },
        };
        let mut chosen = this.arms.swap_remove(index);
        // The losers go before the handler runs (I2).
        this.arms.clear();
        Poll::Ready(chosen.as_mut().finish())
    }
}

impl<R> fmt::Debug for Running<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("arms", &self.arms.len())
            .finish_non_exhaustive()
    }
}
