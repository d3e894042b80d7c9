//! How a program ends.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
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
    Case {
        name: "a_waker_that_panics_in_the_driver_ends_the_program_and_is_told",
        program: woken,
        check: |case| {
            case.run().says("a waker panicked in tokio's driver");
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

struct PanicsWhenWoken;

impl Wake for PanicsWhenWoken {
    fn wake(self: Arc<Self>) {
        panic!("a waker");
    }
}

#[gosched::main(procs = 2)]
async fn woken() {
    let waker = Waker::from(Arc::new(PanicsWhenWoken));
    let mut sleep = pin!(tokio::time::sleep(Duration::from_millis(1)));
    let mut cx = Context::from_waker(&waker);
    assert!(sleep.as_mut().poll(&mut cx).is_pending());
    std::future::pending::<()>().await;
}
