//! `tokio::sync::mpsc`. It has one receiver, and no capacity of zero.

use super::{Chan, Received, Sent};
use crate::work::Payload;

/// See the module.
pub struct Tokio;

impl Chan for Tokio {
    type Tx<T: Payload> = tokio::sync::mpsc::Sender<T>;
    type Rx<T: Payload> = tokio::sync::mpsc::Receiver<T>;

    fn make<T: Payload>(capacity: usize) -> (Self::Tx<T>, Self::Rx<T>) {
        tokio::sync::mpsc::channel(capacity.max(1))
    }

    fn clone_tx<T: Payload>(tx: &Self::Tx<T>) -> Option<Self::Tx<T>> {
        Some(tx.clone())
    }

    fn clone_rx<T: Payload>(_rx: &Self::Rx<T>) -> Option<Self::Rx<T>> {
        None
    }

    fn send<T: Payload>(tx: &Self::Tx<T>, value: T) -> impl Future<Output: Sent> + Send {
        tx.send(value)
    }

    fn recv<T: Payload>(rx: &mut Self::Rx<T>) -> impl Future<Output: Received<T>> + Send {
        rx.recv()
    }
}
