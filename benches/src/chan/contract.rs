//! What a workload asks of a channel.
//!
//! Called by `work::chan`; implemented once per crate beside this file.
//!
//! # Invariants
//!
//! - I1. `send` and `recv` return the crate's own future, unwrapped: an `async fn` around it costs
//!   10 to 20 ns a message. Hence the two outcome traits, which read results without touching futures.
//! - I2. `drain_two` and its like are whole loops, so that a select inside them is not wrapped either.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::rt::Rt;
use crate::work::Payload;

/// How long `drain_in_time` would wait for a value. None of its timers ever fires.
pub const LONG: Duration = Duration::from_secs(60);

/// What a `send` resolves to.
pub trait Sent {
    /// Whether the value was taken.
    fn is_sent(&self) -> bool;
}

impl<E> Sent for Result<(), E> {
    fn is_sent(&self) -> bool {
        self.is_ok()
    }
}

/// What a `recv` resolves to.
pub trait Received<T> {
    /// The value; `None` once the channel is closed and drained.
    fn into_value(self) -> Option<T>;
}

impl<T> Received<T> for Option<T> {
    fn into_value(self) -> Option<T> {
        self
    }
}

impl<T, E> Received<T> for Result<T, E> {
    fn into_value(self) -> Option<T> {
        self.ok()
    }
}

/// How much arrived: the count, and the sum of the values' numbers. Both together tell a lost value,
/// and nearly every doubled one.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Number of values.
    pub count: u64,
    /// Wrapping sum of their numbers.
    pub sum: u64,
}

impl Tally {
    /// Counts one more value.
    #[inline]
    pub fn add<V: Payload>(&mut self, value: &V) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(value.number());
    }
}

/// The loop over several channels: a name and a place for each.
macro_rules! drain {
    ($rx:ident, $($name:ident $place:literal),+) => {
        async move {
            let [$(mut $name),+] = $rx;
            let mut tally = Tally::default();
            let mut open = [true; [$($place),+].len()];
            let mut left = open.len();
            while left > 0 {
                tokio::select! {
                    $(
                        received = Self::recv(&mut $name), if open[$place] => match received.into_value() {
                            Some(value) => tally.add(&value),
                            None => {
                                open[$place] = false;
                                left -= 1;
                            }
                        },
                    )+
                }
            }
            tally
        }
    };
}

/// A bounded channel under test.
pub trait Chan: 'static {
    /// The sending end.
    type Tx<T: Payload>: Send + 'static;
    /// The receiving end.
    type Rx<T: Payload>: Send + 'static;

    /// A channel with room for `capacity` values. Where zero is not supported it is one: the report
    /// marks such a figure.
    fn make<T: Payload>(capacity: usize) -> (Self::Tx<T>, Self::Rx<T>);

    /// Another sender; `None` on a channel with one.
    fn clone_tx<T: Payload>(tx: &Self::Tx<T>) -> Option<Self::Tx<T>>;

    /// Another receiver; `None` on a channel with one.
    fn clone_rx<T: Payload>(rx: &Self::Rx<T>) -> Option<Self::Rx<T>>;

    /// Sends, waiting for room.
    fn send<T: Payload>(tx: &Self::Tx<T>, value: T) -> impl Future<Output: Sent> + Send;

    /// Receives, waiting for a value.
    fn recv<T: Payload>(rx: &mut Self::Rx<T>) -> impl Future<Output: Received<T>> + Send;

    /// Takes from both channels, each time from whichever has something, until both are closed.
    ///
    /// As given this and its like use `tokio::select!`, the usual choice with any channel that has no select of its
    /// own.
    fn drain_two<T: Payload>(rx: [Self::Rx<T>; 2]) -> impl Future<Output = Tally> + Send {
        drain!(rx, a 0, b 1)
    }

    /// The same with four.
    fn drain_four<T: Payload>(rx: [Self::Rx<T>; 4]) -> impl Future<Output = Tally> + Send {
        drain!(rx, a 0, b 1, c 2, d 3)
    }

    /// The same with sixteen.
    fn drain_sixteen<T: Payload>(rx: [Self::Rx<T>; 16]) -> impl Future<Output = Tally> + Send {
        drain!(rx, a 0, b 1, c 2, d 3, e 4, f 5, g 6, h 7, i 8, j 9, k 10, l 11, m 12, n 13, o 14, p 15)
    }

    /// Takes from the channel until it is closed, or a cancellation comes, which does not.
    fn drain_until_done<T: Payload>(mut rx: Self::Rx<T>) -> impl Future<Output = Tally> + Send {
        async move {
            let token = CancellationToken::new();
            let mut tally = Tally::default();
            loop {
                tokio::select! {
                    received = Self::recv(&mut rx) => match received.into_value() {
                        Some(value) => tally.add(&value),
                        None => return tally,
                    },
                    () = token.cancelled() => return tally,
                }
            }
        }
    }

    /// Takes from the channel until it is closed, or nothing comes for [`LONG`]. The timers are the runtime's.
    fn drain_in_time<T: Payload, R: Rt>(mut rx: Self::Rx<T>) -> impl Future<Output = Tally> + Send {
        async move {
            let mut tally = Tally::default();
            loop {
                tokio::select! {
                    received = Self::recv(&mut rx) => match received.into_value() {
                        Some(value) => tally.add(&value),
                        None => return tally,
                    },
                    _ = R::sleep(LONG) => return tally,
                }
            }
        }
    }
}
