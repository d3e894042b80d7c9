//! `gosched::debug`.

use std::time::Duration;

use gosched::debug::{GoroutineInfo, GoroutineState, dump, goroutines};
use gosched::runtime::goid;
use gosched::sync::WaitGroup;
use gosched::{chan, go, time, yield_now};

use super::{is_send, is_sync};

/// Waits until the goroutine waits.
async fn parked<T>(handle: &gosched::JoinHandle<T>) -> GoroutineInfo {
    loop {
        let info = goroutines().into_iter().find(|g| g.id() == handle.id());
        match info {
            Some(info) if info.state() == GoroutineState::Waiting => return info,
            _ => yield_now().await,
        }
    }
}

#[gosched::test]
async fn each_goroutine_says_what_it_waits_for_in_gos_words() {
    let (tx, rx) = chan::<u8>(0);
    let (_never, empty) = chan::<u8>(0);
    let group = WaitGroup::new();
    group.add(1);
    let (far, listener) = (
        Duration::from_secs(3600),
        tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let (tx2, rx2) = (tx.clone(), rx.clone());
    let waits = [
        (
            "chan receive",
            go(async move {
                assert!(empty.recv().await.is_none());
            }),
        ),
        ("sleep", go(time::sleep(far))),
        (
            "select",
            go(async move {
                gosched::select! { _ = rx2.recv() => {}, _ = std::future::pending::<()>() => {} }
            }),
        ),
        ("sync.WaitGroup.Wait", go(async move { group.wait().await })),
        ("IO wait", go(async move { drop(listener.accept().await) })),
        (
            "chan receive (nil chan)",
            go(async {
                chan::Receiver::<u8>::nil().recv().await;
            }),
        ),
    ];
    for (reason, handle) in &waits {
        let info = parked(handle).await;
        assert_eq!(info.wait_reason(), Some(*reason));
        assert_eq!(info.parent(), goid());
        assert!(info.spawned_at().file().ends_with("debug.rs"));
        assert!(info.waiting_for().is_some());
        assert!(info.frame_size() > 0);
        if *reason != "IO wait" {
            assert!(info.waits_at().is_some(), "{info}");
        }
        assert!(dump().contains(&format!("goroutine {} [{reason}", handle.id())));
    }
    drop((tx2, rx));
    for (_, handle) in &waits {
        handle.abort();
    }
    let own = goroutines().into_iter().find(|g| Some(g.id()) == goid());
    assert_eq!(own.unwrap().state(), GoroutineState::Running);
    assert!(dump().contains("[running"));
}

#[test]
fn what_is_told_may_go_to_other_threads() {
    is_send::<GoroutineInfo>();
    is_sync::<GoroutineInfo>();
    let all: Vec<GoroutineInfo> = goroutines();
    let _text: String = dump();
    drop(all);
}
