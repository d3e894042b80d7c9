//! SIGQUIT under `#[gosched::main]`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::thread;
use std::time::Duration;

use gosched::{chan, go, yield_now};

use super::{Case, Outcome, PATIENCE, wait};

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "sigquit_shows_every_goroutine_and_exits_with_2",
        program: waiting,
        check: |case| {
            let outcome = quit_when_ready(case);
            outcome
                .ended_with(2)
                .says("SIGQUIT: quit")
                .says("[chan receive")
                .says("[sleep")
                .says("sigquit.rs:");
        },
    },
    Case {
        name: "sigquit_also_works_while_every_thread_is_stuck",
        program: stuck,
        check: |case| {
            quit_when_ready(case).ended_with(2).says("[running");
        },
    },
    Case {
        name: "sigquit_that_was_ignored_from_the_start_shows_the_goroutines_all_the_same",
        program: ignoring,
        check: |case| {
            let outcome = quit_when_ready(case);
            outcome.ended_with(2).says("SIGQUIT: quit");
        },
    },
    Case {
        name: "sigquit_that_the_program_takes_over_is_its_own",
        program: taking_over,
        check: |case| {
            let outcome = quit_when_ready(case);
            outcome.ended_with(7).is_silent_on("SIGQUIT: quit");
        },
    },
    Case {
        name: "without_gosched_main_sigquit_does_what_it_always_does",
        program: library,
        check: |case| {
            let outcome = quit_when_ready(case);
            assert_eq!(outcome.code, None, "killed by the signal");
            outcome.is_silent_on("SIGQUIT: quit");
        },
    },
];

/// Sends the signal once the program has said that it is ready.
#[track_caller]
fn quit_when_ready(case: &Case) -> Outcome {
    let mut child = case.command().spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: a signal to a child that has not been waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGQUIT) }, 0);
    child.stdout = Some(stdout.into_inner());
    wait(child)
}

fn ready() {
    println!("ready");
    std::io::stdout().flush().unwrap();
}

#[gosched::main]
async fn waiting() {
    let (tx, rx) = chan::<u8>(0);
    let receiver = go(async move { rx.recv().await });
    let sleeper = go(gosched::time::sleep(Duration::from_secs(3_600)));
    let waits = |id| {
        let all = gosched::debug::goroutines();
        let one = all.into_iter().find(|g| g.id() == id);
        one.is_some_and(|g| g.wait_reason().is_some())
    };
    while !waits(receiver.id()) || !waits(sleeper.id()) {
        yield_now().await;
    }
    ready();
    sleeper.await.unwrap();
    drop(tx);
}

#[gosched::main(procs = 1)]
async fn stuck() {
    ready();
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

fn ignoring() {
    // SAFETY: to ignore a signal needs no handler.
    unsafe { libc::signal(libc::SIGQUIT, libc::SIG_IGN) };
    patient();
}

/// Does not end before the signal has come.
#[gosched::main]
async fn patient() {
    ready();
    gosched::time::sleep(PATIENCE).await;
}

#[gosched::main]
async fn taking_over() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut quit = signal(SignalKind::quit()).unwrap();
    ready();
    quit.recv().await;
    // The former handler was called too; whoever it woke has had time to misunderstand.
    thread::sleep(Duration::from_millis(300));
    std::process::exit(7);
}

fn library() {
    gosched::block_on(async {
        ready();
        gosched::time::sleep(Duration::from_secs(3_600)).await;
    });
}
