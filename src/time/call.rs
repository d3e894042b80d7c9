//! `call_at`: a callback at a deadline, for context deadlines and `Timer::after_func`.

use std::pin::Pin;
use std::time::Instant;

use crate::runtime::arm_timer;
use crate::runtime::p::{Action, TimerNode, nanos, now};

/// A callback that has been ordered. Dropping it cancels the order.
pub(crate) struct CallTimer {
    node: Pin<Box<TimerNode>>,
}

/// Calls `f` at `when`, on the thread that fires the timer and under no lock. `f` must be short.
pub(crate) fn call_at(when: Instant, f: impl FnOnce() + Send + 'static) -> CallTimer {
    let timer = CallTimer {
        node: Box::pin(TimerNode::new()),
    };
    let at = nanos(when);
    // A heap that closes (its runtime shuts down) fires early: the order is then placed again, on a
    // thread that belongs to no runtime any more. Only the last step is the caller's `f`.
    let action = Action::Call(Box::new(move || {
        if now() < at {
            retry(when, f);
        } else {
            f();
        }
    }));
    // SAFETY: the node is pinned and in no heap; `Drop` disarms it.
    unsafe { arm_timer(timer.node.as_ref(), at, action) };
    timer
}

/// Waits out the rest for a callback whose runtime is gone: on the default runtime.
#[cold]
fn retry(when: Instant, f: impl FnOnce() + Send + 'static) {
    let rest = crate::runtime::Handle::default_runtime().go(async move {
        super::sleep_until(when).await;
        f();
    });
    drop(rest);
}

impl CallTimer {
    /// `true` = the callback was prevented; `false` = it has run or is running, or was stopped before.
    pub(crate) fn stop(&self) -> bool {
        self.node.disarm().is_some()
    }
}

impl Drop for CallTimer {
    fn drop(&mut self) {
        self.stop();
    }
}
