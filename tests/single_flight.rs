//! The rules of `SingleFlight`.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use common::{Census, eventually, poll, run, runtime, text, within};
use gosched::chan::Receiver;
use gosched::runtime::Runtime;
use gosched::sync::SingleFlight;
use gosched::{JoinHandle, block_on, chan, go, yield_now};

type Flight = Arc<SingleFlight<&'static str, u32>>;

/// Starts goroutines that ask for `key`, the first of which makes the call; returns when all wait.
async fn ask(
    flight: &Flight,
    askers: usize,
    value: u32,
    gate: &Receiver<()>,
) -> Vec<JoinHandle<(u32, bool)>> {
    let (asking_tx, asking) = chan(0);
    let calls = Arc::new(AtomicUsize::new(0));
    let mut handles = Vec::new();
    for _ in 0..askers {
        let (flight, gate, asking_tx, calls) = (
            flight.clone(),
            gate.clone(),
            asking_tx.clone(),
            calls.clone(),
        );
        handles.push(go(async move {
            let mut asked = pin!(flight.run("key", || async move {
                assert_eq!(calls.fetch_add(1, SeqCst), 0, "one call for all");
                gate.recv().await;
                value
            }));
            // Polled once, it has joined.
            std::future::poll_fn(|task| {
                assert!(asked.as_mut().poll(task).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            asking_tx.send(()).await.unwrap();
            asked.await
        }));
    }
    for _ in 0..askers {
        asking.recv().await.unwrap();
    }
    handles
}

#[test]
fn who_asks_alone_gets_the_value_unshared_each_time_anew() {
    let flight = SingleFlight::default();
    for n in 0..3 {
        assert_eq!(block_on(flight.run("key", || async move { n })), (n, false));
        assert_eq!(format!("{flight:?}"), "SingleFlight { calls: 0 }");
    }
}

#[test]
fn all_who_ask_meanwhile_get_the_value_of_one_call() {
    run(2, async {
        let flight = Flight::default();
        let (open, gate) = chan(0);
        let handles = ask(&flight, 20, 7, &gate).await;
        assert_eq!(format!("{flight:?}"), "SingleFlight { calls: 1 }");
        open.close();
        for handle in handles {
            assert_eq!(handle.await.unwrap(), (7, true));
        }
        assert_eq!(flight.run("key", || async { 8 }).await, (8, false));
    });
}

#[test]
fn different_keys_do_not_wait_for_each_other() {
    run(1, async {
        let flight = Flight::default();
        let (open, gate) = chan(0);
        let handles = ask(&flight, 1, 7, &gate).await;
        assert_eq!(flight.run("other", || async { 8 }).await, (8, false));
        open.close();
        for handle in handles {
            assert_eq!(handle.await.unwrap(), (7, false));
        }
    });
}

#[test]
fn nothing_happens_until_the_future_is_polled() {
    let flight = SingleFlight::<u32, u32>::new();
    drop(flight.run(1, || -> std::future::Ready<u32> { panic!("called") }));
    assert_eq!(format!("{flight:?}"), "SingleFlight { calls: 0 }");
}

#[test]
fn a_caller_that_goes_away_leaves_the_call_to_the_others() {
    run(1, async {
        let flight = Flight::default();
        let (open, gate) = chan::<()>(0);
        {
            let mut leader = pin!(flight.run("key", || async move {
                gate.recv().await;
                7
            }));
            assert!(poll(leader.as_mut()).is_pending());
        }
        let mut joined = pin!(flight.run("key", || async { 8 }));
        assert!(poll(joined.as_mut()).is_pending());
        open.close();
        assert_eq!(joined.await, (7, true), "the first caller's call goes on");
    });
}

#[test]
fn a_call_that_all_callers_left_runs_to_its_end() {
    run(1, async {
        let flight = Flight::default();
        let (done_tx, done) = chan(0);
        {
            let mut only = pin!(flight.run("key", || async move {
                done_tx.send("ran").await.unwrap();
                7
            }));
            assert!(poll(only.as_mut()).is_pending());
        }
        assert_eq!(done.recv().await, Some("ran"));
    });
}

#[test]
fn a_forgotten_call_keeps_its_callers_and_leaves_a_newer_one_alone() {
    run(1, async {
        let flight = Flight::default();
        let (open_old, old_gate) = chan(0);
        let (open_new, new_gate) = chan(0);
        let old = ask(&flight, 2, 1, &old_gate).await;
        flight.forget(&"key");
        flight.forget(&"unknown");
        let new = ask(&flight, 1, 2, &new_gate).await;
        open_old.close();
        for handle in old {
            assert_eq!(handle.await.unwrap(), (1, true));
        }
        let late = ask(&flight, 1, 3, &new_gate).await;
        open_new.close();
        for handle in new.into_iter().chain(late) {
            assert_eq!(
                handle.await.unwrap(),
                (2, true),
                "the old call's end took it out"
            );
        }
    });
}

#[test]
fn a_panic_reaches_everybody_who_waits() {
    for as_text in [true, false] {
        run(2, async move {
            let flight = Arc::new(SingleFlight::<u32, u32>::new());
            let (open, gate) = chan::<()>(0);
            let (asking_tx, asking) = chan(3);
            let mut handles = Vec::new();
            for _ in 0..3 {
                let (flight, gate, asking_tx) = (flight.clone(), gate.clone(), asking_tx.clone());
                handles.push(go(async move {
                    let mut asked = pin!(flight.run(1, || async move {
                        gate.recv().await;
                        if as_text {
                            panic!("out of {}", "paper");
                        }
                        panic_any(7_u32)
                    }));
                    assert!(poll(asked.as_mut()).is_pending());
                    asking_tx.send(()).await.unwrap();
                    asked.await
                }));
            }
            for _ in 0..3 {
                asking.recv().await;
            }
            open.close();
            let mut originals = 0;
            for handle in handles {
                let payload = handle.await.unwrap_err().into_panic();
                if as_text {
                    assert_eq!(text(&*payload), "out of paper");
                } else if payload.downcast_ref() == Some(&7_u32) {
                    originals += 1;
                } else {
                    assert_eq!(text(&*payload), "singleflight: the call panicked");
                }
            }
            assert_eq!(originals, usize::from(!as_text));
            assert_eq!(
                flight.run(1, || async { 8 }).await,
                (8, false),
                "usable again"
            );
        });
    }
}

#[test]
fn a_panic_while_the_future_is_made_is_one_of_the_call() {
    let flight = SingleFlight::<u32, u32>::new();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        block_on(flight.run(1, || -> std::future::Ready<u32> { panic!("early") }))
    }))
    .unwrap_err();
    assert_eq!(text(&*panic), "early");
    assert_eq!(block_on(flight.run(1, || async { 2 })), (2, false));
}

#[test]
fn a_panic_is_reported_by_the_runtime_also_when_nobody_waits() {
    within(|| {
        let reports = Arc::new(AtomicUsize::new(0));
        let theirs = reports.clone();
        let rt = Runtime::builder()
            .procs(1)
            .on_panic(move |panic| {
                assert_eq!(panic.message(), Some("unheard"));
                theirs.fetch_add(1, SeqCst);
            })
            .build()
            .unwrap();
        let flight = SingleFlight::<u32, u32>::new();
        let (open, gate) = chan::<()>(0);
        rt.block_on(async {
            let mut only = pin!(flight.run(1, || async move {
                gate.recv().await;
                panic!("unheard")
            }));
            assert!(poll(only.as_mut()).is_pending());
        });
        open.close(); // its only caller has gone
        // The report comes before the call is over, as a caller must not know of an unreported panic.
        eventually("the call is over", || rt.handle().num_goroutine() == 0);
        assert_eq!(reports.load(SeqCst), 1);
        assert_eq!(block_on(flight.run(1, || async { 2 })), (2, false));
    });
}

#[test]
fn callers_of_a_call_that_ended_without_a_value_panic() {
    let flight = SingleFlight::<u32, u32>::new();
    let lost = |panic: Box<dyn std::any::Any + Send>| {
        assert!(
            text(&*panic).contains("ended without a value"),
            "{}",
            text(&*panic)
        );
    };
    lost(
        catch_unwind(AssertUnwindSafe(|| {
            block_on(flight.run(1, || async { gosched::runtime::goexit().await }))
        }))
        .unwrap_err(),
    );
    let rt = runtime(1);
    let mut asked = Box::pin(flight.run(1, std::future::pending));
    rt.block_on(async { assert!(poll(asked.as_mut()).is_pending()) });
    drop(rt);
    lost(catch_unwind(AssertUnwindSafe(|| block_on(asked))).unwrap_err());
    assert_eq!(block_on(flight.run(1, || async { 2 })), (2, false));
}

#[test]
fn what_the_call_owns_is_dropped_before_anybody_gets_the_value() {
    let census = Census::default();
    let flight = SingleFlight::<u32, u32>::new();
    for n in 1..=50 {
        let value = census.value();
        let call = || async move {
            let _value = value;
            7
        };
        assert_eq!(block_on(flight.run(1, call)).0, 7);
        assert_eq!(census.dropped(), n);
    }
}

#[test]
fn threads_that_ask_at_once_all_get_a_value_of_a_call_of_their_time() {
    const THREADS: usize = 4;
    let flight = SingleFlight::<usize, usize>::new();
    let calls = [0, 1].map(|_| Arc::new(AtomicUsize::new(0)));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for n in 0..500 {
                    let calls = &calls[n % 2];
                    let before = calls.load(SeqCst);
                    let theirs = calls.clone();
                    let (value, _) = block_on(flight.run(n % 2, || async move {
                        yield_now().await;
                        1 + theirs.fetch_add(1, SeqCst)
                    }));
                    assert!((before..=calls.load(SeqCst)).contains(&value) && value > 0);
                }
            });
        }
    });
    for calls in calls {
        let calls = calls.load(SeqCst);
        assert!((250..=250 * THREADS).contains(&calls), "{calls} calls");
    }
    assert_eq!(format!("{flight:?}"), "SingleFlight { calls: 0 }");
}

#[test]
fn public_types_may_be_sent_and_shared() {
    fn shared<T: Send + Sync + Unpin + 'static>() {}
    fn future<T: Send>(_: &T) {}
    shared::<SingleFlight<String, Arc<str>>>();
    future(&SingleFlight::<u32, u32>::new().run(1, || async { 2 }));
}
