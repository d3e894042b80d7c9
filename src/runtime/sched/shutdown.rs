//! The end of a runtime: every future is dropped, every thread ends.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Sched;
use crate::runtime::g::{self, Wake};

impl Sched {
    /// Shuts down; `false` when a goroutine or thread was still busy at the deadline (it is left alone
    /// and ends by itself).
    ///
    /// 1. No new goroutines.
    /// 2. Every live goroutine is cancelled: the Ms drop the futures.
    /// 3. The Ms end.
    /// 4. The poller goes, with the tasks that libraries spawned on it.
    pub(crate) fn shutdown(self: &Arc<Sched>, deadline: Option<Instant>) -> bool {
        self.closing.store(true, Ordering::SeqCst);
        let mut pause = Duration::from_micros(20);
        let mut drained = true;
        while !self.cancel_all() {
            if deadline.is_some_and(|d| Instant::now() >= d) {
                drained = false;
                break;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        }
        // Ordering: Release pairs with the Acquire in `is_stopping`.
        self.stopping.store(true, Ordering::Release);
        self.sysmon.doze.stop();
        let ended = loop {
            self.netpoll.interrupt();
            self.wake_all();
            let step = Instant::now() + Duration::from_millis(2);
            if self
                .threads
                .wait(Some(deadline.map_or(step, |d| d.min(step))))
            {
                break true;
            }
            if deadline.is_some_and(|d| Instant::now() >= d) {
                break false;
            }
        };
        self.netpoll.close();
        self.close_timers();
        if ended {
            self.clear();
        }
        drained && ended
    }

    /// No thread is left but the caller's, who may come later than a shutdown that ran out of time: what nobody uses any
    /// more goes.
    pub(super) fn clear(&self) {
        self.netpoll.close();
        self.threads.forget_all();
    }

    /// Cancels whatever lives; `true` when nothing does.
    fn cancel_all(self: &Arc<Sched>) -> bool {
        let mut claimed = Vec::new();
        g::for_each(|g, header| {
            if ptr::eq(header.sched(), Arc::as_ptr(self))
                && header.state.request_cancel() == Wake::Enqueue
            {
                claimed.push(g);
            }
        });
        for g in claimed {
            self.inject(g);
        }
        self.is_quiet()
    }

    /// True when no goroutine is left. Exact once `closing` is set: ends are summed first, so that
    /// equal sums mean that none lived when the ends were summed, and only a live goroutine could have
    /// started another.
    fn is_quiet(&self) -> bool {
        self.live() == 0
    }
}
