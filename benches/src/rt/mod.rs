//! The runtimes under test, behind one trait.

mod contract;
#[cfg(feature = "gosched")]
mod gosched;
mod smol;
mod tokio;

pub use contract::Rt;
#[cfg(feature = "gosched")]
pub use gosched::Gosched;
pub use smol::Smol;
pub use tokio::Tokio;
