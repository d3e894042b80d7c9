//! What every goroutine is doing, and since when.
//!
//! | Go                                    | here                                                    |
//! |---------------------------------------|---------------------------------------------------------|
//! | `runtime.Stack(buf, true)`            | [`dump`], [`goroutines`]                                |
//! | `kill -QUIT`                          | the same, under [`#[gosched::main]`](crate::main)       |
//! | `GODEBUG=schedtrace=1000`             | the same, see [below](#schedtrace)                      |
//! | "all goroutines are asleep"           | [`DeadlockPolicy`](crate::runtime::DeadlockPolicy)      |
//! | `runtime/metrics`                     | [`runtime::metrics`](crate::runtime::metrics())         |
//!
//! A goroutine has no stack to be shown. Instead each wait of this crate records what it is for, in Go's
//! words, and the line that it stands in; a future of another library records nothing, and a goroutine that
//! waits for one reads `IO wait`, whatever that future is.
//!
//! # schedtrace
//!
//! With `GODEBUG=schedtrace=1000` in the environment each runtime writes a line to stderr every 1000
//! milliseconds, with Go's fields; `GODEBUG=schedtrace=1000,scheddetail=1` adds a line for each P, M and goroutine:
//!
//! ```text
//! SCHED 1004ms: gomaxprocs=2 idleprocs=1 threads=4 spinningthreads=0 needspinning=0 idlethreads=1 runqueue=0 [0 0] schedticks=[61 17]
//! ```

mod info;

pub use info::{GoroutineInfo, GoroutineState, dump, goroutines};
pub(crate) use info::{dump_of, info_of};
