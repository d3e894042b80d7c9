//! `Runtime` and `Handle`, `block_on`, and the default runtime.

use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::builder::Builder;
use super::current;
use super::g::JoinHandle;
use super::sched::{self, Sched};
use super::unpark::Blocked;
use super::wake::guarded;

/// A scheduler with its threads.
///
/// Dropping it shuts it down: every pending future is dropped, running ones at their next `.await`
/// that waits, and the drop returns when all have gone. Dropped inside one of its own goroutines, it
/// cannot wait for itself: the same is then done in the background.
///
/// Most programs need none: [`#[gosched::main]`](crate::main) makes one, and [`go`](crate::go()) starts a
/// default runtime where there is none.
///
/// # Examples
///
/// ```
/// use gosched::runtime::Runtime;
///
/// let rt = Runtime::builder().procs(1).build()?;
/// let parked = rt.handle().go(std::future::pending::<()>());
/// drop(rt); // ends it
/// assert!(gosched::block_on(parked).unwrap_err().is_cancelled());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Runtime {
    sched: Arc<Sched>,
    ended: bool,
}

/// A runtime's other end: starts goroutines on it from anywhere. Does not keep it running.
///
/// # Examples
///
/// ```
/// use gosched::runtime::{Handle, Runtime};
///
/// let rt = Runtime::try_new()?;
/// let handle: Handle = rt.handle();
/// let answer = handle.go(async { 42 });
/// assert_eq!(handle.block_on(answer).unwrap(), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Handle {
    sched: Arc<Sched>,
}

// A panic beside a handle leaves the scheduler as it is: those of goroutines and wakers are caught where they come.
impl UnwindSafe for Runtime {}
impl RefUnwindSafe for Runtime {}
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

impl Runtime {
    pub(super) fn new(sched: Arc<Sched>) -> Runtime {
        Runtime {
            sched,
            ended: false,
        }
    }

    /// A runtime with the defaults of [`Builder`].
    ///
    /// # Errors
    ///
    /// Those of [`Builder::build`].
    #[allow(clippy::new_without_default)]
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// let rt = Runtime::try_new()?;
    /// assert_eq!(rt.block_on(async { 1 + 1 }), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_new() -> std::io::Result<Runtime> {
        Runtime::builder().build()
    }

    /// Sets the options of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// let rt = Runtime::builder().procs(1).build()?;
    /// # drop(rt);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A handle to start goroutines with, from anywhere.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// let rt = Runtime::try_new()?;
    /// let handle = rt.handle();
    /// let answer = std::thread::spawn(move || handle.go(async { 42 })).join().unwrap();
    /// assert_eq!(rt.block_on(answer).unwrap(), 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn handle(&self) -> Handle {
        Handle {
            sched: Arc::clone(&self.sched),
        }
    }

    /// Runs `f` to its end on the calling thread, beside the Ps; [`go`](crate::go()) in it starts
    /// goroutines on this runtime.
    ///
    /// What wants a goroutine's speed belongs into a goroutine: between this thread and the Ps every
    /// wake-up crosses threads.
    ///
    /// # Panics
    ///
    /// In a task of `tokio::spawn` on the poller (see [`library_threads`](super::Builder::library_threads)), for which `f`
    /// might wait. A panic of `f` goes through.
    ///
    /// # Examples
    ///
    /// ```
    /// let rt = gosched::runtime::Runtime::builder().procs(1).build()?;
    /// let answer = rt.block_on(async { gosched::go(async { 42 }).await });
    /// assert_eq!(answer.unwrap(), 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, f: F) -> F::Output {
        block_on_sched(&self.sched, f)
    }

    /// Shuts down as dropping does, but waits no longer than `limit` for goroutines that do not come
    /// to an `.await`. Those are left alone: they end when their poll does.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// use std::time::Duration;
    ///
    /// let rt = Runtime::try_new()?;
    /// rt.handle().go(async { std::thread::sleep(Duration::from_millis(20)) }); // no `.await` to end it at
    /// rt.shutdown_timeout(Duration::from_millis(1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown_timeout(mut self, limit: Duration) {
        let deadline = Instant::now().checked_add(limit);
        self.end(deadline);
        self.ended = true;
    }

    /// Waits until no goroutine is left, in the way of a `block_on`: it counts as one where a deadlock is looked
    /// for.
    ///
    /// # Panics
    ///
    /// As [`block_on`](Self::block_on), when the goroutines that are left wait for each other.
    #[track_caller]
    pub(super) fn outlast_goroutines(&self) {
        let blocked = Blocked::new(&self.sched, Location::caller());
        blocked.sleep_while(|| self.sched.live() > 0);
    }

    fn end(&self, deadline: Option<Instant>) {
        let sched = Arc::clone(&self.sched);
        if !current::is_thread_of(&sched) {
            sched.shutdown(deadline);
            return;
        }
        guarded(|| {
            tracing::warn!(
                target: "gosched",
                "a Runtime was dropped inside one of its own goroutines: it shuts down in the background"
            );
        });
        let spawned = std::thread::Builder::new()
            .name("gosched-shutdown".into())
            .spawn(move || sched.shutdown(deadline));
        if let Err(error) = spawned {
            guarded(|| {
                tracing::error!(target: "gosched", %error, "no thread for the shutdown: the runtime leaks");
            });
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if !self.ended {
            self.end(None);
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("procs", &self.sched.nprocs())
            .finish_non_exhaustive()
    }
}

impl Handle {
    /// The runtime that the calling thread works for: that of its goroutine, or of its `block_on`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Handle;
    ///
    /// assert!(Handle::try_current().is_none()); // a plain thread
    /// let answer = gosched::block_on(async {
    ///     let here = Handle::try_current().unwrap();
    ///     std::thread::spawn(move || here.go(async { 42 })).join().unwrap().await
    /// });
    /// assert_eq!(answer.unwrap(), 42);
    /// ```
    pub fn try_current() -> Option<Handle> {
        current::sched().map(|sched| Handle { sched })
    }

    /// That of the default runtime, which starts on first use.
    pub(crate) fn default_runtime() -> Handle {
        Handle {
            sched: default_sched(),
        }
    }

    /// Starts a goroutine on this runtime; see [`go`](crate::go()). On a runtime that has shut down the
    /// future is dropped at once, and the handle says that it was cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// let rt = Runtime::try_new()?;
    /// let answer = rt.handle().go(async { 42 });
    /// assert_eq!(rt.block_on(answer).unwrap(), 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn go<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.sched.spawn(future, Location::caller())
    }

    /// How many goroutines live on this runtime; see [`num_goroutine`](super::num_goroutine).
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// let rt = Runtime::try_new()?;
    /// let parked = rt.handle().go(std::future::pending::<()>());
    /// assert_eq!(rt.handle().num_goroutine(), 1);
    /// # drop(parked);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn num_goroutine(&self) -> usize {
        usize::try_from(self.sched.live()).unwrap_or(usize::MAX)
    }

    /// What the scheduler has counted; see [`metrics`](super::metrics()).
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// let rt = Runtime::builder().procs(2).build()?;
    /// assert_eq!(rt.handle().metrics().gomaxprocs(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn metrics(&self) -> super::Metrics {
        super::Metrics::of(&self.sched)
    }

    /// See [`Runtime::block_on`].
    ///
    /// # Panics
    ///
    /// As [`Runtime::block_on`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// let rt = Runtime::try_new()?;
    /// assert_eq!(rt.handle().block_on(async { 1 + 1 }), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, f: F) -> F::Output {
        block_on_sched(&self.sched, f)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("procs", &self.sched.nprocs())
            .finish_non_exhaustive()
    }
}

/// The default runtime's scheduler, started on first use.
#[track_caller]
pub(crate) fn default_sched() -> Arc<Sched> {
    static DEFAULT: OnceLock<Runtime> = OnceLock::new();
    let runtime = DEFAULT.get_or_init(|| match Runtime::try_new() {
        Ok(runtime) => runtime,
        Err(error) => panic!("the default runtime could not be started: {error}"),
    });
    Arc::clone(&runtime.sched)
}

/// The runtime of the calling thread, else the default one.
#[track_caller]
pub(crate) fn sched_or_default() -> Arc<Sched> {
    current::sched().unwrap_or_else(|| default_sched())
}

/// Runs `f` to its end on the calling thread, on the runtime that it works for, else on the default
/// runtime, which starts on first use. Inside a goroutine its P is handed off first, as by
/// [`block_in_place`](super::block_in_place); `.await` takes no thread.
///
/// # Panics
///
/// As [`Runtime::block_on`], and when the default runtime cannot be started.
///
/// # Examples
///
/// ```
/// assert_eq!(gosched::block_on(async { 2 + 2 }), 4);
/// ```
#[track_caller]
pub fn block_on<F: Future>(f: F) -> F::Output {
    block_on_sched(&sched_or_default(), f)
}

#[track_caller]
fn block_on_sched<F: Future>(sched: &Arc<Sched>, f: F) -> F::Output {
    if let Some(m) = current::m() {
        assert!(
            !m.in_netpoll(),
            "block_on inside a task of tokio::spawn would block the poller, which it may wait for: use .await, or \
             Builder::library_threads"
        );
        if m.blocking.get() == 0 {
            return sched::block_in_place(|| block_on_sched(sched, f));
        }
    }
    let _entered = current::enter(sched);
    let _tokio = sched.netpoll.enter();
    let blocked = Blocked::new(sched, Location::caller());
    let waker = blocked.waker();
    let mut cx = Context::from_waker(&waker);
    // In a task of tokio's the budget of that would run out, and nobody renews it before this returns.
    let mut f = pin!(tokio::task::unconstrained(f));
    loop {
        if let Poll::Ready(output) = f.as_mut().poll(&mut cx) {
            return output;
        }
        blocked.sleep();
    }
}
