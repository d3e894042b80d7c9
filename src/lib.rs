//! Go's goroutine architecture for async Rust.

pub mod chan;
mod loom;
pub mod runtime;
pub mod select;
pub mod time;

pub use chan::chan;
pub use runtime::{JoinError, JoinHandle, block_on, go, yield_now};
