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

use crate::runtime::p::{Action, TimerNode, nanos, now};
use crate::runtime::{Handle, JoinHandle, arm_timer};

type Callback = Box<dyn FnOnce() + Send>;

/// A callback that has been ordered. Dropping it cancels the order.
pub(crate) struct CallTimer {
    order: Pin<Arc<Order>>,
}

/// Shared with whoever is to make the call: the heap that the node is in, or a goroutine.
struct Order {
    node: TimerNode,
    when: Instant,
    state: Mutex<State>,
}

struct State {
    /// call I1.
    callback: Option<Callback>,
    /// What waits for the rest of the time when the heap's runtime has ended before.
    rest: Option<JoinHandle<()>>,
}

/// Calls `f` at `when`, on the thread that fires the timer and under no lock. `f` must be short.
pub(crate) fn call_at(when: Instant, f: Callback) -> CallTimer {
    let order = Arc::pin(Order {
        node: TimerNode::new(),
        when,
        state: Mutex::new(State {
            callback: Some(f),
            rest: None,
        }),
    });
    let due = Pin::clone(&order);
    let action = Action::Call(Box::new(move || due.fired()));
    let timer = CallTimer { order };
    // SAFETY: the node is pinned and in no heap; `Drop` disarms it (call I2).
    unsafe { arm_timer(timer.order.node(), nanos(when), action) };
    timer
}

impl Order {
    fn node(self: &Pin<Arc<Self>>) -> Pin<&TimerNode> {
        // SAFETY: the node is never moved out of its pinned order.
        unsafe { self.as_ref().map_unchecked(|order| &order.node) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A heap that closes (its runtime shuts down) fires early: then a goroutine of the default runtime waits for
    /// the rest of the time.
    fn fired(self: Pin<Arc<Self>>) {
        if now() < nanos(self.when) {
            return self.retry();
        }
        self.call();
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

impl CallTimer {
    /// `true` = the callback was prevented; `false` = it has run or is running, or was stopped before.
    pub(crate) fn stop(&self) -> bool {
        let action = self.order.node.disarm();
        let (callback, rest) = {
            let mut state = self.order.lock();
            (state.callback.take(), state.rest.take())
        };
        if let Some(rest) = rest {
            rest.abort();
        }
        drop(action);
        callback.is_some()
    }
}

impl Drop for CallTimer {
    fn drop(&mut self) {
        self.stop();
    }
}
