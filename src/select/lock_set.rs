//! Locking many channels at once.
//!
//! Used by `engine` for the one atomic view that a select needs.
//!
//! # Invariants
//!
//! 1. Locks are taken in the order of their addresses, each once. So selects on the same channels
//!    never wait for each other in a circle.
//! 2. A set lives within one poll.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use super::engine::Cases;
use crate::chan::lock::{Lock, Locked};

/// So many locks need no allocation.
const INLINE: usize = 8;

/// Locks to be taken together.
pub(super) struct LockSet {
    /// The first `len` of them, in order, while they fit.
    few: [NonNull<Lock>; INLINE],
    len: usize,
    /// All of them, in no order, when they do not.
    many: Vec<NonNull<Lock>>,
}

impl LockSet {
    /// Those of these arms.
    pub(super) fn of<C: Cases + ?Sized>(cases: &mut C) -> Self {
        let mut set = Self {
            few: [NonNull::dangling(); INLINE],
            len: 0,
            many: Vec::new(),
        };
        for index in 0..cases.len() {
            if let Some(lock) = cases.at(index).lock() {
                set.add(lock);
            }
        }
        set
    }

    #[inline]
    fn add(&mut self, lock: NonNull<Lock>) {
        if self.len < INLINE {
            // SAFETY: the arms that the locks are from are borrowed.
            let rank = |lock: NonNull<Lock>| unsafe { lock.as_ref() }.rank();
            let mut at = self.len;
            while at > 0 && rank(self.few[at - 1]) > rank(lock) {
                self.few[at] = self.few[at - 1];
                at -= 1;
            }
            self.few[at] = lock;
        } else {
            if self.many.is_empty() {
                self.many.extend_from_slice(&self.few);
            }
            self.many.push(lock);
        }
        self.len += 1;
    }

    /// How many arms have one, some perhaps the same.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes them all.
    ///
    /// # Safety
    ///
    /// They all live for `'a`.
    pub(super) unsafe fn lock<'a>(&mut self) -> AllLocked<'a> {
        let sorted = match self.few.get(..self.len) {
            Some(few) => few,
            None => {
                // SAFETY: the caller's promise.
                let rank = |lock: &NonNull<Lock>| unsafe { lock.as_ref() }.rank();
                self.many.sort_unstable_by_key(rank);
                &self.many[..]
            }
        };
        let mut locked = AllLocked {
            few: [const { MaybeUninit::uninit() }; INLINE],
            len: 0,
            many: Vec::new(),
        };
        let mut before = None;
        for lock in sorted {
            if before == Some(*lock) {
                continue;
            }
            before = Some(*lock);
            // SAFETY: the caller's promise.
            locked.hold(unsafe { lock.as_ref() }.lock());
        }
        locked
    }
}

/// Locks that are held; dropping it opens them.
pub(super) struct AllLocked<'a> {
    /// The first `len` of them.
    few: [MaybeUninit<Locked<'a>>; INLINE],
    len: usize,
    /// Those that have no place there.
    many: Vec<Locked<'a>>,
}

impl<'a> AllLocked<'a> {
    #[inline]
    fn hold(&mut self, locked: Locked<'a>) {
        match self.few.get_mut(self.len) {
            Some(place) => {
                place.write(locked);
                self.len += 1;
            }
            None => self.many.push(locked),
        }
    }
}

impl Drop for AllLocked<'_> {
    #[inline]
    fn drop(&mut self) {
        for locked in &mut self.few[..self.len] {
            // SAFETY: `hold` has filled the first `len`.
            unsafe { locked.assume_init_drop() };
        }
    }
}
