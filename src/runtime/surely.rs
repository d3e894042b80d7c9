//! `go_surely`: a goroutine for a function that was promised to run, whatever becomes of the runtime.
//!
//! Called by `Context::after_func` and `Timer::after_func`, in which nobody waits for the goroutine, and nobody would
//! learn that it was cancelled.

use std::panic::Location;

use super::{current, default_sched};

/// A function that has not been called. It does not get lost: dropped, it goes to the default runtime.
struct Promised<F: FnOnce() + Send + 'static> {
    f: Option<F>,
    site: &'static Location<'static>,
}

/// Runs `f` in a goroutine of its own, of the current runtime. Where that ends before the goroutine has begun, `f`
/// runs on the default runtime, which never ends. `site` is where the user asked for it.
pub(crate) fn go_surely<F>(site: &'static Location<'static>, f: F)
where
    F: FnOnce() + Send + 'static,
{
    let mut promised = Promised { f: Some(f), site };
    let sched = current::sched().unwrap_or_else(default_sched);
    drop(sched.spawn(async move { promised.keep() }, site));
}

impl<F: FnOnce() + Send + 'static> Promised<F> {
    fn keep(&mut self) {
        if let Some(f) = self.f.take() {
            f();
        }
    }
}

impl<F: FnOnce() + Send + 'static> Drop for Promised<F> {
    fn drop(&mut self) {
        if let Some(f) = self.f.take() {
            let site = self.site;
            let mut again = Promised { f: Some(f), site };
            drop(default_sched().spawn(async move { again.keep() }, site));
        }
    }
}
