//! The roll of all goroutines of the process: what each of them is doing, copied out of their headers.
//!
//! Nobody is stopped or polled for it: a header is read while its goroutine may run on, so what is said of one
//! is true of some moment of the call, and of two not of the same moment.
//!
//! # Invariants
//!
//! - **roll I1**: under a shard's lock plain data is copied and nothing else happens.

use std::panic::Location;
use std::ptr;

use super::g::{Phase, for_each};
use super::p::Nanos;
use super::sched::{Sched, runtimes};
use super::wait::WaitReason;

/// A goroutine, as it was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) parent: u64,
    pub(crate) phase: Phase,
    pub(crate) reason: Option<WaitReason>,
    /// When its wait was recorded or, of one without a record, its last turn began.
    pub(crate) since: Option<Nanos>,
    pub(crate) wait_site: Option<&'static Location<'static>>,
    pub(crate) spawn_site: &'static Location<'static>,
    pub(crate) frame: usize,
    /// The number of the M that polls it.
    pub(crate) m: Option<u64>,
    address: usize,
    sched: usize,
}

impl Entry {
    /// True when it runs on that runtime.
    pub(crate) fn is_of(&self, sched: &Sched) -> bool {
        self.sched == ptr::from_ref(sched).addr()
    }
}

/// All that live, by number.
pub(crate) fn call() -> Vec<Entry> {
    let mut all = Vec::new();
    for_each(|g, header| {
        let wait = header.wait();
        all.push(Entry {
            id: header.id(),
            parent: header.parent(),
            phase: header.state.phase(),
            reason: wait.reason(),
            since: wait.since(),
            wait_site: wait.reason().and_then(|_| header.wait_site()),
            spawn_site: header.spawn_site(),
            frame: header.frame(),
            m: None,
            address: g.as_ptr().addr(),
            sched: header.sched().addr(),
        });
    });
    all.retain(|entry| entry.phase != Phase::Over);
    all.sort_unstable_by_key(|entry| entry.id);
    if all.iter().any(|entry| entry.phase == Phase::Running) {
        for (m, polled) in runtimes().iter().flat_map(|sched| sched.polls()) {
            let one = all
                .iter_mut()
                .find(|e| e.address == polled && e.phase == Phase::Running);
            if let Some(one) = one {
                one.m = Some(m);
            }
        }
    }
    all
}
