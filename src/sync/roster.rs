//! A list whose members keep their place: what waits for one event, whoever it is.
//!
//! Called by `context` (children, waiters and functions of a context) and by
//! [`WaitGroup`](super::WaitGroup) (its waiters), always under the lock of the owner. A place costs
//! nothing while one member is there, the usual case; more of them share one growing array, of which an
//! empty list holds no more than a pointer. Freed places are used again, so that a long-lived owner with millions of short-lived members
//! stays as large as its busiest moment asked for, and gives that back when the last one leaves.
//!
//! # Invariants
//!
//! 1. A place names one member from `insert` until `remove`, and is given out again only after
//!    that.
//! 2. The free chain starts at `free`, ends at `NIL`, and visits each `Vacant` slot once.
//! 3. `Rest::live` counts the members of the array.
//!
//! It holds no lock and drops no member itself: `remove` and `into_members` hand them to the
//! caller, who drops them when he has let go of his lock. It promises no order.

/// End of the free chain.
const NIL: u32 = u32::MAX;

/// An array at least this long is given back when its last member leaves.
const KEEP: usize = 64;

/// The place of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    /// The place as a plain number, never `u32::MAX`.
    pub(crate) fn to_bits(self) -> u32 {
        self.0
    }

    /// The place that `to_bits` gave.
    pub(crate) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// A list whose members keep their place.
pub(crate) struct Roster<T> {
    /// The member at place 0.
    first: Option<T>,
    /// The others: most lists never have any.
    rest: Option<Box<Rest<T>>>,
}

/// The members at places 1 and up.
struct Rest<T> {
    slots: Vec<Slot<T>>,
    free: u32,
    live: u32,
}

enum Slot<T> {
    Member(T),
    Vacant { next: u32 },
}

impl<T> Rest<T> {
    fn insert(&mut self, member: T) -> Place {
        self.live += 1;
        if self.free == NIL {
            self.slots.push(Slot::Member(member));
            let place = u32::try_from(self.slots.len()).expect("fewer than 2^32 members");
            assert!(place != NIL, "fewer than 2^32 members");
            return Place(place);
        }
        let place = self.free;
        let slot = &mut self.slots[place as usize - 1];
        let Slot::Vacant { next } = *slot else {
            unreachable!("the free chain visits vacant slots only");
        };
        self.free = next;
        *slot = Slot::Member(member);
        Place(place)
    }

    fn remove(&mut self, place: Place) -> Option<T> {
        let slot = self.slots.get_mut(place.0 as usize - 1)?;
        if matches!(slot, Slot::Vacant { .. }) {
            return None;
        }
        let Slot::Member(member) = std::mem::replace(slot, Slot::Vacant { next: self.free }) else {
            unreachable!("looked at above");
        };
        self.free = place.0;
        self.live -= 1;
        Some(member)
    }
}

impl<T> Roster<T> {
    pub(crate) const fn new() -> Self {
        Self {
            first: None,
            rest: None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.as_ref().is_none_or(|rest| rest.live == 0)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| rest.live);
        usize::from(self.first.is_some()) + rest as usize
    }

    /// How many members there is room for without growing.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        1 + self.rest.as_ref().map_or(0, |rest| rest.slots.capacity())
    }

    pub(crate) fn insert(&mut self, member: T) -> Place {
        if self.first.is_none() {
            self.first = Some(member);
            return Place(0);
        }
        let rest = self.rest.get_or_insert_with(|| {
            Box::new(Rest {
                slots: Vec::new(),
                free: NIL,
                live: 0,
            })
        });
        rest.insert(member)
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        if place.0 == 0 {
            return self.first.as_mut();
        }
        match self.rest.as_mut()?.slots.get_mut(place.0 as usize - 1) {
            Some(Slot::Member(member)) => Some(member),
            _ => None,
        }
    }

    /// Takes the member at `place` out, for the caller to drop.
    pub(crate) fn remove(&mut self, place: Place) -> Option<T> {
        let member = if place.0 == 0 {
            self.first.take()?
        } else {
            self.rest.as_mut()?.remove(place)?
        };
        if let Some(rest) = &self.rest {
            if self.first.is_none() && rest.live == 0 && rest.slots.len() >= KEEP {
                // Every slot is vacant, so nothing of the caller's is dropped here.
                self.rest = None;
            }
        }
        Some(member)
    }

    /// All members, for the caller to use up.
    pub(crate) fn into_members(self) -> impl Iterator<Item = T> {
        let rest = self.rest.map_or_else(Vec::new, |rest| rest.slots);
        self.first
            .into_iter()
            .chain(rest.into_iter().filter_map(|slot| match slot {
                Slot::Member(member) => Some(member),
                Slot::Vacant { .. } => None,
            }))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_places_while_others_come_and_go() {
        let mut roster = Roster::new();
        let places: Vec<_> = (0..10).map(|n| roster.insert(n)).collect();
        for n in [0, 3, 4, 9] {
            assert_eq!(roster.remove(places[n]), Some(n));
            assert_eq!(roster.remove(places[n]), None, "a place is left once");
        }
        let newcomers: Vec<_> = (10..16).map(|n| roster.insert(n)).collect();
        for n in [1, 2, 5, 6, 7, 8] {
            assert_eq!(roster.get_mut(places[n]).copied(), Some(n));
        }
        for (place, n) in newcomers.iter().zip(10..) {
            assert_eq!(roster.get_mut(*place).copied(), Some(n));
        }
        assert_eq!(roster.len(), 12);
        let mut all: Vec<_> = roster.into_members().collect();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15]);
    }

    #[test]
    fn freed_places_are_used_again_before_the_array_grows() {
        let mut roster = Roster::new();
        let mut window = std::collections::VecDeque::new();
        for n in 0..100_000 {
            window.push_back(roster.insert(n));
            if window.len() > 8 {
                assert_eq!(roster.remove(window.pop_front().unwrap()), Some(n - 8));
            }
        }
        assert!(roster.capacity() <= 33, "room for {}", roster.capacity());
    }

    #[test]
    fn the_last_to_leave_gives_the_array_back() {
        let mut roster = Roster::new();
        let places: Vec<_> = (0..10_000).map(|n| roster.insert(n)).collect();
        for place in places {
            roster.remove(place);
        }
        assert_eq!(roster.capacity(), 1);
        let place = roster.insert(7);
        assert_eq!(roster.remove(place), Some(7));
    }
}
