//! A process that has run out of descriptors. In a process of its own: the limit holds for all of it.

use std::env;
use std::fs::File;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use gosched::{Context, go, http};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::client::Client;
use crate::{listen, soon};

const CHILD: &str = "GOSCHED_TEST_FEW_DESCRIPTORS";

#[test]
fn out_of_descriptors_the_server_waits_longer_and_longer_and_goes_on_when_there_are_some() {
    if env::var_os(CHILD).is_some() {
        gosched::block_on(few_descriptors());
        return;
    }
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "descriptors::out_of_descriptors_the_server_waits_longer_and_longer_and_goes_on_when_there_are_some"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    let complained = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}\n{complained}");
    assert!(said.contains("1 passed"), "{said}");
}

async fn few_descriptors() {
    let (tx, warnings) = mpsc::channel();
    tracing::subscriber::set_global_default(Warnings(tx)).unwrap();

    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    // The system lets them in; nobody has accepted them yet.
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Client::connect(address).await);
    }
    let mut taken = take_all_descriptors();
    taken.truncate(taken.len() - 2);

    let (ctx, cancel) = Context::background().with_cancel();
    let app = Router::new().route("/", get(async || "answer"));
    let began = Instant::now();
    let server = go(async move { http::serve(listener, app).with_context(ctx).await });
    for client in &mut clients[..2] {
        assert_eq!(client.get("/").await.body, "answer");
    }
    for client in &mut clients[2..] {
        client.ask("/").await;
    }
    // This thread is none of the runtime's Ms, and may wait.
    for _ in 0..5 {
        warnings.recv_timeout(Duration::from_secs(60)).unwrap();
    }
    // 5, 10, 20 and 40 ms lie between them.
    assert!(began.elapsed() >= Duration::from_millis(75), "it spins");
    // Those that are connected are served meanwhile.
    assert_eq!(clients[0].get("/").await.body, "answer");

    drop(taken);
    for client in &mut clients[2..] {
        assert_eq!(client.answer().await.body, "answer");
    }
    cancel.cancel();
    soon(server).await.unwrap().unwrap();
}

fn take_all_descriptors() -> Vec<File> {
    let limit = libc::rlimit {
        rlim_cur: 64,
        rlim_max: 64,
    };
    // SAFETY: `limit` is a valid rlimit, which the call only reads.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(set, 0);
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

/// Passes on that this crate's server warned.
struct Warnings(mpsc::Sender<()>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target().starts_with("gosched::http")
    }

    fn event(&self, _: &Event<'_>) {
        let _ = self.0.send(());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
