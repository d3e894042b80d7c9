//! The number of Ps changed again and again beside work: none of them is lost.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gosched::runtime::{Runtime, gomaxprocs};
use gosched::time::sleep;
use gosched::{chan, go};

const PROCS: usize = 3;

/// Where `PROCS` turns meet that hold their Ps meanwhile.
#[derive(Default)]
struct Meeting {
    here: Mutex<usize>,
    all: Condvar,
}

impl Meeting {
    /// `false` = the others did not come: there were not as many Ps.
    fn attend(&self) -> bool {
        let mut here = self.here.lock().unwrap();
        *here += 1;
        self.all.notify_all();
        let late = Duration::from_secs(20);
        let (_here, timeout) = self
            .all
            .wait_timeout_while(here, late, |here| *here < PROCS)
            .unwrap();
        !timeout.timed_out()
    }
}

/// Goroutines that hand a token around, so that Ps become idle and are taken all the time.
async fn pass_tokens(rounds: u32) {
    let (there, there_rx) = chan(0);
    let (back, back_rx) = chan(0);
    let echo = go(async move {
        while let Some(n) = there_rx.recv().await {
            if back.send(n).await.is_err() {
                break;
            }
        }
    });
    for n in 0..rounds {
        there.send(n).await.unwrap();
        assert_eq!(back_rx.recv().await, Some(n));
    }
    drop(there);
    echo.await.unwrap();
}

#[test]
fn after_many_changes_as_many_goroutines_run_at_once_as_there_are_to_be() {
    let runtime = Runtime::builder().procs(PROCS).build().unwrap();
    for _ in 0..20 {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    runtime.block_on(async {
                        for _ in 0..50 {
                            gomaxprocs(1);
                            // From outside any M: this takes a P off the idle list.
                            go(async {}).await.unwrap();
                            gomaxprocs(PROCS);
                        }
                    });
                });
            }
            scope.spawn(|| {
                runtime.block_on(async {
                    let passing: Vec<_> = (0..3).map(|_| go(pass_tokens(100))).collect();
                    for one in passing {
                        one.await.unwrap();
                    }
                });
            });
        });
        runtime.block_on(async {
            gomaxprocs(PROCS);
            let meeting = Arc::new(Meeting::default());
            let turns: Vec<_> = (0..PROCS)
                .map(|_| {
                    let meeting = meeting.clone();
                    go(async move { meeting.attend() })
                })
                .collect();
            for turn in turns {
                assert!(turn.await.unwrap(), "a P is missing");
            }
        });
    }
}

/// Spins until it is `true`; `false` = that did not come.
fn spin(flag: &AtomicBool) -> bool {
    let start = Instant::now();
    while !flag.load(SeqCst) {
        if start.elapsed() > Duration::from_secs(20) {
            return false;
        }
        thread::yield_now();
    }
    true
}

#[test]
fn what_waits_behind_a_long_turn_on_a_p_that_is_one_too_many_is_stolen() {
    let runtime = Runtime::builder()
        .procs(1)
        .hog_threshold(Duration::MAX)
        .build()
        .unwrap();
    for _ in 0..10 {
        let first = runtime.handle().go(async {
            // This turn keeps the first P, so the other goroutine is on the second.
            let [second_is_there, first_is_over, child] =
                std::array::from_fn(|_| Arc::new(AtomicBool::new(false)));
            let second = go({
                let (here, over) = (Arc::clone(&second_is_there), Arc::clone(&first_is_over));
                async move {
                    here.store(true, SeqCst);
                    assert!(spin(&over), "the first came to no end");
                    gomaxprocs(1);
                    let mark = Arc::clone(&child);
                    let behind = go(async move { mark.store(true, SeqCst) });
                    let ran = spin(&child);
                    behind.await.unwrap();
                    ran
                }
            });
            gomaxprocs(2);
            assert!(spin(&second_is_there), "nobody took it over");
            first_is_over.store(true, SeqCst);
            [second]
        });
        let [second] = runtime.block_on(first).unwrap();
        assert!(runtime.block_on(second).unwrap());
    }
}

#[test]
fn a_hog_loses_its_p_where_more_ps_are_idle_than_there_are_to_be() {
    let runtime = Runtime::builder().procs(4).build().unwrap();
    let ran = runtime.block_on(runtime.handle().go(async {
        // The others are idle, and stay on the list until somebody needs one.
        sleep(Duration::from_millis(20)).await;
        gomaxprocs(1);
        // sysmon goes to sleep for a minute when nothing has run for a second.
        thread::sleep(Duration::from_millis(1_500));
        let flag = Arc::new(AtomicBool::new(false));
        let mark = Arc::clone(&flag);
        drop(go(async move { mark.store(true, SeqCst) }));
        spin(&flag)
    }));
    assert!(ran.unwrap());
}
