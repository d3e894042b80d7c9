//! Go's goroutine architecture for async Rust.

mod loom;
pub mod runtime;

pub use runtime::{JoinError, JoinHandle, block_on, go, yield_now};
