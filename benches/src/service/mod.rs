//! The rows in which a contestant serves, in a process of its own, and the measuring process is its client.
//!
//! The client is the same for everybody, and in Rust: `gosched-bench run ROW CONTESTANT` starts
//! `gosched-bench serve ROW CONTESTANT` (or the Go twin), reads the port that it prints, and measures from outside. The
//! two share the cores, so the figures compare contestants, and are not what a server with cores of its own would do.
//!
//! A server ends when its standard input does, that is with its client, however that ended.

mod child;
mod echo;
#[cfg(feature = "http")]
mod http;

use crate::work::{Budget, Reading, Setting, Work};

pub use child::Child;
pub use echo::serve as serve_echo;
#[cfg(feature = "http")]
pub use http::{Web, serve as serve_http};

/// Measures the server that `child` is.
///
/// # Errors
///
/// A line for the report.
pub fn measure(work: Work, setting: Setting, child: &Child) -> Result<Reading, String> {
    let Budget::Time(time) = setting.budget else {
        return Err("a service is measured for a time, not for a number of operations".into());
    };
    match work {
        Work::EchoUnderLoad => echo::measure(child.address(), time),
        #[cfg(feature = "http")]
        Work::Http { blocking } => http::measure(child.address(), time, blocking),
        other => Err(format!("{other:?} is no service")),
    }
}
