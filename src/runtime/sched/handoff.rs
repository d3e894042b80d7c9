//! Giving Ps away: for a blocking call, from an M that is stuck, and when there are too many.

use std::panic::Location;
use std::ptr;
use std::sync::atomic::Ordering;

use super::Sched;
use crate::runtime::current;
use crate::runtime::g::Header;
use crate::runtime::m::M;
use crate::runtime::p::{Nanos, P};
use crate::runtime::slice;
use crate::runtime::wait::WaitReason;

/// See [`crate::runtime::block_in_place`].
#[track_caller]
pub(crate) fn block_in_place<R>(f: impl FnOnce() -> R) -> R {
    // In a goroutine, or in a task of a library.
    let Some(m) = current::m().filter(|m| m.current_g().is_some() || m.in_netpoll()) else {
        return f();
    };
    if let Some(g) = m.current_g() {
        g.set_wait(WaitReason::Syscall, Location::caller());
    }
    let _blocking = Blocking::begin(m);
    f()
}

/// A blocking call that is under way; it may end by a panic.
struct Blocking<'a> {
    m: &'a M,
    /// It is to have a P again. Not in a turn of the poller, whose caller must not come out of it with another one.
    wants_p: bool,
}

impl<'a> Blocking<'a> {
    fn begin(m: &'a M) -> Self {
        m.blocking.set(m.blocking.get() + 1);
        if let Some(p) = m.release() {
            m.sched.handoff(p);
        }
        if m.in_netpoll() {
            m.sched.share_netlist(m);
        }
        Self {
            m,
            wants_p: !m.in_netpoll(),
        }
    }
}

impl Drop for Blocking<'_> {
    /// Go's exitsyscall: an idle P if there is one. Else the rest of this poll runs without, what it
    /// makes ready goes to the global queue, and so does the goroutine when its poll is over.
    fn drop(&mut self) {
        let m = self.m;
        m.blocking.set(m.blocking.get() - 1);
        if m.blocking.get() > 0 {
            return;
        }
        if let Some(g) = m.current_g() {
            g.begin_turn();
        }
        if let Some(id) = self.wants_p.then(|| m.sched.take_idle_p()).flatten() {
            m.acquire(m.sched.p(id));
        }
    }
}

/// An M that has held its P for too long in one poll.
pub(crate) struct Hog {
    pub(crate) goid: Option<u64>,
    pub(crate) site: Option<&'static Location<'static>>,
}

impl Sched {
    /// Takes the P away from an M that has been in one poll since `since`, when its tick was `tick`, and
    /// gives it to another. `None` when the M came out of it meanwhile, or has no P to give.
    pub(crate) fn retake(&self, p: &P, tick: u32, since: Nanos) -> Option<Hog> {
        let owner = p.owner();
        let m = self.threads.find(owner)?;
        let hog = m.lease.revoke(
            || ptr::eq(p.owner(), owner) && p.tick() == tick,
            || {
                p.set_owner(None);
                p.clear_preempt();
                // Its ring may hold more hogs: first those that others have made ready.
                p.request_attention();
                m.hog_since.store(since, Ordering::Relaxed);
                // Its thread is alive for as long as the lease is locked.
                slice::give_long(m.tid.load(Ordering::Relaxed));
                // The goroutine lives: its poll cannot end while the lease is locked.
                let g = m.current_g();
                Hog {
                    goid: g.map(Header::id),
                    site: g.map(Header::spawn_site),
                }
            },
        )?;
        // Before anybody can run because of it. Relaxed: a number that others look for.
        self.sysmon.retakes.fetch_add(1, Ordering::Relaxed);
        self.handoff(p);
        Some(hog)
    }

    /// Finds a new M for a P that its M gave away. Mirrors what `find_runnable` looks for.
    fn handoff(&self, p: &P) {
        let work = !p.runq.steal().is_empty()
            || self.injector.len() > 0
            || p.timers.next() != crate::runtime::p::NEVER
            || self.netpoll.is_free();
        if work {
            self.start_m(p, false);
        } else {
            self.idle.put_p(p.id);
            // Somebody may have pushed work after we looked and before the P was on the list.
            self.wakep_if_work();
        }
    }

    /// Starts an M when a queue holds something and a P is idle.
    pub(crate) fn wakep_if_work(&self) {
        self.idle.after_sleep_decision();
        if self.has_work() {
            self.wakep();
        }
    }

    /// True when an M is owed to a P, for whom no thread was to be had. The caller is one, and will look for a P.
    pub(crate) fn is_owed_an_m(&self) -> bool {
        self.idle.settle_debt()
    }

    /// True when the global queue or a ring holds something (racy; a `runnext` is its owner's).
    pub(super) fn has_work(&self) -> bool {
        self.injector.len() > 0 || self.all_ps().any(|p| !p.runq.steal().ring_is_empty())
    }

    /// Takes a P from the idle list; those that are too many are dropped from it.
    pub(super) fn take_idle_p(&self) -> Option<usize> {
        let wanted = |&id: &usize| {
            let p = self.p(id);
            self.procs.wants(p) || self.procs.give_up(p)
        };
        self.sysmon.doze.taking(|| self.idle.take_p(wanted))
    }

    /// The M's P is one too many: its queue goes to the global one, and the P to nobody.
    pub(super) fn retire_p(&self, m: &M, p: &P) {
        debug_assert!(m.p().is_some_and(|own| ptr::eq(own, p)));
        let spinning = m.spinning.replace(false);
        let disown = || _ = m.release();
        // SAFETY: P I1: the M owns `p`.
        unsafe {
            self.procs
                .retire(p, &self.idle, &self.injector, spinning, disown);
        }
        self.wakep_if_work();
    }

    /// An M came out of a poll without its P: it gets another one, if one is idle.
    pub(crate) fn reacquire(&self, m: &M) {
        if let Some(id) = self.take_idle_p() {
            m.acquire(self.p(id));
        }
    }
}
