//! G: the goroutine.
//!
//! A goroutine is one allocation (`cell`) with one state word (`state`). It is made by `go`, run one
//! turn at a time by an M (`run`), woken through its waker (`waker`), and its result is fetched through
//! a handle (`join`). Memory is recycled (`pool`), and every live goroutine is in one list (`alloc`). Those
//! that a subscriber of `tracing` follows have a span behind their frame (`traced`).
//!
//! Where Go grows a contiguous stack, a future has one frame of exactly known size; see
//! `Header::frame`, and `runtime/frame.rs` for those that are big.

mod alloc;
mod cell;
mod join;
mod pool;
mod report;
mod run;
mod state;
#[cfg(all(test, loom))]
mod tests;
mod traced;
mod waker;

pub(crate) use alloc::{for_each, new, new_traced};
pub(crate) use cell::{Birth, G, Header};
pub use join::{GoId, JoinError, JoinHandle};
pub(crate) use pool::Pool;
pub use report::GoPanic;
pub(crate) use report::report_caught;
#[cfg(all(test, loom))]
pub(crate) use run::Unleased;
pub(crate) use run::{Runner, Turn, run, stillborn};
pub(crate) use state::{COUNTS_LATE, Phase, Wake};
pub(crate) use traced::{quietly, somebody_follows, somebody_listens};
pub(crate) use waker::{is_goroutines, is_kept_of, keep};
