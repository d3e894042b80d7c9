//! `serve`: the builder, the accept loop, shutdown.
//!
//! Users call [`serve`]; awaiting what it returns runs the accept loop in the caller's task, which starts a goroutine
//! (`conn`) for each connection.
//!
//! # Invariants
//!
//! 1. The loop owns the listener and gives it up before it waits for the connections: from the moment that the
//!    context is done a new client is refused by the operating system, not left waiting.
//! 2. The loop holds one `Open` while it accepts and none when it waits, so the wait ends with the last connection.
//!
//! It does not limit the number of connections, terminate TLS, or bound the time that a shutdown may take.

use std::error::Error;
use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower_service::Service;

use super::conn;
use crate::context::Context;
use crate::{go, time};

/// How long a client may take to send the head of a request, when nobody says.
const HEAD_LIMIT: Duration = Duration::from_secs(30);

/// How long a connection is silent before the system asks whether the client is still there, and how often.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Serves HTTP/1 and HTTP/2 on `listener` with `service`.
///
/// The service is anything of tower's that takes `Request<hyper::body::Incoming>` and is `Clone`: an axum `Router`
/// as it is, a `tower::service_fn`, a stack of layers. It is cloned for each connection and each request. Await the
/// result to run the server; without [`with_context`](Serve::with_context) that never ends.
///
/// - Each connection is a goroutine, and each request stream of an HTTP/2 connection is one more. So handlers are
///   stolen and preempted like every goroutine, and one that must block does so in
///   [`block_in_place`](crate::runtime::block_in_place), out of the others' way.
/// - Each request has a [`Context`] in its extensions (in axum: `Extension<Context>`). It is done as soon as the
///   server sees that the client has gone away, and when the response's body has been handed to the connection. The
///   handler's own future is dropped when the client goes away; the Context is for the work that the handler started
///   elsewhere. Over HTTP/1 a client that leaves is seen while the handler waits, not while it blocks, and, as in Go,
///   only once what the client sent before has been read: the request's body, or a next request. One that vanishes
///   without closing is found out by TCP's keep-alive, in minutes.
/// - A handler that panics ends its connection, over HTTP/2 its stream, and nothing else.
/// - A client that sends no request is not waited for without end: see
///   [`read_header_timeout`](Serve::read_header_timeout).
/// - When the process or the system runs out of file descriptors or memory, the loop waits, 5 ms at first, 1 s at
///   most, and tries again.
///
/// In Go: `http.Serve(listener, handler)`, and `r.Context()` for the request's Context. A handler of Go's runs on when
/// its client has left.
///
/// # Errors
///
/// The error of `accept` where trying again cannot help, such as a listener that is none. Awaiting then leaves the
/// open connections to themselves.
///
/// # Cancel safety
///
/// Dropping the future closes the listener. Connections that are open go on to their end.
///
/// # Examples
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use gosched::{Context, go, http};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tokio::net::{TcpListener, TcpStream};
///
/// async fn hello(Extension(ctx): Extension<Context>) -> String {
///     format!("hello, err is {:?}", ctx.err())
/// }
///
/// # fn main() -> std::io::Result<()> {
/// gosched::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let address = listener.local_addr()?;
///     let (ctx, cancel) = Context::background().with_cancel();
///     let app = Router::new().route("/", get(hello));
///     let server = go(async move { http::serve(listener, app).with_context(ctx).await });
///
///     let mut client = TcpStream::connect(address).await?;
///     client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
///     let mut answer = String::new();
///     client.read_to_string(&mut answer).await?;
///     assert!(answer.ends_with("hello, err is None"));
///
///     cancel.cancel();
///     server.await.expect("the server does not panic")
/// })
/// # }
/// ```
pub fn serve<S>(listener: TcpListener, service: S) -> Serve<S> {
    Serve {
        listener,
        service,
        ctx: Context::background(),
        base: None,
        head_limit: HEAD_LIMIT,
    }
}

/// A server that is about to start: what [`serve`] returns. Await it.
#[must_use = "a server runs only while it is awaited"]
pub struct Serve<S> {
    listener: TcpListener,
    service: S,
    ctx: Context,
    /// `None`: as `ctx`.
    base: Option<Context>,
    head_limit: Duration,
}

impl<S> Serve<S> {
    /// Shuts the server down gracefully when `ctx` is done, and derives the requests' contexts from it.
    ///
    /// Once `ctx` is done the listener is closed, idle connections end, requests that have begun are answered, and
    /// when the last connection has ended the server's future is ready. As the requests' contexts derive from `ctx`
    /// they are done as well then: work that watches its Context learns of the shutdown. For work that is to be
    /// finished, see [`base_context`](Serve::base_context).
    ///
    /// The wait for the connections has no limit of its own: put one around it with
    /// [`time::timeout`](crate::time::timeout). Connections that were upgraded (WebSocket) are not waited for.
    ///
    /// In Go: `Server.Shutdown`, called when `ctx` is done, and `Server.BaseContext`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use gosched::{Context, http};
    /// # async fn f(listener: tokio::net::TcpListener, router: axum::Router) -> std::io::Result<()> {
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// gosched::go(async move {
    ///     let _ = tokio::signal::ctrl_c().await;
    ///     cancel.cancel();
    /// });
    /// http::serve(listener, router).with_context(ctx).await
    /// # }
    /// ```
    pub fn with_context(mut self, ctx: Context) -> Self {
        self.ctx = ctx;
        self
    }

    /// Derives the requests' contexts from `base` instead of the context of [`with_context`](Serve::with_context).
    ///
    /// With a `base` that outlives the server's own context, a shutdown leaves the requests that have begun alone;
    /// values that every request should see are passed here as well.
    ///
    /// In Go: `Server.BaseContext`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use gosched::{Context, http};
    /// # async fn f(listener: tokio::net::TcpListener, router: axum::Router, stop: Context) -> std::io::Result<()> {
    /// struct Version(&'static str);
    ///
    /// let base = Context::background().with_value(Version("1.4"));
    /// http::serve(listener, router).with_context(stop).base_context(base).await
    /// # }
    /// ```
    pub fn base_context(mut self, base: Context) -> Self {
        self.base = Some(base);
        self
    }

    /// Closes connections that do not bring the head of a request within `limit`. Default: 30 seconds;
    /// `Duration::MAX` is no limit.
    ///
    /// It counts from the moment that the client is accepted, and over HTTP/1 again from the end of each answer: a
    /// connection that is kept for a next request is kept for so long. Over HTTP/2 it holds for the first request.
    ///
    /// Nothing limits how long a client takes to send a request's body, or to read an answer.
    ///
    /// In Go: `Server.ReadHeaderTimeout`, and `Server.IdleTimeout`; without either Go waits for ever.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use gosched::http;
    /// # async fn f(listener: tokio::net::TcpListener, router: axum::Router) -> std::io::Result<()> {
    /// let limit = std::time::Duration::from_secs(5);
    /// http::serve(listener, router).read_header_timeout(limit).await
    /// # }
    /// ```
    pub fn read_header_timeout(mut self, limit: Duration) -> Self {
        self.head_limit = limit;
        self
    }
}

impl<S> fmt::Debug for Serve<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

impl<S, B> IntoFuture for Serve<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = io::Result<()>;
    type IntoFuture = Serving;

    fn into_future(self) -> Serving {
        Serving(Box::pin(run(self)))
    }
}

/// A running server: the future that awaiting a [`Serve`] makes.
#[must_use = "a server runs only while it is awaited"]
pub struct Serving(Pin<Box<dyn Future<Output = io::Result<()>> + Send>>);

impl Future for Serving {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}

async fn run<S, B>(server: Serve<S>) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Serve {
        listener,
        service,
        ctx,
        base,
        head_limit,
    } = server;
    let shared = conn::Shared {
        protocol: conn::protocol(head_limit),
        head_limit,
        base: base.unwrap_or_else(|| ctx.clone()),
        ctx,
    };
    // The capacity is the least that tokio allows; nothing is ever sent.
    let (open, mut all_closed) = mpsc::channel(1);

    while let Ok(stream) = shared.ctx.run(accept(&listener)).await {
        drop(go(conn::run(
            stream?,
            service.clone(),
            shared.clone(),
            open.clone(),
        )));
    }

    drop(listener);
    drop(open);
    all_closed.recv().await;
    Ok(())
}

/// The next connection; an error only if there can be none any more.
async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let mut backoff = Backoff::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                set_options(&stream);
                return Ok(stream);
            }
            Err(error) => match After::of(&error) {
                After::NextClient => {}
                After::Pause => {
                    let pause = backoff.next();
                    tracing::warn!(%error, ?pause, "cannot accept connections, will try again");
                    time::sleep(pause).await;
                }
                After::Nothing => return Err(error),
            },
        }
    }
}

/// As Go sets them. A socket that takes no options serves all the same.
fn set_options(stream: &TcpStream) {
    // Answers are written whole, and waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    // A client whose machine has gone says no goodbye: without probes its request would wait for ever.
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    #[cfg(any(target_os = "linux", target_os = "macos", target_os = "windows"))]
    let keepalive = keepalive.with_interval(KEEPALIVE);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

/// What can follow a failed `accept`.
#[derive(Debug, PartialEq, Eq)]
enum After {
    /// The failure was that of one client, which is gone.
    NextClient,
    /// Descriptors or memory are short: they may come free.
    Pause,
    /// The listener is not one.
    Nothing,
}

impl After {
    fn of(error: &io::Error) -> After {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
        ) {
            return After::NextClient;
        }
        match error.raw_os_error() {
            Some(libc::EBADF | libc::EFAULT | libc::EINVAL | libc::ENOTSOCK) => After::Nothing,
            _ => After::Pause,
        }
    }
}

/// How long to wait when `accept` fails again and again: 5 ms, doubled each time, 1 s at most.
struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Backoff(Duration::from_millis(5))
    }
}

impl Backoff {
    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(Duration::from_secs(1));
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_descriptors_pauses_the_loop_and_a_dead_listener_ends_it() {
        let after = |code| After::of(&io::Error::from_raw_os_error(code));
        for short in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
            assert_eq!(after(short), After::Pause);
        }
        for client in [libc::ECONNABORTED, libc::ECONNRESET, libc::EINTR] {
            assert_eq!(after(client), After::NextClient);
        }
        for dead in [libc::EBADF, libc::EINVAL, libc::ENOTSOCK] {
            assert_eq!(after(dead), After::Nothing);
        }
    }

    #[test]
    fn pauses_double_from_5_ms_to_1_s() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..10).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    }
}
