//! `gosched::http`, with an axum router.

use axum::{Extension, Router, routing::get};
use gosched::{Context, chan, go, http};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::is_handle;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[gosched::test]
async fn a_router_is_served_until_the_context_is_done() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ctx, cancel) = Context::background()
        .with_value("from the server")
        .with_cancel();
    let app = Router::new().route(
        "/",
        get(|Extension(ctx): Extension<Context>| async move {
            (*ctx.value::<&str>().unwrap()).to_string()
        }),
    );
    let server = go(async move { http::serve(listener, app).with_context(ctx).await });
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(REQUEST).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("from the server"), "{answer}");
    cancel.cancel();
    let ended: std::io::Result<()> = server.await.unwrap();
    ended.unwrap();
}

#[gosched::test]
async fn a_requests_context_is_done_when_its_client_goes_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tx, rx) = chan(0);
    let app = Router::new().route(
        "/",
        get(move |Extension(ctx): Extension<Context>| async move {
            tx.send(ctx).await.unwrap();
            std::future::pending::<()>().await;
        }),
    );
    let (stop, _cancel) = Context::background().with_cancel();
    drop(go(async move {
        http::serve(listener, app).with_context(stop).await
    }));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(REQUEST).await.unwrap();
    let ctx: Context = rx.recv().await.unwrap();
    assert_eq!(ctx.err(), None);
    drop(client);
    ctx.done().await;
}

#[test]
fn the_executor_is_hypers() {
    is_handle::<http::Executor>();
    fn is_executor<E: hyper::rt::Executor<std::future::Ready<()>>>() {}
    is_executor::<http::Executor>();
}
