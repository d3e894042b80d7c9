//! hyper's executor on goroutines.
//!
//! hyper asks an executor to run the request streams of an HTTP/2 connection, and a client's connections. `conn` passes
//! [`Executor`] to hyper for that; users do the same with hyper and hyper-util directly.
//!
//! It keeps no handle of what it starts: hyper waits for its streams through their own channels.

use crate::go;

/// Runs hyper's futures as goroutines.
///
/// Each future that hyper hands over becomes a goroutine of the runtime that the caller is on, or of the default
/// runtime where there is none; a panic in it ends that goroutine alone.
///
/// In Go there is nothing to pass: `net/http` writes `go` where hyper asks its executor.
///
/// # Examples
///
/// ```
/// use hyper_util::server::conn::auto;
///
/// // For a server with its own accept loop.
/// let builder = auto::Builder::new(gosched::http::Executor);
/// # drop(builder);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor;

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(go(future));
    }
}
