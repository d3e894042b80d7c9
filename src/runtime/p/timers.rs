//! The timers of a P (Go's `timers`); `timerq` is what holds them.
//!
//! A timer is a node inside the future that waits for it (or inside a box, for callbacks): arming it
//! allocates nothing but room in the queue. A node knows its place there, so stopping it removes it at
//! once: the usual timer is a timeout that never fires, and it must cost nothing later.
//!
//! Heaps are process-wide and outlive their runtime: a node may be dropped on any thread at any time.
//! When a runtime shuts down, its heaps are closed: what is still armed is fired early, and `time`
//! arms it again elsewhere.
//!
//! # Invariants
//!
//! - **timers I1**: `index`, `when`, `prev`, `next` and `action` of a node are read and written under the
//!   lock of its heap while the node is in it; `heap` is written by the node's owner while it is in none.
//! - **timers I2**: a node in a heap is pinned and alive: its owner disarms it before it goes away.
//! - **timers I3**: a node that is in no heap has the index `OUT`; see `timerq` for the others.
//! - **timers I4**: `next` is at most the earliest deadline of the heap, except while the lock is held.
//!
//! Actions are taken out under the lock and run after it was released.

use std::cell::{Cell, UnsafeCell};
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::runtime::wake::{keep, wakes_same};

use super::in_order::InOrder;
use super::timerq::{OUT, Queue};

/// Nanoseconds on the process's clock; `NEVER` is no deadline at all.
pub(crate) type Nanos = u64;
pub(crate) const NEVER: Nanos = u64::MAX;

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

/// The time now.
#[inline]
pub(crate) fn now() -> Nanos {
    nanos(Instant::now())
}

/// The instant at `at` on the process's clock.
pub(crate) fn instant(at: Nanos) -> Instant {
    epoch() + Duration::from_nanos(at)
}

/// `instant` on the process's clock; what lies before its beginning is 0.
#[inline]
pub(crate) fn nanos(instant: Instant) -> Nanos {
    u64::try_from(instant.saturating_duration_since(epoch()).as_nanos()).unwrap_or(NEVER)
}

/// What is done when a timer fires.
pub(crate) enum Action {
    None,
    Wake(Waker),
    Call(Box<dyn FnOnce() + Send>),
}

impl Action {
    /// Runs on the thread that fires, under no lock; a panic goes no further.
    pub(crate) fn run(self) {
        match self {
            Action::None => {}
            Action::Wake(waker) => crate::runtime::wake::wake(waker),
            Action::Call(f) => crate::runtime::wake::guarded(f),
        }
    }
}

/// One timer.
pub(crate) struct TimerNode {
    heap: Cell<Option<&'static TimerHeap>>,
    /// These four are `timerq`'s.
    pub(super) index: Cell<usize>,
    pub(super) when: Cell<Nanos>,
    pub(super) prev: Cell<*const TimerNode>,
    pub(super) next: Cell<*const TimerNode>,
    /// Set under the lock when the timer fires, read without it: publishes nothing but itself and the
    /// fact that the action was taken out.
    fired: AtomicBool,
    action: UnsafeCell<Action>,
    _pinned: std::marker::PhantomPinned,
}

// SAFETY: what is not atomic is accessed under the heap's lock (timers I1), or by the owner.
unsafe impl Send for TimerNode {}
// SAFETY: as above; `disarm`, `poll_fired` and `is_fired` take `&self` and lock.
unsafe impl Sync for TimerNode {}

impl TimerNode {
    pub(crate) const fn new() -> TimerNode {
        TimerNode {
            heap: Cell::new(None),
            index: Cell::new(OUT),
            when: Cell::new(NEVER),
            prev: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            fired: AtomicBool::new(false),
            action: UnsafeCell::new(Action::None),
            _pinned: std::marker::PhantomPinned,
        }
    }

    /// Puts the timer into `heap`. `true` = it is now the earliest there: whoever sleeps until the
    /// former earliest must be told.
    ///
    /// # Safety
    /// The caller owns the node alone (no `disarm` at the same time), it is in no heap, and it will be
    /// disarmed before it goes away (timers I2).
    #[must_use]
    pub(crate) unsafe fn arm(
        self: Pin<&Self>,
        heap: &'static TimerHeap,
        when: Nanos,
        action: Action,
    ) -> bool {
        debug_assert_eq!(self.index.get(), OUT);
        // Relaxed: only the owner looks before the node is in the heap.
        self.fired.store(false, Ordering::Relaxed);
        self.heap.set(Some(heap));
        let mut entries = heap.lock();
        // SAFETY: timers I1: the lock is held.
        unsafe { *self.action.get() = action };
        if entries.closed {
            // The runtime is gone: fire at once, so that the owner looks for another.
            drop(entries);
            // Ordering: see `is_fired`.
            self.fired.store(true, Ordering::Release);
            // SAFETY: in no heap: the owner's alone.
            let action = unsafe { std::mem::replace(&mut *self.action.get(), Action::None) };
            action.run();
            return false;
        }
        // SAFETY: the caller's promise.
        unsafe { entries.push(&raw const *self, when) };
        heap.publish(&entries)
    }

    /// Takes the timer out of its heap. `Some` = it had not fired, here is what it would have done.
    pub(crate) fn disarm(&self) -> Option<Action> {
        let heap = self.heap.get()?;
        let mut entries = heap.lock();
        // SAFETY: it is alive: this is it.
        if !unsafe { entries.remove(self) } {
            return None;
        }
        let _ = heap.publish(&entries);
        // SAFETY: timers I1: the lock is held.
        Some(unsafe { std::mem::replace(&mut *self.action.get(), Action::None) })
    }

    /// True once the timer has fired (since it was armed last).
    #[inline]
    pub(crate) fn is_fired(&self) -> bool {
        // Ordering: Acquire pairs with the Release store by whoever fires.
        self.fired.load(Ordering::Acquire)
    }

    /// Sees to it that `waker` is woken when the timer fires. `true` = it has fired already.
    pub(crate) fn register(&self, waker: &Waker) -> bool {
        let Some(heap) = self.heap.get() else {
            return self.is_fired();
        };
        let entries = heap.lock();
        if self.index.get() == OUT {
            return true;
        }
        // SAFETY: timers I1: the lock is held.
        if matches!(unsafe { &*self.action.get() }, Action::Wake(old) if wakes_same(old, waker)) {
            return false;
        }
        drop(entries);
        // Cloning and dropping a waker is foreign code: between the locks, not under one.
        let mut action = Action::Wake(keep(waker));
        let entries = heap.lock();
        let fired = self.index.get() == OUT;
        if !fired {
            // SAFETY: timers I1: the lock is held.
            std::mem::swap(unsafe { &mut *self.action.get() }, &mut action);
        }
        drop(entries);
        drop(action);
        fired
    }
}

struct Entries {
    queue: Queue,
    /// In place of `queue`, where time is virtual.
    in_order: Option<InOrder>,
    closed: bool,
}

impl Entries {
    /// # Safety
    /// As for `Queue::push`.
    unsafe fn push(&mut self, node: *const TimerNode, when: Nanos) {
        // SAFETY: the caller's promise.
        unsafe {
            match &mut self.in_order {
                None => self.queue.push(node, when),
                Some(queue) => queue.push(node, when),
            }
        }
    }

    /// # Safety
    /// As for `Queue::remove`.
    unsafe fn remove(&mut self, node: &TimerNode) -> bool {
        match &mut self.in_order {
            // SAFETY: the caller's promise.
            None => unsafe { self.queue.remove(node) },
            Some(queue) => queue.remove(node),
        }
    }

    fn pop_due(&mut self, now: Nanos) -> Option<*const TimerNode> {
        match &mut self.in_order {
            None => self.queue.pop_due(now),
            Some(queue) => queue.pop_due(now),
        }
    }

    fn earliest(&self) -> Nanos {
        match &self.in_order {
            None => self.queue.earliest(),
            Some(queue) => queue.earliest(),
        }
    }
}

// SAFETY: the nodes are alive while they are in the queue (timers I2) and accessed under its lock.
unsafe impl Send for Entries {}

/// The heap of one P.
pub(crate) struct TimerHeap {
    entries: Mutex<Entries>,
    /// The earliest deadline (timers I4). Written under the lock; read by Ms that look for due timers
    /// and by the one that goes to sleep.
    next: AtomicU64,
    /// Who has taken actions out and not run all of them yet. Raised under the lock.
    firing: AtomicUsize,
}

/// Heaps whose runtime is gone, to be used again.
static SPARE: Mutex<Vec<&'static TimerHeap>> = Mutex::new(Vec::new());

/// Actions taken out of a heap at a time.
const BATCH: usize = 32;

impl TimerHeap {
    /// A heap for a P of a new runtime; `in_order` where its time is virtual.
    pub(crate) fn acquire(in_order: bool) -> &'static TimerHeap {
        let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let heap = spare.unwrap_or_else(|| {
            Box::leak(Box::new(TimerHeap {
                entries: Mutex::new(Entries {
                    queue: Queue::new(),
                    in_order: None,
                    closed: false,
                }),
                next: AtomicU64::new(NEVER),
                firing: AtomicUsize::new(0),
            }))
        });
        let mut entries = heap.lock();
        // Nothing is in a heap that was closed.
        entries.in_order = in_order.then(InOrder::new);
        entries.closed = false;
        drop(entries);
        heap
    }

    /// The runtime is over: fires all that is left, and whatever is armed from now on.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        while self.fire(NEVER) {}
    }

    /// Keeps the heap for another runtime.
    pub(crate) fn release(&'static self) {
        self.close();
        SPARE
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes the earliest deadline; `true` = it became earlier.
    fn publish(&self, entries: &Entries) -> bool {
        let earliest = entries.earliest();
        // Relaxed: written under the lock only.
        let before = self.next.load(Ordering::Relaxed);
        // Ordering: Release pairs with the Acquire in `next`; who arms a timer and who goes to sleep
        // meet through the SeqCst fences in `netpoll`.
        self.next.store(earliest, Ordering::Release);
        earliest < before
    }

    /// The earliest deadline.
    #[inline]
    pub(crate) fn next(&self) -> Nanos {
        // Ordering: Acquire pairs with the Release in `publish`.
        self.next.load(Ordering::Acquire)
    }

    /// True when no timer is set, and none is about to fire.
    pub(crate) fn is_at_rest(&self) -> bool {
        // Ordering: in this order: who empties the heap raises `firing` before. Acquire pairs with the
        // Release in `fire`.
        self.next() == NEVER && self.firing.load(Ordering::Acquire) == 0
    }

    /// Fires what is due at `now`, in order of deadline; `true` = there was something.
    #[inline]
    pub(crate) fn run_due(&self, now: Nanos) -> bool {
        if self.next() > now {
            return false;
        }
        let mut fired = false;
        while self.fire(now) {
            fired = true;
        }
        fired
    }

    /// Fires one batch of what is due.
    fn fire(&self, now: Nanos) -> bool {
        let mut batch = [const { Action::None }; BATCH];
        let mut count = 0;
        let mut entries = self.lock();
        while count < BATCH {
            let Some(node) = entries.pop_due(now) else {
                break;
            };
            // SAFETY: timers I2: its owner has to take the lock to disarm it, and sees `OUT` only after
            // this block is done with it ...
            unsafe {
                batch[count] = std::mem::replace(&mut *(*node).action.get(), Action::None);
                // ... or sees `fired`, which is the last access. Ordering: Release pairs with the
                // Acquire in `is_fired`.
                (*node).fired.store(true, Ordering::Release);
            }
            count += 1;
        }
        if count > 0 {
            // Relaxed: published by `publish`.
            self.firing.fetch_add(1, Ordering::Relaxed);
            let _ = self.publish(&entries);
        }
        drop(entries);
        for action in &mut batch[..count] {
            std::mem::replace(action, Action::None).run();
        }
        if count > 0 {
            // Ordering: Release pairs with the Acquire in `is_at_rest`: what was woken is seen.
            self.firing.fetch_sub(1, Ordering::Release);
        }
        count > 0
    }
}
