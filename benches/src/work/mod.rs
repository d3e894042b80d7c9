//! The workloads: what each row of the report makes a contestant do.
//!
//! A workload is generic over the runtime and the channel. It runs inside a spawned task, and checks its own result: a
//! channel that loses a value gets no figure but that fact.

mod figure;
mod kind;
mod meter;

mod chan;
mod context;
mod merge;
mod parked;
mod select;
mod sieve;

mod saturated;
mod sched;
mod time;

mod busy;
mod latch;
mod lateness;
mod payload;
mod process;

pub use busy::Busy;
pub use chan::run as run_channels;
pub use context::{Contexts, run as run_contexts};
pub use figure::{Figure, PER_OPERATION};
pub use kind::Work;
pub use lateness::Lateness;
pub use merge::{run as run_merge, run_over_recv_any as run_merge_over_recv_any};
pub use meter::{Budget, Reading, Setting};
pub use payload::Payload;
pub use sched::run as run_scheduler;
