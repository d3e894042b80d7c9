//! [`WaitGroup`]: waits until a number of goroutines are over.
//!
//! Called by users. It needs no runtime but for [`WaitGroup::go`].
//!
//! # Invariants
//!
//! 1. `state` is the counter, shifted left by one, and the bit `WAITERS`. The bit is set and
//!    cleared under the lock only, and says whether `waiters` has members.
//! 2. While the bit is set, the counter reaches zero under the lock only, and in the step that
//!    clears the bit: so the waiters taken are exactly those who came before, although the group
//!    may be used again at once.
//! 3. A waiter is ready when `round` is no longer the one in which it came, or if it came at zero.
//! 4. A member counts until its future is dropped, and its panic is stored before it stops
//!    counting.
//!
//! No waker runs, and no panic's payload is dropped, under the lock.

use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use pin_project::pin_project;

use super::caught::{Caught, Payload, discard};
use super::roster::{Place, Roster};
use crate::loom::lock;
use crate::loom::sync::Mutex;
use crate::loom::sync::atomic::{AtomicUsize, Ordering};
use crate::runtime::report_caught;
use crate::runtime::wait::{self, WaitReason};
use crate::runtime::wake::{keep, wake};
use crate::select::__private::Level;

const WAITERS: usize = 1;
const ONE: usize = 2;

/// Waits until a number of goroutines are over.
///
/// Clones are handles of the same group. When the counter reaches zero, all who wait are woken, and
/// the group may be used again. Counting up while others wait is allowed.
///
/// Go: `sync.WaitGroup`. In Go a panic in a member brings the program down; here it ends its
/// goroutine, and [`wait`](Self::wait) resumes it.
///
/// # Examples
///
/// ```
/// use gosched::sync::WaitGroup;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
///
/// # gosched::block_on(async {
/// let (group, sum) = (WaitGroup::new(), Arc::new(AtomicU32::new(0)));
/// for n in 1..=10 {
///     let sum = sum.clone();
///     group.go(async move {
///         sum.fetch_add(n, Relaxed);
///     });
/// }
/// group.wait().await;
/// assert_eq!(sum.load(Relaxed), 55);
/// # });
/// ```
#[derive(Clone)]
pub struct WaitGroup {
    shared: Arc<Shared>,
}

struct Shared {
    /// Written by everybody who counts; publishes what members did to who waits.
    state: AtomicUsize,
    inner: Mutex<Inner>,
}

struct Inner {
    waiters: Roster<Waker>,
    round: u64,
    /// The first panic that nobody has been given yet.
    panic: Option<Payload>,
}

impl WaitGroup {
    /// A group that waits for nobody yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::sync::WaitGroup;
    ///
    /// gosched::block_on(WaitGroup::new().wait());
    /// ```
    pub fn new() -> Self {
        let inner = Inner {
            waiters: Roster::new(),
            round: 0,
            panic: None,
        };
        Self {
            shared: Arc::new(Shared {
                state: AtomicUsize::new(0),
                inner: Mutex::new(inner),
            }),
        }
    }

    /// Counts `n` more. Each is to be counted off by one [`done`](Self::done).
    ///
    /// Call it before the work it stands for is started, not inside: else `wait` may come first and
    /// find nobody.
    ///
    /// Go: `wg.Add`. Its negative numbers are calls of [`done`](Self::done) here.
    ///
    /// # Panics
    ///
    /// If the counter would overflow.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::sync::WaitGroup;
    ///
    /// let group = WaitGroup::new();
    /// group.add(2);
    /// for _ in 0..2 {
    ///     let group = group.clone();
    ///     std::thread::spawn(move || group.done());
    /// }
    /// gosched::block_on(group.wait());
    /// ```
    #[track_caller]
    pub fn add(&self, n: usize) {
        let counted = n.checked_mul(ONE).and_then(|more| {
            // Relaxed: counting up publishes nothing. The work it stands for is started after it,
            // and that orders it before the work's `done`.
            self.shared
                .state
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
                    state.checked_add(more)
                })
                .ok()
        });
        assert!(counted.is_some(), "sync: WaitGroup counter overflow");
    }

    /// Counts one off. At zero all who wait are woken.
    ///
    /// Go: `wg.Done`.
    ///
    /// # Panics
    ///
    /// If the counter is zero: "sync: negative WaitGroup counter". The group stays usable.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::sync::WaitGroup;
    ///
    /// let group = WaitGroup::new();
    /// group.add(1);
    /// group.done();
    /// gosched::block_on(group.wait());
    /// ```
    #[track_caller]
    pub fn done(&self) {
        assert!(self.shared.count_off(), "sync: negative WaitGroup counter");
    }

    /// Runs `future` in a goroutine of its own that counts until it is over.
    ///
    /// It is over when it has returned, panicked or been dropped: a member that ends by `goexit`,
    /// or with its runtime, counts as over too.
    ///
    /// Go: `wg.Go`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::sync::WaitGroup;
    ///
    /// let group = WaitGroup::new();
    /// group.go(async { println!("working") });
    /// gosched::block_on(group.wait());
    /// ```
    #[track_caller]
    pub fn go<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let counted = self.counted();
        let member = Member {
            future: Caught::new(future),
            counted,
        };
        let _detached = crate::runtime::go(member);
    }

    /// Waits until the counter is zero.
    ///
    /// Ready at once if it is. Several may wait; all are woken together, in no promised order. An
    /// arm of `select!`.
    ///
    /// Go: `wg.Wait`.
    ///
    /// # Panics
    ///
    /// If a member started with [`go`](Self::go) panicked, the first such panic is resumed here: in
    /// the first wait that finds the counter at zero afterwards, and in that one only. The runtime
    /// reports each of them when it happens.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing, a panic neither: it stays for the next wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::sync::WaitGroup;
    ///
    /// let group = WaitGroup::new();
    /// group.go(async { panic!("out of paper") });
    /// let waiting = std::panic::AssertUnwindSafe(|| gosched::block_on(group.wait()));
    /// let panic = std::panic::catch_unwind(waiting).unwrap_err();
    /// assert_eq!(panic.downcast_ref::<&str>(), Some(&"out of paper"));
    /// ```
    #[track_caller]
    pub fn wait(&self) -> Wait<'_> {
        self.wait_at(Location::caller())
    }

    /// [`wait`](Self::wait), for a wait that the user called at `site`.
    pub(super) fn wait_at(&self, site: &'static Location<'static>) -> Wait<'_> {
        Wait {
            group: self,
            place: None,
            site,
        }
    }

    /// Counts one up, and off again when what it returns is dropped.
    #[track_caller]
    pub(super) fn counted(&self) -> Counted {
        self.add(1);
        Counted(self.clone())
    }
}

impl Default for WaitGroup {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Relaxed: a number for people to read.
        let count = self.shared.state.load(Ordering::Relaxed) / ONE;
        f.debug_struct("WaitGroup").field("count", &count).finish()
    }
}

impl Shared {
    /// Counts one off; `false` if the counter is zero.
    fn count_off(&self) -> bool {
        // Relaxed: a guess, which the exchange checks.
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if state < ONE {
                return false;
            }
            if state == ONE | WAITERS {
                if self.release() {
                    return true;
                }
                state = self.state.load(Ordering::Relaxed);
                continue;
            }
            // Ordering: the Release publishes the member's work along the counter's modifications
            // to the Acquire of whoever finds it at zero (`release`, `Wait::poll`).
            match self.state.compare_exchange_weak(
                state,
                state - ONE,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
    }

    /// Counts the last one off and wakes who waits; `false` if it is the last no longer, and
    /// nothing was done.
    fn release(&self) -> bool {
        let waiters = {
            let mut inner = lock(&self.inner);
            // Ordering: AcqRel pairs with the Release in `count_off` of the other members, and
            // passes their work and ours on to whoever finds zero without the lock.
            let last =
                self.state
                    .compare_exchange(ONE | WAITERS, 0, Ordering::AcqRel, Ordering::Relaxed);
            if last.is_err() {
                return false;
            }
            inner.round += 1;
            std::mem::replace(&mut inner.waiters, Roster::new())
        };
        waiters.into_members().for_each(wake);
        true
    }

    /// Keeps the payload of a member's panic, if it is the first.
    fn keep_panic(&self, payload: Payload) {
        let mut inner = lock(&self.inner);
        if inner.panic.is_none() {
            inner.panic = Some(payload);
        } else {
            drop(inner);
            discard(payload);
        }
    }

    /// Takes one waiter's place back, and with the last one the bit.
    fn leave(&self, inner: &mut Inner, place: Place) -> Option<Waker> {
        let waker = inner.waiters.remove(place);
        if inner.waiters.is_empty() {
            // Relaxed: the lock orders the bit.
            self.state.fetch_and(!WAITERS, Ordering::Relaxed);
        }
        waker
    }
}

/// Waits until a group's counter is zero. Made by [`WaitGroup::wait`].
#[must_use = "futures do nothing unless awaited"]
pub struct Wait<'a> {
    group: &'a WaitGroup,
    /// Where it waits, and in which round it came.
    place: Option<(Place, u64)>,
    site: &'static Location<'static>,
}

impl Wait<'_> {
    /// The end of a wait: the group's panic is resumed here.
    fn finish(&mut self, panic: Option<Payload>) -> Poll<()> {
        self.place = None;
        match panic {
            None => Poll::Ready(()),
            Some(payload) => resume_unwind(payload),
        }
    }
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.get_mut();
        let shared = &*this.group.shared;
        // Cloning and dropping a waker is foreign code: before and after the lock, not under it.
        let mut waker = keep(task.waker());
        let mut inner = lock(&shared.inner);
        match this.place {
            Some((place, round)) if inner.round == round => {
                if let Some(old) = inner.waiters.get_mut(place) {
                    std::mem::swap(old, &mut waker);
                }
            }
            Some(_) => {
                let panic = inner.panic.take();
                drop(inner);
                return this.finish(panic);
            }
            None => {
                // Relaxed: a guess, which the exchange checks.
                let mut state = shared.state.load(Ordering::Relaxed);
                loop {
                    // Ordering: Acquire pairs with the Release in `count_off`, so that who finds
                    // zero sees what the members did. The bit needs no order: it is ours, by the
                    // lock.
                    let wanted = if state < ONE { state } else { state | WAITERS };
                    match shared.state.compare_exchange_weak(
                        state,
                        wanted,
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    ) {
                        Ok(_) => break,
                        Err(now) => state = now,
                    }
                }
                if state < ONE {
                    let panic = inner.panic.take();
                    drop(inner);
                    return this.finish(panic);
                }
                this.place = Some((inner.waiters.insert(waker), inner.round));
                drop(inner);
                wait::note(WaitReason::WaitGroup, this.site);
                return Poll::Pending;
            }
        }
        drop(inner);
        drop(waker);
        wait::note(WaitReason::WaitGroup, this.site);
        Poll::Pending
    }
}

impl Level for Wait<'_> {}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Some((place, round)) = self.place.take() else {
            return;
        };
        let shared = &*self.group.shared;
        let mut inner = lock(&shared.inner);
        if inner.round == round {
            let waker = shared.leave(&mut inner, place);
            drop(inner);
            drop(waker);
        }
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("group", self.group).finish()
    }
}

/// A member's future. The field order matters: the future is dropped before it stops counting.
#[pin_project]
struct Member<F> {
    #[pin]
    future: Caught<F>,
    counted: Counted,
}

/// Counts one off when dropped.
pub(super) struct Counted(WaitGroup);

impl Drop for Counted {
    fn drop(&mut self) {
        let counted = self.0.shared.count_off();
        // A stray `done` elsewhere has taken this one's place: its caller gets no panic, this one
        // must not panic in a drop.
        if !counted {
            tracing::error!("sync: negative WaitGroup counter: `done` was called once too often");
        }
    }
}

impl<F: Future<Output = ()>> Future for Member<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.project();
        this.future.poll(task).map(|result| {
            if let Err(payload) = result {
                report_caught(&*payload);
                this.counted.0.shared.keep_panic(payload);
            }
        })
    }
}
