//! The runtimes under test, behind one trait.

mod contract;
mod gosched;
mod smol;
mod tokio;

pub use contract::Rt;
pub use gosched::{Gosched, GoschedWithoutRetake};
pub use smol::Smol;
pub use tokio::Tokio;
