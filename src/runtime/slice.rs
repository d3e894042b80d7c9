//! What the system is asked for between two threads that want one core.
//!
//! A thread that computes holds its core for a slice of the system, some milliseconds, and who wakes up beside it waits
//! for so long; a wish for a shorter slice gets a thread its core at once. sysmon wishes for a short one, and a thread
//! that has lost its P is given a long one until it takes note: all others go before it, and it gets its share later.
//! The shares stay as they are.
//!
//! Linux knows such wishes since 6.12 (`sched_runtime` of sched_setattr(2)); elsewhere nothing is done. A thread whose
//! policy somebody has changed is left alone. The threads that a thread starts inherit its wish: an M, which sysmon may have
//! started, begins with the usual slice. (Short ones for all Ms were tried: a ticker beside hogs was late by as much.)

use super::tid::Tid;

/// Shorter than the system's own; the shortest there is.
const SHORT: u64 = 100_000;
/// Longer than the system's own.
const LONG: u64 = 20_000_000;
/// The system's own.
const USUAL: u64 = 0;

/// The calling thread shall get its core soon. It does not need it for long.
pub(super) fn wish_short() {
    imp::set(0, SHORT);
}

/// That thread shall let others go first.
pub(super) fn give_long(tid: Tid) {
    // 0 would be the caller.
    if tid != 0 {
        imp::set(tid, LONG);
    }
}

/// The calling thread is one of many again.
pub(super) fn be_usual() {
    imp::set(0, USUAL);
}

#[cfg(all(target_os = "linux", not(loom)))]
mod imp {
    use super::Tid;

    /// `struct sched_attr`, in its first version.
    #[repr(C)]
    #[derive(Default)]
    struct Attr {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }

    /// `SCHED_OTHER`.
    const OTHER: u32 = 0;

    fn get(tid: Tid) -> Option<Attr> {
        let mut attr = Attr::default();
        let size = size_of::<Attr>();
        // SAFETY: the system writes no more than `size` bytes.
        let done = unsafe { libc::syscall(libc::SYS_sched_getattr, tid, &raw mut attr, size, 0) };
        (done == 0).then_some(attr)
    }

    /// A wish: whether it is fulfilled is the system's to say.
    pub(super) fn set(tid: Tid, slice: u64) {
        if let Some(mut attr) = get(tid).filter(|attr| attr.policy == OTHER) {
            attr.runtime = slice;
            // SAFETY: the system reads as many bytes as `size` says, which it has itself written.
            unsafe { libc::syscall(libc::SYS_sched_setattr, tid, &raw const attr, 0) };
        }
    }

    #[cfg(test)]
    mod tests {
        use super::super::{be_usual, give_long, wish_short};
        use super::*;
        use crate::runtime::tid;

        #[test]
        fn a_wish_changes_nothing_but_the_slice() {
            std::thread::spawn(|| {
                let Some(before) = get(0) else { return };
                for wish in [wish_short, || give_long(tid::current()), be_usual] {
                    wish();
                    let now = get(0).unwrap();
                    assert_eq!(
                        (now.policy, now.nice, now.flags, now.priority),
                        (before.policy, before.nice, before.flags, before.priority)
                    );
                }
                // What the system does not know it gives back as it was.
                assert_eq!(get(0).unwrap().runtime, before.runtime);
            })
            .join()
            .unwrap();
        }

        #[test]
        fn a_thread_of_another_policy_is_left_alone() {
            std::thread::spawn(|| {
                let parameter = libc::sched_param { sched_priority: 0 };
                // SAFETY: the structure lives during the call.
                let done = unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &parameter) };
                assert_eq!(done, 0);
                let before = get(0).map(|attr| attr.runtime);
                wish_short();
                // SAFETY: a call without pointers.
                assert_eq!(unsafe { libc::sched_getscheduler(0) }, libc::SCHED_BATCH);
                assert_eq!(get(0).map(|attr| attr.runtime), before);
            })
            .join()
            .unwrap();
        }
    }
}

#[cfg(not(all(target_os = "linux", not(loom))))]
mod imp {
    use super::Tid;

    pub(super) fn set(_tid: Tid, _slice: u64) {}
}
