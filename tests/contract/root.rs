//! `gosched::{go, go!, chan, select!, Context, block_on, yield_now}` and the two attributes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

// One name each, of a function, a macro and a module at once.
use gosched::{Context, chan, go, select, yield_now};

use super::{is_handle, is_send, is_send_val, is_sync, is_unpin};

#[gosched::main]
async fn with_defaults() -> std::io::Result<()> {
    Ok(())
}

#[gosched::main(procs = 4)]
async fn with_four() -> usize {
    gosched::runtime::gomaxprocs(0)
}

#[test]
fn main_returns_what_its_body_returns_and_takes_procs() {
    with_defaults().unwrap();
    assert_eq!(with_four(), 4);
}

#[gosched::test]
async fn a_test_may_return_a_result() -> Result<(), Box<dyn std::error::Error>> {
    let n: u32 = go(async { "42".parse() }).await??;
    assert_eq!(n, 42);
    Ok(())
}

#[gosched::test(procs = 1)]
async fn a_test_takes_procs() {
    assert_eq!(gosched::runtime::gomaxprocs(0), 1);
}

#[gosched::test]
async fn go_macro_moves_or_clones() {
    let (tx, rx) = chan(0);
    let name = String::from("moved");
    let moved = go!({ name });
    let count = Arc::new(AtomicU32::new(0));
    for n in 0..3 {
        go!(clone(tx, count) {
            tx.send(n).await.unwrap();
            count.fetch_add(1, SeqCst);
        });
    }
    // The originals are still here.
    drop(tx);
    let mut sum = 0;
    while let Some(n) = rx.recv().await {
        sum += n;
    }
    assert_eq!((sum, moved.await.unwrap()), (3, "moved".to_string()));
    while count.load(SeqCst) < 3 {
        yield_now().await;
    }
}

#[test]
fn go_works_from_a_thread_and_under_other_executors() {
    let on_default = go(async { gosched::runtime::goid().is_some() });
    assert!(gosched::block_on(on_default).unwrap());

    let tokio = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let sum = tokio.block_on(async {
        let (tx, rx) = chan(1);
        let sender = go(async move { tx.send(1).await });
        let first = rx.recv().await;
        sender.await.unwrap().unwrap();
        first
    });
    assert_eq!(sum, Some(1));

    let sum = futures::executor::block_on(async {
        let (tx, rx) = chan(0);
        let sender = go(async move { tx.send(2).await });
        let (ctx, _cancel) = Context::background().with_cancel();
        let got = select! {
            v = rx.recv() => v,
            _ = ctx.done() => None,
        };
        sender.await.unwrap().unwrap();
        got
    });
    assert_eq!(sum, Some(2));
}

#[test]
fn block_on_takes_a_future_that_is_neither_send_nor_static() {
    let local = std::rc::Rc::new(7);
    let borrowed = &local;
    let seven = gosched::block_on(async {
        yield_now().await;
        **borrowed
    });
    assert_eq!(seven, 7);
}

#[gosched::test]
async fn a_join_handle_gives_the_result_or_says_why_there_is_none() {
    let done = go(async { 1 });
    let id: gosched::runtime::GoId = done.id();
    assert_eq!(done.await.unwrap(), 1);

    let what = String::from("paper");
    let panicked = go(async move { panic!("out of {what}") });
    assert_ne!(panicked.id(), id);
    let error: gosched::JoinError = panicked.await.unwrap_err();
    assert!(error.is_panic() && !error.is_cancelled());
    assert!(error.to_string().contains("out of paper"), "{error}");
    assert!(format!("{error:?}").contains("out of paper"));
    assert_eq!(
        *error.into_panic().downcast_ref::<String>().unwrap(),
        "out of paper"
    );

    let pending = go(std::future::pending::<()>());
    assert!(!pending.is_finished());
    pending.abort();
    let error = pending.await.unwrap_err();
    assert!(error.is_cancelled() && !error.is_panic());

    let error = go(async { gosched::runtime::goexit().await })
        .await
        .map(|_: std::convert::Infallible| ())
        .unwrap_err();
    assert!(error.is_cancelled());
}

#[gosched::test]
async fn a_dropped_join_handle_detaches() {
    let (tx, rx) = chan(0);
    drop(go(async move {
        yield_now().await;
        tx.send("still here").await.unwrap();
    }));
    assert_eq!(rx.recv().await, Some("still here"));
}

#[test]
fn handles_and_futures_have_the_auto_traits_that_they_can_have() {
    is_handle::<Context>();
    is_send::<gosched::JoinHandle<u8>>();
    is_sync::<gosched::JoinHandle<std::cell::Cell<u8>>>();
    is_unpin::<gosched::JoinHandle<std::marker::PhantomPinned>>();
    super::is_error::<gosched::JoinError>();
    is_unpin::<gosched::JoinError>();
    drop(is_send_val(yield_now()));
    // `F: Future + Send + 'static` and no more: the output needs no `Debug`, no `Clone`.
    fn starts<F>(future: F) -> gosched::JoinHandle<F::Output>
    where
        F: Future<Output = super::Plain> + Send + 'static,
    {
        go(future)
    }
    assert!(gosched::block_on(starts(async { super::Plain })).is_ok());
}
