//! Go's goroutine architecture for async Rust: goroutines on a G/P/M scheduler, channels with direct
//! hand-off, `select!` with send arms, and `Context`.
//!
//! ```
//! use gosched::{chan, go, select, time};
//! use std::time::Duration;
//!
//! #[gosched::main]
//! async fn main() {
//!     let (tx, rx) = chan(0);
//!     go!(clone(tx) {
//!         for n in 1..=3 {
//!             tx.send(n).await.unwrap();
//!         }
//!     });
//!     drop(tx);
//!     let mut sum = 0;
//!     loop {
//!         select! {
//!             n = rx.recv() => match n {
//!                 Some(n) => sum += n,
//!                 None => break,
//!             },
//!             _ = time::after(Duration::from_secs(10)) => panic!("too slow"),
//!         }
//!     }
//!     assert_eq!(sum, 6);
//! }
//! ```
//!
//! | Go                             | here                                              |
//! |--------------------------------|---------------------------------------------------|
//! | `go f()`                       | [`go`](go()), [`go!`]                             |
//! | `make(chan T, n)`              | [`chan`](chan())                                  |
//! | `select { … }`                 | [`select!`]                                       |
//! | `context.Context`              | [`Context`]                                       |
//! | `time.After`, `time.NewTicker` | [`time`]                                          |
//! | `sync.WaitGroup`               | [`sync::WaitGroup`]                               |
//! | `errgroup`, `singleflight`     | [`sync::ErrGroup`], [`sync::SingleFlight`]        |
//! | `signal.NotifyContext`         | `signal::notify_context` (Unix)                   |
//! | `runtime.GOMAXPROCS` …         | [`runtime`]                                       |
//! | `net/http`'s server            | `http::serve` (feature `http`)                    |
//! | `testing/synctest`             | [`testing`]                                       |
//! | worker pools, pipelines        | [`patterns`]                                      |
//!
//! The [`guide`] says for every construct of Go's what one writes here, what becomes of an
//! operation that is dropped, how a stuck service is found out, how the scheduler works, and when to use
//! something else.
//!
//! Everything in tokio's ecosystem runs in a goroutine as it is: the poller is tokio's I/O driver, and
//! every goroutine is inside its context.

#![warn(unreachable_pub)]

// The attribute macros name the crate by its own name, also inside its own tests.
extern crate self as gosched;

pub mod chan;
pub mod context;
pub mod debug;
pub mod guide;
#[cfg(feature = "http")]
pub mod http;
mod loom;
pub mod patterns;
pub mod runtime;
pub mod select;
// The models have no tokio driver, and tokio leaves its signals out of them.
#[cfg(all(unix, not(loom)))]
pub mod signal;
pub mod sync;
pub mod testing;
pub mod time;

#[doc(hidden)]
pub use gosched_macros::__select;
pub use gosched_macros::{main, test};

#[doc(inline)]
pub use chan::chan;
#[doc(inline)]
pub use context::Context;
#[doc(inline)]
pub use runtime::{GoId, JoinError, JoinHandle, block_on, go, yield_now};
