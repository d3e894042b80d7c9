//! A TCP server that sends back what it gets: tokio's sockets, a goroutine per connection.
//!
//!     cargo run --release --example echo_server -- [ADDRESS]
//!
//! The address is 127.0.0.1:7000 if none is given. Talk to it with `nc 127.0.0.1 7000`; end it with Ctrl-C: it stops
//! accepting, sends back what it has already read, and waits for its goroutines.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use gosched::sync::WaitGroup;
use gosched::{Context, go, select, time};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[gosched::main]
async fn main() -> ExitCode {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let listener = match TcpListener::bind(&address).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("echo_server: cannot listen on {address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    match listener.local_addr() {
        Ok(local) => println!("listening on {local}"),
        Err(error) => eprintln!("echo_server: {error}"),
    }

    let (ctx, cancel) = Context::background().with_cancel();
    go!({
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel.cancel();
        }
    });

    let connections = WaitGroup::new();
    let served = Arc::new(AtomicU64::new(0));
    let echoed = Arc::new(AtomicU64::new(0));
    loop {
        let accepted = select! {
            _ = ctx.done() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                served.fetch_add(1, Relaxed);
                connections.go(serve(stream, ctx.clone(), echoed.clone()));
            }
            Err(error) => {
                // Out of descriptors, as a rule: some come free when clients leave.
                eprintln!("echo_server: accept: {error}");
                time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    drop(listener);
    connections.wait().await;
    println!(
        "{} connections, {} bytes",
        served.load(Relaxed),
        echoed.load(Relaxed)
    );
    ExitCode::SUCCESS
}

async fn serve(mut stream: TcpStream, ctx: Context, echoed: Arc<AtomicU64>) {
    if let Err(error) = echo(&mut stream, &ctx, &echoed).await {
        eprintln!("echo_server: a connection: {error}");
    }
}

async fn echo(stream: &mut TcpStream, ctx: &Context, echoed: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        // A read that loses has read nothing. The write stands outside: what was read is always sent back whole.
        let read = select! {
            _ = ctx.done() => return Ok(()),
            read = stream.read(&mut buffer) => read?,
        };
        if read == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..read]).await?;
        echoed.fetch_add(read as u64, Relaxed);
    }
}
