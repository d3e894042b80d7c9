//! In which order a select looks at its arms.
//!
//! # Invariants
//!
//! 1. It is a permutation of the arms: drawn uniformly, or that of the source with `biased`.
//! 2. Places before `drawn` are settled; the rest is drawn only when it is asked for, so a select
//!    whose first arm is ready draws once.

/// So many arms need no allocation: as many as `select!` allows.
const INLINE: usize = 64;

/// An order of `len` arms.
pub(super) struct Order {
    inline: [u8; INLINE],
    spilled: Vec<u32>,
    len: usize,
    drawn: usize,
}

impl Order {
    /// An order of `len` arms.
    pub(super) fn new(len: usize, biased: bool) -> Self {
        let mut order = Self {
            inline: [0; INLINE],
            spilled: Vec::new(),
            len,
            drawn: if biased { len } else { 0 },
        };
        if len <= INLINE {
            for (at, place) in order.inline[..len].iter_mut().enumerate() {
                *place = at as u8;
            }
        } else {
            order.spilled = (0..len as u32).collect();
        }
        order
    }

    /// The arm to look at in place `at`; places are asked for from 0 on.
    #[inline]
    pub(super) fn at(&mut self, at: usize) -> usize {
        if at >= self.drawn {
            let other = at + below(self.len - at);
            if self.len <= INLINE {
                self.inline.swap(at, other);
            } else {
                self.spilled.swap(at, other);
            }
            self.drawn = at + 1;
        }
        if self.len <= INLINE {
            self.inline[at] as usize
        } else {
            self.spilled[at] as usize
        }
    }
}

/// A number below `n`, from the thread's own generator.
#[cfg(not(loom))]
#[inline]
fn below(n: usize) -> usize {
    if n == 1 { 0 } else { fastrand::usize(..n) }
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
        let mut order = Order::new(len, biased);
        (0..len).map(|at| order.at(at)).collect()
    }

    #[test]
    fn an_order_names_each_arm_once_however_many_there_are() {
        for len in [0, 1, 2, 64, 65, 300] {
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
        let mut order = Order::new(9, false);
        let first: Vec<_> = (0..9).map(|at| order.at(at)).collect();
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
