//! The prime sieve: a chain of tasks, in which each takes the multiples of one prime out of a stream of numbers.

use super::Payload;
use super::latch::Latch;
use crate::chan::{Chan, Received, Sent};
use crate::rt::Rt;

/// The numbers that are sieved, from 2 on.
const LIMIT: u64 = 2_000;

/// Sieves as often as it takes to hand on `ops` values.
pub async fn sieve<R: Rt, C: Chan, V: Payload>(capacity: usize, ops: u64) -> Result<u64, String> {
    let (expected, handed_on) = by_hand();
    let sieves = ops.div_ceil(handed_on);
    for _ in 0..sieves {
        let found = once::<R, C, V>(capacity, expected.len()).await;
        if found != expected {
            return Err(format!(
                "{} primes came out, the {}th is not {:?}",
                found.len(),
                expected.len(),
                expected.last()
            ));
        }
    }
    Ok(sieves * handed_on)
}

async fn once<R: Rt, C: Chan, V: Payload>(capacity: usize, primes: usize) -> Vec<u64> {
    let latch = Latch::new();
    latch.arm(primes + 1);
    let (tx, mut rx) = C::make::<V>(capacity);
    {
        let latch = latch.clone();
        R::detach(async move {
            for number in 2..=LIMIT {
                if !C::send(&tx, V::numbered(number)).await.is_sent() {
                    break;
                }
            }
            drop(tx);
            latch.done();
        });
    }
    let mut found = Vec::with_capacity(primes);
    while let Some(value) = C::recv(&mut rx).await.into_value() {
        let prime = value.number();
        found.push(prime);
        let (tx, filtered) = C::make::<V>(capacity);
        let mut numbers = std::mem::replace(&mut rx, filtered);
        let latch = latch.clone();
        R::detach(async move {
            while let Some(value) = C::recv(&mut numbers).await.into_value() {
                if value.number() % prime != 0 && !C::send(&tx, value).await.is_sent() {
                    break;
                }
            }
            drop(tx);
            latch.done();
        });
    }
    if found.len() == primes {
        latch.wait().await;
    }
    found
}

/// The primes without tasks, and how many values the chain hands on: each number passes the filters of all smaller
/// primes up to the first that divides it, and a prime is received once more at the end.
fn by_hand() -> (Vec<u64>, u64) {
    let mut primes: Vec<u64> = Vec::new();
    let mut handed_on = 0;
    for number in 2..=LIMIT {
        match primes.iter().position(|prime| number % prime == 0) {
            Some(place) => handed_on += place as u64 + 1,
            None => {
                handed_on += primes.len() as u64 + 1;
                primes.push(number);
            }
        }
    }
    (primes, handed_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_303_primes_up_to_2000() {
        let (primes, handed_on) = by_hand();
        assert_eq!(primes.len(), 303);
        assert_eq!(primes.last(), Some(&1999));
        assert!(handed_on > 303 * 304 / 2);
    }
}
