//! gosched's own channel and `select!`.

use super::{Chan, Received, Sent, Tally};
use crate::work::Payload;

/// See the module.
pub struct Gosched;

impl Chan for Gosched {
    type Tx<T: Payload> = gosched::chan::Sender<T>;
    type Rx<T: Payload> = gosched::chan::Receiver<T>;

    fn make<T: Payload>(capacity: usize) -> (Self::Tx<T>, Self::Rx<T>) {
        gosched::chan(capacity)
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
    async fn drain_two<T: Payload>(a: Self::Rx<T>, b: Self::Rx<T>) -> Tally {
        let mut tally = Tally::default();
        let (mut a_open, mut b_open) = (true, true);
        while a_open || b_open {
            gosched::select! {
                received = a.recv(), if a_open => match received {
                    Some(value) => tally.add(&value),
                    None => a_open = false,
                },
                received = b.recv(), if b_open => match received {
                    Some(value) => tally.add(&value),
                    None => b_open = false,
                },
            }
        }
        tally
    }
}
