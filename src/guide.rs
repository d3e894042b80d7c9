//! The guide: chapters to be read, beside the reference. Every program in them is run by the tests.
//!
//! - [`go_to_gosched`]: every construct of Go's concurrency, and what one writes here.
//! - [`patterns`]: the concurrency patterns, with and without a function of their own.
//! - [`cancel_safety`]: what becomes of an operation that is dropped, beside five other channels.
//! - [`interop`]: goroutines in a tokio program, tokio's libraries in goroutines, other channels and executors.
//! - [`debugging`]: a stuck service, and how its two bugs are found from the outside.
//! - [`scheduler`]: how the scheduler works, file by file.
//! - [`choosing`]: when to use tokio, smol or Go instead.

#[doc = include_str!("../docs/cancel-safety.md")]
pub mod cancel_safety {}

#[doc = include_str!("../docs/choosing.md")]
pub mod choosing {}

#[doc = include_str!("../docs/debugging.md")]
pub mod debugging {}

#[doc = include_str!("../docs/go-to-gosched.md")]
pub mod go_to_gosched {}

#[doc = include_str!("../docs/interop.md")]
pub mod interop {}

#[doc = include_str!("../docs/patterns.md")]
pub mod patterns {}

#[doc = include_str!("../docs/scheduler.md")]
pub mod scheduler {}
