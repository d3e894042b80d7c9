//! What must not bring a server down: handlers that panic, fail or block, clients that are slow or silent, and a
//! process that has run out of descriptors.

use std::io::ErrorKind;
use std::sync::mpsc;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use gosched::runtime::{Runtime, block_in_place};
use gosched::{Context, chan, go, http};
use tokio::net::TcpListener;

use crate::client::Client;
use crate::{Gate, listen, soon, start};

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

#[gosched::test]
async fn a_client_that_brings_no_request_in_time_is_closed_and_one_that_did_is_left_alone() {
    let gate = Gate::new();
    let inside = gate.clone();
    let app = Router::new().route("/", get(async || "answer")).route(
        "/wait",
        get(async move || {
            inside.pass().await;
            "waited"
        }),
    );
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let limit = Duration::from_secs(2);
    let server = go(async move { http::serve(listener, app).read_header_timeout(limit).await });
    let mut busy = Client::connect(address).await;
    busy.ask("/wait").await;
    gate.arrival().await;

    // Nothing; what HTTP/1 and HTTP/2 both may begin with; half a head; HTTP/2 and no request; an answer, and no more.
    let beginnings = [
        "",
        "P",
        "GET / HT",
        PREFACE,
        "GET / HTTP/1.1\r\nhost: test\r\n\r\n",
    ];
    let mut clients = Vec::new();
    for said in beginnings {
        let mut client = Client::connect(address).await;
        client.send(said).await;
        clients.push(go(async move { client.rest().await }));
    }
    let mut said = Vec::new();
    for client in clients {
        said.push(soon(client).await.unwrap());
    }
    for silence in [0, 1, 2] {
        assert_eq!(said[silence], b"", "{:?}", beginnings[silence]);
    }
    assert!(said[4].starts_with(b"HTTP/1.1 200"));

    gate.open();
    assert_eq!(busy.answer().await.body, "waited");
    server.abort();
}

/// HTTP/2's, with empty settings.
const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0";

#[gosched::test]
async fn no_limit_on_the_head_of_a_request_is_a_limit_too() {
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/", get(async || "answer"));
    let server = go(async move {
        http::serve(listener, app)
            .read_header_timeout(Duration::MAX)
            .await
    });
    let mut client = Client::connect(address).await;
    assert_eq!(client.get("/").await.body, "answer");
    assert_eq!(client.get("/").await.body, "answer");
    server.abort();
}

/// The client's machine cannot be switched off here; that the system would notice can be seen.
#[cfg(target_os = "linux")]
#[gosched::test]
async fn the_system_is_asked_to_notice_clients_that_vanish() {
    let server = start(Router::new().route("/", get(async || "answer"))).await;
    let mut client = Client::connect(server.address).await;
    assert_eq!(client.get("/").await.body, "answer");
    let connection = (server.address.port(), client.port());
    soon(async {
        // While the last bytes are not acknowledged another timer is shown in its place.
        while !has_keepalive_timer(connection) {
            gosched::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Whether the kernel's table says so, of the connection with this local and this remote port.
#[cfg(target_os = "linux")]
fn has_keepalive_timer((local, remote): (u16, u16)) -> bool {
    const KEEPALIVE: &str = "02:";
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let (local, remote) = (format!(":{local:04X}"), format!(":{remote:04X}"));
    table.lines().any(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields[1].ends_with(&local)
            && fields[2].ends_with(&remote)
            && fields[5].starts_with(KEEPALIVE)
    })
}
