//! What must not bring a server down: handlers that panic, fail or block, clients that are slow or silent, and a
//! process that has run out of descriptors.

use std::io::ErrorKind;
use std::sync::mpsc;

use axum::routing::get;
use axum::{Extension, Router};
use gosched::runtime::{Runtime, block_in_place};
use gosched::{Context, chan};
use tokio::net::TcpListener;

use crate::client::Client;
use crate::{listen, soon, start};

#[gosched::test]
async fn a_handler_that_panics_ends_its_connection_and_nothing_else() {
    let (show, shown) = chan(1);
    let app = Router::new().route("/", get(async || "answer")).route(
        "/panic",
        get(async move |Extension(ctx): Extension<Context>| {
            show.send(ctx).await.unwrap();
            if true {
                panic!("a handler panics, on purpose");
            }
        }),
    );
    let server = start(app).await;
    let mut other = Client::connect(server.address).await;
    assert_eq!(other.get("/").await.body, "answer");
    let mut client = Client::connect(server.address).await;
    client.ask("/panic").await;
    assert_eq!(client.rest().await, b"", "no answer");
    let ctx = soon(shown.recv()).await.unwrap();
    soon(ctx.done()).await;

    assert_eq!(other.get("/").await.body, "answer");
    assert_eq!(
        Client::connect(server.address).await.get("/").await.body,
        "answer"
    );
    // And a shutdown does not wait for the connection that panicked.
    server.cancel.cancel();
    soon(server.ended).await.unwrap().unwrap();
}

#[test]
fn a_handler_that_blocks_in_place_leaves_the_only_p_to_the_others() {
    let rt = Runtime::builder().procs(1).build().unwrap();
    let (inside, entered) = mpsc::channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let app = Router::new().route("/", get(async || "answer")).route(
        "/block",
        get(async move || {
            block_in_place(|| {
                inside.send(()).unwrap();
                wait.lock().unwrap().recv().unwrap();
            });
            "blocked"
        }),
    );
    rt.block_on(async {
        let server = start(app).await;
        let mut blocked = Client::connect(server.address).await;
        blocked.ask("/block").await;
        // This thread is none of the runtime's Ms.
        entered.recv().unwrap();
        for _ in 0..3 {
            assert_eq!(
                Client::connect(server.address).await.get("/").await.body,
                "answer"
            );
        }
        go_on.send(()).unwrap();
        assert_eq!(blocked.answer().await.body, "blocked");
        server.cancel.cancel();
        soon(server.ended).await.unwrap().unwrap();
    });
}

#[gosched::test]
async fn a_port_that_is_taken_is_an_error_before_there_is_a_server() {
    let first = listen().await;
    let error = TcpListener::bind(first.local_addr().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains("in use"), "{error}");
}

#[gosched::test]
async fn a_client_that_sends_its_head_byte_by_byte_is_answered_and_holds_nobody_up() {
    let server = start(Router::new().route("/", get(async || "answer"))).await;
    let mut slow = Client::connect(server.address).await;
    for byte in "GET / HTTP/1.1\r\nhost: test\r\n\r\n".chars() {
        slow.send(byte.encode_utf8(&mut [0; 4])).await;
        gosched::yield_now().await;
    }
    assert_eq!(slow.answer().await.body, "answer");

    slow.send("GET / HT").await;
    assert_eq!(
        Client::connect(server.address).await.get("/").await.body,
        "answer"
    );
    slow.send("TP/1.1\r\nhost: test\r\n\r\n").await;
    assert_eq!(slow.answer().await.body, "answer");
}

#[gosched::test]
async fn a_client_that_does_not_read_its_answer_holds_nobody_up_and_is_dropped_when_it_leaves() {
    const SIZE: usize = 64 << 20;
    let (show, shown) = chan(1);
    let app = Router::new().route("/", get(async || "answer")).route(
        "/much",
        get(async move |Extension(ctx): Extension<Context>| {
            show.send(ctx).await.unwrap();
            // More than the sockets' buffers take.
            vec![b'x'; SIZE]
        }),
    );
    let server = start(app).await;
    let mut slow = Client::connect(server.address).await;
    slow.ask("/much").await;
    let ctx = soon(shown.recv()).await.unwrap();
    assert_eq!(
        Client::connect(server.address).await.get("/").await.body,
        "answer"
    );
    drop(slow);
    soon(ctx.done()).await;
}
