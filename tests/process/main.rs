//! What a whole process does: how many Ps it has when it gives no number, at its end, on SIGQUIT, under
//! `GODEBUG=schedtrace`, when all its goroutines wait for each other, when one of them recurses too deeply, when there are no threads to be
//! had, and when it is the guide's stuck service.
//!
//! Each case is a program, which this binary becomes when it is told so through the environment, and a look
//! at what it wrote. It has no test harness, whose threads would be in the way of the deadlock's proof.

#[cfg(target_os = "linux")]
mod cpus;
#[cfg(target_os = "linux")]
mod deadlock;
mod ends;
#[cfg(target_os = "linux")]
mod no_threads;
mod schedtrace;
#[cfg(unix)]
mod sigquit;
#[cfg(feature = "stack-growth")]
mod stack;
#[cfg(unix)]
mod stuck;

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

/// Names the case that a child is to be.
const CHILD: &str = "GOSCHED_TEST_CHILD";

/// What has not happened by then is taken to never happen.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Runs in the child.
    pub(crate) program: fn(),
    /// Runs in the parent.
    pub(crate) check: fn(&Case),
}

impl Case {
    /// A child that runs the program.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .env(CHILD, self.name)
            .env_remove("GODEBUG")
            .env_remove("GOMAXPROCS")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self) -> Outcome {
        wait(self.command().spawn().unwrap())
    }
}

/// How a child has ended.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn says(&self, what: &str) -> &Self {
        assert!(
            self.stderr.contains(what),
            "no {what:?} in:\n{}",
            self.stderr
        );
        self
    }

    #[track_caller]
    pub(crate) fn is_silent_on(&self, what: &str) -> &Self {
        assert!(!self.stderr.contains(what), "{what:?} in:\n{}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn ended_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "stderr:\n{}", self.stderr);
        self
    }
}

/// Waits for a child; kills it and fails when it does not end.
#[track_caller]
pub(crate) fn wait(mut child: Child) -> Outcome {
    let out = read_all(child.stdout.take().unwrap());
    let err = read_all(child.stderr.take().unwrap());
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("still not over; it wrote:\n{}", err.join().unwrap());
        }
        thread::sleep(Duration::from_millis(2));
    };
    // Read to its end, so that the child never waits for its reader.
    out.join().unwrap();
    Outcome {
        code: status.code(),
        stderr: err.join().unwrap(),
    }
}

/// Reads a pipe to its end, on a thread of its own.
fn read_all(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).unwrap();
        text
    })
}

fn main() {
    let mut cases = [ends::CASES, schedtrace::CASES].concat();
    #[cfg(target_os = "linux")]
    {
        cases.extend(cpus::CASES);
        cases.extend(deadlock::CASES);
        cases.extend(no_threads::CASES);
    }
    #[cfg(unix)]
    {
        cases.extend(sigquit::CASES);
        cases.extend(stuck::CASES);
    }
    #[cfg(feature = "stack-growth")]
    cases.extend(stack::CASES);
    if let Ok(name) = env::var(CHILD) {
        // A shell has its background jobs ignore SIGQUIT, and whatever they start.
        #[cfg(unix)]
        // SAFETY: to give a signal its default needs no handler.
        unsafe {
            libc::signal(libc::SIGQUIT, libc::SIG_DFL)
        };
        let case = cases.iter().find(|case| case.name == name);
        return (case.expect("a case of that name").program)();
    }
    // As the standard harness takes them: words that names must contain.
    let words: Vec<String> = env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let mut failed = 0;
    for case in &cases {
        if !words.is_empty() && !words.iter().any(|word| case.name.contains(word)) {
            continue;
        }
        let passed = std::panic::catch_unwind(|| (case.check)(case)).is_ok();
        println!(
            "test {} ... {}",
            case.name,
            if passed { "ok" } else { "FAILED" }
        );
        failed += usize::from(!passed);
    }
    assert_eq!(failed, 0, "{failed} failed");
}
