//! `Builder`: what a runtime is made with, and what `GOMAXPROCS` in the environment says.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::deadlock::DeadlockPolicy;
use super::g::{COUNTS_LATE, GoPanic};
use super::handle::Runtime;
use super::sched::{Config, Sched};
use super::schedtrace::Wish;

const DEFAULT_MAX_THREADS: usize = 512;
/// More than any machine has CPUs. A P is made when the runtime is, so a slip of the keyboard must not
/// ask for all memory.
const MAX_PROCS: usize = 8_192;
const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(10);
const DEFAULT_HOG_THRESHOLD: Duration = Duration::from_millis(10);
/// As much as Linux gives a program's first thread. It is address space; memory is what was touched.
const DEFAULT_STACK_SIZE: usize = if usize::BITS < 64 { 2 << 20 } else { 8 << 20 };
/// At the least, where a turn must not end because the machine is loaded.
const VIRTUAL_HOG_THRESHOLD: Duration = Duration::from_secs(1);

type Hook = Arc<dyn Fn(&GoPanic<'_>) + Send + Sync>;

/// Makes a [`Runtime`].
///
/// # Examples
///
/// ```
/// use gosched::runtime::Runtime;
///
/// let rt = Runtime::builder().procs(2).thread_name("worker").build()?;
/// assert_eq!(rt.block_on(async { 1 + 1 }), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Builder {
    procs: Option<usize>,
    thread_name: String,
    thread_stack_size: Option<usize>,
    max_threads: usize,
    thread_keep_alive: Duration,
    hog_threshold: Duration,
    library_threads: usize,
    deadlock: DeadlockPolicy,
    under_harness: bool,
    on_panic: Option<Hook>,
    virtual_time: bool,
    seed: Option<u64>,
}

impl Builder {
    pub(super) fn new() -> Builder {
        Builder {
            procs: None,
            thread_name: "gosched".into(),
            thread_stack_size: None,
            max_threads: DEFAULT_MAX_THREADS,
            thread_keep_alive: DEFAULT_KEEP_ALIVE,
            hog_threshold: DEFAULT_HOG_THRESHOLD,
            library_threads: 0,
            deadlock: DeadlockPolicy::default(),
            under_harness: false,
            on_panic: None,
            virtual_time: false,
            seed: None,
        }
    }

    /// The number of Ps: how many goroutines run at the same time. Go's `GOMAXPROCS`.
    ///
    /// Default: `GOMAXPROCS` in the environment, else the number of CPUs that the process may use
    /// (affinity and cgroup quota counted).
    ///
    /// # Panics
    ///
    /// When `n` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// let rt = Runtime::builder().procs(3).build()?;
    /// assert_eq!(rt.handle().metrics().gomaxprocs(), 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn procs(&mut self, n: usize) -> &mut Self {
        assert!(n > 0, "procs(0): a runtime needs at least one P");
        self.procs = Some(n);
        self
    }

    /// The prefix of the threads' names. Default: `gosched`.
    ///
    /// # Panics
    ///
    /// When the name contains a zero byte.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// let rt = Runtime::builder().thread_name("web").build()?;
    /// let name = rt.handle().go(async { std::thread::current().name().map(str::to_owned) });
    /// assert!(rt.block_on(name).unwrap().unwrap().starts_with("web-"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        assert!(
            !name.contains('\0'),
            "thread_name: a thread's name cannot contain a zero byte"
        );
        self.thread_name = name;
        self
    }

    /// The stack size of the threads, in bytes. Default: 8 MiB (2 on 32-bit systems), or what `RUST_MIN_STACK`
    /// in the environment says.
    ///
    /// A poll runs on the stack of its thread: values that are passed about in it, and futures that call each
    /// other deeply, need room there. In Go a goroutine has a stack of its own, which grows up to 1 GB.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// // For a parser that recurses deeply between two `.await`s.
    /// let rt = Runtime::builder().thread_stack_size(16 << 20).build()?;
    /// fn depth(n: u32) -> u32 {
    ///     let frame = std::hint::black_box([0_u8; 1024]);
    ///     if n == 0 { u32::from(frame[0]) } else { 1 + depth(n - 1) }
    /// }
    /// assert_eq!(rt.block_on(rt.handle().go(async { depth(4_000) })).unwrap(), 4_000);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.thread_stack_size = Some(bytes);
        self
    }

    /// The most threads that the runtime starts. Default: 512. Go's limit is 10,000.
    ///
    /// # Panics
    ///
    /// When `n` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// let rt = Runtime::builder().procs(1).max_threads(8).build()?;
    /// assert!(rt.handle().metrics().threads() <= 8);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn max_threads(&mut self, n: usize) -> &mut Self {
        assert!(n > 0, "max_threads(0): a runtime needs at least one thread");
        self.max_threads = n;
        self
    }

    /// How long a thread that has nothing to do is kept, beyond one for each P. Default: 10 s.
    ///
    /// Blocking calls and hogs make the number of threads grow; this is how it shrinks again. Go keeps
    /// its threads.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// use std::time::Duration;
    ///
    /// let rt = Runtime::builder().thread_keep_alive(Duration::from_secs(1)).build()?;
    /// assert_eq!(rt.block_on(async { 1 }), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn thread_keep_alive(&mut self, time: Duration) -> &mut Self {
        self.thread_keep_alive = time;
        self
    }

    /// How long one poll may hold its P while others have none. Default: 10 ms.
    ///
    /// After half of it (10 ms at the most, Go's time slice) the goroutine is asked to yield at its next
    /// operation on a channel, context or timer. After all of it, sysmon takes the P away and lets another
    /// thread run what is queued there; the goroutine goes on without. A warning through `tracing`
    /// names it, once a second at the most; [without a subscriber](crate::guide::debugging#first-look-the-log) nobody hears
    /// of it but [`Metrics::retakes`](super::Metrics::retakes). `Duration::MAX` switches that off.
    ///
    /// For a call that is known to block, [`block_in_place`](super::block_in_place) hands the P off at
    /// once.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// let rt = Runtime::builder().procs(1).hog_threshold(Duration::from_millis(2)).build()?;
    /// let stuck = rt.handle().go(async {
    ///     let (tell, told) = mpsc::channel();
    ///     gosched::go(async move { tell.send(7) });
    ///     told.recv() // blocks the only P; without it nobody could send
    /// });
    /// assert_eq!(rt.block_on(stuck).unwrap(), Ok(7));
    /// assert!(rt.handle().metrics().retakes() > 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn hog_threshold(&mut self, threshold: Duration) -> &mut Self {
        self.hog_threshold = threshold;
        self
    }

    /// Gives tasks that libraries start with `tokio::spawn` a tokio runtime of their own, with `n`
    /// worker threads. Default: 0; they run on the poller, one at a time.
    ///
    /// Those threads are none of this runtime's: [`go`](crate::go()) in such a task starts a goroutine on the
    /// default runtime. [`Handle::go`](super::Handle::go) starts it here.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// let rt = Runtime::builder().library_threads(1).build()?;
    /// let task = rt.handle().go(async { tokio::spawn(async { 7 }).await.unwrap() });
    /// assert_eq!(rt.block_on(task).unwrap(), 7);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn library_threads(&mut self, n: usize) -> &mut Self {
        self.library_threads = n;
        self
    }

    /// What is done when all goroutines wait for each other. Default: [`DeadlockPolicy::Report`];
    /// [`#[gosched::test]`](crate::test) sets [`DeadlockPolicy::Panic`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// use gosched::runtime::DeadlockPolicy;
    ///
    /// let rt = Runtime::builder().deadlock(DeadlockPolicy::Ignore).build()?;
    /// assert_eq!(rt.block_on(async { 1 }), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn deadlock(&mut self, policy: DeadlockPolicy) -> &mut Self {
        self.deadlock = policy;
        self
    }

    /// The runtime's time is virtual: when all its goroutines wait for each other or for time, its clock jumps
    /// to the next timer. Default: `false`.
    ///
    /// The [`testing`](crate::testing) module says what follows that clock and what holds it. It moves only while a
    /// thread is in [`block_on`](Runtime::block_on) of this runtime. There is one P, so
    /// goroutines run in an order that is repeated with the same [`seed`](Builder::seed). A goroutine that does
    /// not come to an `.await` is asked to yield after half a second of real time, and loses its P after a second.
    ///
    /// Go: `synctest.Test`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    /// use gosched::time;
    /// use std::time::{Duration, Instant};
    ///
    /// let rt = Runtime::builder().virtual_time(true).build()?;
    /// let (began, hour) = (Instant::now(), Duration::from_secs(3600));
    /// rt.block_on(async {
    ///     let start = time::now();
    ///     time::sleep(hour).await;
    ///     assert_eq!(time::now() - start, hour);
    /// });
    /// assert!(began.elapsed() < hour);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn virtual_time(&mut self, on: bool) -> &mut Self {
        self.virtual_time = on;
        self
    }

    /// What `select!` draws its order from in a runtime with [virtual time](Builder::virtual_time). Default:
    /// another one for each runtime.
    ///
    /// The order of goroutines needs no seed: with one P and a clock that moves only when all wait, it follows from
    /// what they do.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    /// use gosched::{chan, select};
    ///
    /// let draws = |seed| {
    ///     let rt = Runtime::builder().virtual_time(true).seed(seed).build().unwrap();
    ///     let drawn = rt.handle().go(async {
    ///         let ((a, left), (b, right)) = (chan::<()>(0), chan::<()>(0));
    ///         drop((a, b)); // both are closed, and so always ready
    ///         let mut drawn = 0_u64;
    ///         for _ in 0..64 {
    ///             drawn = drawn << 1 | select! { _ = left.recv() => 0, _ = right.recv() => 1 };
    ///         }
    ///         drawn
    ///     });
    ///     rt.block_on(drawn).unwrap()
    /// };
    /// assert_eq!(draws(7), draws(7));
    /// assert_ne!(draws(7), draws(8));
    /// ```
    pub fn seed(&mut self, seed: u64) -> &mut Self {
        self.seed = Some(seed);
        self
    }

    /// The seed where time is virtual, chosen now if it was not before.
    pub(super) fn choose_seed(&mut self) -> Option<u64> {
        self.virtual_time
            .then(|| *self.seed.get_or_insert_with(|| fastrand::u64(..)))
    }

    /// The process's first thread is the test harness's, and waits for the test.
    pub(super) fn under_harness(&mut self) -> &mut Self {
        self.under_harness = true;
        self
    }

    /// Called when a goroutine panics, instead of a line on stderr.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// use std::sync::mpsc;
    ///
    /// let (tell, told) = mpsc::channel();
    /// let rt = Runtime::builder()
    ///     .on_panic(move |panic| drop(tell.send(panic.to_string())))
    ///     .build()?;
    /// rt.handle().go(async { panic!("out of paper") });
    /// assert!(told.recv().unwrap().contains("panicked: out of paper"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_panic<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&GoPanic<'_>) + Send + Sync + 'static,
    {
        self.on_panic = Some(Arc::new(f));
        self
    }

    /// Starts the runtime.
    ///
    /// # Errors
    ///
    /// When the operating system gives no poller or thread; and `InvalidInput` when there would be more
    /// than 8192 Ps, or when `GOMAXPROCS` in the environment is not a positive number and
    /// [`procs`](Builder::procs) was not called, or when `GODEBUG` has a `schedtrace` or `scheddetail` that
    /// makes no sense (see [`debug`](crate::debug#schedtrace)); and when [`virtual_time`](Builder::virtual_time) is
    /// asked for with more than one P or with [`library_threads`](Builder::library_threads), or a
    /// [`seed`](Builder::seed) without it. `Unsupported` for virtual time where a pointer has not 64 bits.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::runtime::Runtime;
    ///
    /// let rt = Runtime::builder().build()?;
    /// assert_eq!(rt.block_on(async { 1 + 1 }), 2);
    ///
    /// let error = Runtime::builder().procs(1_000_000).build().unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn build(&self) -> io::Result<Runtime> {
        self.check_virtual_time()?;
        let procs = match self.procs {
            _ if self.virtual_time => 1,
            Some(n) if n > MAX_PROCS => return Err(too_many(format!("procs({n})"))),
            Some(n) => n,
            None => default_procs(std::env::var_os("GOMAXPROCS").as_deref())?,
        };
        let trace = match std::env::var("GODEBUG") {
            Ok(value) => Wish::parse(&value)
                .map_err(|complaint| io::Error::new(io::ErrorKind::InvalidInput, complaint))?,
            Err(_) => None,
        };
        let thread_stack_size = self.thread_stack_size.or_else(|| {
            // Without a size `std` looks at the variable itself.
            let said = std::env::var_os("RUST_MIN_STACK").is_some();
            (!said).then_some(DEFAULT_STACK_SIZE)
        });
        let on_panic = self.on_panic.clone();
        Sched::new(Config {
            procs,
            thread_name: self.thread_name.clone(),
            thread_stack_size,
            max_threads: self.max_threads,
            thread_keep_alive: self.thread_keep_alive,
            hog_threshold: if self.virtual_time {
                self.hog_threshold.max(VIRTUAL_HOG_THRESHOLD)
            } else {
                self.hog_threshold
            },
            library_threads: self.library_threads,
            trace,
            deadlock: self.deadlock,
            under_harness: self.under_harness,
            on_panic: on_panic.map(|hook| {
                let boxed: super::sched::PanicHook = Box::new(move |panic| hook(panic));
                boxed
            }),
            virtual_time: self
                .virtual_time
                .then(|| self.seed.unwrap_or_else(|| fastrand::u64(..))),
        })
        .map(Runtime::new)
    }
}

impl Builder {
    fn check_virtual_time(&self) -> io::Result<()> {
        let invalid = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if !self.virtual_time {
            return match self.seed {
                Some(seed) => invalid(format!(
                    "seed({seed}): only a runtime with virtual time has a seed"
                )),
                None => Ok(()),
            };
        }
        if let Some(n) = self.procs.filter(|&n| n != 1) {
            return invalid(format!("procs({n}): a runtime with virtual time has one P"));
        }
        if self.library_threads > 0 {
            return invalid(format!(
                "library_threads({}): nobody knows what they wait for, so virtual time would never go on",
                self.library_threads
            ));
        }
        if !COUNTS_LATE {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "virtual time needs pointers of 64 bits",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("procs", &self.procs)
            .field("thread_name", &self.thread_name)
            .field("max_threads", &self.max_threads)
            .field("hog_threshold", &self.hog_threshold)
            .field("library_threads", &self.library_threads)
            .field("deadlock", &self.deadlock)
            .field("virtual_time", &self.virtual_time)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

fn too_many(what: String) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{what}: a runtime has at most {MAX_PROCS} Ps"),
    )
}

/// The number of Ps when nobody says: `GOMAXPROCS`, else the CPUs. One that is empty is as good as none, as in Go.
fn default_procs(gomaxprocs: Option<&std::ffi::OsStr>) -> io::Result<usize> {
    let Some(value) = gomaxprocs.filter(|value| !value.is_empty()) else {
        return Ok(super::num_cpu());
    };
    match value.to_str().map(|v| v.trim().parse::<usize>()) {
        Some(Ok(n)) if n > MAX_PROCS => Err(too_many(format!("GOMAXPROCS={n}"))),
        Some(Ok(n)) if n > 0 => Ok(n),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "GOMAXPROCS={}: not a positive number",
                value.to_string_lossy()
            ),
        )),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::default_procs;

    #[test]
    fn gomaxprocs_is_a_positive_number_or_an_error_that_names_it() {
        assert_eq!(default_procs(Some("3".as_ref())).unwrap(), 3);
        assert!(default_procs(None).unwrap() > 0);
        assert_eq!(
            default_procs(Some("".as_ref())).unwrap(),
            default_procs(None).unwrap()
        );
        for bad in ["abc", "0", "-1", " ", "1.5"] {
            let error = default_procs(Some(bad.as_ref())).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
            assert!(
                error.to_string().contains(&format!("GOMAXPROCS={bad}")),
                "{error}"
            );
        }
    }
}
