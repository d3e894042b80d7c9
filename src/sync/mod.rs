//! Waiting for goroutines together, and for work that several want once.
//!
//! | Go | here |
//! |---|---|
//! | `sync.WaitGroup` | [`WaitGroup`] |
//! | `errgroup.Group`, `errgroup.WithContext` | [`ErrGroup`], [`ErrGroup::with_context`] |
//! | `singleflight.Group` | [`SingleFlight`] |
//!
//! The types of `tokio::sync` work in goroutines as they are and are not wrapped.

#![forbid(unsafe_code)]

pub(crate) mod caught;
mod err_group;
pub(crate) mod roster;
mod single_flight;
mod wait_group;

#[cfg(all(test, loom))]
mod tests;

pub use err_group::{ErrGroup, MemberError};
pub use single_flight::SingleFlight;
pub use wait_group::{Wait, WaitGroup};
