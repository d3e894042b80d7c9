//! The passes of a select.
//!
//! Driven by the expansion of `select!`, by `dynamic` and by `any`.
//!
//! - **Pass 1, look.** All arms in one order; a channel that may be ready is tried under its own lock,
//!   a future is polled. The first that is ready ends the select. Nothing is in a queue yet. A context is only
//!   looked at; it is polled at the end of the pass, where the select is to wait.
//! - **Pass 2, enqueue.** All channels are locked; all are tried again in the same order. If none is
//!   ready, that was true at one moment: `default` is chosen now, or each arm takes its place, the
//!   word is armed, and the select sleeps.
//! - **Pass 3, dequeue.** An arm has been chosen, by a counterpart or by ourselves: all others leave
//!   their queues, each under its own lock.
//!
//! A select that is polled while it sleeps looks for an arm chosen by a counterpart, then polls its
//! level arms. If it has foreign futures, or a new waker, it claims its word first: from then on no
//! counterpart serves it, so at most one arm happens. It looks at everything once more, and if nothing
//! is ready, pass 2 is repeated with the places kept.
//!
//! # Invariants
//!
//! 1. An arm is tried only while the word is claimed, so by the owner alone.
//! 2. The word is armed only while all channels are locked and none was ready (word I3).
//! 3. When `poll` is ready, no arm is in a queue.
//! 4. The selector is pinned, and outlives its arms' places in all queues: the word aborts the
//!    process otherwise (word I4).
//!
//! Lock order: `lock_set` I1. No lock is held while a future is polled or a waker is cloned, woken or
//! dropped.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

use super::case::{Case, Kind, Look};
use super::lock_set::LockSet;
use super::order::{self, Order};
use super::word::Word;
use crate::chan::ready::Ready;
use crate::runtime::coop;
use crate::runtime::wait::{self, WaitReason};
use crate::runtime::wake::{Identity, keep};

/// The arms of a select, in whatever shape they come.
pub(super) trait Cases {
    fn len(&self) -> usize;
    fn at(&mut self, index: usize) -> Pin<&mut dyn Case>;
    fn look(&self, index: usize) -> &dyn Case;
}

impl Cases for [Pin<&mut dyn Case>] {
    #[inline]
    fn len(&self) -> usize {
        <[_]>::len(self)
    }
    #[inline]
    fn at(&mut self, index: usize) -> Pin<&mut dyn Case> {
        self[index].as_mut()
    }
    #[inline]
    fn look(&self, index: usize) -> &dyn Case {
        &*self[index]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Parked,
    Over,
}

/// What sorts of arms there are.
#[derive(Clone, Copy, Debug, Default)]
struct Census {
    chans: u32,
    levels: u32,
    futures: u32,
    nils: u32,
}

impl Census {
    fn count(&mut self, look: Look) {
        match look {
            Look::Ended | Look::Not(Kind::Off) => {}
            Look::Not(Kind::Nil) => self.nils += 1,
            Look::Not(Kind::Chan) => self.chans += 1,
            Look::Not(Kind::Level) | Look::Unpolled => self.levels += 1,
            Look::Not(Kind::Future) => self.futures += 1,
        }
    }
}

/// One select, from its first look to its end.
#[derive(Debug)]
pub struct Selector {
    word: Word,
    phase: Cell<Phase>,
    census: Cell<Census>,
    /// Whom the waker in the word wakes: that itself may be taken at any time.
    wakes: Cell<Identity>,
    biased: bool,
    site: &'static Location<'static>,
    _pinned: PhantomPinned,
}

// SAFETY: the cells are reached through `Pin<&mut Self>` only; the word is `Sync`.
unsafe impl Sync for Selector {}

impl Selector {
    /// A select that has not looked yet.
    #[track_caller]
    #[inline]
    pub fn new(biased: bool) -> Self {
        Self::at(biased, Location::caller())
    }

    pub(super) fn at(biased: bool, site: &'static Location<'static>) -> Self {
        Self {
            word: Word::new(),
            phase: Cell::new(Phase::New),
            census: Cell::new(Census::default()),
            wakes: Cell::new(Identity::NOBODY),
            biased,
            site,
            _pinned: PhantomPinned,
        }
    }

    /// Waits until one of the arms has happened; which one it was.
    ///
    /// The arms are the same in every call.
    ///
    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    pub fn poll(
        self: Pin<&mut Self>,
        cases: &mut [Pin<&mut dyn Case>],
        cx: &mut Context<'_>,
    ) -> Poll<usize> {
        self.poll_cases(cases, cx)
    }

    /// Which arm has happened at once, if one could; for a select with a `default`.
    ///
    /// # Panics
    ///
    /// If the select was polled before.
    #[inline]
    pub fn try_poll(self: Pin<&mut Self>, cases: &mut [Pin<&mut dyn Case>]) -> Option<usize> {
        self.try_cases(cases)
    }

    pub(super) fn poll_cases<C: Cases + ?Sized>(
        self: Pin<&mut Self>,
        cases: &mut C,
        cx: &mut Context<'_>,
    ) -> Poll<usize> {
        ready!(coop::poll_proceed(cx));
        let this = self.into_ref().get_ref();
        let chosen = match this.phase.get() {
            Phase::New => this.enter(cases, cx, true),
            Phase::Parked => this.resume(cases, cx),
            Phase::Over => panic!("a select was polled after it had completed"),
        };
        match chosen {
            Some(index) => Poll::Ready(index),
            None => {
                this.note();
                Poll::Pending
            }
        }
    }

    pub(super) fn try_cases<C: Cases + ?Sized>(
        self: Pin<&mut Self>,
        cases: &mut C,
    ) -> Option<usize> {
        let this = self.into_ref().get_ref();
        assert!(
            this.phase.get() == Phase::New,
            "a select with a default looks only once"
        );
        let chosen = this.enter(cases, &mut Context::from_waker(Waker::noop()), false);
        this.phase.set(Phase::Over);
        chosen
    }

    /// Says what the goroutine waits for.
    fn note(&self) {
        let Census {
            chans,
            levels,
            futures,
            nils,
        } = self.census.get();
        let none = chans + levels + futures + nils == 0;
        wait::note(
            if none {
                WaitReason::SelectNoCases
            } else {
                WaitReason::Select
            },
            self.site,
        );
    }

    /// Passes 1 and 2.
    fn enter<C: Cases + ?Sized>(
        &self,
        cases: &mut C,
        cx: &mut Context<'_>,
        wait: bool,
    ) -> Option<usize> {
        let len = cases.len();
        if len == 0 {
            self.phase.set(Phase::Parked);
            return None;
        }
        let first = order::first(len, self.biased);
        let look = cases.at(first).enter(cx);
        if look == Look::Ended {
            self.phase.set(Phase::Over);
            return Some(first);
        }
        self.enter_others(cases, cx, wait, first, look)
    }

    /// Passes 1 and 2, after a look at the first arm.
    #[inline(never)]
    fn enter_others<C: Cases + ?Sized>(
        &self,
        cases: &mut C,
        cx: &mut Context<'_>,
        wait: bool,
        first: usize,
        look: Look,
    ) -> Option<usize> {
        let mut order = Order::starting_with(first, cases.len(), self.biased);
        let mut census = Census::default();
        census.count(look);
        let mut unpolled = look == Look::Unpolled;
        for at in 1..cases.len() {
            let index = order.at(at);
            let look = cases.at(index).enter(cx);
            if look == Look::Ended {
                self.phase.set(Phase::Over);
                return Some(index);
            }
            census.count(look);
            unpolled |= look == Look::Unpolled;
        }
        self.census.set(census);
        if unpolled && wait {
            for at in 0..cases.len() {
                let index = order.at(at);
                if cases.at(index).settle(cx) {
                    self.phase.set(Phase::Over);
                    return Some(index);
                }
            }
        }
        // One channel was one moment already.
        if census.chans == 0 || (census.chans == 1 && !wait) {
            self.phase.set(Phase::Parked);
            return None;
        }
        if wait {
            self.set_waker(cx);
        }
        let chosen = self.look_locked(cases, &mut order, wait, true);
        self.phase.set(if chosen.is_some() {
            Phase::Over
        } else {
            Phase::Parked
        });
        chosen
    }

    /// Tries or polls one arm. The word is claimed (I1).
    #[inline]
    fn try_one(case: Pin<&mut dyn Case>, cx: &mut Context<'_>) -> bool {
        match case.kind() {
            Kind::Off | Kind::Nil => false,
            Kind::Chan => case.attempt(),
            Kind::Level | Kind::Future => case.poll(cx),
        }
    }

    /// Looks at all channels at one moment; if none is ready, goes to sleep on them, where wished.
    fn look_locked<C: Cases + ?Sized>(
        &self,
        cases: &mut C,
        order: &mut Order,
        wait: bool,
        enqueue: bool,
    ) -> Option<usize> {
        let mut peer = Ready::NOBODY;
        let locks = (0..cases.len()).filter_map(|index| cases.look(index).lock());
        // SAFETY: the cases outlive this call, so their locks do (case I1).
        let locked = unsafe { LockSet::lock(locks) };
        let mut chosen = None;
        for at in 0..cases.len() {
            let index = order.at(at);
            // SAFETY: its lock is held, and the word is claimed.
            if unsafe { cases.at(index).attempt_locked(&mut peer) } {
                chosen = Some(index);
                break;
            }
        }
        if chosen.is_none() && wait {
            if enqueue {
                // In the same order: of the arms on one channel, the first in its queue is served.
                for at in 0..cases.len() {
                    let index = order.at(at);
                    // SAFETY: its lock is held; the selector is pinned, and its word checks that all
                    // have left before it goes (I4).
                    unsafe {
                        cases
                            .at(index)
                            .enqueue(NonNull::from(&self.word), index as u32)
                    };
                }
            }
            self.word.arm();
        }
        drop(locked);
        peer.fire();
        chosen
    }

    /// Polled again while parked.
    fn resume<C: Cases + ?Sized>(&self, cases: &mut C, cx: &mut Context<'_>) -> Option<usize> {
        if let Some(index) = self.word.chosen() {
            return Some(self.conclude(cases, index));
        }
        let census = self.census.get();
        // Certain, for the kept waker was in the word just now, when `cx` was there.
        let same_waker = self.wakes.get().is_of(cx.waker());
        if cases.len() == 0 {
            return None;
        }
        let first = order::first(cases.len(), self.biased);
        let mut order = Order::starting_with(first, cases.len(), self.biased);
        if census.futures == 0 && (same_waker || census.chans == 0) {
            return self.poll_levels(cases, &mut order, cx);
        }
        if let Err(index) = self.word.claim() {
            return Some(self.conclude(cases, index));
        }
        for at in 0..cases.len() {
            let index = order.at(at);
            if Self::try_one(cases.at(index), cx) {
                return Some(self.conclude(cases, index));
            }
        }
        if census.chans == 0 {
            return None;
        }
        if !same_waker {
            self.set_waker(cx);
        }
        let index = self.look_locked(cases, &mut order, true, false)?;
        Some(self.conclude(cases, index))
    }

    /// Polls what can be polled without leaving the queues' service.
    fn poll_levels<C: Cases + ?Sized>(
        &self,
        cases: &mut C,
        order: &mut Order,
        cx: &mut Context<'_>,
    ) -> Option<usize> {
        if self.census.get().levels == 0 {
            return None;
        }
        for at in 0..cases.len() {
            let index = order.at(at);
            if cases.look(index).kind() == Kind::Level && cases.at(index).poll(cx) {
                // Ready, but a counterpart may have been faster.
                let index = self.word.claim().err().unwrap_or(index);
                return Some(self.conclude(cases, index));
            }
        }
        None
    }

    /// Pass 3.
    fn conclude<C: Cases + ?Sized>(&self, cases: &mut C, index: usize) -> usize {
        for other in 0..cases.len() {
            cases.at(other).dequeue();
        }
        self.phase.set(Phase::Over);
        index
    }

    /// Sets whom counterparts wake. The word is claimed.
    fn set_waker(&self, cx: &Context<'_>) {
        let waker = keep(cx.waker());
        // One that cannot be known again is replaced in each poll.
        let identity = Identity::of(cx.waker(), &waker);
        self.wakes.set(identity.unwrap_or(Identity::NOBODY));
        // SAFETY: the owner calls, and the word is claimed.
        drop(unsafe { self.word.set_waker(waker) });
    }
}
