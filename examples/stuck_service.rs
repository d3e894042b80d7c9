//! A service with two bugs: the case of the guide's chapter "Debugging a stuck service".
//!
//!     GOMAXPROCS=1 cargo run --example stuck_service -- [ADDRESS]
//!     GOMAXPROCS=1 GODEBUG=schedtrace=1000 cargo run --example stuck_service
//!     cargo run --example stuck_service -- reproduce
//!
//! It speaks lines over TCP: `thumbnail NAME`, and for whoever looks after it `metrics` and `goroutines`. Ask for
//! `thumbnail an-unusually-long-name` once, and every `thumbnail` from the third on waits for ever; one goroutine is
//! stuck from the start. `reproduce` makes the same requests without a network, for the deadlock report. The bugs are
//! real and meant: the chapter finds them.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use gosched::chan::{Receiver, Sender};
use gosched::{chan, debug, go, runtime, time};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

#[gosched::main]
pub(crate) async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .without_time()
        .with_ansi(false)
        .init();
    let argument = std::env::args().nth(1);
    let done = match argument.as_deref().unwrap_or("127.0.0.1:7070") {
        "reproduce" => reproduce().await,
        address => serve(address).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stuck_service: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let collector = silent_collector()?;
    go(async move { push_metrics(collector) });
    let service = Service::start();
    loop {
        let (stream, _) = listener.accept().await?;
        go!(clone(service) {
            if let Err(error) = service.talk(stream).await {
                tracing::warn!(%error, "a connection broke");
            }
        });
    }
}

/// The same requests, one after the other and without a network.
async fn reproduce() -> io::Result<()> {
    let service = Service::start();
    for name in ["cat", "an-unusually-long-name", "dog"] {
        println!("{}", service.thumbnail(name).await);
    }
    Ok(())
}

struct Service {
    /// At most so many thumbnails are made at once.
    permits: Semaphore,
    log: Sender<String>,
    /// For `metrics`, which tells how long the log's queue is.
    log_queue: Receiver<String>,
}

impl Service {
    fn start() -> Arc<Service> {
        let (log, log_queue) = chan(0);
        go(audit(log_queue.clone()));
        Arc::new(Service {
            permits: Semaphore::new(2),
            log,
            log_queue,
        })
    }

    async fn talk(&self, stream: TcpStream) -> io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        while let Some(line) = lines.next_line().await? {
            let answer = match line.split_once(' ') {
                Some(("thumbnail", name)) => self.thumbnail(name).await,
                _ if line == "metrics" => self.metrics(),
                _ if line == "goroutines" => debug::dump(),
                _ => "what?".to_owned(),
            };
            write.write_all(format!("{answer}\n").as_bytes()).await?;
        }
        Ok(())
    }

    async fn thumbnail(&self, name: &str) -> String {
        let _permit = self.permits.acquire().await.expect("never closed");
        time::sleep(Duration::from_millis(5)).await; // stands for the work
        if self.log.send(format!("made {name}")).await.is_err() {
            tracing::warn!(name, "the audit log is closed");
        }
        format!("thumbnail of {name}")
    }

    fn metrics(&self) -> String {
        let now = runtime::metrics();
        format!(
            "goroutines={} running={} runnable={} waiting={} threads={} retakes={} log_queue={}",
            now.goroutines(),
            now.goroutines_running(),
            now.goroutines_runnable(),
            now.goroutines_waiting(),
            now.threads(),
            now.retakes(),
            self.log_queue.len(),
        )
    }
}

/// Writes what was done. The first bug: one entry that cannot be written ends it, and nobody hears of that.
async fn audit(entries: Receiver<String>) -> io::Result<()> {
    let mut log = Vec::new();
    while let Some(entry) = entries.recv().await {
        append(&mut log, &entry)?;
    }
    Ok(())
}

/// Stands for a log whose records have a fixed size.
fn append(log: &mut Vec<[u8; 16]>, entry: &str) -> io::Result<()> {
    let mut record = [b' '; 16];
    let place = record.get_mut(..entry.len());
    let place = place.ok_or_else(|| io::Error::other("the entry is too long"))?;
    place.copy_from_slice(entry.as_bytes());
    log.push(record);
    Ok(())
}

/// Tells a collector that we live. The second bug: this socket blocks its thread.
fn push_metrics(mut collector: std::net::TcpStream) {
    let mut answer = [0];
    let told = collector
        .write_all(b"up 1\n")
        .and_then(|()| collector.read_exact(&mut answer));
    if let Err(error) = told {
        tracing::warn!(%error, "the collector cannot be told");
    }
}

/// Stands for a collector that takes connections and never answers.
fn silent_collector() -> io::Result<std::net::TcpStream> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
    // The system completes connections while the listener is open: it stays so.
    std::mem::forget(listener);
    Ok(stream)
}
