//! `flume`.

use super::{Chan, Received, Sent};
use crate::work::Payload;

/// See the module.
pub struct Flume;

impl Chan for Flume {
    type Tx<T: Payload> = flume::Sender<T>;
    type Rx<T: Payload> = flume::Receiver<T>;

    fn make<T: Payload>(capacity: usize) -> (Self::Tx<T>, Self::Rx<T>) {
        flume::bounded(capacity)
    }

    fn clone_tx<T: Payload>(tx: &Self::Tx<T>) -> Option<Self::Tx<T>> {
        Some(tx.clone())
    }

    fn clone_rx<T: Payload>(rx: &Self::Rx<T>) -> Option<Self::Rx<T>> {
        Some(rx.clone())
    }

    fn send<T: Payload>(tx: &Self::Tx<T>, value: T) -> impl Future<Output: Sent> + Send {
        tx.send_async(value)
    }

    fn recv<T: Payload>(rx: &mut Self::Rx<T>) -> impl Future<Output: Received<T>> + Send {
        rx.recv_async()
    }
}
