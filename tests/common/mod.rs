//! What the tests of the scheduler and of time share.
//!
//! Used by the files `runtime_*.rs`, `time*.rs`, `bad_use*.rs` and others beside this folder.
#![allow(dead_code)]

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use gosched::runtime::Runtime;

/// Longer than any test runs.
pub const FAR: Duration = Duration::from_secs(3_600);

/// What has not happened by then is taken to never happen.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A runtime of its own, so that nothing else runs on it or is counted. Panics in its goroutines, which
/// the tests cause on purpose, are not printed by it.
pub fn runtime(procs: usize) -> Runtime {
    Runtime::builder()
        .procs(procs)
        .thread_name("own")
        .on_panic(|_| {})
        .build()
        .unwrap()
}

/// One whose Ps are not taken away: who holds one must give it up by itself.
pub fn runtime_that_retakes_nothing(procs: usize) -> Runtime {
    Runtime::builder()
        .procs(procs)
        .hog_threshold(Duration::MAX)
        .build()
        .unwrap()
}

/// Runs `future` as a goroutine of a runtime of its own.
pub fn run<F>(procs: usize, future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    within(move || {
        let rt = runtime(procs);
        rt.block_on(rt.handle().go(future)).unwrap()
    })
}

/// Runs `f` on a thread of its own; fails instead of hanging with it.
#[track_caller]
pub fn within<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    within_time(PATIENCE, f)
}

/// The same for what may take longer.
#[track_caller]
pub fn within_time<T: Send + 'static>(time: Duration, f: impl FnOnce() -> T + Send + 'static) -> T {
    let (tx, rx) = mpsc::channel();
    let worker = thread::spawn(move || {
        let out = f();
        let _ = tx.send(());
        out
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = rx.recv_timeout(time) {
        panic!("still not over after {time:?}");
    }
    match worker.join() {
        Ok(out) => out,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Waits, on a thread, for what nobody is told of.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// The name of the thread that polls this.
pub async fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// The text of a panic's payload.
pub fn text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a payload that is no text")
}

/// What `f` panics with, in words.
#[track_caller]
pub fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)) {
        Ok(_) => panic!("expected a panic"),
        Err(payload) => text(&*payload).to_owned(),
    }
}

/// Polls once with this waker.
pub fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Polls once, waking nobody.
pub fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}

/// A waker that counts how often it was woken.
#[derive(Default)]
pub struct Wakes(AtomicUsize);

impl Wakes {
    pub fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::new(Self::default());
        (Arc::clone(&wakes), Waker::from(wakes))
    }

    pub fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Counts how many of its values were made, and how many were dropped.
#[derive(Clone, Default)]
pub struct Census(Arc<(AtomicUsize, AtomicUsize)>);

/// A value that tells its census when it is dropped.
pub struct Counted(Census);

impl Census {
    pub fn value(&self) -> Counted {
        self.0.0.fetch_add(1, SeqCst);
        Counted(self.clone())
    }

    pub fn made(&self) -> usize {
        self.0.0.load(SeqCst)
    }

    pub fn dropped(&self) -> usize {
        self.0.1.load(SeqCst)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.1.fetch_add(1, SeqCst);
    }
}
