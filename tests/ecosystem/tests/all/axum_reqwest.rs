//! An axum service under `gosched::http::serve`, asked by reqwest: server and clients are goroutines.

use std::net::SocketAddr;
use std::time::Duration;

use axum::routing::{get, post};
use axum::{Extension, Router};
use gosched::context::{CancelFunc, ContextError};
use gosched::{Context, JoinHandle, chan, go, http};
use gosched_ecosystem::{Runner, on_both};
use tokio::net::TcpListener;

async fn start(app: Router) -> (SocketAddr, CancelFunc, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ctx, cancel) = Context::background().with_cancel();
    let server = go(async move { http::serve(listener, app).with_context(ctx).await });
    (address, cancel, server)
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn where_it_runs() -> String {
    format!("{:?}", Runner::here())
}

#[test]
fn many_goroutines_share_a_client_and_are_answered_by_goroutines() {
    on_both(|| async {
        let app = Router::new()
            .route("/where", get(where_it_runs))
            .route("/upper", post(async |body: String| body.to_uppercase()));
        let (address, cancel, server) = start(app).await;
        let client = client();
        let callers: Vec<_> = (0..100)
            .map(|n| {
                let client = client.clone();
                go(async move {
                    let url = format!("http://{address}/upper");
                    let answer = client.post(url).body(format!("caller {n}")).send().await;
                    assert_eq!(answer.unwrap().text().await.unwrap(), format!("CALLER {n}"));
                    let answer = client.get(format!("http://{address}/where")).send().await;
                    assert_eq!(answer.unwrap().text().await.unwrap(), "Goroutine");
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        // The connections that the client keeps are closed by the server, not waited for.
        cancel.cancel();
        server.await.unwrap().unwrap();
    });
}

#[test]
fn a_caller_whose_context_ends_leaves_and_the_server_learns_of_it() {
    on_both(|| async {
        let (show, shown) = chan(1);
        let app = Router::new().route(
            "/",
            get(async move |Extension(ctx): Extension<Context>| {
                show.send(ctx).await.unwrap();
                std::future::pending::<()>().await;
            }),
        );
        let (address, _cancel, _server) = start(app).await;
        let (ctx, leave) = Context::background().with_cancel();
        let client = client();
        let url = format!("http://{address}/");
        let caller = go(async move { ctx.run(client.get(url).send()).await.map(drop) });
        let request = shown.recv().await.unwrap();
        assert_eq!(request.err(), None);
        leave.cancel();
        assert_eq!(caller.await.unwrap(), Err(ContextError::Canceled));
        request.done().await;
        assert_eq!(request.err(), Some(ContextError::Canceled));
    });
}

#[test]
fn reqwests_own_timeout_works_in_a_goroutine() {
    on_both(|| async {
        let app = Router::new().route("/", get(std::future::pending::<()>));
        let (address, _cancel, _server) = start(app).await;
        let answer = client()
            .get(format!("http://{address}/"))
            .timeout(Duration::from_millis(20))
            .send()
            .await;
        assert!(answer.unwrap_err().is_timeout());
    });
}

#[test]
fn axums_own_serve_works_too_and_answers_in_tasks() {
    on_both(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ctx, cancel) = Context::background().with_cancel();
        let server = go(async move {
            let app = Router::new().route("/", get(where_it_runs));
            axum::serve(listener, app)
                .with_graceful_shutdown(async move { ctx.done().await })
                .await
        });
        let callers: Vec<_> = (0..20)
            .map(|_| {
                let client = client();
                go(async move {
                    let answer = client.get(format!("http://{address}/")).send().await;
                    answer.unwrap().text().await.unwrap()
                })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), "Task");
        }
        cancel.cancel();
        server.await.unwrap().unwrap();
    });
}
