//! Durations of which the rare long ones matter: quantiles of all samples, none rounded.

use std::time::Duration;

/// A collection of them.
#[derive(Default)]
pub struct Lateness(Vec<Duration>);

impl Lateness {
    /// One more.
    pub fn add(&mut self, late: Duration) {
        self.0.push(late);
    }

    /// All of another collection.
    #[cfg(feature = "http")]
    pub fn append(&mut self, mut other: Lateness) {
        self.0.append(&mut other.0);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// These quantiles in microseconds: the least sample that so many in a hundred do not exceed.
    pub fn quantiles<const N: usize>(mut self, percents: [f64; N]) -> [f64; N] {
        self.0.sort_unstable();
        percents.map(|percent| {
            let rank = (self.0.len() as f64 * percent / 100.0).ceil() as usize;
            let place = rank.clamp(1, self.0.len().max(1)) - 1;
            self.0
                .get(place)
                .map_or(f64::NAN, |late| late.as_nanos() as f64 / 1e3)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples_by_rank() {
        let mut lateness = Lateness::default();
        for micros in (1..=200).rev() {
            lateness.add(Duration::from_micros(micros));
        }
        let found = lateness.quantiles([0.0, 50.0, 99.0, 100.0]);
        assert_eq!(found, [1.0, 100.0, 198.0, 200.0]);
    }

    #[test]
    fn no_sample_has_no_quantile() {
        assert!(Lateness::default().quantiles([50.0])[0].is_nan());
    }
}
