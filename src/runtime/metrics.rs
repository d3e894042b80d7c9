//! `metrics`: what the scheduler has counted.
//!
//! Every counter has one writer, an M or sysmon, and is summed when somebody asks. Nothing is counted for it in
//! the course of a turn.

use super::handle::Handle;
use super::sched::{Figures, Sched};

/// What the scheduler of one runtime has counted, at some moment of the call of [`metrics`].
///
/// The figures are gathered while everybody goes on, so that they need not add up.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let before = gosched::runtime::metrics().goroutines_created();
/// gosched::go(async {}).await.unwrap();
/// assert!(gosched::runtime::metrics().goroutines_created() > before);
/// # });
/// ```
///
/// What a service may tell about itself:
///
/// ```
/// let now = gosched::runtime::metrics();
/// let text = format!(
///     "goroutines {} (running {}, runnable {}, waiting {})\n\
///      procs {} (idle {}), threads {}\n\
///      retakes {}, steals {}, parks {}",
///     now.goroutines(), now.goroutines_running(), now.goroutines_runnable(), now.goroutines_waiting(),
///     now.gomaxprocs(), now.idle_procs(), now.threads(),
///     now.retakes(), now.steals(), now.parks(),
/// );
/// assert!(text.starts_with("goroutines ") && !text.contains("procs 0"), "{text}");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Metrics {
    figures: Figures,
}

impl Metrics {
    pub(super) fn of(sched: &Sched) -> Metrics {
        Metrics {
            figures: sched.figures(),
        }
    }

    /// Goroutines that live. Go: `/sched/goroutines:goroutines`.
    pub fn goroutines(&self) -> u64 {
        self.figures.created.saturating_sub(self.figures.ended)
    }

    /// Goroutines that were ever started. Go: `/sched/goroutines-created:goroutines`.
    pub fn goroutines_created(&self) -> u64 {
        self.figures.created
    }

    /// Goroutines that are being polled, those in a blocking section included. Go:
    /// `/sched/goroutines/running:goroutines`, with `/sched/goroutines/not-in-go:goroutines`.
    pub fn goroutines_running(&self) -> u64 {
        self.figures.running as u64
    }

    /// Goroutines that wait for a P. Go: `/sched/goroutines/runnable:goroutines`.
    pub fn goroutines_runnable(&self) -> u64 {
        self.figures.runnable as u64
    }

    /// Goroutines that wait to be woken: the others. Go: `/sched/goroutines/waiting:goroutines`.
    pub fn goroutines_waiting(&self) -> u64 {
        self.goroutines()
            .saturating_sub(self.goroutines_running() + self.goroutines_runnable())
    }

    /// The number of Ps. Go: `/sched/gomaxprocs:threads`.
    pub fn gomaxprocs(&self) -> usize {
        self.figures.gomaxprocs
    }

    /// Ps that have nothing to run. Go has it in `GODEBUG=schedtrace` only, as `idleprocs`.
    pub fn idle_procs(&self) -> usize {
        self.figures.idle_procs
    }

    /// Threads that run goroutines, or could; sysmon and those of [`library_threads`] are not counted. Go:
    /// `/sched/threads/total:threads`.
    ///
    /// [`library_threads`]: super::Builder::library_threads
    pub fn threads(&self) -> usize {
        self.figures.threads
    }

    /// How often a P was taken away from a thread that was stuck in one poll. Go has no such metric.
    pub fn retakes(&self) -> u64 {
        self.figures.retakes
    }

    /// How often a P has taken work from another's queue. Go has no such metric.
    pub fn steals(&self) -> u64 {
        self.figures.steals
    }

    /// How often a thread has gone to sleep for want of work, in the poller or for good. Go has no such
    /// metric.
    pub fn parks(&self) -> u64 {
        self.figures.parks
    }
}

/// What the scheduler of the current runtime (outside any: the default one) has counted. Go: the package
/// `runtime/metrics`, of which each figure names the one that it is.
///
/// # Panics
///
/// When the default runtime is needed and cannot be started.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let metrics = gosched::runtime::metrics();
/// assert_eq!(metrics.gomaxprocs(), gosched::runtime::gomaxprocs(0));
/// assert!(metrics.threads() >= 1);
/// # });
/// ```
#[track_caller]
pub fn metrics() -> Metrics {
    Handle::try_current()
        .unwrap_or_else(Handle::default_runtime)
        .metrics()
}
