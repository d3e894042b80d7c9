//! `GODEBUG=schedtrace`.

use std::time::Duration;

use gosched::runtime::Runtime;
use gosched::{chan, go, time};

use super::{Case, Outcome, wait};

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "schedtrace_writes_lines_with_gos_fields",
        program: working,
        check: |case| {
            let outcome = with(case, "schedtrace=20");
            let lines: Vec<&str> = outcome.stderr.lines().collect();
            assert!(lines.len() >= 2, "{}", outcome.stderr);
            let mut before = 0;
            for line in lines {
                let fields = fields(line);
                let names: Vec<&str> = fields.iter().map(|(name, _)| &**name).collect();
                assert_eq!(
                    names,
                    [
                        "gomaxprocs",
                        "idleprocs",
                        "threads",
                        "spinningthreads",
                        "needspinning",
                        "idlethreads",
                        "runqueue",
                        "schedticks"
                    ]
                );
                assert_eq!(fields[0].1, "2");
                let at = line
                    .strip_prefix("SCHED ")
                    .unwrap()
                    .split_once("ms:")
                    .unwrap()
                    .0;
                let at: u64 = at.parse().unwrap();
                assert!(at >= before + 19, "{line}");
                before = at;
            }
        },
    },
    Case {
        name: "scheddetail_adds_the_ps_the_threads_and_the_goroutines",
        program: working,
        check: |case| {
            let outcome = with(case, "schedtrace=20,scheddetail=1");
            outcome
                .says("\n  P0: status=")
                .says("\n  P1: status=")
                .says("\n  M0: p=")
                .says(": status=4(chan receive) m=nil")
                .says(": status=4(sleep) m=nil");
        },
    },
    Case {
        name: "without_schedtrace_nothing_is_written",
        program: working,
        check: |case| {
            assert_eq!(with(case, "gctrace=1").stderr, "");
        },
    },
    Case {
        name: "schedtrace_goes_on_while_everything_sleeps",
        program: sleeping,
        check: |case| {
            let outcome = with(case, "schedtrace=400");
            let last = outcome.stderr.lines().last().unwrap_or("").to_owned();
            let at = last.trim_start_matches("SCHED ").split_once("ms:");
            let at: u64 = at.expect("a line").0.parse().unwrap();
            assert!(at >= 1_600, "{}", outcome.stderr);
        },
    },
    Case {
        name: "a_schedtrace_that_makes_no_sense_is_named",
        program: building,
        check: |case| {
            let outcome = with(case, "schedtrace=often");
            outcome
                .ended_with(3)
                .says("GODEBUG: schedtrace=often: not a number of milliseconds");
        },
    },
];

fn with(case: &Case, godebug: &str) -> Outcome {
    wait(case.command().env("GODEBUG", godebug).spawn().unwrap())
}

/// `name=value` by `name=value`; a list in brackets is one value, and the list of queues has no name.
fn fields(line: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for word in line.split_whitespace().skip(2) {
        match word.split_once('=') {
            Some((name, value)) => fields.push((name.to_owned(), value.to_owned())),
            None => {
                let last = fields.last_mut().expect("a field");
                last.1.push(' ');
                last.1.push_str(word);
            }
        }
    }
    if let Some(queue) = fields.iter_mut().find(|(name, _)| name == "runqueue") {
        let (global, _) = queue.1.split_once(' ').expect("the queues follow");
        queue.1 = global.to_owned();
    }
    fields
}

#[gosched::main(procs = 2)]
async fn working() {
    let (_tx, rx) = chan::<u8>(0);
    drop(go(async move { rx.recv().await }));
    time::sleep(Duration::from_millis(200)).await;
}

/// Longer than sysmon stays awake for nothing.
#[gosched::main(procs = 2)]
async fn sleeping() {
    time::sleep(Duration::from_millis(2_500)).await;
}

fn building() {
    match Runtime::builder().build() {
        Ok(_) => {}
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(3);
        }
    }
}
