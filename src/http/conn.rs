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

use std::error::Error;
use std::future::poll_fn;
use std::pin::pin;

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

/// Says that a connection is open for as long as it lives; nothing is ever sent.
pub(super) type Open = mpsc::Sender<std::convert::Infallible>;

/// hyper's settings for all connections of a server.
pub(super) fn protocol() -> auto::Builder<Executor> {
    let mut builder = auto::Builder::new(Executor);
    // Without a timer hyper does not limit the time that a client may take to send the head of a request.
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    builder
}

/// Serves one connection until the client or, once `ctx` is done, the last answer ends it.
pub(super) async fn run<S, B>(
    stream: TcpStream,
    service: S,
    protocol: auto::Builder<Executor>,
    ctx: Context,
    base: Context,
    open: Open,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let _open = open;
    let service = PerRequest::new(service, base);
    let mut conn = pin!(protocol.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let mut done = pin!(ctx.done());
    let mut draining = false;
    let end = poll_fn(|cx| {
        if !draining && done.as_mut().poll(cx).is_ready() {
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
