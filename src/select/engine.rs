//! The passes of a select.
//!
//! Driven by the expansion of `select!`, by `dynamic` and by `any`.
//!
//! - **Pass 1, look.** All arms in one order; a channel that may be ready is tried under its own lock,
//!   a future is polled. The first that is ready ends the select. Nothing is in a queue yet. A context is only
//!   looked at; it is polled at the end of the pass, where the select is to wait.
//! - **Pass 2, enqueue.** All channels are locked; all are tried again in the same order, and each that is
//!   not ready takes its place in the queue, unless there is a `default`. If none was ready, that was true at
//!   one moment: `default` is chosen now, or the word is armed, and the select sleeps.
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
use std::task::{Context, Poll, Waker};

use super::case::{Case, Kind, Look};
use super::lock_set::LockSet;
use super::order;
use super::word::Word;
use crate::chan::ready::Ready;
use crate::runtime::coop;
use crate::runtime::wait::{self, WaitReason};
use crate::runtime::wake::{Identity, keep};

/// The arms of a select, in whatever shape they come.
pub(super) trait Cases {
    fn len(&self) -> usize;
    fn at(&mut self, index: usize) -> Pin<&mut dyn Case>;
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Parked,
    Over,
}

/// What sorts of arms there are: a set of the constants.
#[derive(Clone, Copy, Debug, Default)]
struct Census(u8);

impl Census {
    const CHANS: u8 = 1;
    const LEVELS: u8 = 2;
    const FUTURES: u8 = 4;
    const NILS: u8 = 8;
    /// Among the levels is one that has not been polled.
    const UNPOLLED: u8 = 16;

    #[inline]
    fn count(&mut self, look: Look) {
        self.0 |= match look {
            Look::Ended | Look::Not(Kind::Off) => 0,
            Look::Not(Kind::Nil) => Self::NILS,
            Look::Not(Kind::Chan) => Self::CHANS,
            Look::Not(Kind::Level) => Self::LEVELS,
            Look::Unpolled => Self::LEVELS | Self::UNPOLLED,
            Look::Not(Kind::Future) => Self::FUTURES,
        };
    }

    #[inline]
    fn has(self, sort: u8) -> bool {
        self.0 & sort != 0
    }
}

/// What a select goes on with after pass 1 without success, or, with nothing, when it is polled again.
#[derive(Debug)]
pub struct Rest(Option<Census>);

/// What follows when all channels were locked and none was ready.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    /// The arms are in their queues.
    Sleep,
    /// The arms take their places.
    Enqueue,
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
    pub fn try_poll(self: Pin<&mut Self>, cases: &mut [Pin<&mut dyn Case>]) -> Option<usize> {
        self.try_cases(cases)
    }

    /// The first half of [`poll`](Self::poll): pass 1 if it is the first, where `look` is the first look at the arm
    /// of that number. The second is [`go_on`](Self::go_on).
    ///
    /// For a few arms it is inlined with the looks, which know their arms' types. With many a jump to one of
    /// them would be guessed wrongly more often than a call through a table, where most arms have the same.
    #[inline]
    pub fn enter(
        self: Pin<&mut Self>,
        len: usize,
        cx: &mut Context<'_>,
        mut look: impl FnMut(usize, &mut Context<'_>) -> Look,
    ) -> Result<Poll<usize>, Rest> {
        if coop::poll_proceed(cx).is_pending() {
            return Ok(Poll::Pending);
        }
        let this = self.into_ref().get_ref();
        match this.phase.get() {
            Phase::New => this
                .look_first(len, |index| look(index, cx))
                .map(Poll::Ready),
            Phase::Parked => Err(Rest(None)),
            Phase::Over => panic!("a select was polled after it had completed"),
        }
    }

    /// What follows [`enter`](Self::enter).
    pub fn go_on(
        self: Pin<&mut Self>,
        cases: &mut [Pin<&mut dyn Case>],
        rest: Rest,
        cx: &mut Context<'_>,
    ) -> Poll<usize> {
        self.into_ref().get_ref().go_on_cases(cases, rest, cx)
    }

    /// The first half of [`try_poll`](Self::try_poll). The second is [`try_go_on`](Self::try_go_on).
    #[inline]
    pub fn try_enter(
        self: Pin<&mut Self>,
        len: usize,
        mut look: impl FnMut(usize, &mut Context<'_>) -> Look,
    ) -> Result<usize, Rest> {
        let this = self.into_ref().get_ref();
        assert!(
            this.phase.get() == Phase::New,
            "a select with a default looks only once"
        );
        let mut cx = Context::from_waker(Waker::noop());
        this.look_first(len, |index| look(index, &mut cx))
    }

    /// What follows [`try_enter`](Self::try_enter).
    pub fn try_go_on(self: Pin<&mut Self>, cases: &mut [Pin<&mut dyn Case>]) -> Option<usize> {
        self.into_ref().get_ref().try_locked(cases)
    }

    #[inline]
    pub(super) fn poll_cases<C: Cases + ?Sized>(
        mut self: Pin<&mut Self>,
        cases: &mut C,
        cx: &mut Context<'_>,
    ) -> Poll<usize> {
        let len = cases.len();
        let entered = self
            .as_mut()
            .enter(len, cx, |index, cx| cases.at(index).enter(cx));
        match entered {
            Ok(poll) => poll,
            Err(rest) => self.into_ref().get_ref().go_on_cases(cases, rest, cx),
        }
    }

    #[inline]
    pub(super) fn try_cases<C: Cases + ?Sized>(
        mut self: Pin<&mut Self>,
        cases: &mut C,
    ) -> Option<usize> {
        let len = cases.len();
        let entered = self
            .as_mut()
            .try_enter(len, |index, cx| cases.at(index).enter(cx));
        match entered {
            Ok(index) => Some(index),
            Err(_) => self.into_ref().get_ref().try_locked(cases),
        }
    }

    /// Pass 1.
    #[inline]
    fn look_first(&self, len: usize, mut look: impl FnMut(usize) -> Look) -> Result<usize, Rest> {
        let mut census = Census::default();
        let ended = order::find(len, self.biased, |index| {
            let look = look(index);
            census.count(look);
            look == Look::Ended
        });
        match ended {
            Some(index) => {
                self.phase.set(Phase::Over);
                Ok(index)
            }
            None => Err(Rest(Some(census))),
        }
    }

    /// After pass 1, or polled again.
    #[inline(never)]
    fn go_on_cases<C: Cases + ?Sized>(
        &self,
        cases: &mut C,
        rest: Rest,
        cx: &mut Context<'_>,
    ) -> Poll<usize> {
        let chosen = match rest.0 {
            Some(census) => self.enqueue(cases, census, cx),
            None => self.resume(cases, cx),
        };
        match chosen {
            Some(index) => Poll::Ready(index),
            None => {
                self.note(cases);
                Poll::Pending
            }
        }
    }

    /// Pass 2 of a select with a `default`.
    #[inline(never)]
    fn try_locked<C: Cases + ?Sized>(&self, cases: &mut C) -> Option<usize> {
        self.phase.set(Phase::Over);
        let mut locks = LockSet::of(cases);
        // One channel was one moment already.
        if locks.len() <= 1 {
            return None;
        }
        self.look_locked(cases, &mut locks, Then::Nothing)
    }

    /// Says what the goroutine waits for. A select of one operation is that operation, as in Go.
    #[inline]
    fn note<C: Cases + ?Sized>(&self, cases: &mut C) {
        let alone = match cases.len() {
            1 => cases.at(0).alone(),
            _ => None,
        };
        let none = self.census.get().0 == 0;
        let reason = if none {
            WaitReason::SelectNoCases
        } else {
            alone.unwrap_or(WaitReason::Select)
        };
        wait::note(reason, self.site);
    }

    /// Pass 2, and what comes before a wait.
    fn enqueue<C: Cases + ?Sized>(
        &self,
        cases: &mut C,
        census: Census,
        cx: &mut Context<'_>,
    ) -> Option<usize> {
        self.census.set(census);
        if census.has(Census::UNPOLLED) {
            let ended = order::find(cases.len(), self.biased, |index| cases.at(index).settle(cx));
            if ended.is_some() {
                self.phase.set(Phase::Over);
                return ended;
            }
        }
        self.phase.set(Phase::Parked);
        if !census.has(Census::CHANS) {
            return None;
        }
        self.set_waker(cx);
        let mut locks = LockSet::of(cases);
        let index = self.look_locked(cases, &mut locks, Then::Enqueue)?;
        Some(self.conclude(cases, index))
    }

    /// Tries or polls one arm. The word is claimed (I1).
    #[inline]
    fn try_one(mut case: Pin<&mut dyn Case>, cx: &mut Context<'_>) -> bool {
        match case.as_mut().kind() {
            Kind::Off | Kind::Nil => false,
            Kind::Chan => case.attempt(),
            Kind::Level | Kind::Future => case.poll(cx),
        }
    }

    /// Polls it, if it may be polled without leaving the queues' service.
    fn is_level_ready(mut case: Pin<&mut dyn Case>, cx: &mut Context<'_>) -> bool {
        case.as_mut().kind() == Kind::Level && case.poll(cx)
    }

    /// Looks at all channels at one moment. If none is ready, `then` is done.
    fn look_locked<C: Cases + ?Sized>(
        &self,
        cases: &mut C,
        locks: &mut LockSet,
        then: Then,
    ) -> Option<usize> {
        let mut peer = Ready::NOBODY;
        // SAFETY: the cases outlive this call, so their locks do (case I1).
        let locked = unsafe { locks.lock() };
        let chosen = order::find(cases.len(), self.biased, |index| {
            // In this order: of the arms on one channel, the first in its queue is served.
            let place = (then == Then::Enqueue).then(|| (NonNull::from(&self.word), index as u32));
            // SAFETY: its lock is held, and the word is claimed; the selector is pinned, and its word checks
            // that all have left before it goes (I4).
            unsafe { cases.at(index).attempt_locked(&mut peer, place) }
        });
        if chosen.is_none() && then != Then::Nothing {
            self.word.arm();
        }
        drop(locked);
        peer.fire();
        chosen
    }

    /// Polled again while parked.
    fn resume<C: Cases + ?Sized>(&self, cases: &mut C, cx: &mut Context<'_>) -> Option<usize> {
        if let Some(index) = self.word.chosen() {
            let first = self.preferred(cases, index, cx).unwrap_or(index);
            return Some(self.conclude(cases, first));
        }
        let census = self.census.get();
        // Certain, for the kept waker was in the word just now, when `cx` was there.
        let same_waker = self.wakes.get().is_of(cx.waker());
        if cases.len() == 0 {
            return None;
        }
        if !census.has(Census::FUTURES) && (same_waker || !census.has(Census::CHANS)) {
            return self.poll_levels(cases, cx);
        }
        if let Err(index) = self.word.claim() {
            return Some(self.conclude(cases, index));
        }
        let ended = order::find(cases.len(), self.biased, |index| {
            Self::try_one(cases.at(index), cx)
        });
        if let Some(index) = ended {
            return Some(self.conclude(cases, index));
        }
        if !census.has(Census::CHANS) {
            return None;
        }
        if !same_waker {
            self.set_waker(cx);
        }
        let mut locks = LockSet::of(cases);
        let index = self.look_locked(cases, &mut locks, Then::Sleep)?;
        Some(self.conclude(cases, index))
    }

    /// Of a biased select that a counterpart has served in one arm: an arm before it that is ready, too. A value that was
    /// received goes back, as from a receive that is dropped; one that was sent cannot.
    fn preferred<C: Cases + ?Sized>(
        &self,
        cases: &mut C,
        served: usize,
        cx: &mut Context<'_>,
    ) -> Option<usize> {
        if !(self.biased && self.census.get().has(Census::LEVELS) && cases.at(served).can_return())
        {
            return None;
        }
        (0..served).find(|&index| Self::is_level_ready(cases.at(index), cx))
    }

    /// Polls what can be polled without leaving the queues' service.
    fn poll_levels<C: Cases + ?Sized>(&self, cases: &mut C, cx: &mut Context<'_>) -> Option<usize> {
        if !self.census.get().has(Census::LEVELS) {
            return None;
        }
        let ready = order::find(cases.len(), self.biased, |index| {
            Self::is_level_ready(cases.at(index), cx)
        })?;
        // Ready, but a counterpart may have been faster.
        let index = self.word.claim().err().unwrap_or(ready);
        Some(self.conclude(cases, index))
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
