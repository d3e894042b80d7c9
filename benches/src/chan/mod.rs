//! The channels under test, behind one trait.

mod contract;
mod gosched;

mod async_channel;
mod crossfire;
mod flume;
mod kanal;
mod tokio;

pub use async_channel::AsyncChannel;
pub use contract::{Chan, Received, Sent, Tally};
pub use crossfire::{CrossfireMpmc, CrossfireMpsc, CrossfireSpsc};
pub use flume::Flume;
pub use gosched::Gosched;
pub use kanal::Kanal;
pub use tokio::Tokio;
