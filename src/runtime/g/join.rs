//! `JoinHandle`: the owner's end of a goroutine, and how it can end otherwise than by returning.
//!
//! # Invariants
//!
//! - **join I1**: `g` is `Some` until the result was taken; as long as it is, the handle holds a
//!   reference and JOIN_INTEREST.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::alloc;
use super::cell::G;
use super::state::{Detach, Wake};
use crate::runtime::sched::ready;
use crate::runtime::wait::{self, WaitReason};
use crate::runtime::wake::{keep, wakes_same};

/// A goroutine's number, unique in the process and never used again: Go's goid.
///
/// Numbers are handed out in batches, so a larger number does not mean a later start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoId(NonZeroU64);

impl GoId {
    pub(crate) fn new(id: u64) -> Option<GoId> {
        NonZeroU64::new(id).map(GoId)
    }

    /// The number itself.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let handle = gosched::go(async {});
    /// assert!(handle.id().get() > 0);
    /// # });
    /// ```
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Debug for GoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GoId({})", self.0)
    }
}

impl fmt::Display for GoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The handle of a goroutine: await it for the result, or drop it and the goroutine goes on alone.
///
/// Go has no such thing: there one sends the result over a channel, or counts in a `WaitGroup`. Both
/// work here too.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` and dropping that wait loses nothing; dropping the handle itself detaches.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let handle = gosched::go(async { 6 * 7 });
/// assert_eq!(handle.await.unwrap(), 42);
/// # });
/// ```
pub struct JoinHandle<T> {
    g: Option<G>,
    id: u64,
    frame: usize,
    _result: PhantomData<T>,
}

// SAFETY: the handle hands out the goroutine's result, of type `T`, on whatever thread it is on; all
// else that it does goes through the atomic state (state I1–I5).
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: `&JoinHandle` gives no access to the result: `id`, `is_finished` and `abort` only use the
// atomic state.
unsafe impl<T: Send> Sync for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}
// A panic beside it leaves the goroutine and its result as they are.
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// Takes over the reference and JOIN_INTEREST with which a goroutine is born.
    ///
    /// # Safety
    /// Called once per goroutine, whose result type is `T`.
    #[inline]
    pub(crate) unsafe fn new(g: G) -> JoinHandle<T> {
        // SAFETY: the goroutine was just made: its references are all there.
        let (id, frame) = unsafe { (g.header().id(), g.header().frame()) };
        JoinHandle {
            g: Some(g),
            id,
            frame,
            _result: PhantomData,
        }
    }

    /// The goroutine's number.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let handle = gosched::go(async { gosched::runtime::goid() });
    /// let id = handle.id();
    /// assert_eq!(handle.await.unwrap(), Some(id));
    /// # });
    /// ```
    pub fn id(&self) -> GoId {
        GoId::new(self.id).expect("goroutine numbers start at 1")
    }

    /// The size of the goroutine's frame in bytes: its future, with all that it holds across an
    /// `.await`. Where Go grows a stack, a future has one frame of exactly this size.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let handle = gosched::go(async {
    ///     let buffer = [7_u8; 4096]; // lives across the await
    ///     gosched::yield_now().await;
    ///     buffer.iter().map(|&b| u32::from(b)).sum::<u32>()
    /// });
    /// assert!(handle.frame_size() >= 4096);
    /// # });
    /// ```
    pub fn frame_size(&self) -> usize {
        self.frame
    }

    /// True once the goroutine is over: awaiting the handle will not wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let handle = gosched::go(async { 1 });
    /// while !handle.is_finished() {
    ///     gosched::yield_now().await;
    /// }
    /// assert_eq!(handle.await.unwrap(), 1);
    /// # });
    /// ```
    pub fn is_finished(&self) -> bool {
        // SAFETY: join I1.
        self.g.is_none_or(|g| unsafe { g.header().state.is_done() })
    }

    /// Ends the goroutine: its future is dropped instead of being polled the next time, and the handle
    /// gives an error of which [`JoinError::is_cancelled`] is true. Has no effect on one that is over;
    /// one that is running ends at its next `.await` that waits.
    ///
    /// Go has no such thing; a [`Context`](crate::Context) is the way to ask a goroutine to end.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let handle = gosched::go(std::future::pending::<()>());
    /// handle.abort();
    /// assert!(handle.await.unwrap_err().is_cancelled());
    /// # });
    /// ```
    pub fn abort(&self) {
        let Some(g) = self.g else { return };
        // SAFETY: join I1; after `Enqueue` the duty to queue it is ours (state I1).
        unsafe {
            if g.header().state.request_cancel() == Wake::Enqueue {
                ready(g);
            }
        }
    }

    /// # Safety
    /// The goroutine is DONE.
    unsafe fn take(&mut self, g: G) -> Result<T, JoinError> {
        self.g = None;
        // SAFETY: DONE and JOIN_INTEREST: the result is ours (cell I2); then state I4.
        unsafe {
            let result = g.take_output::<T>();
            if g.header().state.drop_ref() {
                alloc::free(g);
            }
            result
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let g = self
            .g
            .expect("a JoinHandle was polled after it had given its result");
        // SAFETY: join I1 for the header; the slot is accessed as state I5 allows: written while
        // JOIN_WAKER is 0, read while it is 1 (the goroutine only reads then).
        unsafe {
            let state = &g.header().state;
            if state.is_done() {
                return Poll::Ready(self.take(g));
            }
            if state.has_join_waker() {
                let same = (*g.join_waker())
                    .as_ref()
                    .is_some_and(|w| wakes_same(w, cx.waker()));
                if same {
                    wait::note(WaitReason::Join, Location::caller());
                    return Poll::Pending;
                }
                if !state.unset_join_waker() {
                    return Poll::Ready(self.take(g));
                }
            }
            let old = (*g.join_waker_mut()).replace(keep(cx.waker()));
            drop(old);
            if !state.set_join_waker() {
                return Poll::Ready(self.take(g));
            }
            wait::note(WaitReason::Join, Location::caller());
        }
        Poll::Pending
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let Some(g) = self.g else { return };
        // SAFETY: join I1; what `detach` grants is used as state I5 and cell I2 say; then state I4.
        unsafe {
            let state = &g.header().state;
            if state.detach_fast() {
                return;
            }
            match state.detach() {
                Detach::DropOutput => g.drop_output(),
                Detach::DropWaker => {
                    let waker = (*g.join_waker_mut()).take();
                    drop(waker);
                }
            }
            if state.drop_ref() {
                alloc::free(g);
            }
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id)
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// Why a goroutine gave no result.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let error = gosched::go(async { panic!("oh") }).await.unwrap_err();
/// assert!(error.is_panic());
/// assert_eq!(*error.into_panic().downcast_ref::<&str>().unwrap(), "oh");
/// # });
/// ```
pub struct JoinError {
    id: u64,
    repr: Repr,
}

enum Repr {
    Cancelled,
    Panic(SyncPayload),
}

/// A panic's payload, which is `Send` only.
struct SyncPayload(Box<dyn Any + Send>);

// SAFETY: `&SyncPayload` gives no access to the payload: it comes out by value alone
// (`into_panic`), and `message` reads only `&str` and `String`, which are `Sync`.
unsafe impl Sync for SyncPayload {}

impl JoinError {
    pub(super) fn cancelled(id: u64) -> JoinError {
        JoinError {
            id,
            repr: Repr::Cancelled,
        }
    }

    pub(super) fn panicked(id: u64, payload: Box<dyn Any + Send>) -> JoinError {
        JoinError {
            id,
            repr: Repr::Panic(SyncPayload(payload)),
        }
    }

    /// The goroutine's number.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let handle = gosched::go(async { panic!("oh") });
    /// let id = handle.id();
    /// let error: gosched::JoinError = handle.await.unwrap_err();
    /// assert_eq!(error.id(), id);
    /// # });
    /// ```
    pub fn id(&self) -> GoId {
        GoId::new(self.id).expect("goroutine numbers start at 1")
    }

    /// True when the goroutine panicked.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let error = gosched::go(async { panic!("oh") }).await.unwrap_err();
    /// assert!(error.is_panic());
    /// # });
    /// ```
    pub fn is_panic(&self) -> bool {
        matches!(self.repr, Repr::Panic(_))
    }

    /// True when it was aborted, ended itself with [`goexit`](crate::runtime::goexit), or its runtime
    /// shut down.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let handle = gosched::go(std::future::pending::<()>());
    /// handle.abort();
    /// assert!(handle.await.unwrap_err().is_cancelled());
    /// # });
    /// ```
    pub fn is_cancelled(&self) -> bool {
        matches!(self.repr, Repr::Cancelled)
    }

    /// What it panicked with, for [`std::panic::resume_unwind`].
    ///
    /// # Panics
    ///
    /// When the goroutine did not panic; see [`try_into_panic`](JoinError::try_into_panic).
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let error = gosched::go(async { std::panic::panic_any(7_u8) }).await.unwrap_err();
    /// assert_eq!(error.into_panic().downcast_ref::<u8>(), Some(&7));
    /// # });
    /// ```
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("into_panic: {error}"),
        }
    }

    /// What it panicked with.
    ///
    /// # Errors
    ///
    /// The error itself when the goroutine did not panic.
    ///
    /// # Examples
    ///
    /// ```
    /// # gosched::block_on(async {
    /// let handle = gosched::go(std::future::pending::<()>());
    /// handle.abort();
    /// let error = handle.await.unwrap_err().try_into_panic().unwrap_err();
    /// assert!(error.is_cancelled());
    /// # });
    /// ```
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match self.repr {
            Repr::Panic(payload) => Ok(payload.0),
            Repr::Cancelled => Err(self),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repr {
            Repr::Cancelled => write!(f, "goroutine {} was cancelled", self.id),
            Repr::Panic(payload) => match super::report::message(&*payload.0) {
                Some(message) => write!(f, "goroutine {} panicked: {message}", self.id),
                None => write!(f, "goroutine {} panicked", self.id),
            },
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}
