//! The number of Ps changed again and again beside work: none of them is lost.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use gosched::runtime::{Runtime, gomaxprocs};
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
        std::thread::scope(|scope| {
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
