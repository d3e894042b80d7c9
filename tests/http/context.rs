//! What the Context of a request sees: the server's values, and the end of the request, however that comes.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use axum::{Extension, Router};
use futures::StreamExt;
use gosched::context::ContextError;
use gosched::{Context, chan, go, http};

use crate::client::Client;
use crate::{Dropped, Gate, listen, soon, start};

struct Version(u32);

/// A handler's way to show its Context to the test.
type Shown = chan::Receiver<Context>;

/// `/` shows its Context and answers; `/wait` shows it, and waits at the gate with something on its stack.
fn app() -> (Router, Shown, Gate, chan::Receiver<&'static str>) {
    let (show, shown) = chan(16);
    let (drops, dropped) = chan(16);
    let gate = Gate::new();
    let inside = gate.clone();
    let show_at_once = show.clone();
    let app = Router::new()
        .route(
            "/",
            get(async move |Extension(ctx): Extension<Context>| {
                show_at_once.send(ctx).await.unwrap();
                "answer"
            }),
        )
        .route(
            "/wait",
            get(async move |Extension(ctx): Extension<Context>| {
                let _on_the_stack = Dropped::tells("handler", &drops);
                show.send(ctx).await.unwrap();
                inside.pass().await;
                "answer"
            }),
        );
    (app, shown, gate, dropped)
}

#[gosched::test]
async fn a_request_sees_the_values_of_the_servers_context() {
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let (ctx, cancel) = Context::background().with_value(Version(3)).with_cancel();
    let app = Router::new().route(
        "/",
        get(async |Extension(ctx): Extension<Context>| {
            ctx.value::<Version>().unwrap().0.to_string()
        }),
    );
    let server = go(async move { http::serve(listener, app).with_context(ctx).await });
    assert_eq!(Client::connect(address).await.get("/").await.body, "3");
    cancel.cancel();
    soon(server).await.unwrap().unwrap();
}

#[gosched::test]
async fn each_request_has_a_context_of_its_own_that_ends_with_its_answer() {
    let (app, shown, gate, _dropped) = app();
    let server = start(app).await;
    let mut waiting = Client::connect(server.address).await;
    waiting.ask("/wait").await;
    let still = soon(shown.recv()).await.unwrap();
    gate.arrival().await;

    let mut client = Client::connect(server.address).await;
    for _ in 0..2 {
        assert_eq!(client.get("/").await.body, "answer");
        let ended = soon(shown.recv()).await.unwrap();
        soon(ended.done()).await;
        assert_eq!(ended.err(), Some(ContextError::Canceled));
    }
    assert_eq!(still.err(), None);

    gate.open();
    assert_eq!(waiting.answer().await.body, "answer");
    soon(still.done()).await;
}

#[gosched::test]
async fn a_client_that_leaves_cancels_its_request_and_drops_the_handler() {
    let (app, shown, gate, dropped) = app();
    let server = start(app).await;
    let mut client = Client::connect(server.address).await;
    client.ask("/wait").await;
    let ctx = soon(shown.recv()).await.unwrap();
    gate.arrival().await;
    assert_eq!(ctx.err(), None);

    // What a handler started elsewhere, and nobody drops.
    let watched = ctx.clone();
    let watcher = go(async move {
        watched.done().await;
        watched.err()
    });
    drop(client);
    soon(ctx.done()).await;
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
    assert_eq!(soon(watcher).await.unwrap(), Some(ContextError::Canceled));
    assert_eq!(soon(dropped.recv()).await, Some("handler"));
}

#[gosched::test]
async fn a_client_that_leaves_while_another_stays_cancels_only_its_own_request() {
    let (app, shown, gate, _dropped) = app();
    let server = start(app).await;
    let mut leaves = Client::connect(server.address).await;
    leaves.ask("/wait").await;
    let gone = soon(shown.recv()).await.unwrap();
    let mut stays = Client::connect(server.address).await;
    stays.ask("/wait").await;
    let kept = soon(shown.recv()).await.unwrap();
    drop(leaves);
    soon(gone.done()).await;
    assert_eq!(kept.err(), None);
    gate.open();
    assert_eq!(stays.answer().await.body, "answer");
}

/// `/` answers with what the test sends, as it comes.
fn streaming() -> (
    Router,
    chan::Sender<&'static str>,
    Shown,
    chan::Receiver<&'static str>,
) {
    let (show, shown) = chan(1);
    let (drops, dropped) = chan(1);
    let (tx, rx) = chan::<&'static str>(0);
    let app = Router::new().route(
        "/",
        get(async move |Extension(ctx): Extension<Context>| {
            show.send(ctx).await.unwrap();
            let inside = Dropped::tells("body", &drops);
            Body::from_stream(rx.into_stream().map(move |text| {
                let _ = &inside;
                Ok::<_, Infallible>(Bytes::from_static(text.as_bytes()))
            }))
        }),
    );
    (app, tx, shown, dropped)
}

#[gosched::test]
async fn the_context_outlives_the_handler_until_the_last_byte_of_the_body() {
    let (app, body, shown, dropped) = streaming();
    let server = start(app).await;
    let mut client = Client::connect(server.address).await;
    client.ask("/").await;
    assert_eq!(client.head().await.unwrap().status, 200);
    let ctx = soon(shown.recv()).await.unwrap();
    for text in ["one", "two"] {
        soon(body.send(text)).await.unwrap();
        assert_eq!(client.chunk().await.unwrap().as_deref(), Some(text));
        assert_eq!(ctx.err(), None);
    }
    body.close();
    assert_eq!(client.chunk().await.unwrap(), None);
    assert_eq!(soon(dropped.recv()).await, Some("body"));
    soon(ctx.done()).await;
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
}

#[gosched::test]
async fn a_client_that_leaves_in_the_middle_of_the_body_cancels_the_request() {
    let (app, body, shown, dropped) = streaming();
    let server = start(app).await;
    let mut client = Client::connect(server.address).await;
    client.ask("/").await;
    soon(body.send("one")).await.unwrap();
    assert_eq!(client.head().await.unwrap().status, 200);
    assert_eq!(client.chunk().await.unwrap().as_deref(), Some("one"));
    let ctx = soon(shown.recv()).await.unwrap();
    drop(client);
    soon(ctx.done()).await;
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
    assert_eq!(soon(dropped.recv()).await, Some("body"));
}

#[gosched::test]
async fn a_destructor_in_the_handler_still_sees_a_live_context() {
    struct Looks(Context, chan::Sender<Option<ContextError>>);
    impl Drop for Looks {
        fn drop(&mut self) {
            self.1.try_send(self.0.err()).unwrap();
        }
    }
    let (tx, rx) = chan(1);
    let app = Router::new().route(
        "/",
        get(async move |Extension(ctx): Extension<Context>| {
            let _looks = Looks(ctx, tx);
            gosched::yield_now().await;
            "answer"
        }),
    );
    let server = start(app).await;
    assert_eq!(
        Client::connect(server.address).await.get("/").await.body,
        "answer"
    );
    assert_eq!(soon(rx.recv()).await, Some(None));
}

#[gosched::test]
async fn a_handler_that_stops_reading_its_body_learns_of_a_client_that_leaves_when_it_reads_on() {
    let (show, shown) = chan(1);
    let (results, result) = chan(1);
    let gate = Gate::new();
    let inside = gate.clone();
    let app = Router::new().route(
        "/",
        post(
            async move |Extension(ctx): Extension<Context>, body: Body| {
                let mut body = body.into_data_stream();
                let first = body.next().await.unwrap().unwrap();
                show.send(ctx).await.unwrap();
                inside.pass().await;
                let second = body.next().await.unwrap();
                results.send((first, second.is_err())).await.unwrap();
            },
        ),
    );
    let server = start(app).await;
    let mut client = Client::connect(server.address).await;
    client
        .send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 6\r\n\r\nabc")
        .await;
    let ctx = soon(shown.recv()).await.unwrap();
    gate.arrival().await;
    drop(client);
    gate.open();
    let (first, failed) = soon(result.recv()).await.unwrap();
    assert_eq!((&first[..], failed), (&b"abc"[..], true));
    soon(ctx.done()).await;
}
