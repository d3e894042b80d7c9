//! `GoroutineInfo`: what is told of one goroutine, and the dump of all.
//!
//! Called by users, by the handler of SIGQUIT and by the deadlock report. It formats; the data comes from
//! `runtime::roll`.

use std::fmt::{self, Write as _};
use std::panic::Location;
use std::time::Duration;

use crate::runtime::roll::{self, Entry};
use crate::runtime::{GoId, Phase, now};

/// What a goroutine is doing.
///
/// # Examples
///
/// ```
/// use gosched::debug::{GoroutineState, goroutines};
///
/// # gosched::block_on(async {
/// let me = gosched::go(async {
///     let me = gosched::runtime::goid().unwrap();
///     goroutines().into_iter().find(|g| g.id() == me).unwrap().state()
/// });
/// assert_eq!(me.await.unwrap(), GoroutineState::Running);
/// assert_eq!(GoroutineState::Running.to_string(), "running");
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GoroutineState {
    /// It is being polled.
    Running,
    /// It is in a run queue.
    Runnable,
    /// It waits to be woken.
    Waiting,
    /// It is inside [`block_in_place`](crate::runtime::block_in_place), and holds no P.
    Syscall,
}

/// In Go's words.
impl fmt::Display for GoroutineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GoroutineState::Running => "running",
            GoroutineState::Runnable => "runnable",
            GoroutineState::Waiting => "waiting",
            GoroutineState::Syscall => "syscall",
        })
    }
}

/// What was seen of one goroutine.
///
/// Its [`Display`](fmt::Display) is laid out as a goroutine in Go's traceback.
///
/// # Examples
///
/// ```
/// use gosched::debug::{GoroutineState, goroutines};
///
/// # gosched::block_on(async {
/// let (tx, rx) = gosched::chan::<u8>(0);
/// let waiter = gosched::go(async move { rx.recv().await });
/// let info = loop {
///     let seen = goroutines().into_iter().find(|g| g.id() == waiter.id());
///     match seen {
///         Some(info) if info.state() == GoroutineState::Waiting => break info,
///         _ => gosched::yield_now().await,
///     }
/// };
/// assert_eq!(info.wait_reason(), Some("chan receive"));
/// assert_eq!(info.waits_at().unwrap().file(), file!());
/// assert_eq!(info.spawned_at().file(), file!());
/// assert_eq!(info.parent(), None); // started by no goroutine
/// assert!(info.waiting_for().is_some() && info.running_for().is_none());
/// assert!(info.frame_size() > 0 && info.thread().is_none());
/// assert!(info.to_string().contains("[chan receive"));
/// # drop(tx);
/// # });
/// ```
#[derive(Clone)]
pub struct GoroutineInfo {
    entry: Entry,
    /// Since the time in the entry.
    age: Option<Duration>,
}

impl GoroutineInfo {
    fn new(entry: Entry, at: u64) -> GoroutineInfo {
        GoroutineInfo {
            entry,
            age: entry
                .since
                .map(|since| Duration::from_nanos(at.saturating_sub(since))),
        }
    }

    /// Its number.
    pub fn id(&self) -> GoId {
        GoId::new(self.entry.id).expect("goroutine numbers start at 1")
    }

    /// What it was doing.
    pub fn state(&self) -> GoroutineState {
        let in_syscall = || self.entry.reason == Some(crate::runtime::wait::WaitReason::Syscall);
        match self.entry.phase {
            Phase::Runnable => GoroutineState::Runnable,
            Phase::Running if in_syscall() => GoroutineState::Syscall,
            Phase::Running => GoroutineState::Running,
            Phase::Parked | Phase::Over => GoroutineState::Waiting,
        }
    }

    /// What it waits for, in Go's words: `chan receive`, `select`, `sleep`, `sync.WaitGroup.Wait` …; `join` for
    /// the end of another goroutine, and `IO wait` for whatever is not of this crate. `None` when it waits for
    /// nothing but a P.
    ///
    /// Where a future waits for several things at once and is no [`select!`](crate::select!), it is the one
    /// that was polled last; and `IO wait` if none was in the goroutine's last turn (`FuturesUnordered` polls only
    /// what is ready).
    pub fn wait_reason(&self) -> Option<&str> {
        (self.state() == GoroutineState::Waiting)
            .then(|| self.entry.reason.map_or("IO wait", |reason| reason.text()))
    }

    /// For how long it has waited, to about a millisecond. `None` when it does not wait.
    pub fn waiting_for(&self) -> Option<Duration> {
        self.age.filter(|_| self.state() == GoroutineState::Waiting)
    }

    /// For how long it has been running or in its blocking section, to about a millisecond. `None` when it
    /// is doing neither.
    pub fn running_for(&self) -> Option<Duration> {
        let runs = matches!(
            self.state(),
            GoroutineState::Running | GoroutineState::Syscall
        );
        self.age.filter(|_| runs)
    }

    /// Where it waits: the line of the operation. `None` when that is not known, or it does not wait.
    pub fn waits_at(&self) -> Option<&'static Location<'static>> {
        let blocked = matches!(
            self.state(),
            GoroutineState::Waiting | GoroutineState::Syscall
        );
        self.entry.wait_site.filter(|_| blocked)
    }

    /// Where it was started.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.entry.spawn_site
    }

    /// The goroutine that started it; `None` when it was started from outside.
    pub fn parent(&self) -> Option<GoId> {
        GoId::new(self.entry.parent)
    }

    /// The size of its frame in bytes: its future, with all that it holds across an `.await`.
    pub fn frame_size(&self) -> usize {
        self.entry.frame
    }

    /// The number of the thread that runs it, as in the thread's name; `None` when it does not run.
    pub fn thread(&self) -> Option<u64> {
        self.entry.m
    }
}

/// As a goroutine in Go's traceback, where a frame of the stack would stand with the line that it waits in.
impl fmt::Display for GoroutineInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "goroutine {}", self.entry.id)?;
        if let Some(m) = self.entry.m {
            write!(f, " m={m}")?;
        }
        match self.wait_reason() {
            Some(reason) => write!(f, " [{reason}")?,
            None => write!(f, " [{}", self.state())?,
        }
        if let Some(age) = self.waiting_for().or(self.running_for()) {
            Age(age).fmt(f)?;
        }
        f.write_str("]:\n")?;
        if let Some(site) = self.waits_at() {
            writeln!(f, "\t{site}")?;
        }
        writeln!(f, "\tframe of {} bytes", self.entry.frame)?;
        f.write_str("created ")?;
        if let Some(parent) = self.parent() {
            write!(f, "in goroutine {parent} ")?;
        }
        write!(f, "at {}", self.entry.spawn_site)
    }
}

impl fmt::Debug for GoroutineInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoroutineInfo")
            .field("id", &self.id())
            .field("state", &self.state())
            .field("wait_reason", &self.wait_reason())
            .field("waiting_for", &self.waiting_for())
            .field("waits_at", &self.waits_at().map(ToString::to_string))
            .field("spawned_at", &self.entry.spawn_site.to_string())
            .field("parent", &self.parent())
            .field("frame_size", &self.entry.frame)
            .finish()
    }
}

/// What stands behind the reason: nothing where it is too short to matter.
struct Age(Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.as_secs(), self.0.subsec_millis()) {
            (0, 0) => Ok(()),
            (0, millis) => write!(f, ", {millis}ms"),
            (seconds @ 1..60, _) => write!(f, ", {seconds}s"),
            (60..120, _) => write!(f, ", 1 minute"),
            (seconds, _) => write!(f, ", {} minutes", seconds / 60),
        }
    }
}

/// Every goroutine of the process, by number.
///
/// Nobody is stopped or polled for it, so the goroutines are not all seen at the same moment. It costs about as
/// much as a few loads for each, under locks that only starting and ending a goroutine may want too.
///
/// Go: `runtime.GoroutineProfile`.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let sleeper = gosched::go(gosched::time::sleep(std::time::Duration::from_secs(60)));
/// let seen = gosched::debug::goroutines();
/// assert!(seen.iter().any(|info| info.id() == sleeper.id()));
/// # });
/// ```
pub fn goroutines() -> Vec<GoroutineInfo> {
    let all = roll::call();
    let at = now();
    all.into_iter()
        .map(|entry| GoroutineInfo::new(entry, at))
        .collect()
}

/// What is told of an entry of the roll.
pub(crate) fn info_of(entry: &Entry) -> GoroutineInfo {
    GoroutineInfo::new(*entry, now())
}

/// The same as text, laid out as Go's traceback of all goroutines.
///
/// Go: `runtime.Stack(buf, true)`.
///
/// # Examples
///
/// ```
/// # gosched::block_on(async {
/// let sleeper = gosched::go(gosched::time::sleep(std::time::Duration::from_secs(60)));
/// let dump = gosched::debug::dump();
/// assert!(dump.contains(&format!("goroutine {} ", sleeper.id())), "{dump}");
/// # });
/// ```
pub fn dump() -> String {
    dump_of(|_| true)
}

/// That of the goroutines that `wanted` picks.
pub(crate) fn dump_of(wanted: impl Fn(&Entry) -> bool) -> String {
    let all = roll::call();
    let at = now();
    let mut text = String::new();
    for entry in all.into_iter().filter(wanted) {
        // Writing to a String does not fail.
        let _ = write!(text, "{}\n\n", GoroutineInfo::new(entry, at));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}
