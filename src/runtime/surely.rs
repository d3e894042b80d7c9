//! `go_surely`: a goroutine for a function that was promised to run, whatever becomes of the runtime.
//!
//! Called by `Context::after_func` and `Timer::after_func`, in which nobody waits for the goroutine, and nobody would
//! learn that it was cancelled.

use super::{go, handle};

/// A function that has not been called. It does not get lost: dropped, it goes to the default runtime.
struct Promised<F: FnOnce() + Send + 'static>(Option<F>);

/// Runs `f` in a goroutine of its own, of the current runtime. Where that ends before the goroutine has begun, `f`
/// runs on the default runtime, which never ends.
#[track_caller]
pub(crate) fn go_surely<F: FnOnce() + Send + 'static>(f: F) {
    let mut promised = Promised(Some(f));
    drop(go(async move { promised.keep() }));
}

impl<F: FnOnce() + Send + 'static> Promised<F> {
    fn keep(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

impl<F: FnOnce() + Send + 'static> Drop for Promised<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            let mut again = Promised(Some(f));
            let default = handle::Handle::default_runtime();
            drop(default.go(async move { again.keep() }));
        }
    }
}
