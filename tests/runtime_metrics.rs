//! What the scheduler counts.

mod common;

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, eventually, runtime, within};
use gosched::runtime::{Runtime, block_in_place, gomaxprocs, metrics, num_goroutine};
use gosched::{go, yield_now};

#[test]
fn a_goroutine_whose_end_is_known_is_counted_no_more() {
    within(|| {
        for procs in [1, 2, 4] {
            let rt = runtime(procs);
            for _ in 0..5_000 {
                rt.block_on(rt.handle().go(yield_now())).unwrap();
                assert_eq!(rt.handle().num_goroutine(), 0);
            }
            let counted = rt.handle().go(async {
                for _ in 0..5_000 {
                    let aborted = go(pending::<()>());
                    aborted.abort();
                    assert!(aborted.await.is_err());
                    assert_eq!(num_goroutine(), 1);
                }
            });
            rt.block_on(counted).unwrap();
        }
    });
}

#[test]
fn goroutines_are_counted_by_what_they_do() {
    within(|| {
        let rt = runtime(1);
        let handle = rt.handle();
        let parked: Vec<_> = (0..10).map(|_| handle.go(pending::<()>())).collect();
        eventually("all ten wait", || {
            handle.metrics().goroutines_waiting() == 10
        });
        let told = rt.block_on(handle.go(async {
            drop((0..5).map(|_| go(async {})).collect::<Vec<_>>());
            metrics()
        }));
        let told = told.unwrap();
        assert_eq!(told.goroutines(), 16);
        assert_eq!(told.goroutines_created(), 16);
        assert_eq!(
            (told.goroutines_running(), told.goroutines_runnable()),
            (1, 5)
        );
        assert_eq!(told.goroutines_waiting(), 10);
        for one in parked {
            one.abort();
        }
        eventually("all have gone", || handle.metrics().goroutines() == 0);
        assert_eq!(handle.metrics().goroutines_created(), 16);
    });
}

#[test]
fn ps_and_threads_are_those_of_the_runtime_that_asks() {
    within(|| {
        let rt = runtime(3);
        let told = rt.block_on(async { metrics() });
        assert_eq!(told.gomaxprocs(), 3);
        assert!(told.idle_procs() <= 3);
        assert!(told.threads() >= 1);
        rt.block_on(async { gomaxprocs(2) });
        assert_eq!(rt.handle().metrics().gomaxprocs(), 2);
        eventually("all Ps are idle", || {
            rt.handle().metrics().idle_procs() >= 2
        });
        eventually("a thread has gone to sleep", || {
            rt.handle().metrics().parks() > 0
        });
    });
}

#[test]
fn work_that_another_p_takes_is_counted_as_stolen() {
    within(|| {
        let rt = runtime(2);
        rt.block_on(rt.handle().go(async {
            let (tx, rx) = mpsc::channel();
            // While this turn lasts, only a thief can run them.
            for _ in 0..4 {
                let tx = tx.clone();
                drop(go(async move { tx.send(()).unwrap() }));
            }
            rx.recv_timeout(PATIENCE).unwrap();
        }))
        .unwrap();
        let told = rt.handle().metrics();
        // The P may have been taken away as well, and with it the queue.
        assert!(told.steals() + told.retakes() > 0, "{told:?}");
    });
}

#[test]
fn a_p_that_is_taken_from_a_hog_is_counted() {
    within(|| {
        let rt = Runtime::builder().procs(1).build().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let hog = rt.handle().go(async move {
            while !until.load(SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
        });
        eventually("the P is taken away", || {
            rt.handle().metrics().retakes() == 1
        });
        over.store(true, SeqCst);
        rt.block_on(hog).unwrap();
    });
}

#[test]
fn what_a_thread_has_counted_is_kept_when_it_ends() {
    within(|| {
        let rt = Runtime::builder()
            .procs(1)
            .thread_keep_alive(Duration::from_millis(1))
            .build()
            .unwrap();
        let handle = rt.handle();
        let gate = Arc::new(Barrier::new(9));
        for _ in 0..8 {
            let gate = Arc::clone(&gate);
            drop(handle.go(async move {
                block_in_place(|| gate.wait());
                // On whatever thread this goes on.
                go(async {}).await.unwrap();
            }));
        }
        gate.wait();
        eventually("all have ended, and most threads", || {
            let told = handle.metrics();
            told.goroutines() == 0 && told.threads() < 8
        });
        assert_eq!(handle.metrics().goroutines_created(), 16);
    });
}
