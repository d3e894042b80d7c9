//! A web service that says hello, and the clients that ask it (feature `http`).

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use super::child::announce;
use crate::rt::{Gosched, Rt, Tokio};
use crate::work::{Lateness, Reading, Setting};

/// What it says.
const HELLO: &str = "hello, world";
/// For how long one handler in a thousand blocks its thread, where some do.
const BLOCK: Duration = Duration::from_millis(100);
/// Connections, each with one request at a time.
const CONNECTIONS: u64 = 64;
/// One request in so many.
const RARE: u64 = 1_000;
/// Before anything is counted.
const WARM: Duration = Duration::from_millis(200);
/// Measured for at least so long: a p99 needs samples, and blocking handlers need their time.
const LEAST: Duration = Duration::from_secs(1);
/// An answer that does not come in this time never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// A runtime that can serve an axum `Router`.
pub trait Web: Rt {
    /// Serves until the process ends.
    fn serve(
        listener: TcpListener,
        app: Router,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static;
}

impl Web for Gosched {
    fn serve(
        listener: TcpListener,
        app: Router,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        gosched::http::serve(listener, app).into_future()
    }
}

impl Web for Tokio {
    async fn serve(listener: TcpListener, app: Router) -> io::Result<()> {
        use axum::serve::ListenerExt;
        // gosched's server and Go's set this by themselves.
        let listener = listener.tap_io(|stream| {
            // A socket that takes no options serves all the same.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, app).await
    }
}

/// Serves until the client has gone.
///
/// # Errors
///
/// A line for standard error.
pub fn serve<R: Web>(setting: Setting) -> Result<(), String> {
    R::start(setting.procs, async {
        let app = Router::new().route("/", get(|| async { HELLO })).route(
            "/block",
            get(|| async {
                std::thread::sleep(BLOCK);
                HELLO
            }),
        );
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        announce(listener.local_addr()?.port()).map_err(io::Error::other)?;
        R::serve(listener, app).await
    })?
    .map_err(|error| format!("the web service: {error}"))
}

/// Asks over all connections, on one thread: throughput, and the latency of all answers but those that block.
pub fn measure(address: SocketAddr, time: Duration, blocking: bool) -> Result<Reading, String> {
    let time = time.max(LEAST);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the client does not start: {error}"))?;
    LocalSet::new().block_on(&runtime, async move {
        let start = Instant::now() + WARM;
        let end = start + time;
        let asked = Rc::new(Cell::new(0));
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let asked = asked.clone();
                tokio::task::spawn_local(async move {
                    let run = client(address, start, end, blocking, &asked);
                    match tokio::time::timeout(WARM + time + PATIENCE, run).await {
                        Ok(done) => done.map_err(|error| format!("the web service: {error}")),
                        Err(_) => Err("an answer did not come".to_owned()),
                    }
                })
            })
            .collect();
        let mut answers = 0;
        let mut latencies = Lateness::default();
        for client in clients {
            let done = client
                .await
                .map_err(|error| format!("a client: {error}"))??;
            answers += done.answers;
            latencies.append(done.latencies);
        }
        let [p50, p99] = latencies.quantiles([50.0, 99.0]);
        Ok(Reading {
            figures: vec![answers as f64 / time.as_secs_f64(), p50, p99],
            ops: answers,
        })
    })
}

#[derive(Default)]
struct Done {
    answers: u64,
    latencies: Lateness,
}

async fn client(
    address: SocketAddr,
    start: Instant,
    end: Instant,
    blocking: bool,
    asked: &Cell<u64>,
) -> io::Result<Done> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut answer = Vec::new();
    let mut done = Done::default();
    loop {
        asked.set(asked.get() + 1);
        let blocks = blocking && asked.get() % RARE == 0;
        let path = if blocks { "/block" } else { "/" };
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let sent = Instant::now();
        if sent >= end {
            return Ok(done);
        }
        stream.write_all(request.as_bytes()).await?;
        answer.clear();
        while !is_whole(&answer)? {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(io::Error::other("the connection was closed"));
            }
        }
        let now = Instant::now();
        if sent >= start && now <= end {
            done.answers += 1;
            if !blocks {
                done.latencies.add(now - sent);
            }
        }
    }
}

/// Whether `answer` is one whole answer, and the right one.
fn is_whole(answer: &[u8]) -> io::Result<bool> {
    let wrong = || io::Error::other(format!("answered {:?}", String::from_utf8_lossy(answer)));
    let Some(head) = answer.windows(4).position(|part| part == b"\r\n\r\n") else {
        return Ok(false);
    };
    let body = &answer[head + 4..];
    if !answer.starts_with(b"HTTP/1.1 200 ") || !HELLO.as_bytes().starts_with(body) {
        return Err(wrong());
    }
    Ok(body.len() == HELLO.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte_and_refused_when_it_is_another() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nhello, world";
        for end in 0..whole.len() {
            assert!(!is_whole(&whole[..end]).unwrap(), "{end}");
        }
        assert!(is_whole(whole).unwrap());
        assert!(is_whole(b"HTTP/1.1 500 no\r\n\r\n").is_err());
        assert!(is_whole(b"HTTP/1.1 200 OK\r\n\r\nhello, moon!").is_err());
        assert!(is_whole(b"HTTP/1.1 200 OK\r\n\r\nhello, worldHTTP").is_err());
    }
}
