//! One connection's goroutine.
//!
//! The accept loop in `serve` starts [`run`] as a goroutine for each connection that it accepts. hyper speaks HTTP/1 or
//! HTTP/2 with the client, whichever the first bytes say; over HTTP/1 the handlers run in this goroutine, one after the
//! other, over HTTP/2 each request stream gets a goroutine of its own through [`Executor`].
//!
//! # Invariants
//!
//! 1. `Open` lives exactly as long as the goroutine, whichever way that ends: a handler that panics takes the
//!    connection with it, and a shutdown that waits for the connections must not wait for this one for ever.
//! 2. hyper is told to drain once, and the connection is polled until it says that it is through.
//! 3. A connection that has not brought a request within the server's limit is told to drain, and ends after the same
//!    time again. hyper's own limit runs only once it knows the version, and for HTTP/1: a client that says nothing
//!    would stay for ever, and over HTTP/2 one that does not answer when it is told to go.

use std::error::Error;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tower_service::Service;

use super::Executor;
use super::request::PerRequest;
use crate::context::Context;
use crate::time;

/// Says that a connection is open for as long as it lives; nothing is ever sent.
pub(super) type Open = mpsc::Sender<std::convert::Infallible>;

/// hyper's settings for all connections of a server.
pub(super) fn protocol(head_limit: Duration) -> auto::Builder<Executor> {
    let mut builder = auto::Builder::new(Executor);
    builder
        .http1()
        .timer(TokioTimer::new())
        // hyper adds it to the time of day, which `MAX` would overflow.
        .header_read_timeout((head_limit < FOR_EVER).then_some(head_limit));
    builder.http2().timer(TokioTimer::new());
    builder
}

/// From here on a limit is none: a century.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// What the connections of a server have in common.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) protocol: auto::Builder<Executor>,
    pub(super) head_limit: Duration,
    /// Once it is done the connections drain.
    pub(super) ctx: Context,
    /// What the requests' contexts derive from.
    pub(super) base: Context,
}

/// Serves one connection until the client or, once `ctx` is done, the last answer ends it.
pub(super) async fn run<S, B>(stream: TcpStream, service: S, shared: Shared, open: Open)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let _open = open;
    let Shared {
        protocol,
        head_limit,
        ctx,
        base,
    } = shared;
    let begun = Arc::new(AtomicBool::new(false));
    let service = PerRequest::new(service, base, Arc::clone(&begun));
    let mut conn = pin!(protocol.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let mut done = pin!(ctx.done());
    let mut limit = pin!(Some(time::sleep(head_limit)));
    let mut draining = false;
    let end = poll_fn(|cx| {
        // Relaxed: hyper calls the service while it is polled, below.
        if limit.is_some() && begun.load(Ordering::Relaxed) {
            limit.set(None);
        }
        let mut drain = !draining && done.as_mut().poll(cx).is_ready();
        // Again after it was set anew, so that it knows whom to wake.
        while let Some(Poll::Ready(())) = limit.as_mut().as_pin_mut().map(|l| l.poll(cx)) {
            if draining || drain {
                return Poll::Ready(Ok(()));
            }
            drain = true;
            limit.set(Some(time::sleep(head_limit)));
        }
        if drain {
            draining = true;
            conn.as_mut().graceful_shutdown();
        }
        conn.as_mut().poll(cx)
    })
    .await;
    if let Err(error) = end {
        // A client that leaves in the middle of something is no news.
        tracing::debug!(error = &*error, "http connection ended");
    }
}
