//! The public interface as a stranger uses it: every name, in the form in which the documentation writes it,
//! with the rule that belongs to it. One module for each module of the crate.
//!
//! What is only a matter of types (bounds, auto traits, signatures) is in functions that need not run: that they
//! compile is what they show.

mod chan;
mod context;
mod debug;
#[cfg(feature = "http")]
mod http;
mod root;
mod runtime;
mod select;
mod sync;
mod time;

#[cfg(unix)]
mod signal;

use std::panic::{RefUnwindSafe, UnwindSafe};

/// Compiles for what may be sent to another thread.
fn is_send<T: Send>() {}

/// Compiles for what may be shared between threads.
fn is_sync<T: Sync>() {}

/// Compiles for what need not be pinned.
fn is_unpin<T: Unpin>() {}

/// Compiles for what may be used in `catch_unwind`.
fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

/// Compiles for handles: cheap to clone, good on every thread, and in `catch_unwind`.
fn is_handle<T: Clone + Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static>() {}

/// As `is_send`, for a type that cannot be named.
fn is_send_val<T: Send>(value: T) -> T {
    value
}

/// Compiles for an error that fits into every error type of the ecosystem.
fn is_error<T: std::error::Error + Send + Sync + 'static>() {}

/// A value without any of the usual traits.
struct Plain;
