//! `Alarm`: a deadline and the timer node that waits for it; the core of every future here.
//!
//! # Invariants
//!
//! - **alarm I1**: the node is in a heap only while `armed`, and is disarmed before the alarm goes away
//!   or is set anew. The alarm is pinned from its first poll on.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::runtime::p::{Action, NEVER, Nanos, TimerNode, nanos};
use crate::runtime::wake::keep;
use crate::runtime::{arm_timer, clock};

pub(super) struct Alarm {
    node: TimerNode,
    when: Nanos,
    armed: bool,
    /// A look at the clock has just said so.
    not_due: bool,
}

/// The deadline `d` from now; `None` = never.
pub(super) fn deadline(d: Duration) -> Option<Instant> {
    clock::instant().checked_add(d)
}

/// A deadline on the process's clock; none is `NEVER`.
pub(super) fn when(deadline: Option<Instant>) -> Nanos {
    deadline.map_or(NEVER, nanos)
}

impl Alarm {
    pub(super) fn new(deadline: Option<Instant>) -> Alarm {
        Alarm {
            node: TimerNode::new(),
            when: when(deadline),
            armed: false,
            not_due: false,
        }
    }

    /// Another deadline.
    pub(super) fn set(self: Pin<&mut Self>, deadline: Option<Instant>) {
        // SAFETY: nothing is moved: the node stays where it is.
        let this = unsafe { self.get_unchecked_mut() };
        this.disarm();
        this.when = when(deadline);
        this.not_due = false;
    }

    /// Whether the deadline has come. A poll that follows at once takes that for an answer: reading the clock
    /// costs as much as arming.
    pub(super) fn look(self: Pin<&mut Self>) -> bool {
        // SAFETY: nothing is moved.
        let this = unsafe { self.get_unchecked_mut() };
        let is_due = this.when != NEVER && clock::now() >= this.when;
        this.not_due = !is_due;
        is_due
    }

    fn disarm(&mut self) {
        if self.armed {
            self.armed = false;
            if let Some(action) = self.node.disarm() {
                // A waker's drop is foreign code; the heap's lock is released.
                drop(action);
            }
        }
    }

    /// Ready once the deadline has come.
    pub(super) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: nothing is moved.
        let this = unsafe { self.get_unchecked_mut() };
        if this.when == NEVER {
            return Poll::Pending;
        }
        loop {
            if this.armed {
                if !this.node.is_fired() && !this.node.register(cx.waker()) {
                    return Poll::Pending;
                }
                this.armed = false;
            }
            // Also after it fired: the runtime whose heap it was in may have shut down early.
            if !std::mem::take(&mut this.not_due) && clock::now() >= this.when {
                return Poll::Ready(());
            }
            this.armed = true;
            // SAFETY: the alarm is pinned, and so is its node; it is in no heap; `disarm` is called
            // before it goes away (alarm I1).
            unsafe {
                let node = Pin::new_unchecked(&this.node);
                arm_timer(node, this.when, Action::Wake(keep(cx.waker())));
            }
            if !this.node.is_fired() {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.disarm();
    }
}
