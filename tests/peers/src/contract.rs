//! What the situations need of a channel.

use std::future::Future;
use std::pin::Pin;

use crate::Value;

/// A future of any channel.
pub type Fut<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A bounded channel, by its asynchronous ends.
pub trait Chan {
    const NAME: &'static str;

    type Tx;
    type Rx;

    fn make(capacity: usize) -> (Self::Tx, Self::Rx);

    /// A send that fails has the value in its error, if the channel gives it back.
    fn send(tx: &Self::Tx, value: Value) -> Fut<'_, Result<(), Option<Value>>>;

    /// As `send`, without waiting.
    fn try_send(tx: &Self::Tx, value: Value) -> Result<(), Option<Value>>;

    /// `None` when the channel is closed.
    fn recv(rx: &mut Self::Rx) -> Fut<'_, Option<Value>>;

    /// As `recv`, without waiting; `None` also when there is nothing.
    fn try_recv(rx: &mut Self::Rx) -> Option<Value>;

    /// Sends without waiting; there must be room, or a receiver that waits.
    #[track_caller]
    fn put(tx: &Self::Tx, value: Value) {
        assert!(Self::try_send(tx, value).is_ok(), "expected room");
    }

    /// The numbers of all that can be received without waiting.
    fn drain(rx: &mut Self::Rx) -> Vec<usize> {
        std::iter::from_fn(|| Self::try_recv(rx))
            .map(|value| value.id)
            .collect()
    }
}

/// One with several receivers.
pub trait Shared: Chan {
    fn clone_rx(rx: &Self::Rx) -> Self::Rx;
}

/// One that can be closed while both ends have handles.
pub trait Close: Chan {
    fn close(tx: &Self::Tx, rx: &mut Self::Rx);
}
