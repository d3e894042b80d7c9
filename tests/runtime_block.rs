//! Blocking inside goroutines: `block_in_place`, the blocking ends of channels, `block_on`, and threads
//! that cannot be had.

mod common;

use std::panic::{catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use common::{run, runtime, within};
use gosched::debug::GoroutineState;
use gosched::runtime::{DeadlockPolicy, Runtime, block_in_place, goid, gomaxprocs};
use gosched::time::{Instant, sleep};
use gosched::{block_on, chan, go, yield_now};

#[test]
fn others_run_on_the_only_p_while_one_blocks() {
    run(1, async {
        let (tx, rx) = mpsc::channel();
        let blocked = go(async move { block_in_place(|| rx.recv().unwrap()) });
        // It blocks now, and what it waits for is sent by a goroutine that has to run first.
        yield_now().await;
        go(async move { tx.send(7).unwrap() }).await.unwrap();
        assert_eq!(blocked.await.unwrap(), 7);
    });
}

#[test]
fn who_is_queued_behind_one_that_blocks_runs() {
    run(1, async {
        let (tx, rx) = mpsc::channel();
        for n in 0..10 {
            let tx = tx.clone();
            drop(go(async move { tx.send(n).unwrap() }));
        }
        // Its own P holds the ten: it must be handed off with them.
        let mut got: Vec<i32> = block_in_place(|| (0..10).map(|_| rx.recv().unwrap()).collect());
        got.sort_unstable();
        assert_eq!(got, (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn a_timer_fires_while_the_only_p_is_handed_off() {
    run(1, async {
        let (tx, rx) = mpsc::channel();
        let sleeper = go(async move {
            let start = Instant::now();
            sleep(Duration::from_millis(2)).await;
            tx.send(()).unwrap();
            start.elapsed()
        });
        yield_now().await;
        block_in_place(|| rx.recv().unwrap());
        assert!(sleeper.await.unwrap() >= Duration::from_millis(2));
    });
}

#[test]
fn many_may_block_at_once_with_a_single_p() {
    run(1, async {
        let barrier = Arc::new(Barrier::new(20));
        let handles: Vec<_> = (0..20)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                go(async move {
                    block_in_place(|| barrier.wait());
                    yield_now().await;
                })
            })
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
        assert_eq!(gomaxprocs(0), 1);
    });
}

#[test]
fn blocking_sections_nest() {
    run(1, async {
        let (tx, rx) = mpsc::channel();
        drop(go(async move {
            for n in 0..3 {
                tx.send(n).unwrap();
                yield_now().await;
            }
        }));
        let got = block_in_place(|| {
            let first = rx.recv().unwrap();
            let second = block_in_place(|| rx.recv().unwrap());
            (first, second, rx.recv().unwrap())
        });
        assert_eq!(got, (0, 1, 2));
        assert_eq!(go(async { 7 }).await.unwrap(), 7);
    });
}

#[test]
fn outside_a_goroutine_block_in_place_just_calls() {
    let here = thread::current().id();
    assert_eq!(block_in_place(|| thread::current().id()), here);
    let rt = runtime(1);
    assert_eq!(
        rt.block_on(async { block_in_place(|| thread::current().id()) }),
        here
    );
}

#[test]
fn a_goroutine_is_itself_in_a_blocking_section_and_after_it() {
    run(2, async {
        let me = goid();
        assert!(me.is_some());
        assert_eq!(block_in_place(goid), me);
        assert_eq!(goid(), me);
        let (tx, rx) = chan(1);
        // What it starts and wakes there, without a P, runs.
        block_in_place(|| {
            drop(go(async move { tx.send(7).await }));
        });
        assert_eq!(rx.recv().await, Some(7));
    });
}

#[test]
fn a_panic_in_a_blocking_section_ends_the_goroutine_alone() {
    run(1, async {
        for _ in 0..20 {
            let error = go(async { block_in_place(|| panic!("oh")) })
                .await
                .unwrap_err();
            assert!(error.is_panic());
        }
        assert_eq!(go(async { 7 }).await.unwrap(), 7);
    });
}

#[test]
fn a_panic_in_a_blocking_section_that_is_caught_ends_the_section() {
    run(1, async {
        let state = || {
            let all = gosched::debug::goroutines();
            let me = all.iter().find(|info| Some(info.id()) == goid());
            me.unwrap().state()
        };
        let caught = catch_unwind(|| {
            block_in_place(|| {
                assert_eq!(state(), GoroutineState::Syscall);
                resume_unwind(Box::new("oh"));
            })
        });
        assert!(caught.is_err());
        assert_eq!(state(), GoroutineState::Running);
    });
}

#[test]
fn one_that_blocks_again_and_again_keeps_its_place_in_the_world() {
    run(1, async {
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&stop);
        let other = go(async move {
            let mut turns = 0_u64;
            while !theirs.load(SeqCst) {
                turns += 1;
                yield_now().await;
            }
            turns
        });
        for _ in 0..200 {
            block_in_place(thread::yield_now);
            yield_now().await;
        }
        stop.store(true, SeqCst);
        assert!(other.await.unwrap() > 0);
    });
}

#[test]
fn timers_of_other_threads_fire_while_all_threads_that_may_be_are_in_blocking_calls() {
    within(|| {
        let rt = Runtime::builder()
            .procs(1)
            .max_threads(2)
            .deadlock(DeadlockPolicy::Ignore)
            .build()
            .unwrap();
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        for _ in 0..2 {
            let gate = Arc::clone(&gate);
            drop(rt.handle().go(async move {
                block_in_place(|| gate.lock().unwrap().recv_timeout(common::PATIENCE).err());
            }));
        }
        rt.block_on(async {
            let start = Instant::now();
            // So long is nobody busy that sysmon might sleep, which it does for a minute.
            thread::sleep(Duration::from_millis(1_300));
            sleep(Duration::from_millis(1)).await;
            assert!(start.elapsed() < Duration::from_secs(30));
        });
        drop(open);
    });
}

#[test]
fn one_thread_is_enough_to_start_a_runtime() {
    // However old the process is, and whoever of the new threads is faster.
    for _ in 0..100 {
        let rt = Runtime::builder().procs(2).max_threads(1).build().unwrap();
        assert_eq!(rt.block_on(rt.handle().go(async { 7 })).unwrap(), 7);
    }
}

#[test]
fn with_no_thread_to_be_had_a_blocking_call_delays_the_others_and_loses_none() {
    within(|| {
        let rt = Runtime::builder().procs(4).max_threads(1).build().unwrap();
        // Often, for sysmon may have the P in hand for a moment that the blocking call comes back to.
        for _ in 0..50 {
            let ran = Arc::new(AtomicUsize::new(0));
            let theirs = Arc::clone(&ran);
            rt.block_on(rt.handle().go(async move {
                let handles: Vec<_> = (0..50)
                    .map(|_| {
                        let ran = Arc::clone(&theirs);
                        go(async move {
                            block_in_place(thread::yield_now);
                            yield_now().await;
                            ran.fetch_add(1, SeqCst);
                        })
                    })
                    .collect();
                block_in_place(|| thread::sleep(Duration::from_millis(2)));
                for handle in handles {
                    handle.await.unwrap();
                }
            }))
            .unwrap();
            assert_eq!(ran.load(SeqCst), 50);
        }
        // And from outside, when the one thread is asleep or about to be.
        for n in 0..200 {
            assert_eq!(rt.block_on(rt.handle().go(async move { n })).unwrap(), n);
        }
    });
}

#[test]
fn the_blocking_ends_of_a_channel_work_in_goroutines() {
    run(1, async {
        let (tx, rx) = chan(0);
        let sender = go(async move {
            for n in 0..100 {
                tx.send_blocking(n).unwrap();
            }
        });
        let receiver = go(async move {
            let mut got = Vec::new();
            while let Some(n) = rx.recv_blocking() {
                got.push(n);
            }
            got
        });
        sender.await.unwrap();
        assert_eq!(receiver.await.unwrap(), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn block_on_works_inside_a_blocking_section() {
    run(1, async {
        let (tx, rx) = chan(0);
        let sender = go(async move { tx.send(7).await });
        let got = block_in_place(|| {
            block_on(async {
                sleep(Duration::from_micros(100)).await;
                let inner = go(async { 35 });
                rx.recv().await.unwrap() + inner.await.unwrap()
            })
        });
        assert_eq!(got, 42);
        sender.await.unwrap().unwrap();
    });
}

#[test]
fn block_on_inside_a_goroutine_hands_the_p_off() {
    run(1, async {
        // On the only P, which others need for it.
        let (tx, rx) = chan(0);
        drop(go(async move { tx.send(7).await }));
        assert_eq!(block_on(async { rx.recv().await }), Some(7));
        assert_eq!(block_on(go(async { 8 })).unwrap(), 8);
        // On another runtime, and in there once more.
        let other = runtime(1);
        let nested = async { block_on(async { go(async { 9 }).await.unwrap() }) };
        assert_eq!(other.block_on(nested), 9);
        block_in_place(|| drop(other));
        assert_eq!(go(async { 10 }).await.unwrap(), 10);
    });
}

#[test]
fn resizing_amid_blocking_calls_leaves_everybody_running() {
    run(2, async {
        let stop = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let stop = Arc::clone(&stop);
                go(async move {
                    let mut turns = 0_u64;
                    while !stop.load(SeqCst) {
                        block_in_place(thread::yield_now);
                        sleep(Duration::from_micros(20)).await;
                        turns += 1;
                    }
                    turns
                })
            })
            .collect();
        for n in 0..300 {
            gomaxprocs(1 + n % 5);
            yield_now().await;
        }
        stop.store(true, SeqCst);
        for worker in workers {
            worker.await.unwrap();
        }
    });
}
