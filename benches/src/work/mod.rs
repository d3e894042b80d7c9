//! The workloads: what each row of the report makes a contestant do.
//!
//! A workload is generic over the runtime and the channel, and is told how many operations to do. It runs inside a
//! spawned task. It checks its own result: a channel that loses a value gets no figure but that fact.

mod chan;
mod kind;
mod latch;
mod meter;
mod payload;
mod sched;

pub use chan::run as run_channels;
pub use kind::Work;
pub use meter::{Budget, Reading, Setting};
pub use payload::Payload;
pub use sched::run as run_scheduler;
