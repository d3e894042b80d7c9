//! In which order a select looks at its arms.
//!
//! # Invariants
//!
//! 1. It is a permutation of the arms: drawn uniformly (Fisher and Yates), or that of the source with
//!    `biased`.
//! 2. A place is drawn only when it is asked for: a select whose first arm is ready needs one draw.

/// The arms of so many fit into one word, four bits each.
const PACKED: usize = 16;

/// Asks for one arm after the other until the answer is yes; which one it was.
#[inline]
pub(super) fn find(
    len: usize,
    biased: bool,
    mut is_it: impl FnMut(usize) -> bool,
) -> Option<usize> {
    if len > PACKED {
        return find_of_many(len, biased, &mut is_it);
    }
    // All draws of a zero are zero, and leave the order as it is.
    let mut draws = if biased || len == 1 {
        Draws(0)
    } else {
        Draws::new()
    };
    // Those not asked for yet, the next in the lowest bits.
    let mut arms = 0xfedc_ba98_7654_3210_u64;
    for left in (1..=len).rev() {
        // The next place and the one that was drawn change their arms.
        let place = 4 * draws.below(left);
        let arm = arms >> place & 15;
        arms ^= ((arms ^ arm) & 15) << place;
        arms >>= 4;
        if is_it(arm as usize) {
            return Some(arm as usize);
        }
    }
    None
}

#[cold]
fn find_of_many(len: usize, biased: bool, is_it: &mut dyn FnMut(usize) -> bool) -> Option<usize> {
    let mut arms: Vec<usize> = (0..len).collect();
    for at in 0..len {
        if !biased {
            // A number is not good for so many draws.
            arms.swap(at, at + Draws::new().below(len - at));
        }
        if is_it(arms[at]) {
            return Some(arms[at]);
        }
    }
    None
}

/// A random number, as a fraction of 2^64, that is used up by drawing from it: what is left after a draw is as
/// random as before, but has fewer digits. All draws for [`PACKED`] arms leave it 20 bits: so much is the error in a
/// probability below.
#[derive(Debug)]
struct Draws(u64);

impl Draws {
    /// A number below `n`.
    #[inline]
    fn below(&mut self, n: usize) -> usize {
        let product = u128::from(self.0) * n as u128;
        self.0 = product as u64;
        (product >> 64) as usize
    }

    #[cfg(not(loom))]
    #[inline]
    fn new() -> Self {
        Self(random())
    }

    /// The model checker repeats each run exactly, so nothing may be drawn there.
    #[cfg(loom)]
    fn new() -> Self {
        Self(0)
    }
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn draw(len: usize, biased: bool) -> Vec<usize> {
        let mut order = Vec::new();
        let none = find(len, biased, |arm| {
            order.push(arm);
            false
        });
        assert_eq!(none, None);
        order
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
        for len in [1, 2, 16, 17, 70] {
            assert_eq!(draw(len, true), (0..len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nobody_is_asked_after_the_answer() {
        for len in [1, 7, 16, 17] {
            let mut asked = Vec::new();
            let found = find(len, false, |arm| {
                asked.push(arm);
                asked.len() == len.div_ceil(2)
            });
            assert_eq!(asked.len(), len.div_ceil(2));
            assert_eq!(found, asked.last().copied());
        }
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
