//! Cancellation, deadlines and values that follow a request down to its work.
//!
//! A [`Context`] is handed, as the first argument, to whatever works on behalf of something that
//! may be called off. Contexts form a tree: each `with_…` makes a child, and a context that is done
//! takes all below it along.
//!
//! | Go | here |
//! |---|---|
//! | `context.Background()`, `context.TODO()` | [`Context::background`], [`Context::todo`] |
//! | `ctx, cancel := context.WithCancel(parent)` | `let (ctx, cancel) = parent.with_cancel();` |
//! | `defer cancel()` | nothing: dropping the [`CancelFunc`] cancels |
//! | `context.WithCancelCause`, `cancel(err)` | [`Context::with_cancel`], [`CancelFunc::cancel_cause`] |
//! | `context.WithTimeout`, `WithDeadline`, `…Cause` | [`Context::with_timeout`], [`Context::with_deadline`], `…_cause` |
//! | `context.WithValue(ctx, key, v)`, `ctx.Value(key)` | [`Context::with_value`], [`Context::value`], keyed by type |
//! | `<-ctx.Done()`, `ctx.Err()`, `context.Cause(ctx)` | `ctx.done().await`, [`Context::err`], [`Context::cause`] |
//! | `context.WithoutCancel`, `context.AfterFunc` | [`Context::without_cancel`], [`Context::after_func`] |
//!
//! What differs: a value's key is its type; a cancel function may be used once, is used when it is
//! dropped, and can be given up ([`CancelFunc::detach`]). A context whose last handle is dropped
//! leaves its parent at once, so that nothing piles up below a context that lives as long as the
//! program.
//!
//! It runs under any executor: only deadlines (a timer) and `after_func` (a goroutine) use this
//! crate's runtime.
//!
//! # Examples
//!
//! ```
//! use gosched::Context;
//! use std::time::Duration;
//!
//! async fn fetch(ctx: &Context) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
//!     // As long as the context lives: an answer, or why there is none.
//!     Ok(ctx.run(async { 7 }).await?)
//! }
//!
//! # gosched::block_on(async {
//! let (ctx, _cancel) = Context::background().with_timeout(Duration::from_secs(3));
//! assert_eq!(fetch(&ctx).await.unwrap(), 7);
//! # });
//! ```
#![forbid(unsafe_code)]

mod after;
mod cancel;
mod deadline;
mod done;
mod error;
mod handle;
mod name;
mod run;
mod token;
mod tree;
mod value;

#[cfg(test)]
mod tests;

pub use after::StopFunc;
pub use cancel::CancelFunc;
pub use done::Done;
pub use error::{Cause, ContextError};
pub use handle::Context;
pub use run::Run;
