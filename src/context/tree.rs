//! The tree of contexts and the way a cancellation runs down it.
//!
//! A [`Node`] is one step of a context's lineage. Most can be cancelled: those hold a [`Scope`].
//! A value is only a step of the lineage: it has no scope of its own and leans on its *base*, the
//! nearest node that is not a value, so that asking a context for its error never climbs.
//! Every other file of this module calls in here; nothing else does.
//!
//! Rejected: a `CancellationToken` per node (asking it takes its lock, and cancelling a tree of
//! them holds three locks at once); a list of children that keeps them alive (then nobody notices
//! that a child has become useless, and a server's root context would grow with each request that
//! forgot to cancel).
//!
//! Chosen: children know their parent, a parent knows its children weakly, and a child that is
//! dropped leaves its place. What must happen although no handle is left (a function registered
//! with `after_func`, a token that a library holds) makes the node hold itself: invariant 5.
//!
//! # Invariants
//!
//! 1. `state` leaves `ALIVE` once, under the node's lock, and in the same turn of the lock `cause` is
//!    set. So whoever sees the node ended finds its cause behind the lock, and whoever holds the lock
//!    knows whether a newcomer will still be told.
//! 2. Members enter `dependents` only under the lock of a live node. The transition takes all of
//!    them: each is either told by whoever ends the node, or has left before, or was refused.
//! 3. A node has ended before anybody is told of it, and before any node below it ends.
//! 4. A node's `place` is a place in the list of the nearest scope above, while both are alive;
//!    `NOWHERE` otherwise. Only the creator, the one who ends the node by itself, and its drop
//!    touch it.
//! 5. `pin` is the node itself, as long as it is alive, something waits that has no handle (a
//!    function, or a token), and something may still end it that has none either (a node above, a
//!    timer, or a token). Ending the node clears it.
//! 6. No lock is held while a waker, a user's value or a timer is run or dropped, or another node
//!    is locked. In particular no two nodes are ever locked at once: there is no lock order to
//!    break, and a tree of any depth is cancelled and dropped with a stack of fixed size.
//!
//! Cancelling a large tree is a walk through memory that is in no cache, so a node is kept small:
//! what few nodes have lies behind a pointer (`tests/tree.rs` holds the size).
//!
//! Not promised: that a cancellation which meets another one in the same tree waits for it. Each
//! node ends once, by whichever comes first.

use std::collections::VecDeque;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context as TaskContext, Poll, Waker};

use tokio_util::sync::CancellationToken;

use super::after::AfterFn;
use super::deadline::Deadline;
use super::error::{Cause, ContextError};
use super::token::Link;
use super::value::Entry;
use crate::loom::lock;
use crate::loom::sync::Mutex;
use crate::loom::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use crate::runtime::wake::{Identity, keep, wake, wakes_same};
use crate::sync::roster::{Place, Roster};
use crate::time::CallTimer;

const ALIVE: u8 = 0;
const CANCELED: u8 = 1;
const EXCEEDED: u8 = 2;

/// No place in any list.
const NOWHERE: u32 = u32::MAX;

/// One step of a context's lineage.
pub(super) struct Node {
    /// The step before. `None` at the root, and while the node is being taken down.
    pub(super) parent: Option<Arc<Node>>,
    pub(super) kind: Kind,
}

/// What a step adds.
// Contexts that can be cancelled are the many; a box would cost each of them an allocation.
#[allow(clippy::large_enum_variant)]
pub(super) enum Kind {
    Root { name: &'static str, never: Never },
    WithoutCancel { never: Never },
    Value(Entry),
    Cancel(Scope),
}

/// What a node that cannot be cancelled has to offer: a token that ends nothing.
#[derive(Default)]
pub(super) struct Never {
    pub(super) token: OnceLock<CancellationToken>,
}

/// How a scope came to be, for its name.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    Cancel,
    /// With a deadline of its own.
    Deadline,
    Token,
    #[cfg(all(unix, not(loom)))]
    Signals(crate::signal::Signals),
}

/// Why a scope ended.
#[derive(Clone)]
pub(super) struct End {
    pub(super) error: ContextError,
    /// `None` where none was given: then the error stands for it.
    pub(super) cause: Option<Arc<Cause>>,
}

/// The part of a node that can be cancelled.
pub(super) struct Scope {
    /// Written once, under `inner`'s lock, by whoever ends the node; read by anyone at any time.
    state: AtomicU8,
    /// Where the nearest scope above lists this one. See invariant 4 for who touches it.
    place: AtomicU32,
    pub(super) origin: Origin,
    /// How many functions are among the dependents. Read and written under the lock.
    functions: AtomicU32,
    /// The earliest deadline of this node and those above.
    pub(super) deadline: Option<Arc<Deadline>>,
    /// The token that follows this node and that this node follows, once somebody asked for it.
    pub(super) link: OnceLock<Box<Link>>,
    inner: Mutex<Inner>,
}

struct Inner {
    dependents: Roster<Dependent>,
    /// Why the node has ended, where more than the error was given.
    cause: Option<Arc<Cause>>,
    pin: Option<Arc<Node>>,
}

/// Who is told that a scope has ended.
enum Dependent {
    Child(Weak<Node>),
    Waiter(Waker),
    Function(Arc<AfterFn>),
}

/// The place of somebody who waits for a scope to end; empty until the first wait.
///
/// Whoever owns one calls [`Scope::stop_waiting`] before dropping it.
#[derive(Default)]
pub(super) struct Waiting {
    place: Option<Place>,
    /// Whom the waker at that place wakes: it lies there for as long as the scope is alive.
    wakes: Option<Identity>,
}

impl Scope {
    pub(super) fn new(origin: Origin, deadline: Option<Arc<Deadline>>) -> Self {
        Self {
            state: AtomicU8::new(ALIVE),
            place: AtomicU32::new(NOWHERE),
            origin,
            functions: AtomicU32::new(0),
            deadline,
            link: OnceLock::new(),
            inner: Mutex::new(Inner {
                dependents: Roster::new(),
                cause: None,
                pin: None,
            }),
        }
    }

    /// The error, once the scope has ended. One load.
    #[inline]
    pub(super) fn error(&self) -> Option<ContextError> {
        // Ordering: pairs with the Release store in `end`, so that whoever sees the error sees what was
        // done before the cancellation.
        decode(self.state.load(Ordering::Acquire))
    }

    /// Error and cause, once the scope has ended.
    pub(super) fn ended(&self) -> Option<End> {
        let error = self.error()?;
        let cause = lock(&self.inner).cause.clone();
        Some(End { error, cause })
    }

    /// The state as the holder of the lock sees it. `_inner` shows that he is.
    fn error_locked(&self, _inner: &Inner) -> Option<ContextError> {
        // Relaxed: written under the lock only, and the caller holds it.
        decode(self.state.load(Ordering::Relaxed))
    }

    /// Counts functions up or down. `_inner` shows that the caller holds the lock.
    fn count_functions(&self, _inner: &Inner, by: i32) {
        // Relaxed: under the lock, so that load and store are one step.
        let count = self.functions.load(Ordering::Relaxed);
        let count = count.wrapping_add_signed(by);
        self.functions.store(count, Ordering::Relaxed);
    }

    /// Ends this scope alone. Returns who is to be told, or `None` if it had ended before.
    #[must_use]
    fn end(&self, end: &End) -> Option<Roster<Dependent>> {
        if self.error().is_some() {
            return None;
        }
        let (dependents, pin) = {
            let mut inner = lock(&self.inner);
            if self.error_locked(&inner).is_some() {
                return None;
            }
            inner.cause.clone_from(&end.cause);
            // Ordering: pairs with the Acquire load in `error`.
            self.state.store(encode(end.error), Ordering::Release);
            let dependents = std::mem::replace(&mut inner.dependents, Roster::new());
            (dependents, inner.pin.take())
        };
        if let Some(deadline) = self.own_deadline() {
            // `arm` has set the timer before, or sees that it comes too late.
            deadline.stop();
        }
        if let Some(link) = self.link.get() {
            link.cancel();
        }
        drop(pin);
        Some(dependents)
    }

    /// Lists `child` among those that end with this scope.
    ///
    /// # Errors
    ///
    /// The end, when this scope has already met it: the child is to meet the same.
    fn adopt(&self, child: &Arc<Node>, below: &Scope) -> Result<(), End> {
        let member = Dependent::Child(Arc::downgrade(child));
        if self.error().is_none() {
            let mut inner = lock(&self.inner);
            if self.error_locked(&inner).is_none() {
                let place = inner.dependents.insert(member);
                // Relaxed: read by the child's end and drop only, which come after the child has
                // been handed out by the caller of this.
                below.place.store(place.to_bits(), Ordering::Relaxed);
                return Ok(());
            }
        }
        Err(self.ended().expect("seen to have ended above"))
    }

    /// Takes the member at `place` out, if it is still there, for the caller to drop.
    fn dismiss(&self, place: Place) -> Option<Dependent> {
        // Spares an ended scope the lock. Behind it nothing has to be asked: of a scope that ended meanwhile the list
        // is empty and stays so (invariant 2).
        if self.error().is_some() {
            return None;
        }
        lock(&self.inner).dependents.remove(place)
    }

    /// Ready when the scope has ended; else registers the task to be woken then.
    pub(super) fn poll_ended(
        &self,
        waiting: &mut Waiting,
        task: &mut TaskContext<'_>,
    ) -> Poll<ContextError> {
        if let Some(error) = self.error() {
            *waiting = Waiting::default();
            return Poll::Ready(error);
        }
        if waiting
            .wakes
            .is_some_and(|identity| identity.is_of(task.waker()))
        {
            // Still registered: whoever ends the scope finds the waker.
            return Poll::Pending;
        }
        if let Some(place) = waiting.place {
            let mut inner = lock(&self.inner);
            if let Some(Dependent::Waiter(waker)) = inner.dependents.get_mut(place) {
                if wakes_same(waker, task.waker()) {
                    return Poll::Pending;
                }
            }
        }
        // Cloning and dropping a waker is foreign code: before and after the lock, not under it.
        let mut waker = keep(task.waker());
        let identity = Identity::of(task.waker(), &waker);
        let mut inner = lock(&self.inner);
        if let Some(error) = self.error_locked(&inner) {
            drop(inner);
            *waiting = Waiting::default();
            return Poll::Ready(error);
        }
        waiting.wakes = identity;
        match waiting.place {
            Some(place) => {
                if let Some(Dependent::Waiter(old)) = inner.dependents.get_mut(place) {
                    std::mem::swap(old, &mut waker);
                }
            }
            None => {
                waiting.place = Some(inner.dependents.insert(Dependent::Waiter(waker)));
                return Poll::Pending;
            }
        }
        drop(inner);
        drop(waker);
        Poll::Pending
    }

    /// Gives up the place taken by [`poll_ended`](Self::poll_ended).
    pub(super) fn stop_waiting(&self, waiting: &mut Waiting) {
        if let Some(place) = std::mem::take(waiting).place {
            drop(self.dismiss(place));
        }
    }

    /// The deadline, if it is this scope's and not one above.
    fn own_deadline(&self) -> Option<&Deadline> {
        match self.origin {
            Origin::Deadline => self.deadline.as_deref(),
            _ => None,
        }
    }

    /// Sets the timer of the deadline, unless the scope has ended.
    pub(super) fn arm(&self, timer: CallTimer) {
        let Some(deadline) = self.own_deadline() else {
            return;
        };
        let inner = lock(&self.inner);
        if self.error_locked(&inner).is_none() {
            deadline.keep(timer);
        } else {
            drop(inner);
            timer.stop();
        }
    }

    #[cfg(test)]
    pub(super) fn dependents(&self) -> (usize, usize) {
        let inner = lock(&self.inner);
        (inner.dependents.len(), inner.dependents.capacity())
    }
}

impl Node {
    /// A step below `parent` that cannot end by itself.
    pub(super) fn step(parent: &Arc<Node>, kind: Kind) -> Arc<Node> {
        Arc::new(Node {
            parent: Some(parent.clone()),
            kind,
        })
    }

    /// A scope below `parent`, which ends with it: at birth, if the parent has. Without a deadline of
    /// its `own` it shares the parent's.
    pub(super) fn derive(
        parent: &Arc<Node>,
        origin: Origin,
        own: Option<Arc<Deadline>>,
    ) -> Arc<Node> {
        let above = parent.scope();
        let deadline = own.or_else(|| above?.deadline.clone());
        let node = Self::step(parent, Kind::Cancel(Scope::new(origin, deadline)));
        if let (Some(above), Kind::Cancel(scope)) = (above, &node.kind) {
            if let Err(end) = above.adopt(&node, scope) {
                let told = scope.end(&end);
                debug_assert!(
                    told.is_some_and(|told| told.is_empty()),
                    "nobody knows it yet"
                );
            }
        }
        node
    }

    /// The nearest node that is not a value.
    pub(super) fn base(self: &Arc<Self>) -> &Arc<Node> {
        match &self.kind {
            Kind::Value(entry) => entry.base(),
            _ => self,
        }
    }

    /// The scope that decides when this node is done; `None` if it never is.
    #[inline]
    pub(super) fn scope(&self) -> Option<&Scope> {
        match &self.kind {
            Kind::Cancel(scope) => Some(scope),
            Kind::Value(entry) => match &entry.base().kind {
                Kind::Cancel(scope) => Some(scope),
                _ => None,
            },
            Kind::Root { .. } | Kind::WithoutCancel { .. } => None,
        }
    }

    /// Ends this node and all below it, unless it has ended. Does nothing to a node without a scope
    /// of its own.
    pub(super) fn cancel(self: &Arc<Self>, end: &End) {
        let Kind::Cancel(scope) = &self.kind else {
            return;
        };
        let Some(dependents) = scope.end(end) else {
            return;
        };
        self.leave_parent();
        // Level by level: contexts were mostly made in that order, so memory is walked the way it lies.
        let mut levels = VecDeque::new();
        let mut next = Some(dependents);
        while let Some(dependents) = next {
            for dependent in dependents.into_members() {
                let child = match dependent {
                    Dependent::Waiter(waker) => {
                        wake(waker);
                        continue;
                    }
                    Dependent::Function(function) => {
                        function.start();
                        continue;
                    }
                    // One that is gone had nothing left to be told.
                    Dependent::Child(child) => child.upgrade(),
                };
                if let Some(Kind::Cancel(scope)) = child.as_deref().map(|child| &child.kind) {
                    levels.extend(scope.end(end).filter(|below| !below.is_empty()));
                }
            }
            next = levels.pop_front();
        }
    }

    /// Gives up the place in the parent's list.
    fn leave_parent(&self) {
        let Kind::Cancel(scope) = &self.kind else {
            return;
        };
        // Relaxed: invariant 4 leaves one thread at a time.
        let place = scope.place.load(Ordering::Relaxed);
        if place == NOWHERE {
            return;
        }
        scope.place.store(NOWHERE, Ordering::Relaxed);
        if let Some(above) = self.parent.as_ref().and_then(|parent| parent.scope()) {
            drop(above.dismiss(Place::from_bits(place)));
        }
    }

    /// Registers `function` to start when this node's scope ends. `None`: it has ended, and the
    /// caller is to start it.
    pub(super) fn attach(self: &Arc<Self>, function: &Arc<AfterFn>) -> Option<Place> {
        let Kind::Cancel(scope) = &self.kind else {
            return None;
        };
        let mut inner = lock(&scope.inner);
        if scope.error_locked(&inner).is_some() {
            return None;
        }
        let place = inner
            .dependents
            .insert(Dependent::Function(function.clone()));
        scope.count_functions(&inner, 1);
        let unpinned = self.settle_pin(scope, &mut inner);
        drop(inner);
        drop(unpinned);
        Some(place)
    }

    /// Takes back what [`attach`](Self::attach) registered at `place`.
    pub(super) fn detach(self: &Arc<Self>, place: Place) {
        let Kind::Cancel(scope) = &self.kind else {
            return;
        };
        let mut inner = lock(&scope.inner);
        if scope.error_locked(&inner).is_some() {
            return;
        }
        let member = inner.dependents.remove(place);
        scope.count_functions(&inner, -1);
        let unpinned = self.settle_pin(scope, &mut inner);
        drop(inner);
        drop((member, unpinned));
    }

    /// To be called when the scope has got its link: returns the error of a scope that ended
    /// without seeing it.
    pub(super) fn linked(self: &Arc<Self>, scope: &Scope) -> Option<ContextError> {
        // The lock orders this against `end`: either `end` comes later and finds the link, or its
        // transition is seen here.
        let mut inner = lock(&scope.inner);
        let error = scope.error_locked(&inner);
        if error.is_none() {
            let unpinned = self.settle_pin(scope, &mut inner);
            drop(inner);
            drop(unpinned);
        }
        error
    }

    /// Restores invariant 5 for a live node. What it returns is to be dropped without the lock.
    #[must_use]
    fn settle_pin(self: &Arc<Self>, scope: &Scope, inner: &mut Inner) -> Option<Arc<Node>> {
        let above = self
            .parent
            .as_ref()
            .is_some_and(|parent| parent.scope().is_some());
        let others = above || scope.own_deadline().is_some();
        let linked = scope.link.get().is_some();
        // Relaxed: under the lock.
        let functions = scope.functions.load(Ordering::Relaxed) > 0;
        let needed = (functions && (others || linked)) || (linked && others);
        if needed {
            if inner.pin.is_none() {
                inner.pin = Some(self.clone());
            }
            None
        } else {
            inner.pin.take()
        }
    }
}

/// A lineage is dropped step by step, not by recursion (invariant 6).
// What a panic leaves behind is whole: none can come while a lock of the tree is held.
impl UnwindSafe for Node {}
impl RefUnwindSafe for Node {}

impl Drop for Node {
    fn drop(&mut self) {
        self.leave_parent();
        let mut next = self.parent.take();
        while let Some(mut node) = next.and_then(Arc::into_inner) {
            node.leave_parent();
            // Taken before the node drops: its own drop then finds nothing to climb. A value's base
            // is a node further up, which `next` keeps alive for now.
            next = node.parent.take();
            drop(node);
        }
    }
}

fn encode(error: ContextError) -> u8 {
    match error {
        ContextError::Canceled => CANCELED,
        ContextError::DeadlineExceeded => EXCEEDED,
    }
}

#[inline]
fn decode(state: u8) -> Option<ContextError> {
    match state {
        ALIVE => None,
        CANCELED => Some(ContextError::Canceled),
        _ => Some(ContextError::DeadlineExceeded),
    }
}
