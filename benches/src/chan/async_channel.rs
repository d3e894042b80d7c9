//! `async-channel`, smol's channel. It has no capacity of zero.

use super::{Chan, Received, Sent};
use crate::work::Payload;

/// See the module.
pub struct AsyncChannel;

impl Chan for AsyncChannel {
    type Tx<T: Payload> = async_channel::Sender<T>;
    type Rx<T: Payload> = async_channel::Receiver<T>;

    fn make<T: Payload>(capacity: usize) -> (Self::Tx<T>, Self::Rx<T>) {
        async_channel::bounded(capacity.max(1))
    }

    fn clone_tx<T: Payload>(tx: &Self::Tx<T>) -> Option<Self::Tx<T>> {
        Some(tx.clone())
    }

    fn clone_rx<T: Payload>(rx: &Self::Rx<T>) -> Option<Self::Rx<T>> {
        Some(rx.clone())
    }

    fn send<T: Payload>(tx: &Self::Tx<T>, value: T) -> impl Future<Output: Sent> + Send {
        tx.send(value)
    }

    fn recv<T: Payload>(rx: &mut Self::Rx<T>) -> impl Future<Output: Received<T>> + Send {
        rx.recv()
    }
}
