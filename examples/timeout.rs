//! Waiting for three things at once: a result, a cancelled Context, a limit of time.
//!
//!     cargo run --release --example timeout -- result       the work is done in time
//!     cargo run --release --example timeout -- cancelled    somebody calls it off
//!     cargo run --release --example timeout -- too-late     the limit passes first
//!
//! A second argument sets the limit in milliseconds; it is 3000 otherwise.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use gosched::{Context, chan, go, select, time};

#[gosched::main]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let ending = args.next();
    let limit = match args.next().map(|arg| arg.parse()) {
        None => Duration::from_secs(3),
        Some(Ok(millis)) => Duration::from_millis(millis),
        Some(Err(error)) => return usage(&format!("the limit in milliseconds: {error}")),
    };

    // How long the work takes, and after how long it is called off, if it is.
    let (takes, called_off_after) = match ending.as_deref() {
        None | Some("result") => (limit / 3, None),
        Some("cancelled") => (limit * 2, Some(limit / 3)),
        Some("too-late") => (limit * 2, None),
        Some(other) => return usage(&format!("no ending is called {other:?}")),
    };

    let (ctx, cancel) = Context::background().with_cancel();
    match called_off_after {
        Some(after) => drop(go!({
            time::sleep(after).await;
            cancel.cancel();
        })),
        // Just dropping a CancelFunc cancels, as `defer cancel()` does in Go.
        None => cancel.detach(),
    }

    let began = Instant::now();
    match ask(&ctx, takes, limit).await {
        Ok(answer) => println!("the answer is {answer}, after {:.1?}", began.elapsed()),
        Err(why) => println!("no answer: {why}, after {:.1?}", began.elapsed()),
    }
    ExitCode::SUCCESS
}

/// Starts the work and waits for its answer, but no longer than `limit` and only while `ctx` lives.
async fn ask(ctx: &Context, takes: Duration, limit: Duration) -> Result<u32, String> {
    // Room for one value: the worker can deliver and end though nobody waits any more.
    let (tx, rx) = chan(1);
    go!({
        time::sleep(takes).await;
        let _ = tx.send(42).await;
    });

    select! {
        answer = rx.recv() => answer.ok_or_else(|| "the worker went away".to_owned()),
        _ = ctx.done() => Err(ctx.err().map_or_else(String::new, |error| error.to_string())),
        _ = time::after(limit) => Err(format!("it took longer than {limit:?}")),
    }
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("timeout: {problem}\nusage: timeout [result|cancelled|too-late] [LIMIT_MS]");
    ExitCode::from(2)
}
