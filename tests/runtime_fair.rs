//! Who runs when: nobody is starved, nobody is run twice, work spreads over the Ps.

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::{eventually, run, runtime, within};
use gosched::runtime::{Runtime, block_in_place, gomaxprocs};
use gosched::time::{Timer, sleep};
use gosched::{chan, go, yield_now};

/// Two goroutines that wake each other for ever, until `stop`; on one P they pass `runnext` between them.
fn ping_pong(stop: &Arc<AtomicBool>) -> Arc<AtomicUsize> {
    let rounds = Arc::new(AtomicUsize::new(0));
    let (there, ball) = chan(0);
    let (back, returned) = chan(0);
    let count = Arc::clone(&rounds);
    let stop = Arc::clone(stop);
    drop(go(async move {
        while !stop.load(SeqCst) {
            there.send(()).await.unwrap();
            returned.recv().await.unwrap();
            count.fetch_add(1, SeqCst);
        }
    }));
    drop(go(async move {
        while ball.recv().await.is_some() {
            back.send(()).await.unwrap();
        }
    }));
    rounds
}

/// A chain of goroutines, each of which starts the next and ends, until `stop`.
fn chain(stop: Arc<AtomicBool>, links: Arc<AtomicUsize>) {
    drop(go(async move {
        links.fetch_add(1, SeqCst);
        if !stop.load(SeqCst) {
            chain(stop, links);
        }
    }));
}

#[test]
fn goroutines_that_yield_take_turns() {
    let order = run(1, async {
        let order = Arc::new(Mutex::new(Vec::new()));
        let (gate, gates) = chan::<()>(0);
        let handles: Vec<_> = (0..4)
            .map(|n| {
                let (order, gate) = (Arc::clone(&order), gates.clone());
                go(async move {
                    gate.recv().await;
                    for _ in 0..50 {
                        order.lock().unwrap().push(n);
                        yield_now().await;
                    }
                })
            })
            .collect();
        yield_now().await;
        drop(gate);
        for handle in handles {
            handle.await.unwrap();
        }
        Arc::into_inner(order).unwrap().into_inner().unwrap()
    });
    // The first who comes may be one of the four; after that, all four in each round of four.
    for round in order.chunks(4) {
        let mut round = round.to_vec();
        round.sort_unstable();
        assert_eq!(round, [0, 1, 2, 3], "{order:?}");
    }
}

#[test]
fn who_yields_comes_after_all_who_were_ready() {
    run(1, async {
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..20 {
            let ran = Arc::clone(&ran);
            drop(go(async move {
                ran.fetch_add(1, SeqCst);
            }));
        }
        yield_now().await;
        assert_eq!(ran.load(SeqCst), 20);
    });
}

#[test]
fn a_ping_pong_holds_off_neither_a_third_goroutine_nor_one_from_outside() {
    within(|| {
        let rt = runtime(1);
        let stop = Arc::new(AtomicBool::new(false));
        rt.block_on(rt.handle().go({
            let stop = Arc::clone(&stop);
            async move {
                let rounds = ping_pong(&stop);
                for _ in 0..100 {
                    go(async {}).await.unwrap();
                    yield_now().await;
                }
                while rounds.load(SeqCst) < 1_000 {
                    yield_now().await;
                }
            }
        }))
        .unwrap();
        // These come through the global queue.
        for _ in 0..100 {
            rt.block_on(rt.handle().go(async {})).unwrap();
        }
        stop.store(true, SeqCst);
    });
}

#[test]
fn a_ping_pong_holds_off_no_timer() {
    run(1, async {
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = ping_pong(&stop);
        for _ in 0..5 {
            let before = rounds.load(SeqCst);
            sleep(Duration::from_millis(5)).await;
            assert!(
                rounds.load(SeqCst) > before,
                "and the sleep not the players"
            );
        }
        let (tx, rx) = chan(1);
        let _timer = Timer::after_func(Duration::from_micros(1), move || {
            let _ = tx.try_send(());
        });
        rx.recv().await.unwrap();
        stop.store(true, SeqCst);
    });
}

#[test]
fn a_chain_of_respawns_holds_off_neither_goroutines_nor_timers() {
    within(|| {
        let rt = runtime(1);
        let stop = Arc::new(AtomicBool::new(false));
        let links = Arc::new(AtomicUsize::new(0));
        rt.block_on(rt.handle().go({
            let (stop, links) = (Arc::clone(&stop), Arc::clone(&links));
            async move {
                chain(stop, Arc::clone(&links));
                for _ in 0..50 {
                    yield_now().await;
                    go(async {}).await.unwrap();
                }
                let before = links.load(SeqCst);
                sleep(Duration::from_millis(5)).await;
                assert!(links.load(SeqCst) > before);
            }
        }))
        .unwrap();
        for _ in 0..100 {
            rt.block_on(rt.handle().go(async {})).unwrap();
        }
        stop.store(true, SeqCst);
    });
}

#[test]
fn the_global_queue_is_looked_at_while_the_local_one_is_never_empty() {
    within(|| {
        let rt = runtime(1);
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..100 {
            // Each starts another before it ends, so that the ring never runs dry.
            let stop = Arc::clone(&stop);
            drop(rt.handle().go(async move {
                let (tx, rx) = chan(8);
                while !stop.load(SeqCst) {
                    tx.send(()).await.unwrap();
                    go(async {}).await.unwrap();
                    rx.recv().await.unwrap();
                }
            }));
        }
        for n in 0..100 {
            assert_eq!(rt.block_on(rt.handle().go(async move { n })).unwrap(), n);
        }
        stop.store(true, SeqCst);
    });
}

#[test]
fn a_loop_over_a_channel_that_is_always_ready_is_made_to_yield() {
    run(1, async {
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&stop);
        let hog = go(async move {
            let (tx, rx) = chan(1);
            let mut rounds = 0_u64;
            while !theirs.load(SeqCst) {
                tx.send(rounds).await.unwrap();
                rx.recv().await.unwrap();
                rounds += 1;
            }
            rounds
        });
        // Each of these waits is over only when the hog gives the P back.
        for _ in 0..3 {
            yield_now().await;
        }
        sleep(Duration::from_millis(1)).await;
        stop.store(true, SeqCst);
        assert!(hog.await.unwrap() > 0);
    });
}

#[test]
fn a_pair_of_hogs_leaves_a_light_pair_its_turns() {
    run(1, async {
        let stop = Arc::new(AtomicBool::new(false));
        let heavy: Vec<_> = (0..2)
            .map(|_| {
                let stop = Arc::clone(&stop);
                go(async move {
                    let (tx, rx) = chan(64);
                    while !stop.load(SeqCst) {
                        for n in 0..64 {
                            tx.send(n).await.unwrap();
                        }
                        for _ in 0..64 {
                            rx.recv().await.unwrap();
                        }
                    }
                })
            })
            .collect();
        let light = ping_pong(&stop);
        while light.load(SeqCst) < 20 {
            yield_now().await;
        }
        stop.store(true, SeqCst);
        for hog in heavy {
            hog.await.unwrap();
        }
    });
}

#[test]
fn two_pairs_that_wake_each_other_get_within_twenty_times_as_many_turns() {
    run(1, async {
        let stop = Arc::new(AtomicBool::new(false));
        // Either pair could pass the P between its two for ever.
        let pairs = [(); 2].map(|()| ping_pong(&stop));
        let rounds = || [0, 1].map(|at: usize| pairs[at].load(SeqCst));
        while rounds().iter().sum::<usize>() < 20_000 {
            sleep(Duration::from_millis(2)).await;
        }
        let [a, b] = rounds();
        stop.store(true, SeqCst);
        assert!(a * 20 >= b && b * 20 >= a, "{a} and {b}");
    });
}

#[test]
fn a_hundred_thousand_goroutines_each_run_once() {
    for procs in [1, 2, 16] {
        let total = if procs == 2 { 100_000 } else { 30_000 };
        run(procs, async move {
            let runs: Arc<Vec<AtomicUsize>> =
                Arc::new((0..total).map(|_| AtomicUsize::new(0)).collect());
            // More than a ring holds before anybody runs: the rest goes to the global queue.
            let handles: Vec<_> = (0..total)
                .map(|n| {
                    let runs = Arc::clone(&runs);
                    go(async move {
                        runs[n].fetch_add(1, SeqCst);
                        if n % 3 == 0 {
                            yield_now().await;
                        }
                        n
                    })
                })
                .collect();
            for (n, handle) in handles.into_iter().enumerate() {
                assert_eq!(handle.await.unwrap(), n);
            }
            assert!(runs.iter().all(|r| r.load(SeqCst) == 1));
        });
    }
}

#[test]
fn goroutines_started_from_many_threads_each_run_once() {
    within(|| {
        let rt = runtime(4);
        let count = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2_500 {
                        let count = Arc::clone(&count);
                        drop(rt.handle().go(async move {
                            yield_now().await;
                            count.fetch_add(1, SeqCst);
                        }));
                    }
                });
            }
        });
        eventually("all ran", || count.load(SeqCst) == 10_000);
    });
}

#[test]
fn as_many_goroutines_as_there_are_ps_run_at_the_same_time() {
    // Each of them passes the token on without ever waiting: one that had no P would stop them all. With a socket to
    // watch, one M is in the poller; without, all of them sleep before they are needed.
    for (procs, polling) in [2, 4, 8]
        .map(|procs| [(procs, false), (procs, true)])
        .concat()
    {
        run(procs, async move {
            let reader = polling.then(|| {
                go(async {
                    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
                    socket.recv(&mut [0]).await
                })
            });
            // Everybody who is not needed goes to sleep.
            sleep(Duration::from_millis(5)).await;
            let token = Arc::new(AtomicUsize::new(0));
            let spinners: Vec<_> = (0..procs)
                .map(|me| {
                    let token = Arc::clone(&token);
                    go(async move {
                        for round in 0..20 {
                            while token.load(SeqCst) != round * procs + me {
                                thread::yield_now();
                            }
                            token.fetch_add(1, SeqCst);
                        }
                    })
                })
                .collect();
            // The starter gives its own P up, or one of them would be left without.
            for spinner in spinners {
                spinner.await.unwrap();
            }
            assert_eq!(token.load(SeqCst), 20 * procs);
            if let Some(reader) = reader {
                assert!(!reader.is_finished(), "nobody wrote to it");
                reader.abort();
            }
        });
    }
}

#[test]
fn work_that_waits_behind_a_long_turn_is_stolen() {
    run(2, async {
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..200 {
            let done = Arc::clone(&done);
            drop(go(async move {
                done.fetch_add(1, SeqCst);
            }));
        }
        // This P does not come to them before another has run them all.
        while done.load(SeqCst) < 200 {
            thread::yield_now();
        }
    });
}

#[test]
fn a_lone_goroutine_behind_a_long_turn_is_taken_over() {
    run(2, async {
        let done = Arc::new(AtomicBool::new(false));
        let mark = Arc::clone(&done);
        drop(go(async move { mark.store(true, SeqCst) }));
        while !done.load(SeqCst) {
            thread::yield_now();
        }
    });
}

#[test]
fn gomaxprocs_says_how_many_ps_there_are_and_sets_it() {
    run(3, async {
        assert_eq!(gomaxprocs(0), 3);
        assert_eq!(gomaxprocs(5), 3);
        assert_eq!(gomaxprocs(0), 5);
        assert_eq!(gomaxprocs(1), 5);
        assert_eq!(gomaxprocs(0), 1);
        assert_eq!(go(async { gomaxprocs(0) }).await.unwrap(), 1);
    });
}

#[test]
fn a_thousand_resizes_amid_a_storm_of_goroutines_lose_nothing() {
    run(2, async {
        let stop = Arc::new(AtomicBool::new(false));
        let count = Arc::new(AtomicUsize::new(0));
        let storm: Vec<_> = (0..4)
            .map(|_| {
                let (stop, count) = (Arc::clone(&stop), Arc::clone(&count));
                go(async move {
                    let mut started = 0;
                    while !stop.load(SeqCst) {
                        let batch: Vec<_> = (0..20)
                            .map(|_| {
                                let count = Arc::clone(&count);
                                go(async move {
                                    yield_now().await;
                                    count.fetch_add(1, SeqCst);
                                })
                            })
                            .collect();
                        started += batch.len();
                        for one in batch {
                            one.await.unwrap();
                        }
                        sleep(Duration::from_micros(50)).await;
                    }
                    started
                })
            })
            .collect();
        for n in 0..1_000 {
            gomaxprocs(1 + n * 7 % 9);
            yield_now().await;
        }
        stop.store(true, SeqCst);
        let mut started = 0;
        for part in storm {
            started += part.await.unwrap();
        }
        assert_eq!(count.load(SeqCst), started);
    });
}

#[test]
fn with_fewer_ps_than_before_fewer_run_at_the_same_time() {
    // On a machine that is busy with others one of them may be long in its turn; it is to keep its P then.
    let mut keeps = Runtime::builder();
    keeps.procs(4).hog_threshold(Duration::MAX);
    let test = async {
        gomaxprocs(1);
        // The Ps that are too many are given up by the turns after this one.
        for _ in 0..100 {
            yield_now().await;
        }
        sleep(Duration::from_millis(1)).await;
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let handles: Vec<_> = (0..50)
            .map(|_| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                go(async move {
                    most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                    for _ in 0..50 {
                        thread::yield_now();
                    }
                    running.fetch_sub(1, SeqCst);
                })
            })
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
        assert_eq!(most.load(SeqCst), 1);
    };
    within(move || {
        let rt = keeps.build().unwrap();
        rt.block_on(rt.handle().go(test)).unwrap();
    });
}

#[test]
fn eight_goroutines_in_short_system_calls_on_two_ps_all_come_to_their_end() {
    run(2, async {
        let handles: Vec<_> = (0..8)
            .map(|n| {
                go(async move {
                    for round in 0..50 {
                        let micros = 10 + (n * 37 + round * 101) % 990;
                        block_in_place(|| thread::sleep(Duration::from_micros(micros)));
                        yield_now().await;
                    }
                })
            })
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
    });
}

#[test]
fn those_who_wake_each_other_get_their_share_of_a_p_beside_those_who_compute() {
    within(|| {
        let rt = runtime(1);
        let stop = Arc::new(AtomicBool::new(false));
        let computed = rt.handle().go({
            let stop = stop.clone();
            async move {
                let rounds = ping_pong(&stop);
                let computers = [(); 2].map(|()| {
                    go(async {
                        for _ in 0..100 {
                            let start = Instant::now();
                            while start.elapsed() < Duration::from_millis(1) {
                                std::hint::spin_loop();
                            }
                            yield_now().await;
                        }
                    })
                });
                for computer in computers {
                    computer.await.unwrap();
                }
                stop.store(true, SeqCst);
                rounds.load(SeqCst)
            }
        });
        // Sixteen turns for two of the others would make 800.
        let rounds = rt.block_on(computed).unwrap();
        assert!(rounds > 2_400, "{rounds}");
    });
}
