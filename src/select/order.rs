//! In which order a select looks at its arms.
//!
//! # Invariants
//!
//! 1. It is a permutation of the arms: drawn uniformly (Fisher and Yates), or that of the source with
//!    `biased`.
//! 2. Places before `drawn` are settled; the rest is drawn only when it is asked for. The first place
//!    is drawn by `first`, before there is an order: a select whose first arm is ready needs no more.

/// So many arms fit into one word, four bits each.
const PACKED: usize = 16;

/// An order of `len` arms.
pub(super) struct Order {
    /// The arms in their places, the first in the lowest bits.
    packed: u64,
    /// The same, where there are more than fit.
    spilled: Vec<u32>,
    len: usize,
    drawn: usize,
}

/// The arm in the first place of an order of `len` arms, of which there is one at least.
#[inline]
pub(super) fn first(len: usize, biased: bool) -> usize {
    if biased { 0 } else { below(len) }
}

impl Order {
    /// The rest of the order whose first place was drawn by [`first`].
    #[inline]
    pub(super) fn starting_with(first: usize, len: usize, biased: bool) -> Self {
        let mut order = Self {
            packed: 0xfedc_ba98_7654_3210,
            spilled: if len <= PACKED {
                Vec::new()
            } else {
                (0..len as u32).collect()
            },
            len,
            drawn: if biased { len } else { 1 },
        };
        order.swap(0, first);
        order
    }

    /// The arm to look at in place `at`; places are asked for from 0 on.
    #[inline]
    pub(super) fn at(&mut self, at: usize) -> usize {
        if at >= self.drawn {
            self.swap(at, at + below(self.len - at));
            self.drawn = at + 1;
        }
        if self.len <= PACKED {
            (self.packed >> (4 * at)) as usize & 15
        } else {
            self.spilled[at] as usize
        }
    }

    #[inline]
    fn swap(&mut self, a: usize, b: usize) {
        if self.len <= PACKED {
            let differ = (self.packed >> (4 * a) ^ self.packed >> (4 * b)) & 15;
            self.packed ^= differ << (4 * a) | differ << (4 * b);
            // The same place twice: nothing differs.
        } else {
            self.spilled.swap(a, b);
        }
    }
}

/// A number below `n`, which is small.
#[cfg(not(loom))]
#[inline]
fn below(n: usize) -> usize {
    if n == 1 {
        return 0;
    }
    // The high half times `n`: the error in a probability is n in 2^32.
    (((random() >> 32) * n as u64) >> 32) as usize
}

#[cfg(not(loom))]
thread_local! {
    /// Where the thread's draws stand; 0 before the first.
    static STATE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Where this thread's draws stand, for a runtime that repeats them (`runtime/clock.rs`).
pub(crate) fn draws() -> u64 {
    #[cfg(not(loom))]
    return STATE.get();
    #[cfg(loom)]
    return 1;
}

/// From now on this thread draws what comes after `at`.
pub(crate) fn set_draws(at: u64) {
    #[cfg(not(loom))]
    STATE.set(if at == 0 { ZERO } else { at });
    #[cfg(loom)]
    let _ = at;
}

/// In place of a state of 0, which says that nothing was drawn yet.
#[cfg(not(loom))]
const ZERO: u64 = 0x9e37_79b9_7f4a_7c15;

/// The next number of the thread's own generator (Wang Yi's wyrand): there is one draw in almost every
/// select, and a general one costs as much as the rest of it.
#[cfg(not(loom))]
#[inline]
fn random() -> u64 {
    let mut state = STATE.get();
    if state == 0 {
        state = seed();
    }
    state = state.wrapping_add(0xa076_1d64_78bd_642f);
    STATE.set(state);
    let product = u128::from(state) * u128::from(state ^ 0xe703_7ed1_a0b4_28db);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(not(loom))]
#[cold]
fn seed() -> u64 {
    fastrand::u64(..)
}

/// The model checker repeats each run exactly, so nothing may be drawn there.
#[cfg(loom)]
fn below(_n: usize) -> usize {
    0
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn draw(len: usize, biased: bool) -> Vec<usize> {
        let mut order = Order::starting_with(first(len, biased), len, biased);
        (0..len).map(|at| order.at(at)).collect()
    }

    #[test]
    fn an_order_names_each_arm_once_however_many_there_are() {
        for len in [1, 2, 15, 16, 17, 64, 300] {
            let mut drawn = draw(len, false);
            drawn.sort_unstable();
            assert_eq!(drawn, (0..len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_biased_order_is_that_of_the_source() {
        assert_eq!(draw(70, true), (0..70).collect::<Vec<_>>());
    }

    #[test]
    fn an_order_once_drawn_stays() {
        let mut order = Order::starting_with(4, 9, false);
        let first: Vec<_> = (0..9).map(|at| order.at(at)).collect();
        assert_eq!(first[0], 4);
        let again: Vec<_> = (0..9).map(|at| order.at(at)).collect();
        assert_eq!(first, again);
    }

    #[test]
    fn all_orders_of_three_arms_are_equally_likely() {
        const ROUNDS: u32 = 60_000;
        let mut counts = std::collections::HashMap::new();
        for _ in 0..ROUNDS {
            *counts.entry(draw(3, false)).or_insert(0u32) += 1;
        }
        assert_eq!(counts.len(), 6);
        // Ten standard deviations of a binomial with p = 1/6.
        let (n, p) = (f64::from(ROUNDS), 1.0 / 6.0);
        let limit = 10.0 * (n * p * (1.0 - p)).sqrt();
        for (order, count) in counts {
            assert!(
                (f64::from(count) - n * p).abs() < limit,
                "{order:?}: {count}"
            );
        }
    }
}
