//! What a workload asks of a channel.
//!
//! Called by `work::chan`; implemented once per crate beside this file.
//!
//! # Invariants
//!
//! - I1. `send` and `recv` return the crate's own future, unwrapped: an `async fn` around it costs
//!   10 to 20 ns a message. Hence the two outcome traits, which read results without touching futures.
//! - I2. `drain_two` is a whole loop, so that a select inside it is not wrapped either.

use crate::work::Payload;

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
    /// As given it uses `tokio::select!`, the usual choice with any channel that has no select of its own.
    fn drain_two<T: Payload>(
        mut a: Self::Rx<T>,
        mut b: Self::Rx<T>,
    ) -> impl Future<Output = Tally> + Send {
        async move {
            let mut tally = Tally::default();
            let (mut a_open, mut b_open) = (true, true);
            while a_open || b_open {
                tokio::select! {
                    received = Self::recv(&mut a), if a_open => match received.into_value() {
                        Some(value) => tally.add(&value),
                        None => a_open = false,
                    },
                    received = Self::recv(&mut b), if b_open => match received.into_value() {
                        Some(value) => tally.add(&value),
                        None => b_open = false,
                    },
                }
            }
            tally
        }
    }
}
