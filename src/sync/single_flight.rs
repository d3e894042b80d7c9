//! [`SingleFlight`]: many ask for the same, one goes for it.
//!
//! Called by users.
//!
//! # Invariants
//!
//! 1. A call is in the map from its first caller on until it is over or forgotten. It takes only
//!    itself out, never a newer call with the same key.
//! 2. Callers join a call under the map's lock and only while it is in the map, so who takes it out
//!    knows how many will get its value.
//! 3. `outcome` is set before `over` is counted off, and never changes.
//!
//! No future, value or key is dropped under the map's lock, and nobody is woken; but keys are hashed
//! and compared under it. A key's `Hash` or `Eq` must not use the same `SingleFlight`.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context as TaskContext, Poll};

use pin_project::pin_project;

use super::caught::{Caught, Payload, text};
use super::wait_group::WaitGroup;
use crate::loom::lock;
use crate::loom::sync::Mutex;
use crate::loom::sync::atomic::{AtomicUsize, Ordering};
use crate::runtime::{current, default_sched, report_caught};

/// Lets one caller do what many ask for at the same time, and gives all of them its value.
///
/// While a call for a key goes on, everybody who asks for that key waits for its value instead of
/// starting another. Nothing is kept: the next to ask after that starts a new call. Put it in front
/// of a cache's misses, a database, a name server.
///
/// Go: `singleflight.Group`. Its `DoChan` is [`run`](Self::run) here, whose future may be an arm of
/// `select!`.
///
/// # Examples
///
/// ```
/// use gosched::chan;
/// use gosched::sync::SingleFlight;
///
/// # gosched::block_on(async {
/// let (database, answers) = chan(0); // answers once
/// let flight = SingleFlight::new();
/// let query = || { let answers = answers.clone(); async move { answers.recv().await.unwrap() } };
/// let (first, second, _) = tokio::join!(
///     flight.run(7, query),
///     flight.run(7, query),
///     database.send("user 7"),
/// );
/// assert_eq!(first, ("user 7", true));
/// assert_eq!(first, second);
/// # });
/// ```
pub struct SingleFlight<K, V> {
    calls: Arc<Calls<K, V>>,
}

type Calls<K, V> = Mutex<HashMap<Arc<K>, Arc<Call<V>>>>;

/// One call. Its goroutine and its callers hold it.
struct Call<V> {
    over: WaitGroup,
    outcome: OnceLock<Outcome<V>>,
    /// How many have asked. Changed under the map's lock (invariant 2).
    callers: AtomicUsize,
}

enum Outcome<V> {
    Value {
        value: V,
        shared: bool,
    },
    Panic {
        /// For the first who takes it; the others get the text.
        payload: Mutex<Option<Payload>>,
        text: Option<String>,
    },
    /// The call's goroutine ended otherwise.
    Lost,
}

impl<K, V> SingleFlight<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A `SingleFlight` without calls.
    ///
    /// Go: the zero `singleflight.Group`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::sync::SingleFlight;
    ///
    /// let flight = SingleFlight::<String, u32>::new();
    /// let answer = gosched::block_on(flight.run("answer".into(), || async { 42 }));
    /// assert_eq!(answer, (42, false));
    /// ```
    pub fn new() -> Self {
        Self {
            calls: Arc::new(Mutex::new(HashMap::new())),
        }
    }

    /// The value of the call for `key`: of the one that goes on, or of `call`, which is then run.
    ///
    /// Beside the value stands whether others have asked for it too (Go's `shared`). `call` is
    /// called here, in the caller; the future it makes runs in a goroutine of its own. Nothing
    /// happens until the returned future is awaited. To hand errors on, let `V` be a `Result` with
    /// an error that can be cloned, such as `Arc<io::Error>`.
    ///
    /// Go: `g.Do`.
    ///
    /// # Panics
    ///
    /// If the call panicked: in every caller. One of them gets what it panicked with; the others get
    /// a copy if that is text, and otherwise are told that it was not. The runtime reports the panic
    /// as that of any goroutine, whether or not anybody waits.
    ///
    /// Also if the call's goroutine ended without a value: by `goexit`, or because its runtime shut
    /// down. (In Go `Goexit` ends the callers too.)
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the call alone: it runs to its end, for others or for nobody, and
    /// whoever asks meanwhile joins it. A call that is to end with its callers must look at a
    /// [`Context`](crate::Context) of theirs.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::{select, sync::SingleFlight, time};
    /// use std::time::Duration;
    ///
    /// # gosched::block_on(async {
    /// let flight = SingleFlight::new();
    /// let price = select! {
    ///     v = flight.run("tea", || async { 3 }) => Some(v.0),
    ///     _ = time::after(Duration::from_secs(60)) => None,
    /// };
    /// assert_eq!(price, Some(3));
    /// # });
    /// ```
    #[track_caller]
    pub fn run<'a, F, Fut>(
        &'a self,
        key: K,
        call: F,
    ) -> impl Future<Output = (V, bool)> + use<'a, K, V, F, Fut>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = V> + Send + 'static,
    {
        let site = Location::caller();
        async move {
            let call = match self.join(key) {
                Joined::Follower(call) => call,
                Joined::Leader(leader) => {
                    let joined = leader.call.clone();
                    match catch_unwind(AssertUnwindSafe(call)) {
                        Ok(future) => leader.start(future, site),
                        Err(payload) => leader.finish(Err(payload)),
                    }
                    joined
                }
            };
            call.over.wait_at(site).await;
            match call.outcome.get() {
                Some(Outcome::Value { value, shared }) => (value.clone(), *shared),
                Some(Outcome::Panic { payload, text }) => {
                    let first = lock(payload).take();
                    match (first, text) {
                        (Some(payload), _) => resume_unwind(payload),
                        (None, Some(text)) => resume_unwind(Box::new(text.clone())),
                        (None, None) => panic!("singleflight: the call panicked"),
                    }
                }
                Some(Outcome::Lost) | None => {
                    panic!("singleflight: the call's goroutine ended without a value")
                }
            }
        }
    }

    /// Lets the next who asks for `key` start a new call, also while one goes on.
    ///
    /// Who waits for that one still gets its value. Does nothing if there is none.
    ///
    /// Go: `g.Forget`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::sync::SingleFlight;
    ///
    /// # gosched::block_on(async {
    /// let flight = SingleFlight::new();
    /// let (old, new) = tokio::join!(
    ///     flight.run("config", || async { 1 }),
    ///     async {
    ///         flight.forget(&"config"); // it has changed
    ///         flight.run("config", || async { 2 }).await
    ///     },
    /// );
    /// assert_eq!((old, new), ((1, false), (2, false)));
    /// # });
    /// ```
    pub fn forget(&self, key: &K) {
        let forgotten = lock(&self.calls).remove_entry(key);
        drop(forgotten);
    }

    fn join(&self, key: K) -> Joined<K, V> {
        let key = Arc::new(key);
        let mut calls = lock(&self.calls);
        if let Some(call) = calls.get(&key) {
            // Relaxed: read by who has had the map's lock after it.
            call.callers.fetch_add(1, Ordering::Relaxed);
            return Joined::Follower(call.clone());
        }
        let call = Arc::new(Call {
            over: WaitGroup::new(),
            outcome: OnceLock::new(),
            callers: AtomicUsize::new(1),
        });
        call.over.add(1);
        calls.insert(key.clone(), call.clone());
        drop(calls);
        Joined::Leader(Leader {
            calls: self.calls.clone(),
            key,
            call,
        })
    }
}

impl<K, V> Default for SingleFlight<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight")
            .field("calls", &lock(&self.calls).len())
            .finish()
    }
}

enum Joined<K: Eq + Hash, V> {
    Leader(Leader<K, V>),
    Follower(Arc<Call<V>>),
}

/// Who brings the outcome of a call: when dropped without, the call is lost.
struct Leader<K: Eq + Hash, V> {
    calls: Arc<Calls<K, V>>,
    key: Arc<K>,
    call: Arc<Call<V>>,
}

impl<K, V> Leader<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn start(
        self,
        future: impl Future<Output = V> + Send + 'static,
        site: &'static Location<'static>,
    ) {
        let sched = current::sched().unwrap_or_else(default_sched);
        let flight = Flight {
            future: Caught::new(future),
            leader: Some(self),
        };
        let _detached = sched.spawn(flight, site);
    }

    fn finish(self, result: Result<V, Payload>) {
        self.leave_map();
        let outcome = match result {
            Ok(value) => Outcome::Value {
                value,
                shared: self.call.callers.load(Ordering::Relaxed) > 1,
            },
            Err(payload) => Outcome::Panic {
                text: text(&*payload).map(str::to_owned),
                payload: Mutex::new(Some(payload)),
            },
        };
        // Nobody else sets it.
        let _ = self.call.outcome.set(outcome);
    }
}

impl<K: Eq + Hash, V> Leader<K, V> {
    /// Takes the call out of the map, if it was not forgotten.
    fn leave_map(&self) {
        let left = {
            let mut calls = lock(&self.calls);
            match calls.get(&self.key) {
                Some(call) if Arc::ptr_eq(call, &self.call) => calls.remove_entry(&self.key),
                _ => None,
            }
        };
        drop(left);
    }
}

impl<K: Eq + Hash, V> Drop for Leader<K, V> {
    fn drop(&mut self) {
        if self.call.outcome.get().is_none() {
            self.leave_map();
            let _ = self.call.outcome.set(Outcome::Lost);
        }
        self.call.over.done();
    }
}

/// The call's goroutine. The field order matters: the future is dropped before the call is over.
#[pin_project]
struct Flight<F, K: Eq + Hash, V> {
    #[pin]
    future: Caught<F>,
    leader: Option<Leader<K, V>>,
}

impl<F, K, V> Future for Flight<F, K, V>
where
    F: Future<Output = V>,
    K: Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.project();
        this.future.poll(task).map(|result| {
            if let Err(payload) = &result {
                report_caught(&**payload);
            }
            if let Some(leader) = this.leader.take() {
                leader.finish(result);
            }
        })
    }
}
