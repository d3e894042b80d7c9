//! Models of what Ms do with each other, and the stand-in for a scheduler in the models of a goroutine.
//!
//! A whole `Sched` does not run in a model: its Ms are threads of the operating system that block in
//! tokio's driver, which the model checker can neither schedule nor see. So the protocols are in pieces
//! that run by themselves (`Runq`, `Injector`, `Idle`, `Procs`, `Note`, `Nextp`, the state word), and
//! the pieces are modelled.

mod loom;

use std::collections::VecDeque;

use ::loom::sync::{Arc, Mutex};

use super::Sched;
use crate::runtime::g::{G, Turn, Unleased, run};

/// Where a model's goroutines wait for their turn; to them it is their scheduler.
#[derive(Clone)]
pub(crate) struct Bench(Arc<Mutex<VecDeque<G>>>);

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
        Bench(Arc::new(Mutex::new(VecDeque::new())))
    }

    /// What a goroutine of this bench takes for its scheduler.
    pub(crate) fn sched(&self) -> *const Sched {
        std::ptr::from_ref(&*self.0).cast()
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
            if let Turn::Requeue(g) = unsafe { run(g, &Unleased) } {
                // SAFETY: the turn's runner has the duty (state I1).
                unsafe { ready(g) };
            }
        }
        turns
    }
}
