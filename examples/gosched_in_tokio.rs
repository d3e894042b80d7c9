//! A tokio application that gives some of its work to goroutines.
//!
//!     cargo run --release --example gosched_in_tokio [REQUESTS]
//!
//! The sockets are tokio's and are served by tokio's tasks. Each request, a number, goes over a channel to a few
//! goroutines that compute, on gosched's threads and not on those that serve sockets. A `CancellationToken` of the
//! application ends the goroutines.

use std::io;
use std::process::ExitCode;

use gosched::chan::{Receiver, Sender};
use gosched::{Context, chan, go, select, sync::WaitGroup};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A number, and where the answer is expected.
type Job = (u64, Sender<u64>);

const WORKERS: usize = 3;

#[tokio::main]
async fn main() -> ExitCode {
    let requests = match std::env::args().nth(1).map(|arg| arg.parse()) {
        None => 100,
        Some(Ok(requests)) => requests,
        Some(Err(error)) => {
            eprintln!("gosched_in_tokio: {error}\nusage: gosched_in_tokio [REQUESTS]");
            return ExitCode::from(2);
        }
    };
    match run(requests).await {
        Ok(longest) => {
            println!("of 1 to {requests} the number with the longest way down to 1 is {longest}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("gosched_in_tokio: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(requests: u64) -> io::Result<u64> {
    let token = CancellationToken::new();
    let ctx = Context::from_token(token.clone());
    let (jobs, inbox) = chan(WORKERS);

    let workers = WaitGroup::new();
    for _ in 0..WORKERS {
        workers.go(work(ctx.clone(), inbox.clone()));
    }

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket, jobs.clone()));
        }
    });

    let longest = ask(TcpStream::connect(address).await?, requests).await?;

    server.abort();
    token.cancel();
    workers.wait().await;
    Ok(longest)
}

/// A goroutine: answers until the application has had enough.
async fn work(ctx: Context, inbox: Receiver<Job>) {
    loop {
        let job = select! {
            job = inbox.recv() => job,
            _ = ctx.done() => None,
        };
        let Some((n, answer)) = job else { return };
        // Who asked may have gone away.
        let _ = answer.send(steps(n)).await;
    }
}

/// How many steps it takes from `n` to 1: half of an even number, three times an odd one and one more.
fn steps(mut n: u64) -> u64 {
    let mut count = 0;
    while n > 1 {
        n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
        count += 1;
    }
    count
}

/// A task of tokio's: a line with a number in, a line with the answer out.
async fn serve(socket: TcpStream, jobs: Sender<Job>) -> io::Result<()> {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let n = line.trim().parse().map_err(io::Error::other)?;
        let (tx, answer) = chan(1);
        if jobs.send((n, tx)).await.is_err() {
            return Ok(());
        }
        let Some(count) = answer.recv().await else {
            return Ok(());
        };
        write.write_all(format!("{count}\n").as_bytes()).await?;
    }
    Ok(())
}

/// The client: asks for each number and tells which has the most steps.
async fn ask(socket: TcpStream, requests: u64) -> io::Result<u64> {
    let (read, mut write) = socket.into_split();
    let mut answers = BufReader::new(read).lines();
    let asking = go(async move {
        for n in 1..=requests {
            write.write_all(format!("{n}\n").as_bytes()).await?;
        }
        io::Result::Ok(write)
    });
    let mut longest = (0, 0);
    for n in 1..=requests {
        let line = answers.next_line().await?;
        let line = line.ok_or(io::ErrorKind::UnexpectedEof)?;
        let count: u64 = line.parse().map_err(io::Error::other)?;
        if count > longest.0 {
            longest = (count, n);
        }
    }
    // Closed only now: the server stops reading when it sees the end.
    drop(asking.await.map_err(io::Error::other)??);
    Ok(longest.1)
}
