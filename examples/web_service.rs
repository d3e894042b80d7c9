//! A web service: an axum Router served by goroutines, with Go's request Context.
//!
//!     cargo run --release --features http --example web_service -- [ADDRESS]
//!     curl http://127.0.0.1:8080/report/5        five rows, 100 ms each
//!     curl http://127.0.0.1:8080/report/100      too much for the deadline of 5 s
//!
//! Each request's Context carries a request id and a deadline down to the work, which runs in a goroutine of its own.
//! Press Ctrl-C in curl, and the work for that request ends; press it here, and the server answers what it has begun
//! and leaves.

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use gosched::context::ContextError;
use gosched::{Context, go, http, select, time};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[gosched::main]
async fn main() -> ExitCode {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = match TcpListener::bind(&address).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("web_service: cannot listen on {address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    match serve(listener).await {
        Ok(()) => {
            println!("all requests are answered");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("web_service: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let stop = signalled()?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = Router::new()
        .route("/", get(|| async { "ask for /report/5\n" }))
        .route("/report/{rows}", get(report))
        .layer(middleware::from_fn(with_id_and_deadline));
    // The requests do not derive from `stop`: those that have begun are finished after the signal.
    http::serve(listener, app)
        .with_context(stop)
        .base_context(Context::background())
        .await
}

/// A Context that is done on the first SIGINT or SIGTERM.
fn signalled() -> io::Result<Context> {
    let (ctx, cancel) = Context::background().with_cancel();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    go!({
        select! {
            _ = interrupt.recv() => {},
            _ = terminate.recv() => {},
        }
        cancel.cancel();
    });
    Ok(ctx)
}

#[derive(Clone, Copy)]
struct RequestId(u64);

/// Gives each request an id and five seconds.
async fn with_id_and_deadline(
    Extension(ctx): Extension<Context>,
    mut request: Request,
    next: Next,
) -> Response {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let ctx = ctx.with_value(RequestId(LAST.fetch_add(1, Relaxed) + 1));
    // `_cancel` cancels when it goes out of scope, as `defer cancel()` does: also if the client leaves and this future
    // is dropped where it waits.
    let (ctx, _cancel) = ctx.with_timeout(Duration::from_secs(5));
    request.extensions_mut().insert(ctx);
    next.run(request).await
}

async fn report(
    Extension(ctx): Extension<Context>,
    Path(rows): Path<u32>,
) -> Result<String, (StatusCode, String)> {
    // The work is a goroutine of its own. If the client leaves, this handler is dropped; the work learns it from `ctx`.
    match go(write_report(ctx, rows)).await {
        Ok(Ok(report)) => Ok(report),
        Ok(Err(error)) => Err((StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))),
        Err(panicked) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("{panicked}\n"))),
    }
}

async fn write_report(ctx: Context, rows: u32) -> Result<String, ContextError> {
    let RequestId(id) = ctx.value().copied().unwrap_or(RequestId(0));
    println!("request {id}: begins {rows} rows");
    let mut report = format!("report for request {id}\n");
    for row in 1..=rows {
        match look_up(&ctx, row).await {
            Ok(line) => report.push_str(&line),
            Err(error) => {
                println!("request {id}: gives up at row {row}: {error}");
                return Err(error);
            }
        }
    }
    println!("request {id}: done");
    Ok(report)
}

/// Stands for a query that takes a while.
async fn look_up(ctx: &Context, row: u32) -> Result<String, ContextError> {
    ctx.run(time::sleep(Duration::from_millis(100))).await?;
    Ok(format!("row {row}\n"))
}
