//! What `#[gosched::main]` and `#[gosched::test]` expand to calls of.
//!
//! The attributes' expansion is the only caller. It makes a [`Setup`] and the future of the user's
//! body, and chooses by the future's type how that is run: `(&Entry(&future)).__gosched_tag()` finds
//! [`ViaGo`] if the future can be a goroutine; only if not, one reference further, [`ViaBlockOn`].
//!
//! # Invariants
//!
//! 1. The runtime is shut down before the output is returned or a panic goes on, so no goroutine
//!    outlives the function; but a program's `main` waits no longer than `LEAVE` for those that are
//!    stuck in a poll: the process ends, and they with it.
//! 2. A panic of the body reaches the caller with its own payload, once: it was reported where it
//!    happened and is resumed here, not raised anew.
//!
//! It has no say in how a runtime works: it uses the public [`Builder`] like anyone.

use std::future::Future;
use std::ops::Deref;
use std::panic::resume_unwind;
use std::time::Duration;

use crate::runtime::{Builder, DeadlockPolicy, JoinError, Runtime};

/// How long a program's `main` waits at its end for goroutines that are in a poll. Go's waits for none; here
/// those that come to an `.await` meanwhile are dropped in good order.
const LEAVE: Duration = Duration::from_secs(1);

/// How the runtime of a `main` or a test is built.
#[derive(Debug)]
pub struct Setup {
    builder: Builder,
    /// A program, not a test.
    program: bool,
}

impl Setup {
    /// For `#[gosched::main]`.
    #[must_use]
    pub fn main() -> Self {
        Self {
            builder: Runtime::builder(),
            program: true,
        }
    }

    /// For `#[gosched::test]`: the one place where tests are given other settings than programs.
    #[must_use]
    pub fn test() -> Self {
        let mut builder = Runtime::builder();
        builder.deadlock(DeadlockPolicy::Panic).under_harness();
        Self {
            builder,
            program: false,
        }
    }

    /// The option `procs = n`.
    #[must_use]
    #[track_caller]
    pub fn procs(mut self, n: usize) -> Self {
        self.builder.procs(n);
        self
    }

    /// The option `virtual_time`.
    #[must_use]
    pub fn virtual_time(mut self) -> Self {
        self.builder.virtual_time(true);
        self
    }

    /// The option `seed = n`.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.builder.seed(seed);
        self
    }

    #[track_caller]
    fn build(mut self) -> Started {
        let seed = self.builder.choose_seed();
        #[cfg(unix)]
        if self.program {
            super::sigquit::install();
        }
        match self.builder.build() {
            Ok(runtime) => Started {
                runtime: Some(runtime),
                program: self.program,
                seed,
            },
            Err(error) => panic!("the runtime could not be started: {error}"),
        }
    }
}

/// The runtime of a `main` or a test, which ends when this is dropped (I1).
struct Started {
    /// There until the drop.
    runtime: Option<Runtime>,
    program: bool,
    /// Where time is virtual.
    seed: Option<u64>,
}

impl Started {
    /// The test has failed: says how it is run again.
    fn tell_seed(&mut self) {
        if let Some(seed) = self.seed.take() {
            eprintln!(
                "virtual time: the same order again with #[gosched::test(virtual_time, seed = {seed})]"
            );
        }
    }
}

impl Deref for Started {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is there until the drop")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tell_seed();
        }
        if let (Some(runtime), true) = (self.runtime.take(), self.program) {
            runtime.shutdown_timeout(LEAVE);
        }
    }
}

/// A future about to be run, seen only for its type.
#[derive(Debug)]
pub struct Entry<'a, F>(pub &'a F);

/// Chosen if the future can be a goroutine.
pub trait ViaGo {
    /// How to run it.
    fn __gosched_tag(&self) -> AsGoroutine {
        AsGoroutine
    }
}

impl<F> ViaGo for Entry<'_, F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
}

/// Chosen for all other futures.
pub trait ViaBlockOn {
    /// How to run it.
    fn __gosched_tag(&self) -> OnThisThread {
        OnThisThread
    }
}

impl<F: Future> ViaBlockOn for &Entry<'_, F> {}

/// Runs the body as the first goroutine of a runtime.
#[derive(Debug)]
pub struct AsGoroutine;

impl AsGoroutine {
    /// Builds the runtime, runs `future` there, shuts the runtime down.
    ///
    /// # Panics
    ///
    /// If the runtime cannot be started, if the body panics, and if it left by `goexit`.
    #[track_caller]
    pub fn __gosched_run<F>(self, setup: Setup, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let started = setup.build();
        let main = started.handle().go(future);
        match started.block_on(main) {
            Ok(output) => {
                drop(started);
                output
            }
            Err(error) => ended_early(started, error),
        }
    }
}

/// Runs the body on the thread that calls.
#[derive(Debug)]
pub struct OnThisThread;

impl OnThisThread {
    /// Builds the runtime, runs `future` here, shuts the runtime down.
    ///
    /// # Panics
    ///
    /// If the runtime cannot be started, and if the body panics.
    #[track_caller]
    pub fn __gosched_run<F: Future>(self, setup: Setup, future: F) -> F::Output {
        let started = setup.build();
        let output = started.block_on(future);
        drop(started);
        output
    }
}

/// The main goroutine gave no output: it panicked, or left by `goexit`.
#[track_caller]
fn ended_early(mut started: Started, error: JoinError) -> ! {
    started.tell_seed();
    if error.is_panic() {
        drop(started);
        resume_unwind(error.into_panic());
    }
    // As in Go, the others go on without main.
    started.outlast_goroutines();
    drop(started);
    panic!("no goroutines (main called runtime.Goexit) - deadlock!");
}

// The borrow is the trick: `__gosched_tag` is looked for on `&Entry`, as in the attribute's expansion.
#[allow(clippy::needless_borrow)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    #[test]
    fn a_body_that_is_send_runs_on_another_thread_than_the_caller() {
        let caller = thread::current().id();
        let future = async move { thread::current().id() != caller };
        assert!(
            (&Entry(&future))
                .__gosched_tag()
                .__gosched_run(Setup::main(), future)
        );
    }

    #[test]
    fn a_body_that_is_not_send_runs_on_the_thread_that_calls() {
        let caller = thread::current().id();
        let count = Rc::new(Cell::new(0));
        let seen = Rc::clone(&count);
        // A function of its own, as the attribute makes one: what a body's future can do is known only
        // outside the function that it stands in.
        async fn body(seen: Rc<Cell<u32>>) -> thread::ThreadId {
            seen.set(seen.get() + 1);
            thread::current().id()
        }
        let future = body(seen);
        assert_eq!(
            (&Entry(&future))
                .__gosched_tag()
                .__gosched_run(Setup::main(), future),
            caller
        );
        assert_eq!(count.get(), 1);
    }

    #[test]
    fn an_output_that_is_not_send_is_returned_from_the_thread_that_calls() {
        async fn body() -> Rc<u32> {
            Rc::new(7)
        }
        let future = body();
        assert_eq!(
            *(&Entry(&future))
                .__gosched_tag()
                .__gosched_run(Setup::main(), future),
            7
        );
    }

    #[test]
    fn a_panic_of_the_body_goes_on_in_the_caller_with_its_payload() {
        let future = async { std::panic::panic_any(41_u8) };
        let run = || {
            (&Entry(&future))
                .__gosched_tag()
                .__gosched_run(Setup::test(), future)
        };
        let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(payload.downcast_ref::<u8>(), Some(&41));
    }

    #[test]
    fn after_goexit_in_main_the_other_goroutines_end_before_the_panic() {
        let other_ended = Arc::new(AtomicBool::new(false));
        let mark = Arc::clone(&other_ended);
        let future = async move {
            drop(crate::go(async move {
                thread::sleep(Duration::from_millis(20));
                // Ordering: Release; the test's Acquire load sees it once the run has panicked.
                mark.store(true, Ordering::Release);
            }));
            crate::runtime::goexit().await
        };
        let run = || -> () {
            (&Entry(&future))
                .__gosched_tag()
                .__gosched_run(Setup::main(), future)
        };
        let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(
            payload.downcast_ref::<&str>(),
            Some(&"no goroutines (main called runtime.Goexit) - deadlock!")
        );
        // Ordering: Acquire pairs with the Release store of the other goroutine.
        assert!(other_ended.load(Ordering::Acquire));
    }
}
