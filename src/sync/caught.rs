//! [`Caught`]: a member's future whose panics are kept for whoever waits for it.
//!
//! Called by [`WaitGroup`](super::WaitGroup), [`ErrGroup`](super::ErrGroup),
//! [`SingleFlight`](super::SingleFlight) and the stages of [`patterns`](crate::patterns).
//!
//! # Invariants
//!
//! 1. The future has been dropped when the result is handed on: what it owned is free by then.
//!
//! It takes no lock.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use pin_project::pin_project;

/// What somebody panicked with.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Runs a future and gives its output, or what it panicked with.
#[pin_project]
pub(crate) struct Caught<F> {
    #[pin]
    future: Option<F>,
}

impl<F> Caught<F> {
    pub(crate) fn new(future: F) -> Self {
        Self {
            future: Some(future),
        }
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Payload>;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let future = this.future.as_mut().as_pin_mut();
            let polled = future
                .expect("a member is polled until it is ready")
                .poll(task);
            if polled.is_ready() {
                this.future.set(None);
            }
            polled
        }));
        let payload = match polled {
            Ok(polled) => return polled.map(Ok),
            Err(payload) => payload,
        };
        // What is left of the future goes before the panic is handed on; its drop may panic as
        // well.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| this.future.set(None))) {
            discard(second);
        }
        Poll::Ready(Err(payload))
    }
}

/// Drops a panic's payload, whose own drop may panic.
pub(crate) fn discard(payload: Payload) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // One that panics for ever must not take the member's goroutine with it.
        std::mem::forget(again);
    }
}

/// The text of a panic, where it is text.
pub(crate) fn text(payload: &(dyn Any + Send)) -> Option<&str> {
    match payload.downcast_ref::<&'static str>() {
        Some(text) => Some(*text),
        None => payload.downcast_ref::<String>().map(String::as_str),
    }
}
