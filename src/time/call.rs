//! `call_at`: a callback at a deadline, for context deadlines and `Timer::after_func`.
//!
//! # Invariants
//!
//! - **call I1**: the callback is taken out of its place once: by who calls it, or by who stops it. So it is
//!   called, or one stop returned `true`, never both.
//! - **call I2**: the node is pinned in the order, and disarmed before the `CallTimer` goes away.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::runtime::clock::{self, Virtual};
use crate::runtime::p::{Action, TimerNode, nanos, now};
use crate::runtime::{Handle, JoinHandle, arm_timer};

/// A callback that has been ordered. Dropping it cancels the order.
pub(crate) struct CallTimer {
    order: Pin<Arc<dyn Stop>>,
}

/// An order, whatever its callback is.
trait Stop: Send + Sync {
    /// See `CallTimer::stop`.
    fn stop(&self) -> bool;
}

/// Shared with whoever is to make the call: the heap that the node is in, or a goroutine.
struct Order<F> {
    node: TimerNode,
    when: Instant,
    /// Where it is a virtual clock's; that may stop before.
    clock: Option<Arc<Virtual>>,
    state: Mutex<State<F>>,
}

struct State<F> {
    /// call I1.
    callback: Option<F>,
    /// What waits for the rest of the time when the heap's runtime has ended before.
    rest: Option<JoinHandle<()>>,
}

/// Calls `f` at `when`, on the thread that fires the timer and under no lock. `f` must be short.
pub(crate) fn call_at<F: FnOnce() + Send + 'static>(when: Instant, f: F) -> CallTimer {
    let order = Arc::pin(Order {
        node: TimerNode::new(),
        when,
        clock: clock::current_virtual(),
        state: Mutex::new(State {
            callback: Some(f),
            rest: None,
        }),
    });
    let due = Pin::clone(&order);
    let action = Action::Call(Box::new(move || due.fired()));
    // SAFETY: the node is never moved out of its pinned order.
    let node = unsafe { order.as_ref().map_unchecked(|order| &order.node) };
    // SAFETY: the node is pinned and in no heap; `CallTimer`'s drop disarms it (call I2).
    unsafe { arm_timer(node, nanos(when), action) };
    CallTimer { order }
}

impl<F: FnOnce() + Send + 'static> Order<F> {
    fn lock(&self) -> MutexGuard<'_, State<F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A heap that closes (its runtime shuts down) fires early: then a goroutine of the default runtime waits for
    /// the rest of the time. Of virtual time there is no rest.
    fn fired(self: Pin<Arc<Self>>) {
        let when = nanos(self.when);
        match &self.clock {
            None if now() < when => self.retry(),
            Some(clock) if clock.now() < when => {
                self.stop();
            }
            _ => self.call(),
        }
    }

    fn call(&self) {
        let callback = self.lock().callback.take();
        if let Some(callback) = callback {
            callback();
        }
    }

    #[cold]
    fn retry(self: Pin<Arc<Self>>) {
        let (this, when) = (Pin::clone(&self), self.when);
        let rest = Handle::default_runtime().go(async move {
            super::sleep_until(when).await;
            this.call();
        });
        let mut state = self.lock();
        if state.callback.is_some() {
            state.rest = Some(rest);
        } else {
            // It was stopped meanwhile.
            drop(state);
            rest.abort();
        }
    }
}

impl<F: FnOnce() + Send + 'static> Stop for Order<F> {
    fn stop(&self) -> bool {
        let action = self.node.disarm();
        let (callback, rest) = {
            let mut state = self.lock();
            (state.callback.take(), state.rest.take())
        };
        if let Some(rest) = rest {
            rest.abort();
        }
        drop(action);
        callback.is_some()
    }
}

impl CallTimer {
    /// `true` = the callback was prevented; `false` = it has run or is running, or was stopped before.
    pub(crate) fn stop(&self) -> bool {
        self.order.stop()
    }
}

impl Drop for CallTimer {
    fn drop(&mut self) {
        self.stop();
    }
}
