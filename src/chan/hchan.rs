//! The channel itself: what happens under its lock.
//!
//! Called by `op` (waiting operations), by the handles (`sender`, `receiver`) and by
//! `select::engine`, which locks many channels at once.
//!
//! A send goes, in this order: to nobody (closed), to the first parked receiver, into the buffer, or
//! it parks. A receive takes, in this order: a value that was given back, the oldest buffered one
//! (a parked sender's value then enters the buffer), a parked sender's, nothing (closed), or it parks.
//!
//! A future may be dropped after a counterpart has served it; Go has no such thing. A receiver then
//! gives its value to the next parked receiver, or puts it among the values `returned`, which go out
//! before all others, in the order in which they first left the channel. So the channel may hold
//! more than `capacity` values for a while; nothing is sent into it then.
//!
//! # Invariants
//!
//! "Waiting" is a waiter that can be served: a busy select keeps its place but does not wait.
//!
//! 1. While the channel holds a value, or a sender waits, no receiver waits.
//! 2. While the channel has room, no sender waits. Room is counted with the values returned.
//! 3. Both sides wait at once only as arms of one select.
//! 4. Every value that was sent is received once, dropped with the channel, or given to the receiver
//!    of an error.
//! 5. Once closed, nobody waits, and nobody parks.
//! 6. `returned` is sorted by the number that each value got when it first left.
//! 7. `core` is touched only under `lock`. Nothing under it can panic, calls foreign code, or drops
//!    a value: what is to be woken or dropped is handed out.
//! 8. `mirror` is what `core` was when the lock was last given up. One load of it is a true picture of
//!    the channel at one moment, so a failing operation that may not wait needs no lock; and under the
//!    lock it tells all that `push` and `pop` need to know.
//! 9. The block is freed by whoever gives up the last of `refs`: all senders together hold one, all
//!    receivers together one, each weak sender one.
//!
//! Lock order: the locks of several channels are taken in the order of their addresses, by
//! `select::engine` only. Below them come the words of selects; they are no locks.

use std::collections::VecDeque;
use std::ptr::NonNull;
use std::task::Waker;

use super::buf::{Ring, drop_each};
use super::closed::Watchers;
use super::lock::Lock;
use super::op::Side;
use super::ready::{Ready, WakeList};
use super::sudog::{State, Sudog, WaitQueue, Who};
use crate::loom::cell::UnsafeCell;
use crate::loom::sync::atomic::{AtomicUsize, Ordering};

/// How an operation ended that was tried under the lock.
#[must_use]
pub enum Outcome {
    /// It happened. For a receive with the number of its value.
    Done(Ready, u64),
    /// The channel is closed (and, for a receive, drained).
    Closed,
    /// It must wait.
    Block,
}

/// A picture of the channel; see I8.
#[derive(Clone, Copy)]
pub struct Mirror(usize);

impl Mirror {
    /// Above the count, which is the low bits ([`Hchan::MAX_CAPACITY`]).
    const CLOSED: usize = 1 << (usize::BITS - 1);
    /// Somebody is in the queue of receivers, or of senders.
    pub(super) const RECVQ: usize = 1 << (usize::BITS - 2);
    pub(super) const SENDQ: usize = 1 << (usize::BITS - 3);
    /// Among the values are some that were given back.
    const RETURNED: usize = 1 << (usize::BITS - 4);
    const COUNT: usize = Self::RETURNED - 1;

    /// Whether the channel was closed.
    #[inline]
    pub(super) fn is_closed(self) -> bool {
        self.0 & Self::CLOSED != 0
    }

    /// How many values it held, those returned among them.
    #[inline]
    pub(super) fn count(self) -> usize {
        self.0 & Self::COUNT
    }

    /// Whether it was closed and drained.
    #[inline]
    pub(super) fn is_drained(self) -> bool {
        self.is_closed() && self.count() == 0
    }

    /// Whether a send could have ended at once. `false` is certain.
    #[inline]
    pub(super) fn may_send(self, capacity: usize) -> bool {
        self.0 & (Self::CLOSED | Self::RECVQ) != 0 || self.count() < capacity
    }

    /// Whether a receive could have ended at once. `false` is certain.
    #[inline]
    pub(super) fn may_recv(self) -> bool {
        self.0 & (Self::CLOSED | Self::SENDQ) != 0 || self.count() > 0
    }

    /// Whether a send is nothing but a push: there is room, the channel is open, and nobody is in the
    /// queue of receivers. (Either flag makes a number above any capacity.)
    #[inline]
    fn may_push(self, capacity: usize) -> bool {
        self.0 & !(Self::SENDQ | Self::RETURNED) < capacity
    }

    /// Whether a receive is nothing but a pop: there is a value, none was given back, and nobody is in
    /// the queue of senders. (As above; nothing at all wraps around.)
    #[inline]
    fn may_pop(self) -> bool {
        (self.0 & !(Self::CLOSED | Self::RECVQ)).wrapping_sub(1) < Self::COUNT
    }
}

/// What the lock guards.
pub struct Core<T> {
    ring: Ring<T>,
    returned: VecDeque<(u64, T)>,
    pub(super) recvq: WaitQueue<T>,
    pub(super) sendq: WaitQueue<T>,
    capacity: usize,
    next_seq: u64,
    closed: bool,
    pub(super) watchers: Watchers,
}

/// A channel's block on the heap.
pub struct Hchan<T> {
    pub(super) lock: Lock,
    /// Written under the lock by `publish`, read by anyone.
    mirror: AtomicUsize,
    core: UnsafeCell<Core<T>>,
    capacity: usize,
    /// Living `Sender`s. Written by their clone, drop and upgrade.
    pub(super) senders: AtomicUsize,
    /// Living `Receiver`s. Written by their clone and drop.
    pub(super) receivers: AtomicUsize,
    /// See I9.
    pub(super) refs: AtomicUsize,
}

// SAFETY: the values cross threads, hence `T: Send`; by I7 `core` is reached by one at a time.
unsafe impl<T: Send> Send for Hchan<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Hchan<T> {}

impl<T> Hchan<T> {
    /// More values than this are refused, even where they take no space.
    pub(super) const MAX_CAPACITY: usize = usize::MAX >> 8;

    /// A new channel, or `None` if so many values have no room in memory.
    pub(super) fn allocate(capacity: usize) -> Option<NonNull<Self>> {
        if capacity > Self::MAX_CAPACITY {
            return None;
        }
        let core = Core {
            ring: Ring::with_capacity(capacity).ok()?,
            returned: VecDeque::new(),
            recvq: WaitQueue::new(),
            sendq: WaitQueue::new(),
            capacity,
            next_seq: 0,
            closed: false,
            watchers: Watchers::default(),
        };
        let block = Box::new(Self {
            lock: Lock::new(),
            mirror: AtomicUsize::new(core.picture()),
            core: UnsafeCell::new(core),
            capacity,
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
            refs: AtomicUsize::new(2),
        });
        Some(NonNull::from(Box::leak(block)))
    }

    /// Gives up one of `refs`.
    ///
    /// # Safety
    ///
    /// The caller owned it and uses the channel no more.
    pub(super) unsafe fn release(this: NonNull<Self>) {
        // Ordering: Release gives all that this handle did to the one who frees, whose Acquire is
        // the same operation.
        // SAFETY: the caller owns a reference, so the block is alive.
        if unsafe { this.as_ref() }.refs.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: I9: that was the last; `allocate` made the block from a box.
            drop(unsafe { Box::from_raw(this.as_ptr()) });
        }
    }

    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// A true picture of the channel, as of its last change.
    #[inline]
    pub(super) fn mirror(&self) -> Mirror {
        // Ordering: Acquire pairs with the Release of `publish`: who sees the channel closed sees
        // what its closer did before.
        Mirror(self.mirror.load(Ordering::Acquire))
    }

    /// How many values can be received without a sender: what Go calls `len`.
    pub(super) fn len(&self) -> usize {
        self.mirror().count().min(self.capacity)
    }

    /// Sends what is in `slot`, if that is nothing but a push: there is room, and nobody waits.
    #[inline]
    pub(super) fn push(&self, slot: &mut Option<T>) -> bool {
        // Relaxed: a hint, which is looked at again under the lock.
        if !Mirror(self.mirror.load(Ordering::Relaxed)).may_push(self.capacity) {
            return false;
        }
        let _locked = self.lock.lock();
        // Relaxed: only written under the lock, which we hold.
        let mirror = Mirror(self.mirror.load(Ordering::Relaxed));
        let fits = mirror.may_push(self.capacity);
        if fits {
            if let Some(value) = slot.take() {
                // SAFETY: I7: it is locked. By the mirror (I8) fewer values than `capacity` are held.
                self.core
                    .with_mut(|core| unsafe { (*core).ring.push_unchecked(value) });
                // Ordering: Release pairs with the Acquire of `mirror`.
                self.mirror.store(mirror.0 + 1, Ordering::Release);
            }
        }
        fits
    }

    /// Receives, if that is nothing but a pop: there is a value, and no sender waits for its place.
    /// With the value comes its number.
    #[inline]
    pub(super) fn pop(&self) -> Option<(T, u64)> {
        // Relaxed: as in `push`.
        if !Mirror(self.mirror.load(Ordering::Relaxed)).may_pop() {
            return None;
        }
        let _locked = self.lock.lock();
        // Relaxed: only written under the lock, which we hold.
        let mirror = Mirror(self.mirror.load(Ordering::Relaxed));
        if !mirror.may_pop() {
            return None;
        }
        // Ordering: Release pairs with the Acquire of `mirror`.
        self.mirror.store(mirror.0 - 1, Ordering::Release);
        Some(self.core.with_mut(|core| {
            // SAFETY: I7: it is locked. By the mirror (I8) there is a value, and it is in the ring.
            unsafe {
                let seq = (*core).next_seq();
                ((*core).ring.pop_unchecked(), seq)
            }
        }))
    }

    /// Sends what is in `slot`, if that is nothing but giving it to a parked receiver: the channel is
    /// open and empty.
    #[inline]
    pub(super) fn hand_off(&self, slot: &mut Option<T>) -> Option<Ready> {
        self.meet(Mirror::RECVQ, |core| {
            // SAFETY: locked (I7); settled at once.
            let receiver = unsafe { core.recvq.choose() };
            let served = receiver.map(|receiver| {
                let seq = core.next_seq();
                receiver.give(slot.take().expect("a send has a value"), seq)
            });
            (served, core.recvq.is_empty())
        })
    }

    /// Receives into `slot`, which is empty, if that is nothing but taking it from a parked sender: the channel
    /// is open and unbuffered. With the peer comes the number of the value.
    #[inline]
    pub(super) fn take_over(&self, slot: &mut Option<T>) -> Option<(Ready, u64)> {
        self.meet(Mirror::SENDQ, |core| {
            // SAFETY: as in `hand_off`.
            let sender = unsafe { core.sendq.choose() };
            let served = sender.map(|sender| {
                let (value, ready) = sender.take();
                *slot = value;
                (ready, core.next_seq())
            });
            (served, core.sendq.is_empty())
        })
    }

    /// Under the lock, if there is nothing in the channel but waiters in this one queue: serves one of
    /// them, if that can be, and says whether the queue is empty then.
    #[inline]
    fn meet<R>(
        &self,
        queue: usize,
        serve: impl FnOnce(&mut Core<T>) -> (Option<R>, bool),
    ) -> Option<R> {
        // Relaxed: a hint, which is looked at again under the lock.
        if self.mirror.load(Ordering::Relaxed) != queue {
            return None;
        }
        let _locked = self.lock.lock();
        // Relaxed: only written under the lock, which we hold.
        if self.mirror.load(Ordering::Relaxed) != queue {
            return None;
        }
        // SAFETY: I7: it is locked.
        let (served, is_empty) = self.core.with_mut(|core| serve(unsafe { &mut *core }));
        if is_empty {
            // Ordering: Release pairs with the Acquire of `mirror`.
            self.mirror.store(0, Ordering::Release);
        }
        served
    }

    /// Parks `node`, if by the picture of this moment it must wait; else the waker comes back.
    ///
    /// # Safety
    ///
    /// The node is `FRESH` and pinned, and its drop unlinks it (op I2).
    #[inline]
    pub(super) unsafe fn park<S: Side>(
        &self,
        node: NonNull<Sudog<T>>,
        waker: Waker,
    ) -> Option<Waker> {
        let _locked = self.lock.lock();
        // Relaxed: only written under the lock, which we hold. By I8 it tells all.
        let mirror = self.mirror.load(Ordering::Relaxed);
        if S::may_run(Mirror(mirror), self.capacity) {
            return Some(waker);
        }
        // SAFETY: locked; the rest is the caller's promise.
        unsafe { self.park_locked::<S>(node, Who::Task(waker)) };
        None
    }

    /// Parks `node`.
    ///
    /// # Safety
    ///
    /// As for `park`; and the caller holds `self.lock`.
    #[inline]
    pub(super) unsafe fn park_locked<S: Side>(&self, node: NonNull<Sudog<T>>, who: Who) {
        // SAFETY: I7: it is locked; the rest is the caller's promise.
        self.core
            .with_mut(|core| unsafe { S::queue(&mut *core).push(node, who) });
        // Relaxed: only written under the lock, which the caller holds.
        let mirror = self.mirror.load(Ordering::Relaxed) | S::QUEUE;
        // Ordering: Release pairs with the Acquire of `mirror`.
        self.mirror.store(mirror, Ordering::Release);
    }

    /// Takes `node` out of its queue, if it is still in it; then it is fresh.
    ///
    /// # Safety
    ///
    /// The caller owns the node, which was parked here and has not been settled by its owner.
    #[inline]
    pub(super) unsafe fn unpark<S: Side>(&self, node: &Sudog<T>) {
        let _locked = self.lock.lock();
        // Decided by now: states leave `QUEUED` under this lock only.
        if node.state() != State::Queued {
            return;
        }
        let is_empty = self.core.with_mut(|core| {
            // SAFETY: I7: it is locked, and the node is queued there.
            unsafe {
                let queue = S::queue(&mut *core);
                queue.unlink(NonNull::from(node));
                queue.is_empty()
            }
        });
        node.set_state(State::Fresh);
        if is_empty {
            // Relaxed: only written under the lock, which we hold.
            let mirror = self.mirror.load(Ordering::Relaxed) & !S::QUEUE;
            // Ordering: Release pairs with the Acquire of `mirror`.
            self.mirror.store(mirror, Ordering::Release);
        }
    }

    /// Runs `f` on the channel under its lock.
    #[inline]
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Core<T>) -> R) -> R {
        let _locked = self.lock.lock();
        // SAFETY: it is locked.
        unsafe { self.with_locked(f) }
    }

    /// Runs `f` on the channel, which the caller has locked.
    ///
    /// # Safety
    ///
    /// The caller holds `self.lock`, and `f` does not come here again for the same channel.
    #[inline]
    pub(super) unsafe fn with_locked<R>(&self, f: impl FnOnce(&mut Core<T>) -> R) -> R {
        self.core.with_mut(|core| {
            // SAFETY: I7, by the caller's promise.
            let core = unsafe { &mut *core };
            let result = f(core);
            let picture = core.picture();
            // Relaxed: only written under the lock, which we hold.
            if self.mirror.load(Ordering::Relaxed) != picture {
                // Ordering: Release pairs with the Acquire of `mirror`.
                self.mirror.store(picture, Ordering::Release);
            }
            result
        })
    }

    /// Closes the channel; `false` if it was.
    ///
    /// Parked receivers are woken first, then parked senders. Linear in their number.
    pub(super) fn close(&self) -> bool {
        if self.with(|core| std::mem::replace(&mut core.closed, true)) {
            return false;
        }
        self.release_waiters();
        true
    }

    /// The last receiver is gone: closes the channel and drops what it holds.
    pub(super) fn abandon(&self) {
        let (ring, returned) = self.with(|core| {
            core.closed = true;
            (core.ring.drain(), std::mem::take(&mut core.returned))
        });
        // First those who wait: a value whose drop panics must not keep them.
        self.release_waiters();
        drop_each(returned.into_iter().map(|(_, value)| value).chain(ring));
    }

    /// Lets everybody go who waits on a channel that is closed, or for that.
    fn release_waiters(&self) {
        let mut wakes = WakeList::new();
        loop {
            let more = self.with(|core| {
                while !wakes.is_full() {
                    // SAFETY: locked; settled at once.
                    let chosen = unsafe {
                        match core.recvq.choose_closed() {
                            Some(receiver) => Some(receiver),
                            None => core.sendq.choose_closed(),
                        }
                    };
                    match chosen {
                        Some(waiter) => wakes.push(waiter.settle(State::Closed)),
                        None => return false,
                    }
                }
                true
            });
            wakes.fire();
            if !more {
                break;
            }
        }
        self.with(|core| std::mem::take(&mut core.watchers)).wake();
    }
}

impl<T> Core<T> {
    /// Values held, those returned among them.
    #[inline]
    fn count(&self) -> usize {
        self.ring.len() + self.returned.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    #[inline]
    fn picture(&self) -> usize {
        self.count()
            | if self.closed { Mirror::CLOSED } else { 0 }
            | if self.recvq.is_empty() {
                0
            } else {
                Mirror::RECVQ
            }
            | if self.sendq.is_empty() {
                0
            } else {
                Mirror::SENDQ
            }
            | if self.returned.is_empty() {
                0
            } else {
                Mirror::RETURNED
            }
    }

    #[inline]
    fn next_seq(&mut self) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }

    /// Tries to send what is in `slot`; it is taken only if the send happens.
    pub(super) fn send(&mut self, slot: &mut Option<T>) -> Outcome {
        if self.closed {
            return Outcome::Closed;
        }
        // SAFETY: `self` is only reached under the lock (I7); settled at once.
        if let Some(receiver) = unsafe { self.recvq.choose() } {
            debug_assert_eq!(self.count(), 0, "a receiver waited beside a value");
            let seq = self.next_seq();
            let value = slot.take().expect("a send has a value");
            return Outcome::Done(receiver.give(value, seq), 0);
        }
        if self.count() < self.capacity {
            self.ring.push(slot.take().expect("a send has a value"));
            return Outcome::Done(Ready::NOBODY, 0);
        }
        Outcome::Block
    }

    /// Tries to receive into `slot`, which is empty.
    pub(super) fn recv(&mut self, slot: &mut Option<T>) -> Outcome {
        debug_assert!(slot.is_none());
        if let Some((seq, value)) = self.returned.pop_front() {
            *slot = Some(value);
            return Outcome::Done(self.refill(), seq);
        }
        *slot = self.ring.pop();
        if slot.is_some() {
            let seq = self.next_seq();
            return Outcome::Done(self.refill(), seq);
        }
        if self.closed {
            return Outcome::Closed;
        }
        // Only an unbuffered channel comes here with a sender (I2).
        // SAFETY: as in `send`.
        if let Some(sender) = unsafe { self.sendq.choose() } {
            let (value, ready) = sender.take();
            *slot = value;
            return Outcome::Done(ready, self.next_seq());
        }
        Outcome::Block
    }

    /// A value has gone: the first parked sender's may come in (I2).
    #[inline]
    fn refill(&mut self) -> Ready {
        // A sender that `close` has not yet let go must not send into a closed channel.
        if !self.closed && self.count() < self.capacity {
            // SAFETY: as in `send`.
            if let Some(sender) = unsafe { self.sendq.choose() } {
                let (value, ready) = sender.take();
                self.ring.push(value.expect("a parked sender has a value"));
                return ready;
            }
        }
        Ready::NOBODY
    }

    /// Takes back a value from a receiver that was served and then dropped.
    pub(super) fn give_back(&mut self, value: T, seq: u64) -> Ready {
        // SAFETY: as in `send`.
        if let Some(receiver) = unsafe { self.recvq.choose() } {
            return receiver.give(value, seq);
        }
        let at = self.returned.partition_point(|(other, _)| *other < seq);
        self.returned.insert(at, (seq, value));
        Ready::NOBODY
    }
}
