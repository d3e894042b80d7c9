//! Waiting for goroutines together.
//!
//! [`WaitGroup`] waits until a number of them are over. The types of `tokio::sync` work in
//! goroutines as they are and are not wrapped.

#![forbid(unsafe_code)]

pub(crate) mod roster;
mod wait_group;

#[cfg(all(test, loom))]
mod tests;

pub use wait_group::{Wait, WaitGroup};
