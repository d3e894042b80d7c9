//! `go`, and what a goroutine can ask of the scheduler: `yield_now`, `goexit`, `block_in_place`, who it
//! is and how many there are.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::task::Poll;

use super::g::{GoId, JoinHandle, Wake};
use super::{current, handle, sched};

/// Starts a goroutine: `go f()`.
///
/// Works anywhere. Inside a goroutine or a `block_on` it starts it on that runtime; elsewhere (a plain
/// thread, a task of tokio or smol) on the default runtime, which starts on first use.
///
/// The new goroutine is the next to run on this P, as in Go; the order of several is not promised.
///
/// # Panics
///
/// When the default runtime is needed and cannot be started. A panic of `future` ends its goroutine
/// alone.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let sum = gosched::go(async { (1..=10).sum::<u32>() });
/// assert_eq!(sum.await.unwrap(), 55);
/// # });
/// ```
///
/// A goroutine may go on on another thread after each `.await`, so its future is `Send`:
///
/// ```compile_fail,E0277
/// let only_here = std::rc::Rc::new(1);
/// gosched::go(async move {
///     gosched::yield_now().await;
///     println!("{only_here}");
/// });
/// ```
#[inline]
#[track_caller]
pub fn go<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let site = Location::caller();
    match current::m() {
        Some(m) => m.sched.spawn(future, site),
        None => handle::sched_or_default().spawn(future, site),
    }
}

/// Lets other goroutines run: Go's `runtime.Gosched`. The goroutine goes to the end of its P's queue.
///
/// Under a foreign executor it yields to that.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// gosched::yield_now().await;
/// # });
/// ```
pub fn yield_now() -> impl Future<Output = ()> + Send {
    let mut yielded = false;
    poll_fn(move |cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Ends the current goroutine: Go's `runtime.Goexit`. Its future is dropped, which runs the destructors
/// as Go runs deferred calls; its [`JoinHandle`] says that it was cancelled.
///
/// # Panics
///
/// When awaited outside a goroutine.
///
/// # Cancel safety
///
/// None: once it is polled, the goroutine ends at its next wait, also if it was an arm of a select that chose another.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let handle = gosched::go(async {
///     gosched::runtime::goexit().await;
/// });
/// assert!(handle.await.unwrap_err().is_cancelled());
/// # });
/// ```
pub async fn goexit() -> ! {
    poll_fn::<Infallible, _>(|_| {
        let g = current::g().expect("goexit: not inside a goroutine");
        // It is being polled: the M that does so finds it cancelled when this poll is over.
        let requested = g.state.request_cancel();
        debug_assert_eq!(requested, Wake::Nothing);
        Poll::Pending
    })
    .await;
    unreachable!("a goroutine that was cancelled is not polled again")
}

/// Runs a call that blocks the thread, inside a goroutine: its P is handed to another M first, so that
/// everybody else goes on, with a single P too. Outside a goroutine it just calls `f`.
///
/// Go does this by itself around system calls.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let handle = gosched::go(async {
///     gosched::runtime::block_in_place(|| std::thread::sleep(std::time::Duration::from_millis(1)))
/// });
/// handle.await.unwrap();
/// # });
/// ```
#[track_caller]
pub fn block_in_place<R>(f: impl FnOnce() -> R) -> R {
    sched::block_in_place(f)
}

/// The number of the current goroutine; `None` outside one.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let handle = gosched::go(async { gosched::runtime::goid() });
/// let id = handle.id();
/// assert_eq!(handle.await.unwrap(), Some(id));
/// assert_eq!(gosched::runtime::goid(), None); // `block_on` is no goroutine
/// # });
/// ```
pub fn goid() -> Option<GoId> {
    current::goid()
}

/// How many goroutines live on the current runtime (outside any: on the default one). Go's
/// `runtime.NumGoroutine`. Racy, as there.
///
/// # Panics
///
/// When the default runtime is needed and cannot be started.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let parked = gosched::go(std::future::pending::<()>());
/// assert!(gosched::runtime::num_goroutine() >= 1);
/// # parked.abort();
/// # });
/// ```
#[track_caller]
pub fn num_goroutine() -> usize {
    handle::Handle::try_current()
        .unwrap_or_else(handle::Handle::default_runtime)
        .num_goroutine()
}

/// How many CPUs the process may use, affinity and cgroup quota counted. Go's `runtime.NumCPU`.
///
/// A quota is rounded down, and is one CPU at least: with a P more than that, the system would stop all threads for a part
/// of each period.
///
/// # Examples
///
/// ```
/// assert!(gosched::runtime::num_cpu() >= 1);
/// ```
pub fn num_cpu() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Sets the number of Ps of the current runtime, and returns the former one; 0 only asks. Go's
/// `runtime.GOMAXPROCS`.
///
/// Nothing stops for it: a P that is one too many is given up between two turns. A running runtime grows
/// to 256 Ps at the most, or to as many as it was built with; a larger `n` gives that.
///
/// # Panics
///
/// When the default runtime is needed and cannot be started; and when `n` is above 1 in a runtime with
/// [virtual time](crate::testing).
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let before = gosched::runtime::gomaxprocs(3);
/// assert_eq!(gosched::runtime::gomaxprocs(before), 3);
/// assert_eq!(gosched::runtime::gomaxprocs(0), before);
/// # });
/// ```
#[track_caller]
pub fn gomaxprocs(n: usize) -> usize {
    let sched = handle::sched_or_default();
    if n == 0 {
        sched.nprocs()
    } else {
        sched.resize(n)
    }
}
