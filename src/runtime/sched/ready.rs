//! The ways in: `go`, and Go's `goready`.

use std::future::Future;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Sched;
use crate::runtime::g::{self, Birth, G, JoinHandle};
use crate::runtime::m::{self, M};
use crate::runtime::wait::RECORDED;
use crate::runtime::{current, frame};

/// Puts a goroutine that was just claimed into a queue: `runnext` of the current P, else the global
/// queue.
///
/// # Safety
/// The caller has the duty to enqueue `g` (state I1).
#[cfg(not(all(test, loom)))]
#[inline]
pub(crate) unsafe fn ready(g: G) {
    // SAFETY: the duty keeps it alive and not DONE (state I3); so its runtime lives (sched I1).
    let sched = unsafe { g.header().sched() };
    match current::m() {
        Some(m) if ptr::eq(Arc::as_ptr(&m.sched), sched) => m.sched.ready_here(m, g),
        // SAFETY: as above: the runtime lives until `g` is queued; the count keeps it beyond that.
        _ => unsafe {
            Arc::increment_strong_count(sched);
            let sched = Arc::from_raw(sched);
            sched.inject(g);
        },
    }
}

impl Sched {
    #[inline]
    fn ready_here(&self, m: &M, g: G) {
        if m.in_netpoll() && m.blocking.get() == 0 {
            let first = {
                let mut list = m.netlist();
                list.push(g);
                list.len() == 1
            };
            if first {
                self.netpoll.end_turn();
            }
            return;
        }
        // SAFETY: P I1: `with_p` hands out the P that the calling M owns.
        let grew = m.with_p(|p| unsafe { p.runq.local().push_next(g.as_ptr(), &self.injector) });
        match grew {
            // A lone `runnext` wakes nobody: this P runs it next, and waking another M for it is what
            // makes a ping-pong slow. sysmon looks after one that is stuck behind a long turn.
            Some(false) => {}
            Some(true) => self.wakep(),
            None => self.inject(g),
        }
    }

    /// Puts a goroutine into the global queue, and sees to it that somebody takes it.
    pub(super) fn inject(&self, g: G) {
        self.injector.push(g);
        self.wakep();
    }

    /// Gives what has become ready in the poller to others: its turn does not end.
    pub(crate) fn share_netlist(&self, m: &M) {
        let list = std::mem::take(&mut *m.netlist());
        for g in list {
            self.inject(g);
        }
    }

    /// The same for every M.
    pub(crate) fn share_netlists(&self) {
        for m in self.threads.ms() {
            self.share_netlist(&m);
        }
    }

    /// Queues a goroutine that yielded: behind everybody else. That is the tail of the ring, unless the
    /// global queue holds work, which one that yields in a loop would hold off by keeping the ring from
    /// running dry. (Go always uses the global queue, and pays its lock for every yield.)
    pub(crate) fn requeue(&self, m: &M, g: G) {
        match m.p() {
            Some(_) if self.injector.len() > 0 => self.injector.push(g),
            // SAFETY: P I1.
            Some(p) => unsafe { p.runq.local().push_back(g.as_ptr(), &self.injector) },
            None => self.inject(g),
        }
    }

    /// Starts a goroutine.
    #[inline]
    pub(crate) fn spawn<F>(
        self: &Arc<Sched>,
        future: F,
        site: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if const { size_of::<F>() > frame::BIG_FRAME } {
            frame::is_big(size_of::<F>(), site);
        }
        let this = Arc::as_ptr(self);
        let m = current::m().filter(|m| ptr::eq(Arc::as_ptr(&m.sched), this));
        let parent = current::g().filter(|_| RECORDED).map_or(0, |g| g.id());
        let (id, pool) = match m {
            Some(m) => (m.next_goid(), Some(&m.pool)),
            None => (m::next_goid(), None),
        };
        match m {
            Some(m) => m.started.bump(),
            None => {
                // Ordering: SeqCst with `closing`, see `is_closing`.
                self.foreign_started.fetch_add(1, Ordering::SeqCst);
            }
        }
        let birth = Birth { id, parent, site };
        let g = if g::somebody_follows() {
            g::new_traced(pool, future, this, birth)
        } else {
            g::new(pool, future, this, birth)
        };
        // SAFETY: just made, with the type of its result.
        let handle = unsafe { JoinHandle::new(g) };
        if self.is_closing() {
            // SAFETY: never queued.
            unsafe { g::stillborn(g) };
            match m {
                Some(m) => m.ended.bump(),
                None => {
                    self.foreign_started.fetch_sub(1, Ordering::SeqCst);
                }
            }
            return handle;
        }
        match m {
            Some(m) => self.ready_here(m, g),
            None => self.inject(g),
        }
        handle
    }
}
