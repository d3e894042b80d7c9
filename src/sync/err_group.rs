//! [`ErrGroup`]: goroutines that work on one task, of which the first error ends all.
//!
//! Called by users. Counting and waiting is [`WaitGroup`]'s; here are the errors, the context and
//! the limit.
//!
//! # Invariants
//!
//! 1. A member counts from `go` until its future is dropped, also while it queues for a slot. Its
//!    error or panic is stored before it stops counting.
//! 2. `running` counts the members that hold a slot. Without a limit nobody counts them.
//! 3. Who queues is started in order: while somebody queues no newcomer is started, and a slot that
//!    comes free is given to the head of the queue by whoever gave it up.
//! 4. One thread at a time starts members from the queue (`starting`). So members that end at once,
//!    because their runtime has shut down, are followed by a loop and not by recursion.
//!
//! The two locks are never held together. No future, error or waker is dropped, and nothing of the
//! user's is run, under either.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use pin_project::pin_project;

use super::caught::{Caught, Payload, discard, text};
use super::wait_group::{Counted, WaitGroup};
use crate::context::{CancelFunc, Context};
use crate::loom::lock;
use crate::loom::sync::Mutex;
use crate::runtime::{current, default_sched, report_caught};

/// Goroutines that work on one task: the first error is the task's, and ends the others' context.
///
/// Each member is a future with a `Result<(), E>`, run in a goroutine of its own.
/// [`wait`](Self::wait) returns when all of them are over, with the first error. A group made by
/// [`with_context`](Self::with_context) cancels its context at that error, so that the others can
/// stop early.
///
/// Clones are handles of the same group, for members that start members.
///
/// When the last handle is dropped without a `wait`, the members go on, those in the queue of a
/// [`limit`](Self::limit) too; but the context is cancelled, for nobody is left who wants the
/// result.
///
/// Go: `errgroup.Group`. What differs: `go` with a limit queues instead of blocking, and a panic in
/// a member ends the context and is resumed from `wait` (in Go it brings the program down).
///
/// # Examples
///
/// ```
/// use gosched::Context;
/// use gosched::sync::ErrGroup;
/// use std::io;
///
/// async fn fetch(page: u32) -> io::Result<()> {
///     match page {
///         3 => Err(io::Error::other("page 3 is missing")),
///         _ => Ok(()),
///     }
/// }
///
/// # gosched::block_on(async {
/// let (group, ctx) = ErrGroup::with_context(&Context::background());
/// for page in 1..=4 {
///     group.go(fetch(page));
/// }
/// let error: io::Error = group.wait().await.unwrap_err();
/// assert_eq!(error.to_string(), "page 3 is missing");
/// assert_eq!(ctx.cause().unwrap().to_string(), "page 3 is missing");
/// # });
/// ```
pub struct ErrGroup<E> {
    owner: Arc<Owner<E>>,
}

/// What all handles share and no member has: dropped when nobody can wait any more.
struct Owner<E> {
    shared: Arc<Shared<E>>,
}

struct Shared<E> {
    members: WaitGroup,
    /// How many members may run at once; `usize::MAX` = any number. Set before there are any.
    limit: usize,
    slots: Mutex<Slots>,
    end: Mutex<End<E>>,
    /// Makes the cause of an error. `None` where there is no context.
    describe: Option<fn(&E) -> MemberError>,
}

#[derive(Default)]
struct Slots {
    running: usize,
    starting: bool,
    /// Starts a member, each.
    queue: VecDeque<Box<dyn FnOnce() + Send>>,
}

struct End<E> {
    /// Somebody failed or panicked: later errors are dropped.
    failed: bool,
    error: Option<E>,
    /// The first panic. It goes before any error.
    panic: Option<Payload>,
    cancel: Option<CancelFunc>,
}

impl<E: Send + 'static> ErrGroup<E> {
    /// A group without members and without a context.
    ///
    /// Go: the zero `errgroup.Group`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::sync::ErrGroup;
    ///
    /// let group = ErrGroup::<std::io::Error>::new();
    /// group.go(async { Ok(()) });
    /// assert!(gosched::block_on(group.wait()).is_ok());
    /// ```
    pub fn new() -> Self {
        Self::build(None, None)
    }

    /// A group, and a context below `ctx` that is done when the first member fails or panics, or
    /// when `wait` is over.
    ///
    /// The cause of the context is a [`MemberError`] with the text of the error: `wait` returns the
    /// error itself, and most error types (`io::Error`, `anyhow::Error`, `Box<dyn Error>`) cannot be
    /// in two places. After a `wait` without an error the context is cancelled without a cause.
    ///
    /// Go: `errgroup.WithContext`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    /// use gosched::sync::ErrGroup;
    /// type Error = Box<dyn std::error::Error + Send + Sync>;
    ///
    /// # gosched::block_on(async {
    /// let (group, ctx) = ErrGroup::<Error>::with_context(&Context::background());
    /// group.go(async { Err("disk full".into()) });
    /// group.go(async move {
    ///     ctx.done().await; // or `ctx.run(work).await?`
    ///     Ok(())
    /// });
    /// assert_eq!(group.wait().await.unwrap_err().to_string(), "disk full");
    /// # });
    /// ```
    pub fn with_context(ctx: &Context) -> (Self, Context)
    where
        E: fmt::Display,
    {
        let (ctx, cancel) = ctx.with_cancel();
        (Self::build(Some(cancel), Some(MemberError::of)), ctx)
    }

    fn build(cancel: Option<CancelFunc>, describe: Option<fn(&E) -> MemberError>) -> Self {
        let end = End {
            failed: false,
            error: None,
            panic: None,
            cancel,
        };
        let shared = Shared {
            members: WaitGroup::new(),
            limit: usize::MAX,
            slots: Mutex::new(Slots::default()),
            end: Mutex::new(end),
            describe,
        };
        Self {
            owner: Arc::new(Owner {
                shared: Arc::new(shared),
            }),
        }
    }

    /// Lets at most `n` members run at once.
    ///
    /// Go: `g.SetLimit`. There `-1` means no limit, which is how a group begins here, and `0` makes
    /// every `g.Go` block for ever, which is refused here.
    ///
    /// # Panics
    ///
    /// If `n` is zero, or if the group has other handles or members that are not over (as in Go).
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::sync::ErrGroup;
    ///
    /// let group = ErrGroup::<String>::new().limit(2);
    /// for _ in 0..100 {
    ///     group.go(async { Ok(()) }); // never more than two at once
    /// }
    /// assert_eq!(gosched::block_on(group.wait()), Ok(()));
    /// ```
    #[track_caller]
    #[must_use]
    pub fn limit(mut self, n: usize) -> Self {
        assert!(n > 0, "ErrGroup: a limit of 0 would let no member run");
        let owner = Arc::get_mut(&mut self.owner);
        match owner.and_then(|owner| Arc::get_mut(&mut owner.shared)) {
            Some(shared) => shared.limit = n,
            None => {
                panic!("ErrGroup: the limit is set before the first member and the first clone")
            }
        }
        self
    }

    /// Runs `future` in a goroutine of its own.
    ///
    /// With a [`limit`](Self::limit), and as many members running, it is queued and started when
    /// its turn comes: first come, first served. The queue has no bound; where that matters, wait
    /// for room with a channel or a semaphore before calling, or use [`try_go`](Self::try_go). It is
    /// started on the runtime on which it was queued.
    ///
    /// A member counts until its future has been dropped: one that ends by `goexit`, or with its
    /// runtime, is over too, without an error.
    ///
    /// A member that calls `go` on its own group needs a clone of it, and starts a member also after
    /// an error: look at the context first.
    ///
    /// Go: `g.Go`, which blocks while the limit is reached.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::sync::ErrGroup;
    ///
    /// let group = ErrGroup::<String>::new();
    /// group.go(async { Err("first".into()) });
    /// assert_eq!(gosched::block_on(group.wait()), Err("first".into()));
    /// ```
    #[track_caller]
    pub fn go<F>(&self, future: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let start = self.starter(future);
        let shared = &self.owner.shared;
        if shared.limit != usize::MAX {
            let mut slots = lock(&shared.slots);
            if slots.full(shared.limit) {
                slots.queue.push_back(Box::new(start));
                return;
            }
            slots.running += 1;
        }
        start();
    }

    /// Runs `future` in a goroutine of its own if the limit allows it now; else drops it.
    ///
    /// `true` if it runs. Without a limit it always does. It does not overtake who queues.
    ///
    /// Go: `g.TryGo`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::sync::ErrGroup;
    ///
    /// # gosched::block_on(async {
    /// let (tx, rx) = gosched::chan::<()>(0);
    /// let group = ErrGroup::<String>::new().limit(1);
    /// assert!(group.try_go(async move {
    ///     rx.recv().await;
    ///     Ok(())
    /// }));
    /// assert!(!group.try_go(async { Ok(()) }));
    /// tx.close();
    /// group.wait().await.unwrap();
    /// # });
    /// ```
    #[track_caller]
    pub fn try_go<F>(&self, future: F) -> bool
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let shared = &self.owner.shared;
        if shared.limit != usize::MAX {
            let mut slots = lock(&shared.slots);
            if slots.full(shared.limit) {
                return false;
            }
            slots.running += 1;
        }
        self.starter(future)();
        true
    }

    /// Counts a member; it runs when what this returns is called, on today's runtime.
    #[track_caller]
    fn starter<F>(&self, future: F) -> impl FnOnce() + Send + 'static
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let site = Location::caller();
        // First what may panic: from here on a slot is given up by the member's drop.
        let sched = current::sched().unwrap_or_else(default_sched);
        let shared = &self.owner.shared;
        let member = Member {
            future: Caught::new(future),
            slot: Slot {
                shared: shared.clone(),
                _counted: shared.members.counted(),
            },
        };
        move || drop(sched.spawn(member, site))
    }

    /// Waits until all members are over, cancels the group's context, and returns the first error.
    ///
    /// If several handles wait, the error goes to one of them.
    ///
    /// Go: `g.Wait`.
    ///
    /// # Errors
    ///
    /// That of the member that failed first. One that ends without a result, by `goexit` or with its
    /// runtime, has not failed, as in Go.
    ///
    /// # Panics
    ///
    /// If a member panicked, the first such panic is resumed here, whether or not others failed. The
    /// runtime reports each of them when it happens.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is dropping the group, or this handle of it: the members go on, and with
    /// the last handle the context is cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::sync::ErrGroup;
    ///
    /// let group = ErrGroup::<std::fmt::Error>::new();
    /// group.go(async { panic!("out of paper") });
    /// let waiting = std::panic::AssertUnwindSafe(|| gosched::block_on(group.wait()));
    /// let panic = std::panic::catch_unwind(waiting).unwrap_err();
    /// assert_eq!(panic.downcast_ref::<&str>(), Some(&"out of paper"));
    /// ```
    #[track_caller]
    pub fn wait(self) -> impl Future<Output = Result<(), E>> + Send {
        let site = Location::caller();
        async move {
            let shared = &self.owner.shared;
            shared.members.wait_at(site).await;
            let (error, panic, cancel) = {
                let mut end = lock(&shared.end);
                (end.error.take(), end.panic.take(), end.cancel.take())
            };
            drop(cancel);
            if let Some(payload) = panic {
                resume_unwind(payload);
            }
            error.map_or(Ok(()), Err)
        }
    }
}

impl<E> Shared<E> {
    /// Stores a member's error and ends the context, if it is the first that went wrong.
    fn fail(&self, error: E) {
        let Some(cancel) = self.first_to_fail() else {
            return;
        };
        let cause = self.describe.map(|describe| {
            // The error's own words: they may panic, which must not cost the error.
            catch_unwind(AssertUnwindSafe(|| describe(&error))).unwrap_or_else(|payload| {
                discard(payload);
                MemberError::new("a member failed with an error that cannot be displayed".into())
            })
        });
        lock(&self.end).error = Some(error);
        if let (Some(cancel), Some(cause)) = (cancel, cause) {
            cancel.cancel_cause(cause);
        }
    }

    /// Stores a member's panic, if it is the first, and ends the context.
    fn panicked(&self, payload: Payload) {
        let cancel = self.first_to_fail();
        let words = match text(&*payload) {
            Some(text) => format!("a member panicked: {text}"),
            None => "a member panicked".to_owned(),
        };
        let mut end = lock(&self.end);
        let late = match end.panic {
            None => end.panic.replace(payload),
            Some(_) => Some(payload),
        };
        drop(end);
        late.into_iter().for_each(discard);
        if let Some(Some(cancel)) = cancel {
            cancel.cancel_cause(MemberError::new(words));
        }
    }

    /// `None` if somebody failed before; else the right to cancel, if there is one.
    fn first_to_fail(&self) -> Option<Option<CancelFunc>> {
        let mut end = lock(&self.end);
        if std::mem::replace(&mut end.failed, true) {
            return None;
        }
        Some(end.cancel.take())
    }

    /// Gives a slot up and starts who queues.
    fn release(&self) {
        if self.limit == usize::MAX {
            return;
        }
        let mut slots = lock(&self.slots);
        slots.running -= 1;
        if slots.starting {
            return;
        }
        slots.starting = true;
        while slots.running < self.limit {
            let Some(start) = slots.queue.pop_front() else {
                break;
            };
            slots.running += 1;
            drop(slots);
            start();
            slots = lock(&self.slots);
        }
        slots.starting = false;
    }
}

impl Slots {
    fn full(&self, limit: usize) -> bool {
        self.running >= limit || !self.queue.is_empty()
    }
}

impl<E> Drop for Owner<E> {
    fn drop(&mut self) {
        let cancel = lock(&self.shared.end).cancel.take();
        drop(cancel);
    }
}

impl<E> Clone for ErrGroup<E> {
    fn clone(&self) -> Self {
        Self {
            owner: self.owner.clone(),
        }
    }
}

impl<E: Send + 'static> Default for ErrGroup<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> fmt::Debug for ErrGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &self.owner.shared;
        let queued = lock(&shared.slots).queue.len();
        f.debug_struct("ErrGroup")
            .field("members", &shared.members)
            .field("queued", &queued)
            .finish_non_exhaustive()
    }
}

/// A member's future. The field order matters: the future is dropped before the slot comes free.
#[pin_project]
struct Member<F, E> {
    #[pin]
    future: Caught<F>,
    slot: Slot<E>,
}

/// A member's place in the group, given up when dropped.
struct Slot<E> {
    shared: Arc<Shared<E>>,
    _counted: Counted,
}

impl<E> Drop for Slot<E> {
    fn drop(&mut self) {
        self.shared.release();
    }
}

impl<F: Future<Output = Result<(), E>>, E> Future for Member<F, E> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.project();
        this.future.poll(task).map(|result| match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => this.slot.shared.fail(error),
            Err(payload) => {
                report_caught(&*payload);
                this.slot.shared.panicked(payload);
            }
        })
    }
}

/// The cause of the context of an [`ErrGroup`] of which a member failed or panicked.
///
/// It has the text of the member's error; the error itself is what [`ErrGroup::wait`] returns.
/// `{:#}` shows what `{:#}` of the error showed (for `anyhow::Error` the whole chain).
///
/// # Examples
///
/// ```
/// use gosched::Context;
/// use gosched::sync::{ErrGroup, MemberError};
///
/// # gosched::block_on(async {
/// let (group, ctx) = ErrGroup::with_context(&Context::background());
/// group.go(async { Err("disk full") });
/// ctx.done().await;
/// assert!(ctx.cause().unwrap().downcast_ref::<MemberError>().is_some());
/// # });
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct MemberError {
    text: String,
    /// The text of `{:#}`, where it is another.
    alternate: Option<String>,
}

impl MemberError {
    fn new(text: String) -> Self {
        Self {
            text,
            alternate: None,
        }
    }

    fn of<E: fmt::Display>(error: &E) -> Self {
        let (text, alternate) = (error.to_string(), format!("{error:#}"));
        Self {
            alternate: (alternate != text).then_some(alternate),
            text,
        }
    }
}

impl fmt::Display for MemberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.alternate {
            Some(alternate) if f.alternate() => f.write_str(alternate),
            _ => f.write_str(&self.text),
        }
    }
}

impl fmt::Debug for MemberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemberError").field(&self.text).finish()
    }
}

impl Error for MemberError {}
