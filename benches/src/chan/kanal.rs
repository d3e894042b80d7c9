//! `kanal`, by its asynchronous ends.

use super::{Chan, Received, Sent};
use crate::work::Payload;

/// See the module.
pub struct Kanal;

impl Chan for Kanal {
    type Tx<T: Payload> = kanal::AsyncSender<T>;
    type Rx<T: Payload> = kanal::AsyncReceiver<T>;

    fn make<T: Payload>(capacity: usize) -> (Self::Tx<T>, Self::Rx<T>) {
        kanal::bounded_async(capacity)
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
