//! Who is answered, by which goroutine, and what the service may be.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context as TaskContext, Poll};

use axum::body::Body;
use axum::routing::{get, post};
use axum::{Extension, Router};
use gosched::runtime::{Runtime, goid};
use gosched::{Context, go, http};
use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::client::Client;
use crate::{Gate, Server, listen, soon, start};

#[gosched::test]
async fn a_router_answers_many_clients_at_once() {
    let gate = Gate::new();
    let inside = gate.clone();
    let app = Router::new().route(
        "/{n}",
        get(
            async move |axum::extract::Path(n): axum::extract::Path<u32>| {
                inside.pass().await;
                format!("{}", n * n)
            },
        ),
    );
    let server = start(app).await;
    let clients: Vec<_> = (0..20)
        .map(|n| {
            let address = server.address;
            go(async move { Client::connect(address).await.get(&format!("/{n}")).await })
        })
        .collect();
    // All are inside before the first is answered.
    for _ in 0..20 {
        gate.arrival().await;
    }
    gate.open();
    for (n, client) in clients.into_iter().enumerate() {
        let answer = client.await.unwrap();
        assert_eq!((answer.status, answer.body), (200, (n * n).to_string()));
    }
}

/// Answers with the request's path, and with whether it found a Context.
#[derive(Clone)]
struct Bare;

impl tower_service::Service<Request<Incoming>> for Bare {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let known = request.extensions().get::<Context>().is_some();
        let text = format!("{} {known}", request.uri().path());
        ready(Ok(Response::new(Body::from(text))))
    }
}

#[gosched::test]
async fn a_hand_written_tower_service_is_served_as_it_is() {
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let (ctx, cancel) = Context::background().with_cancel();
    let server = go(async move { http::serve(listener, Bare).with_context(ctx).await });
    let mut client = Client::connect(address).await;
    assert_eq!(client.get("/here").await.body, "/here true");
    cancel.cancel();
    soon(server).await.unwrap().unwrap();
}

#[gosched::test]
async fn a_served_connection_is_one_goroutine_and_is_kept_for_the_next_request() {
    let app = Router::new().route("/", get(async || format!("{:?}", goid().unwrap())));
    let server = start(app).await;
    let mut one = Client::connect(server.address).await;
    let mut other = Client::connect(server.address).await;
    let first = one.get("/").await.body;
    assert_eq!(one.get("/").await.body, first);
    assert_ne!(other.get("/").await.body, first);
}

#[gosched::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let app = Router::new()
        .route(
            "/{n}",
            get(async |axum::extract::Path(n): axum::extract::Path<String>| n),
        )
        .route(
            "/slow",
            get(async || {
                gosched::yield_now().await;
                "slow"
            }),
        );
    let server = start(app).await;
    let mut client = Client::connect(server.address).await;
    let asked = ["1", "slow", "2", "slow", "3"];
    let all: String = asked
        .map(|path| format!("GET /{path} HTTP/1.1\r\nhost: test\r\n\r\n"))
        .concat();
    client.send(&all).await;
    for path in asked {
        assert_eq!(client.answer().await.body, path);
    }
}

#[gosched::test]
async fn a_body_that_comes_in_pieces_reaches_the_handler_whole() {
    let app = Router::new().route("/", post(async |body: String| body.to_uppercase()));
    let server = start(app).await;
    let mut client = Client::connect(server.address).await;
    client
        .send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 6\r\n\r\nabc")
        .await;
    client.send("def").await;
    assert_eq!(client.answer().await.body, "ABCDEF");
}

#[gosched::test]
async fn what_is_not_http_is_answered_with_400_and_ends_the_connection() {
    let server = start(Router::new().route("/", get(async || "fine"))).await;
    let mut client = Client::connect(server.address).await;
    client.send("how do you do\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 400);
    assert_eq!(client.rest().await, b"");
    assert_eq!(
        Client::connect(server.address).await.get("/").await.body,
        "fine"
    );
}

#[gosched::test]
async fn without_a_context_of_its_own_a_server_serves_and_gives_requests_one_all_the_same() {
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let app = Router::new().route(
        "/",
        get(async |Extension(ctx): Extension<Context>| format!("{:?}", ctx.err())),
    );
    let server = go(async move { http::serve(listener, app).await });
    assert_eq!(Client::connect(address).await.get("/").await.body, "None");
    server.abort();
    assert!(soon(server).await.unwrap_err().is_cancelled());
}

#[test]
fn a_server_runs_on_any_runtime_that_polls_it() {
    // `block_on` polls on this thread, which is no goroutine; the connections are goroutines all the same.
    let rt = Runtime::builder().procs(1).build().unwrap();
    rt.block_on(async {
        let app = Router::new().route("/", get(async || goid().is_some().to_string()));
        let Server {
            address,
            cancel,
            ended,
        } = start(app).await;
        assert_eq!(goid(), None);
        assert_eq!(Client::connect(address).await.get("/").await.body, "true");
        cancel.cancel();
        soon(ended).await.unwrap().unwrap();
    });
}
