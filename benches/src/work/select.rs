//! The workloads in which one task waits for several things at once.

use super::Payload;
use super::chan::feed;
use crate::chan::{Chan, Tally};
use crate::rt::Rt;

/// A sender for each of `channels`, and one task that takes from whichever has something.
pub async fn channels<R: Rt, C: Chan, V: Payload>(
    channels: usize,
    capacity: usize,
    ops: u64,
) -> Result<u64, String> {
    let count = channels as u64;
    let each = ops.div_ceil(count);
    let tally = match channels {
        2 => C::drain_two(fed::<R, C, V, 2>(capacity, each)).await,
        4 => C::drain_four(fed::<R, C, V, 4>(capacity, each)).await,
        16 => C::drain_sixteen(fed::<R, C, V, 16>(capacity, each)).await,
        other => return Err(format!("no select over {other} channels")),
    };
    tally.check(each * count)
}

/// A sender, and a task that waits for its values or for the end of a context, which does not come.
pub async fn done<R: Rt, C: Chan, V: Payload>(capacity: usize, ops: u64) -> Result<u64, String> {
    let [rx] = fed::<R, C, V, 1>(capacity, ops);
    let tally: Tally = C::drain_until_done(rx).await;
    tally.check(ops)
}

/// A sender, and a task that waits for its values, for no longer than a minute each.
pub async fn timer<R: Rt, C: Chan, V: Payload>(capacity: usize, ops: u64) -> Result<u64, String> {
    let [rx] = fed::<R, C, V, 1>(capacity, ops);
    let tally: Tally = C::drain_in_time::<V, R>(rx).await;
    tally.check(ops)
}

/// Receivers of channels that a task each sends `each` values into.
fn fed<R: Rt, C: Chan, V: Payload, const N: usize>(capacity: usize, each: u64) -> [C::Rx<V>; N] {
    std::array::from_fn(|place| {
        let (tx, rx) = C::make::<V>(capacity);
        R::detach(feed::<C, V>(tx, place as u64 * each, each));
        rx
    })
}
