//! Arming timers: on the current P's heap, or from outside on the first one's.

use std::pin::Pin;
use std::sync::Arc;

use super::Sched;
use crate::runtime::current;
use crate::runtime::p::{Action, Nanos, P, TimerNode};

/// Arms `node` on the runtime that the calling thread works for, else on the default one.
///
/// # Safety
/// As for [`TimerNode::arm`].
pub(crate) unsafe fn arm(node: Pin<&TimerNode>, when: Nanos, action: Action) {
    let m = current::m().filter(|m| !m.sched.is_stopping());
    // SAFETY: the caller's promise.
    unsafe {
        match m {
            Some(m) => m.sched.arm(m.p(), node, when, action),
            None => sched_for_timers().arm(None, node, when, action),
        }
    }
}

/// A runtime that shuts down fires no timers any more.
fn sched_for_timers() -> Arc<Sched> {
    current::sched()
        .filter(|sched| !sched.is_stopping())
        .unwrap_or_else(crate::runtime::default_sched)
}

impl Sched {
    /// # Safety
    /// As for [`TimerNode::arm`].
    unsafe fn arm(&self, p: Option<&P>, node: Pin<&TimerNode>, when: Nanos, action: Action) {
        let heap = p.unwrap_or_else(|| self.p(0)).timers;
        // SAFETY: the caller's promise.
        let earliest = unsafe { node.arm(heap, when, action) };
        match &self.clock {
            None if earliest => self.netpoll.timer_armed(when),
            None => {}
            Some(clock) => {
                // Here and now, for the clock does not move while anybody runs; what was due before it has fired.
                if when <= clock.now() {
                    heap.run_due(clock.now());
                } else if earliest {
                    // For a thread in `block_on`: the M in the poller shall look whether time may go on.
                    self.look_again();
                }
            }
        }
    }

    /// The runtime is over: what is still armed fires now, and its owner arms it elsewhere.
    pub(super) fn close_timers(&self) {
        for p in self.all_ps() {
            p.timers.close();
        }
    }
}
