//! What a workload asks of a context.
//!
//! Called by `work::context`; implemented once per crate beside this file.
//!
//! # Invariants
//!
//! - I1. A value is what the one who made a context holds of it: the handle, and the right to cancel where that is a
//!   thing of its own. Nothing is held besides, so that memory and drops are the crate's own.

use std::time::Duration;

/// A context under test, with the right to cancel it.
pub trait Ctx: Sized + Send + Sync + 'static {
    /// Whether contexts can have a time limit.
    const TIMED: bool;

    /// The top of a tree.
    fn root() -> Self;

    /// A context below this one.
    fn child(&self) -> Self;

    /// A context below this one that ends after `limit`; never called where there is none.
    fn timed(&self, limit: Duration) -> Self;

    /// Cancels it, and all below.
    fn cancel(&mut self);

    /// Whether it was cancelled.
    fn is_cancelled(&self) -> bool;

    /// Waits for that.
    fn done(&self) -> impl Future<Output = ()> + Send;
}
