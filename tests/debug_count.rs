//! The number of goroutines and the list of them agree. Alone in its process: the list is of all runtimes.

mod common;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use common::{FAR, runtime, within};
use gosched::debug::{dump, goroutines};
use gosched::runtime::num_goroutine;
use gosched::{chan, go, time, yield_now};

/// How many there are, by each of the three who tell.
fn counts() -> [usize; 3] {
    let text = dump();
    let headings = text.lines().filter(|line| line.starts_with("goroutine "));
    [num_goroutine(), goroutines().len(), headings.count()]
}

#[test]
fn as_many_goroutines_are_dumped_as_are_counted() {
    within(|| {
        let rt = runtime(1);
        rt.block_on(rt.handle().go(async {
            assert_eq!(counts(), [1; 3], "this one");
            let over = Arc::new(AtomicBool::new(false));
            let (tx, rx) = chan::<u8>(0);
            let mut handles = Vec::new();
            for n in 0..40 {
                let (over, rx) = (over.clone(), rx.clone());
                handles.push(go(async move {
                    match n % 4 {
                        0 => drop(rx.recv().await),
                        1 => time::sleep(FAR).await,
                        2 => pending().await,
                        _ => {
                            while !over.load(SeqCst) {
                                yield_now().await;
                            }
                        }
                    }
                }));
            }
            assert_eq!(counts(), [41; 3], "none has had a turn");
            yield_now().await;
            yield_now().await;
            assert_eq!(counts(), [41; 3], "waiting, sleeping, and ready");
            drop(tx);
            over.store(true, SeqCst);
            for (n, handle) in handles.into_iter().enumerate() {
                if matches!(n % 4, 1 | 2) {
                    handle.abort();
                }
                assert_eq!(handle.await.is_err(), matches!(n % 4, 1 | 2));
            }
            assert_eq!(counts(), [1; 3], "all others are over");
        }))
        .unwrap();
    });
}
