//! What holds the timers of a runtime with virtual time: those of one instant fire in the order in which they
//! were armed.
//!
//! Used by `timers` under the heap's lock, in place of `timerq`, which is made for many timers and knows no
//! order among equals.
//!
//! # Invariants
//!
//! - **in_order I1**: the key of a node that is in here is its `when` and its `index`, a number that no other
//!   node had before. That of one that is not is `OUT`.

use std::collections::BTreeMap;

use super::timerq::OUT;
use super::timers::{NEVER, Nanos, TimerNode};

/// See the module.
pub(super) struct InOrder {
    nodes: BTreeMap<(Nanos, usize), *const TimerNode>,
    armed: usize,
}

impl InOrder {
    pub(super) const fn new() -> InOrder {
        InOrder {
            nodes: BTreeMap::new(),
            armed: 0,
        }
    }

    /// The earliest deadline.
    pub(super) fn earliest(&self) -> Nanos {
        let first = self.nodes.first_key_value();
        first.map_or(NEVER, |((when, _), _)| *when)
    }

    /// Puts a timer in.
    ///
    /// # Safety
    /// As for `timerq::Queue::push`.
    pub(super) unsafe fn push(&mut self, node: *const TimerNode, when: Nanos) {
        self.armed += 1;
        // SAFETY: the caller's promise: it is alive, and its cells are ours under the lock.
        let links = unsafe { &*node };
        links.when.set(when);
        links.index.set(self.armed);
        self.nodes.insert((when, self.armed), node);
    }

    /// Takes the first timer out, if it is due by `now`.
    pub(super) fn pop_due(&mut self, now: Nanos) -> Option<*const TimerNode> {
        if self.nodes.is_empty() || self.earliest() > now {
            return None;
        }
        let (_, node) = self.nodes.pop_first()?;
        // SAFETY: it was in here until now, so it is alive (timers I2).
        unsafe { &*node }.index.set(OUT);
        Some(node)
    }

    /// Takes a timer out; `false` = it is not in here.
    pub(super) fn remove(&mut self, node: &TimerNode) -> bool {
        let key = (node.when.get(), node.index.replace(OUT));
        key.1 != OUT && self.nodes.remove(&key).is_some()
    }
}
