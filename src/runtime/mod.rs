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
//! The files carry the names of Go's runtime: `g` the goroutine, `p` the processor with its run queue
//! and timers, `m` the thread, `sched` what all share, `netpoll` the poller, `sysmon` the watcher.

mod builder;
pub(crate) mod coop;
pub(crate) mod current;
mod deadlock;
mod g;
mod go;
mod go_macro;
mod handle;
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
mod sysmon;
mod tid;
mod unpark;
pub(crate) mod wait;
pub(crate) mod wake;

pub use builder::Builder;
pub use deadlock::DeadlockPolicy;
pub(crate) use g::Phase;
pub use g::{GoId, GoPanic, JoinError, JoinHandle};
pub use go::{block_in_place, go, goexit, goid, gomaxprocs, num_cpu, num_goroutine, yield_now};
pub(crate) use handle::default_sched;
pub use handle::{Handle, Runtime, block_on};
pub use metrics::{Metrics, metrics};
pub(crate) use p::now;
pub(crate) use sched::arm_timer;

/// What the attribute macros expand to. Not for use by hand, and free to change.
#[doc(hidden)]
pub mod __private {
    pub use super::main_support::*;
}
