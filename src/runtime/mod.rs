//! The scheduler: goroutines (G) run on processors (P), which threads (M) own.
//!
//! | Go                      | here                                   |
//! |-------------------------|----------------------------------------|
//! | `go f()`                | [`go`](crate::go())                    |
//! | `runtime.Gosched()`     | [`yield_now`]`().await` |
//! | `runtime.Goexit()`      | [`goexit`]`().await`                   |
//! | `runtime.GOMAXPROCS(n)` | [`gomaxprocs`], [`Builder::procs`]     |
//! | `runtime.NumGoroutine()`| [`num_goroutine`]                      |
//! | `runtime.NumCPU()`      | [`num_cpu`]                            |
//! | a system call           | [`block_in_place`]                     |
//! | `runtime/metrics`       | [`metrics`]                            |
//!
//! # Recursion and frames
//!
//! Go gives a goroutine a small stack and copies it to one of twice the size when it is full. A future has one
//! frame of exactly known size instead: all that it holds across an `.await`, in one allocation.
//! [`JoinHandle::frame_size`] and [`debug::GoroutineInfo::frame_size`](crate::debug::GoroutineInfo::frame_size)
//! tell it; above [`BIG_FRAME`] a warning names the line that starts the goroutine. What a poll calls runs
//! on the stack of its thread (see [`Builder::thread_stack_size`]), of which there is one for each thread and
//! not for each goroutine. So there are three ways to recurse:
//!
//! - **Synchronous and deep:** `grow_stack` (feature `stack-growth`) takes more stack as needed.
//! - **Async:** a function that calls itself boxes the call, or its frame would have no size:
//!
//! ```
//! async fn depth_of(tree: &Tree) -> usize {
//!     let mut deepest = 0;
//!     for child in &tree.children {
//!         gosched::yield_now().await;
//!         deepest = deepest.max(Box::pin(depth_of(child)).await);
//!     }
//!     1 + deepest
//! }
//!
//! struct Tree {
//!     children: Vec<Tree>,
//! }
//!
//! # gosched::block_on(async {
//! let leaf = || Tree { children: vec![] };
//! let tree = Tree { children: vec![leaf(), Tree { children: vec![leaf()] }] };
//! assert_eq!(depth_of(&tree).await, 3);
//! # });
//! ```
//!
//! - **Async and deep:** a poll of the outermost call above goes through all the levels, and so does dropping it,
//!   on one thread's stack. Where there may be thousands of levels each is a goroutine of its own, which waits
//!   for the one below without polling it:
//!
//! ```
//! use std::pin::Pin;
//!
//! fn sum_to(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
//!     Box::pin(async move {
//!         if n == 0 {
//!             return 0;
//!         }
//!         n + gosched::go(sum_to(n - 1)).await.unwrap()
//!     })
//! }
//!
//! assert_eq!(gosched::block_on(sum_to(100_000)), 5_000_050_000);
//! ```
//!
//! # tracing
//!
//! With a subscriber that listens to `gosched` at `DEBUG`, each goroutine has a span: name `goroutine`, fields `id`,
//! `spawn.site` and, when a goroutine has started it, `parent`. The span is entered in each poll, so every event in
//! between is marked with it. It follows from the span that was current where the goroutine was started, but is no
//! child of it: instrument the future (`tracing::Instrument`) to carry a request's span along. At `TRACE` there are
//! events for the start of a goroutine, for its end with its `outcome` (`returned`, `panicked`, `cancelled`), and for
//! each steal.
//!
//! Louder than that: panics (`ERROR`), and goroutines that hold their P for too long or have big frames (`WARN`).
//!
//! Without such a subscriber it costs a load and a comparison when a goroutine is started, and nothing when it
//! runs. The guide's chapter on [interoperation](crate::guide::interop#tracing) has an example.
//!
//! The files carry the names of Go's runtime: `g` the goroutine, `p` the processor with its run queue
//! and timers, `m` the thread, `sched` what all share, `netpoll` the poller, `sysmon` the watcher.

mod builder;
pub(crate) mod clock;
pub(crate) mod coop;
pub(crate) mod current;
mod deadlock;
mod doze;
mod frame;
mod g;
mod go;
mod go_macro;
mod handle;
mod limiter;
mod m;
mod main_support;
mod metrics;
mod netpoll;
pub(crate) mod p;
pub(crate) mod roll;
mod sched;
mod schedtrace;
#[cfg(unix)]
mod sigquit;
mod slice;
#[cfg(feature = "stack-growth")]
mod stack;
mod surely;
mod sysmon;
mod tid;
mod unpark;
pub(crate) mod wait;
pub(crate) mod wake;

pub use builder::Builder;
pub use deadlock::DeadlockPolicy;
pub use frame::BIG_FRAME;
pub use g::{GoId, GoPanic, JoinError, JoinHandle};
pub(crate) use g::{Phase, report_caught};
pub use go::{block_in_place, go, goexit, goid, gomaxprocs, num_cpu, num_goroutine, yield_now};
pub(crate) use handle::default_sched;
pub use handle::{Handle, Runtime, block_on};
pub use metrics::{Metrics, metrics};
pub(crate) use p::now;
pub(crate) use sched::{Sched, arm_timer};
#[cfg(feature = "stack-growth")]
pub use stack::grow_stack;
pub(crate) use surely::go_surely;

/// What the attribute macros expand to. Not for use by hand, and free to change.
#[doc(hidden)]
pub mod __private {
    pub use super::main_support::*;
}
