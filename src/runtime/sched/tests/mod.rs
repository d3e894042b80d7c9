//! Models of what Ms do with each other, and the stand-in for a scheduler in the models of a goroutine.
//!
//! A whole `Sched` does not run in a model: its Ms are threads of the operating system that block in
//! tokio's driver, which the model checker can neither schedule nor see. So the protocols are in pieces
//! that run by themselves (`Runq`, `Injector`, `Idle`, `Procs`, `Note`, `Nextp`, the state word), and
//! the pieces are modelled.

mod loom;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use ::loom::sync::{Arc, Mutex};

use super::Sched;
use crate::runtime::g::{G, Runner, Turn, run};

/// Where a model's goroutines wait for their turn; to them it is their scheduler.
#[derive(Clone)]
pub(crate) struct Bench(Arc<Mutex<VecDeque<G>>>, Late);

/// The wakers that were kept in the running poll and are counted when it is over. Of the model, not of what
/// it models: one turn at a time uses it.
#[derive(Clone, Default)]
pub(crate) struct Late(std::sync::Arc<AtomicUsize>);

impl Late {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Runner for Late {
    fn leased<R>(&self, user: impl FnOnce() -> R) -> R {
        user()
    }

    fn polling<R>(&self, poll: impl FnOnce() -> R) -> (R, usize) {
        let r = poll();
        (r, self.0.swap(0, Relaxed))
    }

    fn count_end(&self) {}
}

/// The [`ready`](super::ready::ready) of goroutines that belong to a bench.
///
/// # Safety
/// The caller has the duty to enqueue `g` (state I1), and `g` was made with [`Bench::sched`].
pub(crate) unsafe fn ready(g: G) {
    // SAFETY: the duty keeps `g` alive (state I3); the model keeps its bench until it is over.
    let queue = unsafe { &*g.header().sched().cast::<Mutex<VecDeque<G>>>() };
    let mut queue = queue.lock().unwrap();
    assert!(!queue.contains(&g), "state I1: it is in the queue already");
    queue.push_back(g);
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench(Arc::new(Mutex::new(VecDeque::new())), Late::default())
    }

    /// What a goroutine of this bench takes for its scheduler.
    pub(crate) fn sched(&self) -> *const Sched {
        std::ptr::from_ref(&*self.0).cast()
    }

    /// Where its goroutines note the wakers that they keep.
    pub(crate) fn late(&self) -> Late {
        self.1.clone()
    }

    fn pop(&self) -> Option<G> {
        self.0.lock().unwrap().pop_front()
    }

    /// Does the work of an M until the queue is empty; returns how many turns it ran.
    pub(crate) fn work(&self) -> usize {
        let mut turns = 0;
        while let Some(g) = self.pop() {
            turns += 1;
            // SAFETY: it came from the queue (state I2).
            if let Turn::Requeue(g) = unsafe { run(g, &self.1) } {
                // SAFETY: the turn's runner has the duty (state I1).
                unsafe { ready(g) };
            }
        }
        turns
    }
}
