//! Every runtime of the process, for those who tell of all goroutines.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::Sched;

static RUNTIMES: Mutex<Vec<Weak<Sched>>> = Mutex::new(Vec::new());

/// Adds a runtime that was just made.
pub(super) fn enter(sched: &Arc<Sched>) {
    let mut all = RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|one| one.strong_count() > 0);
    all.push(Arc::downgrade(sched));
}

/// All that there are. Whoever calls must not hold a lock that dropping a runtime could want.
pub(crate) fn runtimes() -> Vec<Arc<Sched>> {
    let all = RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner);
    all.iter().filter_map(Weak::upgrade).collect()
}
