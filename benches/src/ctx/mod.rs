//! The kinds of contexts under test, behind one trait.

mod contract;
mod gosched;
mod tokio;

pub use contract::Ctx;
pub use gosched::Gosched;
pub use tokio::Tokio;
