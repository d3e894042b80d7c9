//! `gosched::http` over real connections: who is answered, what a request's Context sees, how a server ends, and
//! what cannot bring it down.

mod client;
mod context;
mod descriptors;
mod executor;
mod http2;
mod serving;
mod shutdown;
mod trouble;

use std::net::SocketAddr;
use std::panic::Location;
use std::time::Duration;
use std::{fmt, io};

use axum::Router;
use gosched::context::CancelFunc;
use gosched::{Context, JoinHandle, chan, go, http, time};
use tokio::net::TcpListener;

/// A server in a goroutine; dropping it shuts it down.
struct Server {
    address: SocketAddr,
    cancel: CancelFunc,
    ended: JoinHandle<io::Result<()>>,
}

async fn start(app: Router) -> Server {
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let (ctx, cancel) = Context::background().with_cancel();
    let ended = go(async move { http::serve(listener, app).with_context(ctx).await });
    Server {
        address,
        cancel,
        ended,
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// What `future` yields; fails the test, and says where, if that does not come. Nothing here takes a second.
#[track_caller]
fn soon<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let site = Location::caller();
    async move {
        match time::timeout(Duration::from_secs(60), future).await {
            Ok(output) => output,
            Err(_) => panic!("{site}: nothing happened for a minute"),
        }
    }
}

/// A place where goroutines wait until the test lets them go on, one by one or all at once.
#[derive(Clone)]
struct Gate {
    arrive: chan::Sender<()>,
    arrived: chan::Receiver<()>,
    open: chan::Sender<()>,
    opened: chan::Receiver<()>,
}

impl Gate {
    fn new() -> Gate {
        // Room for those who arrive, so that they count as waiting before the test looks.
        let (arrive, arrived) = chan(64);
        let (open, opened) = chan(0);
        Gate {
            arrive,
            arrived,
            open,
            opened,
        }
    }

    async fn pass(&self) {
        self.arrive.send(()).await.unwrap();
        self.opened.recv().await;
    }

    async fn arrival(&self) {
        soon(self.arrived.recv()).await.unwrap();
    }

    /// Lets everybody through, now and later.
    fn open(&self) {
        self.open.close();
    }
}

/// Sends its name when it is dropped.
struct Dropped<T: fmt::Debug>(Option<T>, chan::Sender<T>);

impl<T: fmt::Debug> Dropped<T> {
    fn tells(name: T, to: &chan::Sender<T>) -> Self {
        Dropped(Some(name), to.clone())
    }
}

impl<T: fmt::Debug> Drop for Dropped<T> {
    fn drop(&mut self) {
        if let Some(name) = self.0.take() {
            // A test that has seen enough may have gone.
            let _ = self.1.try_send(name);
        }
    }
}
