//! The ring of slots that makes a channel buffered.
//!
//! Used by `hchan` alone, always under the channel's lock.
//!
//! # Invariants
//!
//! 1. `len <= capacity`, and `head < capacity` unless the capacity is 0.
//! 2. Exactly the `len` slots from `head` on, wrapping at `capacity`, hold a value.
//! 3. The slots are allocated once and never move.
//!
//! What it does not do: it neither locks nor wakes. [`Ring::drain`] moves the slots out, so that the
//! values can be dropped after the lock is gone.

use std::collections::TryReserveError;
use std::mem::MaybeUninit;

/// A ring of a fixed number of slots.
pub(super) struct Ring<T> {
    slots: Vec<MaybeUninit<T>>,
    head: usize,
    len: usize,
}

impl<T> Ring<T> {
    /// A ring of `capacity` empty slots.
    pub(super) fn with_capacity(capacity: usize) -> Result<Self, TryReserveError> {
        let mut slots = Vec::new();
        slots.try_reserve_exact(capacity)?;
        // SAFETY: that many were reserved, and a `MaybeUninit` needs no initialising.
        unsafe { slots.set_len(capacity) };
        Ok(Self {
            slots,
            head: 0,
            len: 0,
        })
    }

    /// How many values it holds.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Moves a value in at the back.
    ///
    /// # Panics
    ///
    /// If the ring is full: the caller has looked.
    #[inline]
    pub(super) fn push(&mut self, value: T) {
        assert!(self.len < self.slots.len(), "push into a full ring");
        // SAFETY: looked at just now.
        unsafe { self.push_unchecked(value) }
    }

    /// As `push`.
    ///
    /// # Safety
    ///
    /// The ring is not full.
    #[inline]
    pub(super) unsafe fn push_unchecked(&mut self, value: T) {
        debug_assert!(self.len < self.slots.len(), "push into a full ring");
        let mut at = self.head + self.len;
        if at >= self.slots.len() {
            at -= self.slots.len();
        }
        // SAFETY: I1: `head < capacity` and `len < capacity`, so `at < capacity`. I2: the slot holds
        // nothing, so nothing is overwritten.
        unsafe { self.slots.get_unchecked_mut(at) }.write(value);
        self.len += 1;
    }

    /// Moves the oldest value out.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        // SAFETY: looked at just now.
        Some(unsafe { self.pop_unchecked() })
    }

    /// As `pop`.
    ///
    /// # Safety
    ///
    /// The ring is not empty.
    #[inline]
    pub(super) unsafe fn pop_unchecked(&mut self) -> T {
        debug_assert!(self.len > 0, "pop from an empty ring");
        // SAFETY: I1: `head < capacity`. I2: with `len > 0` the slot at `head` holds a value; it leaves
        // the filled range below, so it is read once.
        let value = unsafe { self.slots.get_unchecked(self.head).assume_init_read() };
        self.head += 1;
        if self.head == self.slots.len() {
            self.head = 0;
        }
        self.len -= 1;
        value
    }

    /// Takes all slots with their values, leaving a ring of capacity 0.
    pub(super) fn drain(&mut self) -> Self {
        std::mem::replace(
            self,
            Self {
                slots: Vec::new(),
                head: 0,
                len: 0,
            },
        )
    }
}

impl<T> Iterator for Ring<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.pop()
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        if std::mem::needs_drop::<T>() {
            drop_each(self);
        }
    }
}

/// Drops all values, even when dropping some of them panics; the first panic goes on afterwards.
pub(super) fn drop_each<T>(values: impl Iterator<Item = T>) {
    let mut first = None;
    for value in values {
        // The value is gone either way: nobody can see it half dropped.
        let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(value)));
        match dropped {
            Err(panic) if first.is_none() => first = Some(panic),
            // Its payload may panic in turn, as it is dropped.
            Err(panic) => std::mem::forget(panic),
            Ok(()) => {}
        }
    }
    if let Some(panic) = first {
        // A second panic on top of a running one would end the process.
        if !std::thread::panicking() {
            std::panic::resume_unwind(panic);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_first_in_first_out_across_its_seam() {
        let mut ring = Ring::with_capacity(3).unwrap();
        let mut next_in = 0;
        let mut next_out = 0;
        for fill in [3, 1, 2, 3, 2] {
            while ring.len() < fill {
                ring.push(next_in);
                next_in += 1;
            }
            while ring.len() > 1 {
                assert_eq!(ring.pop(), Some(next_out));
                next_out += 1;
            }
        }
        assert_eq!(ring.pop(), Some(next_out));
        assert_eq!(ring.pop(), None);
    }

    #[test]
    #[should_panic(expected = "full ring")]
    fn a_ring_of_no_slots_takes_nothing() {
        Ring::with_capacity(0).unwrap().push(1);
    }
}
