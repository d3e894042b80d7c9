//! Libraries written for tokio, used in goroutines as they are.
//!
//!     cargo run --release --example tokio_in_gosched [CLIENTS]
//!
//! Sockets, buffered lines, timeouts, a semaphore, a broadcast, `tokio::spawn` and `JoinSet` are tokio's. Nothing starts
//! a tokio runtime: a goroutine is inside tokio's context, and the poller of gosched drives its I/O and timers.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use gosched::{chan, go, select};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, broadcast};
use tokio::task::JoinSet;

/// Connections that the server serves at a time.
const AT_A_TIME: usize = 8;
const PATIENCE: Duration = Duration::from_secs(30);

#[gosched::main]
async fn main() -> ExitCode {
    let clients = match std::env::args().nth(1).map(|arg| arg.parse()) {
        None => 50,
        Some(Ok(clients)) => clients,
        Some(Err(error)) => {
            eprintln!("tokio_in_gosched: {error}\nusage: tokio_in_gosched [CLIENTS]");
            return ExitCode::from(2);
        }
    };
    match run(clients).await {
        Ok((served, bytes)) => {
            println!("{served} clients were served, {bytes} bytes came back");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tokio_in_gosched: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(clients: usize) -> io::Result<(usize, usize)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = broadcast::channel(1);
    let server = go(serve(listener, stopped));

    // Tasks, as a client library would start them; they report to a goroutine.
    let (tx, rx) = chan(0);
    let mut tasks = JoinSet::new();
    for n in 0..clients {
        let tx = tx.clone();
        tasks.spawn(async move {
            let bytes = tokio::time::timeout(PATIENCE, ask(address, n)).await??;
            tx.send(bytes).await.map_err(io::Error::other)
        });
    }
    drop(tx);
    let counter = go(async move {
        let mut bytes = 0;
        while let Some(more) = rx.recv().await {
            bytes += more;
        }
        bytes
    });
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    // The server is listening to it.
    let _ = stop.send(());
    let served = server.await.map_err(io::Error::other)?;
    Ok((served, counter.await.map_err(io::Error::other)?))
}

/// A goroutine for the server, and one for each connection.
async fn serve(listener: TcpListener, mut stopped: broadcast::Receiver<()>) -> usize {
    let permits = Arc::new(Semaphore::new(AT_A_TIME));
    let mut served = 0;
    loop {
        let socket = select! {
            accepted = listener.accept() => accepted,
            _ = stopped.recv() => return served,
        };
        let Ok((socket, _)) = socket else { continue };
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return served;
        };
        served += 1;
        go(async move {
            let _permit = permit;
            // A client that breaks off is its own affair.
            let _ = echo_lines(socket).await;
        });
    }
}

async fn echo_lines(socket: TcpStream) -> io::Result<()> {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        write.write_all(format!("{line}\n").as_bytes()).await?;
    }
    Ok(())
}

/// A client: says who it is, and counts what comes back.
async fn ask(address: std::net::SocketAddr, n: usize) -> io::Result<usize> {
    let mut socket = TcpStream::connect(address).await?;
    socket
        .write_all(format!("client {n:04}\n").as_bytes())
        .await?;
    socket.shutdown().await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer.len())
}
