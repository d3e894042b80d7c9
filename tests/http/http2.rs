//! HTTP/2 with prior knowledge: each request stream is a goroutine, and ends without the others.
//!
//! The client writes frames by hand; see RFC 9113 (frames) and RFC 7541 (heads).

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::routing::get;
use axum::{Extension, Router};
use gosched::context::ContextError;
use gosched::runtime::goid;
use gosched::{Context, chan};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::{Dropped, Gate, soon, start};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// RFC 7541, appendix A: `:status 200` in one byte.
const STATUS_200: u8 = 0x88;

struct Http2 {
    stream: TcpStream,
    bodies: HashMap<u32, String>,
    /// The server takes no new streams.
    going_away: bool,
}

#[derive(Debug, PartialEq)]
enum End {
    Answered(String),
    Reset,
    Closed,
}

impl Http2 {
    async fn connect(address: SocketAddr) -> Http2 {
        let stream = soon(TcpStream::connect(address)).await.unwrap();
        let mut client = Http2 {
            stream,
            bodies: HashMap::new(),
            going_away: false,
        };
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        soon(client.stream.write_all(preface)).await.unwrap();
        client.write(SETTINGS, 0, 0, &[]).await;
        client
    }

    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = Vec::from(&u32::try_from(payload.len()).unwrap().to_be_bytes()[1..]);
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        soon(self.stream.write_all(&frame)).await.unwrap();
    }

    async fn ask(&mut self, stream: u32, path: &str) {
        // `:method GET`, `:scheme http`, then `:path` and `:authority` in full.
        let mut head = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
        head.extend(path.as_bytes());
        head.extend([0x01, 4]);
        head.extend(b"test");
        self.write(HEADERS, END_STREAM | END_HEADERS, stream, &head)
            .await;
    }

    async fn reset(&mut self, stream: u32) {
        let cancel = 8_u32.to_be_bytes();
        self.write(RST_STREAM, 0, stream, &cancel).await;
    }

    async fn frame(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        soon(self.stream.read_exact(&mut head)).await.ok()?;
        let [a, b, c, kind, flags, id @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        soon(self.stream.read_exact(&mut payload)).await.ok()?;
        Some((kind, flags, u32::from_be_bytes(id), payload))
    }

    /// The next stream that ends, and how. Stream 0 is the connection.
    async fn next_end(&mut self) -> (u32, End) {
        loop {
            let Some((kind, flags, id, payload)) = self.frame().await else {
                return (0, End::Closed);
            };
            match kind {
                SETTINGS if flags & ACK == 0 => self.write(SETTINGS, ACK, 0, &[]).await,
                PING if flags & ACK == 0 => self.write(PING, ACK, 0, &payload).await,
                GOAWAY => self.going_away = true,
                RST_STREAM => return (id, End::Reset),
                HEADERS => {
                    assert_eq!(payload[0], STATUS_200);
                    assert_ne!(flags & END_HEADERS, 0, "these heads are short");
                }
                DATA => {
                    let text = String::from_utf8(payload).unwrap();
                    self.bodies.entry(id).or_default().push_str(&text);
                }
                _ => {}
            }
            if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
                return (
                    id,
                    End::Answered(self.bodies.remove(&id).unwrap_or_default()),
                );
            }
        }
    }
}

/// `/wait` shows its Context, and waits at the gate with something on its stack.
fn app() -> (Router, Gate, chan::Receiver<Context>, chan::Receiver<u32>) {
    let gate = Gate::new();
    let inside = gate.clone();
    let (show, shown) = chan(16);
    let (drops, dropped) = chan(16);
    let app = Router::new()
        .route("/", get(async || format!("{:?}", goid().unwrap())))
        .route(
            "/panic",
            get(async || {
                if true {
                    panic!("a stream panics, on purpose")
                }
            }),
        )
        .route(
            "/wait/{n}",
            get(
                async move |Extension(ctx): Extension<Context>,
                            axum::extract::Path(n): axum::extract::Path<u32>| {
                    let _on_the_stack = Dropped::tells(n, &drops);
                    show.send(ctx).await.unwrap();
                    inside.pass().await;
                    format!("{:?}", goid().unwrap())
                },
            ),
        );
    (app, gate, shown, dropped)
}

#[gosched::test]
async fn the_streams_of_a_connection_are_goroutines_of_their_own_and_run_side_by_side() {
    let (app, gate, _shown, _dropped) = app();
    let server = start(app).await;
    let mut client = Http2::connect(server.address).await;
    for id in [1, 3, 5] {
        client.ask(id, &format!("/wait/{id}")).await;
    }
    for _ in 0..3 {
        gate.arrival().await;
    }
    // One that came later is answered first.
    client.ask(7, "/").await;
    let (id, End::Answered(seventh)) = client.next_end().await else {
        panic!("not answered");
    };
    assert_eq!(id, 7);
    gate.open();
    let mut goroutines = vec![seventh];
    for _ in 0..3 {
        let (_, End::Answered(goid)) = client.next_end().await else {
            panic!("not answered");
        };
        goroutines.push(goid);
    }
    goroutines.sort();
    goroutines.dedup();
    assert_eq!(goroutines.len(), 4);
}

#[gosched::test]
async fn a_stream_that_its_client_resets_is_cancelled_alone() {
    let (app, gate, shown, dropped) = app();
    let server = start(app).await;
    let mut client = Http2::connect(server.address).await;
    client.ask(1, "/wait/1").await;
    let reset = soon(shown.recv()).await.unwrap();
    gate.arrival().await;
    client.ask(3, "/wait/3").await;
    let kept = soon(shown.recv()).await.unwrap();
    gate.arrival().await;

    client.reset(1).await;
    soon(reset.done()).await;
    assert_eq!(reset.err(), Some(ContextError::Canceled));
    assert_eq!(soon(dropped.recv()).await, Some(1));
    assert_eq!(kept.err(), None);
    gate.open();
    let (id, end) = client.next_end().await;
    assert!(matches!((id, &end), (3, End::Answered(_))), "{id}: {end:?}");
}

#[gosched::test]
async fn a_client_that_leaves_cancels_all_its_streams() {
    let (app, gate, shown, dropped) = app();
    let server = start(app).await;
    let mut client = Http2::connect(server.address).await;
    for id in [1, 3, 5] {
        client.ask(id, &format!("/wait/{id}")).await;
        gate.arrival().await;
    }
    drop(client);
    let mut left = Vec::new();
    for _ in 0..3 {
        soon(soon(shown.recv()).await.unwrap().done()).await;
        left.push(soon(dropped.recv()).await.unwrap());
    }
    left.sort_unstable();
    assert_eq!(left, [1, 3, 5]);
}

#[gosched::test]
async fn a_stream_that_panics_is_reset_and_its_connection_lives() {
    let (app, _gate, _shown, _dropped) = app();
    let server = start(app).await;
    let mut client = Http2::connect(server.address).await;
    client.ask(1, "/panic").await;
    assert_eq!(client.next_end().await, (1, End::Reset));
    client.ask(3, "/").await;
    let (id, end) = client.next_end().await;
    assert!(matches!((id, &end), (3, End::Answered(_))), "{id}: {end:?}");
    assert!(!client.going_away);
}

#[gosched::test]
async fn a_shutdown_says_so_to_the_client_and_finishes_the_streams_that_have_begun() {
    let (app, gate, _shown, _dropped) = app();
    let server = start(app).await;
    let mut client = Http2::connect(server.address).await;
    client.ask(1, "/wait/1").await;
    gate.arrival().await;
    server.cancel.cancel();
    let reader = gosched::go(async move {
        let mut ends = vec![client.next_end().await];
        ends.push(client.next_end().await);
        (ends, client.going_away)
    });
    assert!(!server.ended.is_finished());
    gate.open();
    let (ends, going_away) = soon(reader).await.unwrap();
    assert!(matches!(ends[0], (1, End::Answered(_))), "{ends:?}");
    assert_eq!(ends[1], (0, End::Closed));
    assert!(going_away);
    soon(server.ended).await.unwrap().unwrap();
}

#[gosched::test]
async fn one_port_speaks_both_versions() {
    let (app, _gate, _shown, _dropped) = app();
    let server = start(app).await;
    let mut two = Http2::connect(server.address).await;
    two.ask(1, "/").await;
    assert!(matches!(two.next_end().await, (1, End::Answered(_))));
    assert_eq!(
        Client::connect(server.address).await.get("/").await.status,
        200
    );
}
