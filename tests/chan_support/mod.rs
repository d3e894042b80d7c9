//! What the tests of channels and selects share: polling by hand, and values that count their drops.
//!
//! Used by the files `chan_*.rs` and `select_*.rs` beside this folder.
#![allow(dead_code)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A waker that counts how often it was woken.
#[derive(Default)]
pub struct Wakes(AtomicUsize);

impl Wakes {
    pub fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::new(Self::default());
        (wakes.clone(), Waker::from(wakes))
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls once, waking nobody.
pub fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls once with this waker.
pub fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// A future on the heap, parked: its first poll must not be ready.
pub fn parked<'a, F: Future + 'a>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(poll(future.as_mut()).is_pending(), "expected it to wait");
    future
}

/// What a future that is ready now yields.
pub fn now<F: Future>(future: F) -> F::Output {
    match poll(Box::pin(future).as_mut()) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("expected it to be ready"),
    }
}

/// How many `Counted` values are alive, and how many were dropped.
#[derive(Clone, Default)]
pub struct Census(Arc<(AtomicUsize, AtomicUsize)>);

impl Census {
    pub fn value(&self, id: usize) -> Counted {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        Counted {
            id,
            census: self.clone(),
        }
    }

    pub fn made(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    pub fn dropped(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    pub fn alive(&self) -> usize {
        self.made() - self.dropped()
    }
}

/// A value that tells its census when it is dropped.
pub struct Counted {
    pub id: usize,
    census: Census,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.census.0.1.fetch_add(1, Ordering::SeqCst);
    }
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread alone.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = poll_with(future.as_mut(), &waker) {
            return output;
        }
        std::thread::park();
    }
}
