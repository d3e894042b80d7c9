//! One send or receive from its first try to its end: alone, or as an arm of a select.
//!
//! `send` and `recv` wrap it into futures; `select::chan_arm` drives it under many locks.
//!
//! # Invariants
//!
//! 1. `chan` points to a channel that a handle keeps alive for as long as the operation lives: whoever
//!    makes an [`Op`] promises so.
//! 2. An operation parks only while it is pinned, and its drop takes it out of the queue.
//! 3. The first action of dropping is `dequeue`; a value already received is then given back.
//!
//! Cancel safety follows from I2 and I3: at each moment the node is either in the queue, and the
//! value with it, or the counterpart has finished.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

use super::hchan::{Core, Hchan, Mirror, Outcome};
use super::lock::Lock;
use super::ready::Ready;
use super::sudog::{State, Sudog, WaitQueue, Who};
use crate::runtime::wait;
use crate::runtime::wake::keep;
use crate::select::word::Word;

/// Which way a value goes.
pub trait Side: side::Side {}

/// Into the channel.
#[derive(Debug)]
pub struct Sending;

/// Out of the channel.
#[derive(Debug)]
pub struct Receiving;

impl Side for Sending {}
impl Side for Receiving {}

mod side {
    use super::*;

    pub trait Side {
        /// Does it where that is nothing but a push or a pop; what is received comes back, with its
        /// number.
        ///
        /// # Safety
        ///
        /// The slot is the caller's (sudog's table).
        unsafe fn quick<T>(chan: &Hchan<T>, node: &Sudog<T>) -> Option<(Option<T>, u64)>;
        /// Does it where that is nothing but serving a waiter on the other side; with the number of what is
        /// received.
        ///
        /// # Safety
        ///
        /// As for `quick`; the node is not parked.
        unsafe fn meet<T>(chan: &Hchan<T>, node: &Sudog<T>) -> Option<(Ready, u64)>;
        /// Tries to do it; under the lock.
        fn run<T>(core: &mut Core<T>, slot: &mut Option<T>) -> Outcome;
        /// Where it parks.
        fn queue<T>(core: &mut Core<T>) -> &mut WaitQueue<T>;
        /// What the mirror says of that queue.
        const QUEUE: usize;
        /// Whether it could end at once; `false` is certain.
        fn may_run(mirror: Mirror, capacity: usize) -> bool;
        /// Whether it would find the channel closed.
        fn is_closed(mirror: Mirror) -> bool;
        /// Whether a value in the slot of a served node has to be given back.
        const RECEIVES: bool;
    }

    impl Side for Sending {
        #[inline]
        unsafe fn quick<T>(chan: &Hchan<T>, node: &Sudog<T>) -> Option<(Option<T>, u64)> {
            // SAFETY: passed on.
            unsafe { node.slot(|slot| chan.push(slot)) }.then_some((None, 0))
        }
        #[inline]
        unsafe fn meet<T>(chan: &Hchan<T>, node: &Sudog<T>) -> Option<(Ready, u64)> {
            // SAFETY: passed on.
            unsafe { node.slot(|slot| chan.hand_off(slot)) }.map(|ready| (ready, 0))
        }
        #[inline]
        fn run<T>(core: &mut Core<T>, slot: &mut Option<T>) -> Outcome {
            core.send(slot)
        }
        #[inline]
        fn queue<T>(core: &mut Core<T>) -> &mut WaitQueue<T> {
            &mut core.sendq
        }
        #[inline]
        fn may_run(mirror: Mirror, capacity: usize) -> bool {
            mirror.may_send(capacity)
        }
        #[inline]
        fn is_closed(mirror: Mirror) -> bool {
            mirror.is_closed()
        }
        const QUEUE: usize = Mirror::SENDQ;
        const RECEIVES: bool = false;
    }

    impl Side for Receiving {
        #[inline]
        unsafe fn quick<T>(chan: &Hchan<T>, _node: &Sudog<T>) -> Option<(Option<T>, u64)> {
            chan.pop().map(|(value, seq)| (Some(value), seq))
        }
        #[inline]
        unsafe fn meet<T>(chan: &Hchan<T>, node: &Sudog<T>) -> Option<(Ready, u64)> {
            // SAFETY: passed on.
            unsafe { node.slot(|slot| chan.take_over(slot)) }
        }
        #[inline]
        fn run<T>(core: &mut Core<T>, slot: &mut Option<T>) -> Outcome {
            core.recv(slot)
        }
        #[inline]
        fn queue<T>(core: &mut Core<T>) -> &mut WaitQueue<T> {
            &mut core.recvq
        }
        #[inline]
        fn may_run(mirror: Mirror, _capacity: usize) -> bool {
            mirror.may_recv()
        }
        #[inline]
        fn is_closed(mirror: Mirror) -> bool {
            mirror.is_drained()
        }
        const QUEUE: usize = Mirror::RECVQ;
        const RECEIVES: bool = true;
    }
}

/// A send or a receive.
pub struct Op<T, S: Side> {
    chan: Option<NonNull<Hchan<T>>>,
    node: Sudog<T>,
    _side: PhantomData<S>,
}

// SAFETY: the node is `Send` and `Sync` for `T: Send`, and so is the channel behind the pointer.
unsafe impl<T: Send, S: Side> Send for Op<T, S> {}
// SAFETY: as above; nothing but the owner's pinned borrow starts anything.
unsafe impl<T: Send, S: Side> Sync for Op<T, S> {}

impl<T, S: Side> Op<T, S> {
    /// An operation on `chan`, or one that is never ready where that is `None`.
    ///
    /// # Safety
    ///
    /// The channel stays alive as long as the operation (I1).
    #[inline]
    pub(super) unsafe fn new(chan: Option<NonNull<Hchan<T>>>, value: Option<T>) -> Self {
        Self {
            chan,
            node: Sudog::new(value),
            _side: PhantomData,
        }
    }

    /// The same operation in a new place. One that can be moved has not begun, so nothing of its node is
    /// in use: making a new one writes a few words where a move would copy them all.
    #[inline]
    pub(super) fn renew(self) -> Self {
        let this = ManuallyDrop::new(self);
        debug_assert!(this.node.state() == State::Fresh);
        Self {
            chan: this.chan,
            // SAFETY: fresh, so the slot is the owner's; the old node is forgotten.
            node: Sudog::new(unsafe { this.node.slot(Option::take) }),
            _side: PhantomData,
        }
    }

    #[inline]
    fn hchan(&self) -> Option<&Hchan<T>> {
        // SAFETY: I1.
        self.chan.map(|chan| unsafe { chan.as_ref() })
    }

    /// Whether it can ever be ready.
    #[inline]
    pub(crate) fn is_nil(&self) -> bool {
        self.chan.is_none()
    }

    /// The lock of its channel.
    pub(crate) fn lock(&self) -> Option<NonNull<Lock>> {
        self.hchan().map(|chan| NonNull::from(&chan.lock))
    }

    /// Whether it has ended, and its result has not been taken.
    pub(crate) fn ended(&self) -> bool {
        matches!(self.node.state(), State::Served | State::Closed)
    }

    /// Whether a counterpart has ended it in a way that its drop undoes: a value received goes back (I3), and to have found
    /// the channel closed leaves nothing behind.
    pub(crate) fn can_return(&self) -> bool {
        match self.node.state() {
            State::Served => S::RECEIVES,
            state => state == State::Closed,
        }
    }

    /// Takes what is left in the slot, once the operation has ended or has not begun.
    ///
    /// # Panics
    ///
    /// If it is parked.
    pub(super) fn take_slot(self: Pin<&mut Self>) -> Option<T> {
        assert!(
            self.node.state() != State::Queued,
            "the operation is still waiting"
        );
        // SAFETY: sudog's table: in every other state the slot is the owner's, and `self` is borrowed
        // exclusively.
        unsafe { self.node.slot(Option::take) }
    }

    /// Ends an operation whose result is handed out now: what is left in the slot.
    ///
    /// # Panics
    ///
    /// If it has not ended.
    pub(super) fn conclude(self: Pin<&mut Self>) -> Option<T> {
        assert!(self.ended(), "the arm of a select was not the one chosen");
        self.end()
    }

    /// Nothing more can happen; what is left in the slot.
    #[inline]
    fn end(self: Pin<&mut Self>) -> Option<T> {
        debug_assert!(self.node.state() != State::Queued);
        self.node.set_state(State::Over);
        // SAFETY: sudog's table: the slot is the owner's, and `self` is borrowed exclusively.
        unsafe { self.node.slot(Option::take) }
    }

    /// The common cases of `poll`, small enough to be part of its caller: a counterpart has served it, or
    /// it is a push or a pop with which nobody else has to do.
    #[inline]
    pub(super) fn quick(self: Pin<&mut Self>) -> Option<Option<T>> {
        let left = match self.node.state() {
            State::Served => return Some(self.end()),
            // SAFETY: fresh, so the slot is the owner's.
            State::Fresh => unsafe { S::quick(self.hchan()?, &self.node) }?.0,
            _ => return None,
        };
        self.node.set_state(State::Over);
        Some(left)
    }

    /// Tries, then parks. Ready when the operation has ended, with what is left in the slot: what was
    /// received, or what could not be sent.
    ///
    /// # Panics
    ///
    /// If it was ready already.
    pub(super) fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(match self.node.state() {
            State::Fresh => self.as_mut().start(cx),
            State::Served | State::Closed => Poll::Ready(()),
            State::Queued => self.as_mut().repark(cx),
            State::Left => unreachable!("only an arm of a select loses its place"),
            State::Over => panic!("a channel operation was polled after it had completed"),
        });
        Poll::Ready(self.end())
    }

    fn start(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.as_ref().get_ref();
        let Some(chan) = this.hchan() else {
            return Poll::Pending;
        };
        let mirror = chan.mirror();
        if S::is_closed(mirror) {
            return Poll::Ready(());
        }
        if S::may_run(mirror, chan.capacity()) {
            // SAFETY: fresh, so the slot is the owner's.
            if let Some((ready, _)) = unsafe { S::meet(chan, &this.node) } {
                ready.fire();
                return Poll::Ready(());
            }
            return this.run_or_park(chan, None, cx);
        }
        // Cloning a waker is foreign code: it is done before the lock.
        let waker = keep(cx.waker());
        // SAFETY: fresh, pinned, and `drop` unlinks (I2).
        match unsafe { chan.park::<S>(NonNull::from(&this.node), waker) } {
            None => Poll::Pending,
            waker => this.run_or_park(chan, waker, cx),
        }
    }

    /// All that can be, one after the other.
    #[inline(never)]
    fn run_or_park(
        &self,
        chan: &Hchan<T>,
        mut waker: Option<Waker>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            let tried = chan.with(|core| {
                // SAFETY: locked, and the node is fresh.
                let outcome = unsafe { self.node.slot(|slot| S::run(core, slot)) };
                if matches!(outcome, Outcome::Block) {
                    if let Some(waker) = waker.take() {
                        let node = NonNull::from(&self.node);
                        // SAFETY: locked, fresh, pinned, and `drop` unlinks (I2).
                        unsafe { S::queue(core).push(node, Who::Task(waker)) };
                        return None;
                    }
                }
                Some(outcome)
            });
            match tried {
                None => return Poll::Pending,
                Some(Outcome::Block) => waker = Some(keep(cx.waker())),
                Some(Outcome::Done(ready, _)) => {
                    ready.fire();
                    return Poll::Ready(());
                }
                Some(Outcome::Closed) => return Poll::Ready(()),
            }
        }
    }

    /// Polled again while parked: the task may be another one now.
    #[cold]
    fn repark(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.as_ref().get_ref();
        let chan = this.hchan().expect("only a channel parks");
        let node = &this.node;
        let mut waker = None;
        loop {
            let (poll, old) = chan.with(|_| {
                if node.state() != State::Queued {
                    return (Some(Poll::Ready(())), None);
                }
                // SAFETY: locked and queued, and by itself: no arm of a select is polled alone.
                unsafe {
                    if node.wakes(cx.waker()) {
                        return (Some(Poll::Pending), None);
                    }
                    match waker.take() {
                        Some(waker) => (Some(Poll::Pending), node.set_waker(waker)),
                        None => (None, None),
                    }
                }
            });
            drop(old);
            match poll {
                Some(poll) => return poll,
                None => waker = Some(keep(cx.waker())),
            }
        }
    }

    /// For a select: tries under the channel's own lock. Does not park. Certain when `false`.
    pub(crate) fn attempt(self: Pin<&mut Self>) -> bool {
        let this = self.as_ref().get_ref();
        let Some(chan) = this.hchan() else {
            return false;
        };
        let is_fresh = this.node.state() == State::Fresh;
        if is_fresh {
            // SAFETY: fresh, so slot and `held` are the owner's.
            unsafe {
                if let Some((left, seq)) = S::quick(chan, &this.node) {
                    this.node.slot(|slot| *slot = left);
                    return this.ended_unparked(seq);
                }
            }
        }
        if !S::may_run(chan.mirror(), chan.capacity()) {
            return false;
        }
        if is_fresh {
            // SAFETY: as above.
            unsafe {
                if let Some((ready, seq)) = S::meet(chan, &this.node) {
                    this.ended_unparked(seq);
                    ready.fire();
                    return true;
                }
            }
        }
        let mut ready = Ready::NOBODY;
        // SAFETY: locked.
        let ended = chan.with(|core| unsafe { this.attempt_on(core, &mut ready) });
        ready.fire();
        ended
    }

    /// Served, without having been parked: true.
    ///
    /// # Safety
    ///
    /// The node is fresh.
    #[inline]
    unsafe fn ended_unparked(&self, seq: u64) -> bool {
        // SAFETY: fresh, so the node is the owner's.
        unsafe { self.node.ended_unparked(seq) };
        self.node.set_state(State::Served);
        true
    }

    /// As `attempt`, under a lock that the caller holds. If it must wait and there is a place for it, it parks:
    /// as the arm of this number of the select with this word.
    ///
    /// # Safety
    ///
    /// The caller holds the lock of `self.lock()`; the word outlives the place in the queue.
    pub(crate) unsafe fn attempt_locked(
        self: Pin<&mut Self>,
        ready: &mut Ready,
        place: Option<(NonNull<Word>, u32)>,
    ) -> bool {
        let this = self.as_ref().get_ref();
        let Some(chan) = this.hchan() else {
            return false;
        };
        // Under the lock the picture is that of this moment.
        if S::may_run(chan.mirror(), chan.capacity()) {
            // SAFETY: passed on.
            if unsafe { chan.with_locked(|core| this.attempt_on(core, ready)) } {
                return true;
            }
        }
        if let Some((word, index)) = place {
            assert!(
                this.node.state() == State::Fresh,
                "an arm of a select was parked twice"
            );
            // SAFETY: the caller's promise; the node is fresh and pinned, and `drop` unlinks (I2).
            unsafe {
                word.as_ref().enlist();
                chan.park_locked::<S>(NonNull::from(&this.node), Who::Select(word, index));
            }
        }
        false
    }

    /// # Safety
    ///
    /// The lock is held. If the node is queued, it is an arm of a select whose word is claimed: then
    /// no counterpart can touch the slot.
    unsafe fn attempt_on(&self, core: &mut Core<T>, ready: &mut Ready) -> bool {
        let state = self.node.state();
        assert!(
            matches!(state, State::Fresh | State::Queued | State::Left),
            "an arm of a select was tried after it had completed"
        );
        // SAFETY: the caller's promise.
        let (next, seq) = match unsafe { self.node.slot(|slot| S::run(core, slot)) } {
            Outcome::Block => return false,
            Outcome::Closed => (State::Closed, 0),
            Outcome::Done(peer, seq) => {
                *ready = peer;
                (State::Served, seq)
            }
        };
        // SAFETY: under the lock and not served by another, the node is ours; `QUEUED`, it is in that
        // queue.
        unsafe {
            match state {
                State::Fresh => self.node.ended_unparked(seq),
                _ => self.node.set_seq(seq),
            }
            if state == State::Queued {
                S::queue(core).unlink(NonNull::from(&self.node));
            }
        }
        self.node.set_state(next);
        true
    }

    /// Leaves the queue, if it is in one. If a counterpart has just served it, it has ended.
    #[inline]
    pub(crate) fn dequeue(self: Pin<&mut Self>) {
        let this = self.as_ref().get_ref();
        match this.node.state() {
            State::Fresh | State::Over => return,
            State::Queued => this.unqueue(),
            State::Served | State::Closed | State::Left => {}
        }
        // SAFETY: it is in no queue, so `held` is the owner's.
        let (waker, word) = unsafe { this.node.forget() };
        if let Some(word) = word {
            // SAFETY: the word lives until all that enlisted have left (word I4), as we do here.
            unsafe { word.as_ref().leave() };
        }
        drop(waker);
    }

    #[cold]
    fn unqueue(&self) {
        let chan = self.hchan().expect("only a channel parks");
        // SAFETY: the owner's own node, of this channel.
        unsafe { chan.unpark::<S>(&self.node) };
    }

    /// Gives back what was received and never handed out (I3).
    #[cold]
    fn give_back(&self) {
        // SAFETY: served: slot and number are the owner's.
        let (value, seq) = unsafe { (self.node.slot(Option::take), self.node.seq()) };
        if let (Some(chan), Some(value)) = (self.hchan(), value) {
            chan.with(|core| core.give_back(value, seq)).fire();
        }
    }
}

impl<T, S: Side> Drop for Op<T, S> {
    #[inline]
    fn drop(&mut self) {
        if !matches!(self.node.state(), State::Fresh | State::Over) {
            self.drop_slowly();
        }
    }
}

impl<T, S: Side> Op<T, S> {
    /// The end of one that is parked, or was and has not been concluded (I3).
    #[inline(never)]
    fn drop_slowly(&mut self) {
        if self.node.state() == State::Queued {
            wait::give_up();
        }
        // SAFETY: an operation that was pinned stays where it is until it is dropped, which is now;
        // one that was not is in no queue.
        unsafe { Pin::new_unchecked(&mut *self) }.dequeue();
        if S::RECEIVES && self.node.state() == State::Served {
            self.give_back();
        }
    }
}
