//! How a server ends: what it finishes, what it refuses, and when it is through.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use gosched::context::ContextError;
use gosched::{Context, chan, go, http, time};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::{Gate, listen, soon, start};

/// `/wait` waits at the gate and then answers with its Context's `err`.
fn app(gate: &Gate) -> Router {
    let inside = gate.clone();
    Router::new().route("/", get(async || "answer")).route(
        "/wait",
        get(async move |Extension(ctx): Extension<Context>| {
            inside.pass().await;
            format!("{:?}", ctx.err())
        }),
    )
}

/// Returns when new clients are refused.
async fn refused(address: SocketAddr) {
    let error = soon(async {
        loop {
            match TcpStream::connect(address).await {
                // It came in before the listener was closed, and is closed with it.
                Ok(_) => time::sleep(Duration::from_millis(1)).await,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                Err(error) => break error,
            }
        }
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[gosched::test]
async fn a_shutdown_answers_what_has_begun_refuses_what_has_not_and_then_returns() {
    let gate = Gate::new();
    let server = start(app(&gate)).await;
    let mut busy = Client::connect(server.address).await;
    let mut idle = Client::connect(server.address).await;
    assert_eq!(idle.get("/").await.body, "answer");
    busy.ask("/wait").await;
    gate.arrival().await;

    server.cancel.cancel();
    assert_eq!(idle.rest().await, b"", "an idle connection is closed");
    refused(server.address).await;
    assert!(!server.ended.is_finished());

    gate.open();
    let answer = busy.answer().await;
    // The request's context derives from the one that is done.
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "Some(Canceled)")
    );
    assert_eq!(
        busy.rest().await,
        b"",
        "and is not kept for another request"
    );
    soon(server.ended).await.unwrap().unwrap();
}

#[gosched::test]
async fn with_a_base_context_a_shutdown_leaves_the_requests_contexts_alone() {
    struct Name(&'static str);
    let gate = Gate::new();
    let inside = gate.clone();
    let app = Router::new().route(
        "/",
        get(async move |Extension(ctx): Extension<Context>| {
            inside.pass().await;
            format!("{} {:?}", ctx.value::<Name>().unwrap().0, ctx.err())
        }),
    );
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let (stop, cancel) = Context::background().with_cancel();
    let base = Context::background().with_value(Name("base"));
    let server = go(async move {
        http::serve(listener, app)
            .with_context(stop)
            .base_context(base)
            .await
    });
    let mut client = Client::connect(address).await;
    client.ask("/").await;
    gate.arrival().await;
    cancel.cancel();
    refused(address).await;
    gate.open();
    assert_eq!(client.answer().await.body, "base None");
    soon(server).await.unwrap().unwrap();
}

#[gosched::test]
async fn a_base_context_that_is_done_cancels_requests_and_leaves_the_server_running() {
    let gate = Gate::new();
    let app = app(&gate);
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let (stop, cancel) = Context::background().with_cancel();
    let (base, cancel_base) = Context::background().with_cancel();
    let server = go(async move {
        http::serve(listener, app)
            .with_context(stop)
            .base_context(base)
            .await
    });
    cancel_base.cancel();
    gate.open();
    assert_eq!(
        Client::connect(address).await.get("/wait").await.body,
        "Some(Canceled)"
    );
    assert_eq!(Client::connect(address).await.get("/").await.body, "answer");
    cancel.cancel();
    soon(server).await.unwrap().unwrap();
}

#[gosched::test]
async fn a_client_that_never_said_a_word_does_not_hold_a_shutdown_up() {
    let gate = Gate::new();
    let server = start(app(&gate)).await;
    let mut silent = Client::connect(server.address).await;
    // A byte that HTTP/1 and HTTP/2 may both begin with.
    let mut undecided = Client::connect(server.address).await;
    undecided.send("P").await;
    // Accepted one after the other: once a later one is answered, these have been too.
    assert_eq!(
        Client::connect(server.address).await.get("/").await.body,
        "answer"
    );
    server.cancel.cancel();
    assert_eq!(silent.rest().await, b"");
    assert_eq!(undecided.rest().await, b"");
    soon(server.ended).await.unwrap().unwrap();
}

#[gosched::test]
async fn a_server_whose_context_is_done_already_accepts_nobody() {
    let gate = Gate::new();
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let mut client = Client::connect(address).await;
    client.ask("/").await;
    let (ctx, cancel) = Context::background().with_cancel();
    cancel.cancel();
    soon(
        http::serve(listener, app(&gate))
            .with_context(ctx)
            .into_future(),
    )
    .await
    .unwrap();
    assert_eq!(client.rest().await, b"");
    refused(address).await;
}

#[gosched::test]
async fn a_deadline_ends_a_server_as_well() {
    let gate = Gate::new();
    let listener = listen().await;
    let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(20));
    let seen = ctx.clone();
    soon(
        http::serve(listener, app(&gate))
            .with_context(ctx)
            .into_future(),
    )
    .await
    .unwrap();
    assert_eq!(seen.err(), Some(ContextError::DeadlineExceeded));
}

#[gosched::test]
async fn the_wait_for_the_last_answer_can_be_given_up() {
    let gate = Gate::new();
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let (ctx, cancel) = Context::background().with_cancel();
    let serving = http::serve(listener, app(&gate)).with_context(ctx.clone());
    let server = go(async move {
        let mut serving = serving.into_future();
        if let Ok(ended) = ctx.run(&mut serving).await {
            return Some(ended);
        }
        time::timeout(Duration::from_millis(20), serving).await.ok()
    });
    let mut client = Client::connect(address).await;
    client.ask("/wait").await;
    gate.arrival().await;
    cancel.cancel();
    assert!(soon(server).await.unwrap().is_none());
    // The connection that is left goes on to its end.
    gate.open();
    assert_eq!(client.answer().await.body, "Some(Canceled)");
    assert_eq!(client.rest().await, b"");
}

#[gosched::test]
async fn dropping_the_server_refuses_new_clients_and_leaves_the_old_ones_connected() {
    let gate = Gate::new();
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let app = app(&gate);
    let server = go(async move { http::serve(listener, app).await });
    let mut client = Client::connect(address).await;
    assert_eq!(client.get("/").await.body, "answer");
    server.abort();
    refused(address).await;
    gate.open();
    assert_eq!(client.get("/wait").await.body, "None");
    assert_eq!(client.get("/").await.body, "answer");
}

#[gosched::test]
async fn a_shutdown_in_a_storm_of_clients_cuts_no_answer_short() {
    const SIZE: usize = 100_000;
    for round in 1..=10 {
        let (tx, answered) = chan(0);
        let server = start(Router::new().route("/", get(async || "x".repeat(SIZE)))).await;
        let clients: Vec<_> = (0..16)
            .map(|n| {
                let (tx, address) = (tx.clone(), server.address);
                go(async move {
                    // Half of them keep their connection, half come anew each time.
                    let mut kept = None;
                    loop {
                        let mut client = match kept.take() {
                            Some(client) => client,
                            None => match Client::try_connect(address).await {
                                Ok(client) => client,
                                Err(_) => return,
                            },
                        };
                        if client.try_ask("/").await.is_err() {
                            return;
                        }
                        let Ok(head) = client.head().await else {
                            return;
                        };
                        // An answer that has begun is there to its last byte.
                        let body = client.body(&head).await.unwrap();
                        assert_eq!((head.status, body.len()), (200, SIZE));
                        let _ = tx.try_send(());
                        if n % 2 == 0 {
                            kept = Some(client);
                        }
                    }
                })
            })
            .collect();
        drop(tx);
        // Another moment in each round.
        for _ in 0..round {
            soon(answered.recv()).await.unwrap();
        }
        server.cancel.cancel();
        soon(server.ended).await.unwrap().unwrap();
        for client in clients {
            soon(client).await.unwrap();
        }
    }
}
