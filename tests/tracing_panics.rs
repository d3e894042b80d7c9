//! A subscriber that panics at every turn.

mod common;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

use common::{poll_with, run, runtime, within};
use gosched::runtime::Runtime;
use gosched::{chan, go, yield_now};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

struct Panics;

impl Subscriber for Panics {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        panic!("a subscriber's event");
    }
    fn enter(&self, _: &Id) {
        panic!("a subscriber's enter");
    }
    fn exit(&self, _: &Id) {
        panic!("a subscriber's exit");
    }
    fn try_close(&self, _: Id) -> bool {
        panic!("a subscriber's close");
    }
}

struct PanicsWhenWoken;

impl Wake for PanicsWhenWoken {
    fn wake(self: Arc<Self>) {
        panic!("a waker");
    }
}

#[test]
fn goroutines_and_threads_outlive_a_subscriber_that_panics() {
    tracing::subscriber::set_global_default(Panics).unwrap();
    run(1, async {
        let handles: Vec<_> = (0..20)
            .map(|n| {
                go(async move {
                    yield_now().await;
                    assert!(n != 7, "its own panic");
                    n
                })
            })
            .collect();
        for (n, handle) in handles.into_iter().enumerate() {
            match handle.await {
                Ok(got) => assert_eq!(got, n),
                Err(error) => assert!(n == 7 && error.is_panic()),
            }
        }
    });
    // What is told of a waker that panics, and of a hog.
    let (tx, rx) = chan(1);
    let mut receive = pin!(rx.recv());
    let waker = Waker::from(Arc::new(PanicsWhenWoken));
    assert!(poll_with(receive.as_mut(), &waker).is_pending());
    assert_eq!(tx.try_send(7), Ok(()));
    within(|| {
        let rt = Runtime::builder()
            .procs(1)
            .hog_threshold(Duration::from_millis(1))
            .build()
            .unwrap();
        while rt.handle().metrics().retakes() < 3 {
            let hog = async { thread::sleep(Duration::from_millis(5)) };
            rt.block_on(rt.handle().go(hog)).unwrap();
        }
    });
    within(|| {
        let rt = runtime(2);
        let aborted = rt.handle().go(std::future::pending::<()>());
        aborted.abort();
        assert!(rt.block_on(aborted).unwrap_err().is_cancelled());
        drop(rt);
    });
}
