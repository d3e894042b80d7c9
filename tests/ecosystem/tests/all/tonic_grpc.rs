//! gRPC with tonic: a service written by hand (no protoc), under `gosched::http::serve` and under tonic's own server,
//! asked through tonic's channel, whose connection and buffer are tasks of `tokio::spawn`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use gosched::context::CancelFunc;
use gosched::{Context, JoinHandle, chan, go, http};
use gosched_ecosystem::{Runner, on_both};
use tokio::net::{TcpListener, TcpSocket};
use tonic::body::Body;
use tonic::codegen::http as types;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

#[derive(Clone, PartialEq, prost::Message)]
struct Number {
    #[prost(int64, tag = "1")]
    value: i64,
    /// What answered.
    #[prost(string, tag = "2")]
    runner: String,
}

impl Number {
    fn of(value: i64) -> Number {
        Number {
            value,
            runner: String::new(),
        }
    }
}

/// `Of` squares; `From` counts up without end, as fast as it is read, and shows its Context.
#[derive(Clone)]
struct Squares {
    show: chan::Sender<Context>,
}

impl NamedService for Squares {
    const NAME: &'static str = "test.Squares";
}

impl Service<types::Request<Body>> for Squares {
    type Response = types::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: types::Request<Body>) -> Self::Future {
        let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
        let show = self.show.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/test.Squares/Of" => grpc.unary(service_fn(of), request).await,
                "/test.Squares/From" => {
                    let from = service_fn(move |request| from(request, show.clone()));
                    grpc.server_streaming(from, request).await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

async fn of(request: Request<Number>) -> Result<Response<Number>, Status> {
    let n = request.into_inner().value;
    let value = n
        .checked_mul(n)
        .ok_or_else(|| Status::out_of_range("too large"))?;
    let runner = format!("{:?}", Runner::here());
    Ok(Response::new(Number { value, runner }))
}

async fn from(
    request: Request<Number>,
    show: chan::Sender<Context>,
) -> Result<Response<chan::IntoStream<Result<Number, Status>>>, Status> {
    // Under tonic's own server there is none.
    if let Some(ctx) = request.extensions().get::<Context>() {
        show.send(ctx.clone()).await.unwrap();
    }
    let first = request.into_inner().value;
    let (tx, rx) = chan(0);
    go(async move {
        for n in first.. {
            if tx.send(Ok(Number::of(n))).await.is_err() {
                break;
            }
        }
    });
    Ok(Response::new(rx.into_stream()))
}

type Running = (SocketAddr, CancelFunc, JoinHandle<()>);

async fn under_gosched(service: Squares) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ctx, cancel) = Context::background().with_cancel();
    let app = Routes::new(service).into_axum_router();
    let server = go(async move { http::serve(listener, app).with_context(ctx).await.unwrap() });
    (address, cancel, server)
}

async fn under_tonic(service: Squares) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ctx, cancel) = Context::background().with_cancel();
    let server = go(async move {
        Server::builder()
            .add_service(service)
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener),
                async move { ctx.done().await },
            )
            .await
            .unwrap();
    });
    (address, cancel, server)
}

async fn connect(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

async fn square(channel: &Channel, n: i64) -> Result<Number, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/test.Squares/Of");
    let codec = ProstCodec::<Number, Number>::default();
    let answer = client
        .unary(Request::new(Number::of(n)), path, codec)
        .await?;
    Ok(answer.into_inner())
}

async fn count_from(channel: &Channel, n: i64) -> tonic::Streaming<Number> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/test.Squares/From");
    let codec = ProstCodec::<Number, Number>::default();
    let request = Request::new(Number::of(n));
    let answer = client.server_streaming(request, path, codec).await.unwrap();
    answer.into_inner()
}

async fn answers_all(running: Running, runner: &str) {
    let (address, cancel, server) = running;
    let channel = connect(address).await;
    let callers: Vec<_> = (0..100)
        .map(|n| {
            let channel = channel.clone();
            go(async move { square(&channel, n).await })
        })
        .collect();
    for (n, caller) in (0..).zip(callers) {
        let answer = caller.await.unwrap().unwrap();
        assert_eq!((answer.value, answer.runner.as_str()), (n * n, runner));
    }
    let error = square(&channel, i64::MAX).await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::OutOfRange, "too large")
    );

    let mut stream = count_from(&channel, 5).await;
    for n in 5..500 {
        assert_eq!(stream.message().await.unwrap().unwrap().value, n);
    }
    drop(stream);
    drop(channel);
    cancel.cancel();
    server.await.unwrap();
}

#[test]
fn calls_of_many_goroutines_on_one_channel_are_answered_by_goroutines() {
    on_both(|| async {
        let (show, _shown) = chan(1);
        answers_all(under_gosched(Squares { show }).await, "Goroutine").await;
    });
}

#[test]
fn tonics_own_server_works_too_and_answers_in_tasks() {
    on_both(|| async {
        let (show, _shown) = chan(1);
        answers_all(under_tonic(Squares { show }).await, "Task").await;
    });
}

#[test]
fn a_client_that_drops_a_stream_cancels_its_context_and_no_other() {
    on_both(|| async {
        let (show, shown) = chan(2);
        let (address, cancel, server) = under_gosched(Squares { show }).await;
        let channel = connect(address).await;
        let mut dropped = count_from(&channel, 0).await;
        let mut kept = count_from(&channel, 100).await;
        let contexts = [shown.recv().await.unwrap(), shown.recv().await.unwrap()];
        assert_eq!(dropped.message().await.unwrap().unwrap().value, 0);
        drop(dropped);
        contexts[0].done().await;
        assert_eq!(contexts[1].err(), None);
        for n in 100..200 {
            assert_eq!(kept.message().await.unwrap().unwrap().value, n);
        }
        drop((kept, channel));
        contexts[1].done().await;
        cancel.cancel();
        server.await.unwrap();
    });
}

#[test]
fn a_call_to_a_service_that_is_not_there_is_an_error_in_time() {
    on_both(|| async {
        // Bound, so that nobody else gets the port, and not listening.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        assert!(
            endpoint
                .connect_timeout(Duration::from_secs(30))
                .connect()
                .await
                .is_err()
        );
    });
}
