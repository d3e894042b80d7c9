//! What the engine knows of an arm, and how an operand becomes one.
//!
//! [`Case`] is implemented by `chan_arm`, `future_arm` and `peek_arm` and by nothing else; `engine` drives it. An
//! operand of `select!` finds its arm by its type: the operations of this crate through
//! [`SelectCase`], everything else that can be awaited through `IntoFuture`.
//!
//! # Invariants
//!
//! 1. While a case lives, the lock that it names lives.
//! 2. A case that was enqueued leaves the queue, and the select's word, in `dequeue` or in its drop.
//! 3. At most one case of a select ends, by `attempt`, `attempt_locked`, `poll`, or a counterpart; or a second one
//!    instead of one that a counterpart has served and that can return that.
//! 4. `Case` is sealed: the engine's unsafe code relies on what stands here.
//! 5. No method takes `&self`: a future that borrows from itself may be in it, which a shared reference to the whole
//!    would be an alias of.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::Context;

use super::future_arm::FutureArm;
use super::word::Word;
use crate::chan::lock::Lock;
use crate::chan::ready::Ready;
use crate::runtime::wait::WaitReason;

/// What sort of arm it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Switched off by its guard.
    Off,
    /// On a nil channel: never ready.
    Nil,
    /// On a channel: served under its lock.
    Chan,
    /// A future that loses nothing by losing: polled at any time.
    Level,
    /// Any other future: polled only while no channel can serve the select.
    Future,
}

/// What a first look at an arm found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It has ended.
    Ended,
    /// It is of this sort, and not ready.
    Not(Kind),
    /// A `Level` that is not ready, seen without a poll: `settle` it before waiting.
    Unpolled,
}

/// An arm, as the engine sees it.
pub trait Case: sealed::Sealed {
    /// What sort of arm it is. The same each time.
    fn kind(self: Pin<&mut Self>) -> Kind;

    /// The lock of a `Chan` (I1).
    fn lock(self: Pin<&mut Self>) -> Option<NonNull<Lock>> {
        None
    }

    /// What a goroutine waits for whose select has only this arm, and where; `None` = for a select.
    fn alone(self: Pin<&mut Self>) -> Option<WaitReason> {
        None
    }

    /// The first look: `kind`, then `attempt` or `poll`, or a look that takes less than a poll.
    fn enter(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Look;

    /// Polls an arm that `enter` has only looked at; `true` when it has ended.
    fn settle(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let _ = cx;
        false
    }

    /// `Chan`: does it if it is ready, under its own lock. `false` is certain for this channel.
    fn attempt(self: Pin<&mut Self>) -> bool {
        false
    }

    /// `Chan`: as `attempt`, under a lock already held. If it is not ready and there is a place for it, it
    /// goes into its queue: as the arm of this number of the select with this word.
    ///
    /// # Safety
    ///
    /// The caller holds `self.lock()`, and the word of the select is claimed. A word to enqueue with stays
    /// where it is until the case has left (I2).
    unsafe fn attempt_locked(
        self: Pin<&mut Self>,
        ready: &mut Ready,
        place: Option<(NonNull<Word>, u32)>,
    ) -> bool {
        let _ = (ready, place);
        false
    }

    /// `Chan`: whether what a counterpart has done can be undone.
    fn can_return(self: Pin<&mut Self>) -> bool {
        false
    }

    /// `Chan`: leaves the queue, or learns that it was served.
    fn dequeue(self: Pin<&mut Self>) {}

    /// `Level` and `Future`: polls; `true` when it has ended.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let _ = cx;
        false
    }
}

/// An arm with its result.
pub trait Arm: Case {
    /// What the arm yields.
    type Output;

    /// The result of the arm that was chosen.
    ///
    /// # Panics
    ///
    /// If this arm was not chosen, or was finished before.
    fn finish(self: Pin<&mut Self>) -> Self::Output;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// A future that loses nothing when it is polled and not chosen: what it tells stays true and can be
/// asked for again.
///
/// Such an arm is polled without taking the select off its channels.
pub trait Level: Future {}

/// What a [`Level`] is, with a look that costs less than a poll.
pub trait Peek: Future {
    /// Whether a poll would be ready. Once `true`, it stays so.
    fn is_ready(self: Pin<&mut Self>) -> bool;
}

/// An operation of this crate that is an arm of its own kind.
pub trait SelectCase: Sized {
    /// Its arm.
    type Arm: Arm;

    /// The arm; `None` is one that is switched off.
    fn into_arm(this: Option<Self>) -> Self::Arm;
}

impl<F: Level> SelectCase for F {
    type Arm = FutureArm<F, true>;

    fn into_arm(this: Option<Self>) -> Self::Arm {
        FutureArm::new(this)
    }
}

/// Finds the arm for an operand by its type: method lookup prefers [`ViaCase`], which needs one
/// reference less than [`ViaFuture`].
#[derive(Debug)]
pub struct Probe<'a, F>(pub &'a Option<F>);

/// For the operations of this crate.
pub trait ViaCase {
    /// Makes their arm.
    fn __gosched_tag(&self) -> CaseTag {
        CaseTag
    }
}

impl<F: SelectCase> ViaCase for Probe<'_, F> {}

/// For every other future.
pub trait ViaFuture {
    /// Makes its arm.
    fn __gosched_tag(&self) -> FutureTag {
        FutureTag
    }
}

impl<F: IntoFuture> ViaFuture for &Probe<'_, F> {}

/// Chosen by [`ViaCase`].
#[derive(Debug)]
pub struct CaseTag;

impl CaseTag {
    /// The operand's arm.
    #[inline]
    pub fn __gosched_arm<F: SelectCase>(self, operand: Option<F>) -> F::Arm {
        F::into_arm(operand)
    }
}

/// Chosen by [`ViaFuture`].
#[derive(Debug)]
pub struct FutureTag;

impl FutureTag {
    /// The operand's arm.
    #[inline]
    pub fn __gosched_arm<F: IntoFuture>(
        self,
        operand: Option<F>,
    ) -> FutureArm<F::IntoFuture, false> {
        FutureArm::new(operand.map(F::into_future))
    }
}
