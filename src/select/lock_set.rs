//! Locking many channels at once.
//!
//! Used by `engine` for the one atomic view that a select needs.
//!
//! # Invariants
//!
//! 1. Locks are taken in the order of their addresses, each once. So selects on the same channels
//!    never wait for each other in a circle.
//! 2. A set lives within one poll.

use std::ptr::NonNull;

use crate::chan::lock::{Lock, Locked};

/// So many locks need no allocation.
const INLINE: usize = 8;

/// Locks that are held; dropping it opens them.
pub(super) struct LockSet<'a> {
    inline: [Option<Locked<'a>>; INLINE],
    spilled: Vec<Locked<'a>>,
}

impl<'a> LockSet<'a> {
    /// Takes all these locks.
    ///
    /// # Safety
    ///
    /// They all live for `'a`.
    pub(super) unsafe fn lock(locks: impl Iterator<Item = NonNull<Lock>>) -> Self {
        let mut few = [NonNull::<Lock>::dangling(); INLINE];
        let mut many = Vec::new();
        let mut len = 0;
        for lock in locks {
            if len < INLINE {
                few[len] = lock;
            } else {
                if len == INLINE {
                    many.extend_from_slice(&few);
                }
                many.push(lock);
            }
            len += 1;
        }
        let mut set = Self {
            inline: [const { None }; INLINE],
            spilled: Vec::new(),
        };
        let sorted = if len <= INLINE {
            &mut few[..len]
        } else {
            &mut many[..]
        };
        // SAFETY: the caller's promise.
        sorted.sort_unstable_by_key(|lock| unsafe { lock.as_ref() }.rank());
        let mut held = 0;
        for at in 0..sorted.len() {
            if at > 0 && sorted[at] == sorted[at - 1] {
                continue;
            }
            // SAFETY: the caller's promise.
            let locked = unsafe { sorted[at].as_ref() }.lock();
            match set.inline.get_mut(held) {
                Some(place) => *place = Some(locked),
                None => set.spilled.push(locked),
            }
            held += 1;
        }
        set
    }
}
