//! `http::Executor`: hyper's tasks as goroutines.

use gosched::http::Executor;
use gosched::runtime::{Runtime, goid, num_goroutine};
use gosched::{chan, yield_now};
use hyper::rt::Executor as _;

use crate::soon;

#[test]
fn the_executor_starts_a_goroutine_on_the_runtime_of_its_caller() {
    let rt = Runtime::builder().procs(1).build().unwrap();
    rt.block_on(async {
        let (tx, rx) = chan(0);
        let (hold, held) = chan::<()>(0);
        Executor.execute(async move {
            tx.send(goid()).await.unwrap();
            held.recv().await;
        });
        assert!(soon(rx.recv()).await.unwrap().is_some());
        assert_eq!(num_goroutine(), 1);
        drop(hold);
    });
}

#[test]
fn off_every_runtime_the_executor_uses_the_default_one() {
    let (tx, rx) = chan(0);
    Executor.execute(async move { tx.send(goid()).await.unwrap() });
    assert!(rx.recv_blocking().unwrap().is_some());
}

#[gosched::test]
async fn a_panic_in_a_future_of_the_executor_ends_that_one_alone() {
    let (tx, rx) = chan(0);
    Executor.execute(async { panic!("a future of hyper's panics, on purpose") });
    Executor.execute(async move {
        yield_now().await;
        tx.send("the other").await.unwrap();
    });
    assert_eq!(soon(rx.recv()).await, Some("the other"));
}
