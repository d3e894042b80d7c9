//! What dozens of runtimes leave behind: no thread and no file descriptor.
//!
//! One test to a process, for it counts what the process has.

mod common;

use std::time::Duration;

use common::{FAR, eventually, runtime, within};
use gosched::time::{Timer, sleep};
use gosched::{chan, go};

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// One runtime that has used its threads, its poller and its timers; ended one way or another.
fn one_life(n: usize) {
    let rt = runtime(3);
    rt.block_on(async {
        let (tx, rx) = chan(0);
        for n in 0..10 {
            let tx = tx.clone();
            drop(go(async move {
                sleep(Duration::from_micros(50)).await;
                tx.send(n).await.unwrap();
            }));
        }
        for _ in 0..10 {
            rx.recv().await.unwrap();
        }
        drop(go(sleep(FAR)));
        let timer = Timer::after_func(FAR, || {});
        assert!(timer.stop());
    });
    match n % 3 {
        0 => drop(rt),
        1 => rt.shutdown_timeout(FAR),
        _ => drop(rt.handle().go(async move { drop(rt) })),
    }
}

#[test]
#[cfg(target_os = "linux")]
fn dozens_of_runtimes_leave_no_thread_and_no_descriptor_behind() {
    within(|| {
        one_life(0);
        let (threads_before, descriptors_before) = (threads(), descriptors());
        for n in 0..60 {
            one_life(n);
        }
        // sysmon and the background shutdowns end by themselves, soon.
        eventually("the threads end", || threads() <= threads_before);
        eventually("the descriptors are closed", || {
            descriptors() <= descriptors_before
        });
    });
}
