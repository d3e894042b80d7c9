//! What the tests of this crate share: time limits, the two kinds of runtime, and where code runs.

use std::future::Future;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, process, thread};

use gosched::runtime::{Runtime, goid};
use gosched::time;

/// What `future` yields; fails the test, and says where, if that does not come. Nothing here takes a second.
#[track_caller]
pub fn soon<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let site = Location::caller();
    async move {
        match time::timeout(Duration::from_secs(60), future).await {
            Ok(output) => output,
            Err(_) => panic!("{site}: nothing happened for a minute"),
        }
    }
}

/// Where tasks of `tokio::spawn` run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libraries {
    /// On the poller, one at a time: the default.
    OnThePoller,
    /// On a tokio runtime of their own, with two threads.
    OnTheirOwn,
}

/// Runs a goroutine to its end on a runtime of its own.
#[track_caller]
pub fn run_on<F>(libraries: Libraries, future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let mut builder = Runtime::builder();
    builder.procs(2);
    if libraries == Libraries::OnTheirOwn {
        builder.library_threads(2);
    }
    let rt = builder.build().unwrap();
    rt.block_on(soon(rt.handle().go(future))).unwrap()
}

/// Runs a goroutine on either kind of runtime.
#[track_caller]
pub fn on_both<F, R>(test: F)
where
    F: Fn() -> R,
    R: Future<Output = ()> + Send + 'static,
{
    for libraries in [Libraries::OnThePoller, Libraries::OnTheirOwn] {
        run_on(libraries, test());
    }
}

/// What runs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    /// A goroutine, on an M.
    Goroutine,
    /// A task or a blocking call of tokio's.
    Task,
    /// Neither.
    Thread,
}

impl Runner {
    /// Of the caller.
    #[must_use]
    pub fn here() -> Runner {
        match (goid(), tokio::task::try_id()) {
            (Some(_), _) => Runner::Goroutine,
            (None, Some(_)) => Runner::Task,
            (None, None) => Runner::Thread,
        }
    }
}

/// Is this thread an M?
#[must_use]
pub fn on_an_m() -> bool {
    let thread = thread::current();
    thread
        .name()
        .is_some_and(|name| name.starts_with("gosched-"))
}

/// A directory that goes with its owner.
pub struct TempDir(PathBuf);

impl TempDir {
    /// `name` tells the tests of one process apart.
    #[must_use]
    pub fn new(name: &str) -> TempDir {
        let path = env::temp_dir().join(format!("gosched-ecosystem-{}-{name}", process::id()));
        fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }
}

impl std::ops::Deref for TempDir {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
