//! The guide: chapters to be read, whose every snippet is run by the tests.
//!
//! - [`go_to_gosched`]: every construct of Go's concurrency, and what one writes here.
//! - [`debugging`]: a stuck service, and how its two bugs are found from the outside.
//! - [`scheduler`]: how the scheduler works, file by file.
//! - [`choosing`]: when to use tokio, smol or Go instead.

#[doc = include_str!("../docs/choosing.md")]
pub mod choosing {}

#[doc = include_str!("../docs/debugging.md")]
pub mod debugging {}

#[doc = include_str!("../docs/go-to-gosched.md")]
pub mod go_to_gosched {}

#[doc = include_str!("../docs/scheduler.md")]
pub mod scheduler {}
