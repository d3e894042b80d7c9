//! The end of a runtime: what is dropped, what is waited for, and what it leaves behind.

mod common;

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use common::{Census, FAR, eventually, run, runtime, runtime_that_retakes_nothing, within};
use gosched::runtime::block_in_place;
use gosched::time::{Instant, sleep};
use gosched::{block_on, chan, go, yield_now};

#[test]
fn the_end_drops_every_pending_future() {
    within(|| {
        let census = Census::default();
        let rt = runtime(2);
        let (tx, rx) = chan::<()>(0);
        for n in 0..1_000 {
            let (value, rx) = (census.value(), rx.clone());
            drop(rt.handle().go(async move {
                let _value = value;
                match n % 4 {
                    0 => pending().await,
                    1 => sleep(FAR).await,
                    2 => drop(rx.recv().await),
                    _ => loop {
                        yield_now().await;
                    },
                }
            }));
        }
        drop(rt);
        assert_eq!((census.made(), census.dropped()), (1_000, 1_000));
        assert!(tx.try_send(()).is_err(), "nobody waits any more");
        assert_eq!(tx.receiver_count(), 1);
    });
}

#[test]
fn who_joins_a_goroutine_of_a_runtime_that_ends_is_told() {
    within(|| {
        let rt = runtime(1);
        let handles: Vec<_> = (0..10).map(|_| rt.handle().go(pending::<()>())).collect();
        let other = thread::spawn(move || {
            handles
                .into_iter()
                .map(|h| gosched::block_on(h).unwrap_err())
                .collect::<Vec<_>>()
        });
        drop(rt);
        for error in other.join().unwrap() {
            assert!(error.is_cancelled());
        }
    });
}

#[test]
fn the_end_waits_for_who_is_in_the_middle_of_a_turn() {
    within(|| {
        let rt = runtime(1);
        let (started, ended) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let (started2, ended2) = (Arc::clone(&started), Arc::clone(&ended));
        drop(rt.handle().go(async move {
            started2.store(true, SeqCst);
            block_in_place(|| thread::sleep(Duration::from_millis(10)));
            ended2.store(true, SeqCst);
        }));
        eventually("it runs", || started.load(SeqCst));
        drop(rt);
        assert!(ended.load(SeqCst));
    });
}

#[test]
fn shutdown_timeout_leaves_alone_who_does_not_come_to_an_await() {
    within(|| {
        let rt = runtime(1);
        let census = Census::default();
        let (release, stuck_on) = std::sync::mpsc::channel::<()>();
        let started = Arc::new(AtomicBool::new(false));
        let started2 = Arc::clone(&started);
        let value = census.value();
        let stuck = rt.handle().go(async move {
            let _value = value;
            started2.store(true, SeqCst);
            let _ = stuck_on.recv();
            7
        });
        let waiting = census.value();
        drop(rt.handle().go(async move {
            let _waiting = waiting;
            pending::<()>().await;
        }));
        eventually("it is stuck", || started.load(SeqCst));
        let start = Instant::now();
        rt.shutdown_timeout(Duration::from_millis(20));
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert!(!stuck.is_finished());
        release.send(()).unwrap();
        eventually("it ends when its poll does", || stuck.is_finished());
        assert_eq!(gosched::block_on(stuck).unwrap(), 7);
    });
}

#[test]
fn shutdown_timeout_returns_at_once_when_nobody_is_busy() {
    within(|| {
        let census = Census::default();
        let rt = runtime(2);
        for _ in 0..100 {
            let value = census.value();
            drop(rt.handle().go(async move {
                let _value = value;
                pending::<()>().await;
            }));
        }
        rt.shutdown_timeout(FAR);
        assert_eq!(census.dropped(), 100);
    });
}

#[test]
fn goroutines_started_by_destructors_during_the_end_are_cancelled_too() {
    struct Starts(Census);
    impl Drop for Starts {
        fn drop(&mut self) {
            let value = self.0.value();
            drop(go(async move {
                let _value = value;
                pending::<()>().await;
            }));
        }
    }

    within(|| {
        let census = Census::default();
        let rt = runtime(2);
        for _ in 0..100 {
            let starts = Starts(census.clone());
            drop(rt.handle().go(async move {
                let _starts = starts;
                pending::<()>().await;
            }));
        }
        drop(rt);
        assert_eq!((census.made(), census.dropped()), (100, 100));
    });
}

#[test]
fn a_goroutine_started_on_a_runtime_that_has_ended_is_cancelled_and_dropped_at_once() {
    within(|| {
        let census = Census::default();
        let rt = runtime(1);
        let handle = rt.handle();
        drop(rt);
        for _ in 0..10 {
            let value = census.value();
            let late = handle.go(async move { drop(value) });
            assert!(late.is_finished());
            assert_eq!(census.made(), census.dropped());
            let error = gosched::block_on(late).unwrap_err();
            assert!(error.is_cancelled() && !error.is_panic());
        }
        assert_eq!(handle.num_goroutine(), 0);
        assert_eq!(
            handle.block_on(async { 7 }),
            7,
            "it needs no thread for that"
        );
    });
}

#[test]
fn a_runtime_that_ends_amid_a_storm_of_goroutines_from_other_threads_keeps_none() {
    within(|| {
        for _ in 0..20 {
            let census = Census::default();
            let rt = runtime(2);
            let stop = AtomicBool::new(false);
            thread::scope(|scope| {
                for _ in 0..3 {
                    let handle = rt.handle();
                    scope.spawn(|| {
                        let handle = handle;
                        while !stop.load(SeqCst) {
                            let value = census.value();
                            drop(handle.go(async move {
                                let _value = value;
                                pending::<()>().await;
                            }));
                        }
                    });
                }
                eventually("it rages", || census.made() > 100);
                drop(rt);
                stop.store(true, SeqCst);
            });
            assert_eq!(census.made(), census.dropped());
        }
    });
}

#[test]
fn a_runtime_dropped_inside_one_of_its_goroutines_ends_in_the_background() {
    within(|| {
        let census = Census::default();
        let rt = runtime(2);
        let handle = rt.handle();
        for _ in 0..10 {
            let value = census.value();
            drop(handle.go(async move {
                let _value = value;
                pending::<()>().await;
            }));
        }
        let (value, after) = (census.value(), Arc::new(AtomicBool::new(false)));
        let mark = Arc::clone(&after);
        let last = handle.go(async move {
            let _value = value;
            drop(rt);
            mark.store(true, SeqCst);
            pending::<()>().await;
        });
        assert!(gosched::block_on(last).unwrap_err().is_cancelled());
        assert!(after.load(SeqCst), "the drop does not wait for itself");
        eventually("all are dropped", || census.dropped() == 11);
    });
}

#[test]
fn a_runtime_dropped_in_a_blocking_section_of_its_own_does_not_wait_for_itself() {
    within(|| {
        for nested in [false, true] {
            let rt = runtime(1);
            let handle = rt.handle();
            let last = handle.go(async move {
                block_in_place(|| {
                    if nested {
                        gosched::block_on(async move { drop(rt) });
                    } else {
                        drop(rt);
                    }
                });
                pending::<()>().await;
            });
            assert!(gosched::block_on(last).unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn a_runtime_of_its_own_inside_a_goroutine_of_another_is_waited_for() {
    run(1, async {
        let census = Census::default();
        let inner = runtime(1);
        let value = census.value();
        drop(inner.handle().go(async move {
            let _value = value;
            pending::<()>().await;
        }));
        block_in_place(|| drop(inner));
        assert_eq!(census.dropped(), 1);
    });
}

#[test]
fn timers_of_a_runtime_that_ended_still_fire() {
    let rt = runtime(1);
    let start = Instant::now();
    let mut asleep = Box::pin(sleep(Duration::from_millis(20)));
    let (moved, arrived) = chan(1);
    // A goroutine of this runtime arms it, in a heap of this runtime.
    drop(rt.handle().go(async move {
        let pending = gosched::time::timeout(Duration::ZERO, &mut asleep).await;
        assert!(pending.is_err());
        moved.send(asleep).await
    }));
    let armed = arrived.recv_blocking().unwrap();
    drop(rt);
    futures::executor::block_on(armed);
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[test]
fn a_shutdown_that_runs_out_of_time_still_ends_whatever_is_queued() {
    for procs in [1, 2] {
        within(move || {
            let census = Census::default();
            let rt = runtime_that_retakes_nothing(procs);
            let (open, gate) = mpsc::channel::<()>();
            let gate = Arc::new(Mutex::new(gate));
            let (started, all_started) = mpsc::channel();
            let mut handles: Vec<_> = (0..procs)
                .map(|_| {
                    let (value, gate, started) = (census.value(), gate.clone(), started.clone());
                    rt.handle().go(async move {
                        let _value = value;
                        started.send(()).unwrap();
                        let _ = gate.lock().unwrap().recv();
                        std::future::pending::<()>().await;
                    })
                })
                .collect();
            for _ in 0..procs {
                all_started.recv().unwrap();
            }
            // Behind them.
            let value = census.value();
            handles.push(rt.handle().go(async move { drop(value) }));
            let handle = rt.handle();
            rt.shutdown_timeout(Duration::from_millis(5));
            drop(open);
            for one in handles {
                assert!(block_on(one).unwrap_err().is_cancelled());
            }
            assert_eq!(census.dropped(), procs + 1);
            eventually("the threads have ended", || handle.metrics().threads() == 0);
            assert_eq!(handle.num_goroutine(), 0);
        });
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_runtime_had_open_is_closed_also_when_its_shutdown_ran_out_of_time() {
    within(|| {
        let census = Census::default();
        let rt = runtime(1);
        let (open, gate) = mpsc::channel::<()>();
        let (started, is_started) = mpsc::channel();
        let value = census.value();
        let stuck = rt.handle().go(async move {
            drop(tokio::spawn(async move {
                let _value = value;
                std::future::pending::<()>().await;
            }));
            started.send(()).unwrap();
            let _ = gate.recv();
        });
        is_started.recv().unwrap();
        rt.shutdown_timeout(Duration::from_millis(5));
        drop(open);
        assert!(stuck.is_finished() || block_on(stuck).is_ok());
        // The task of a library went with the poller.
        eventually("the poller is gone", || census.dropped() == 1);
    });
}

#[test]
fn what_was_counted_is_still_known_after_the_end() {
    within(|| {
        let rt = runtime(2);
        let handle = rt.handle();
        let family = handle.go(async {
            for _ in 0..10 {
                go(async {}).await.unwrap();
            }
        });
        rt.block_on(family).unwrap();
        drop(rt);
        assert_eq!(handle.num_goroutine(), 0);
        assert_eq!(handle.metrics().goroutines_created(), 11);
    });
}
