//! How a program ends.

use std::thread;
use std::time::Duration;

use gosched::{chan, go};

use super::Case;

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "a_main_that_returns_ends_the_program_although_a_goroutine_blocks_its_thread",
        program: returning,
        check: |case| {
            case.run().ended_with(0);
        },
    },
    Case {
        name: "a_main_that_panics_ends_the_program_although_a_goroutine_blocks_its_thread",
        program: panicking,
        check: |case| {
            case.run().ended_with(101).says("main gives up");
        },
    },
];

/// Starts a goroutine that never comes to an `.await`, and returns once it runs.
async fn start_a_stuck_one() {
    let (tx, rx) = chan(1);
    drop(go(async move {
        tx.send(()).await.unwrap();
        loop {
            thread::sleep(Duration::from_secs(3600));
        }
    }));
    rx.recv().await.unwrap();
}

#[gosched::main(procs = 2)]
async fn returning() {
    start_a_stuck_one().await;
}

#[gosched::main(procs = 2)]
async fn panicking() {
    // Not `Send`, so that it is the calling thread's `block_on` that unwinds.
    let here = std::rc::Rc::new(());
    start_a_stuck_one().await;
    drop(here);
    panic!("main gives up");
}
