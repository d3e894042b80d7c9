//! `kanal`, by its asynchronous ends.
//!
//! A `recv` of kanal's that is dropped can take a value with it, so a select that starts over each time loses some. Its
//! receives are therefore kept from one select to the next, which is how one has to use it.

use std::pin::pin;

use super::{Chan, Received, Sent, Tally};
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

    async fn drain_two<T: Payload>(a: Self::Rx<T>, b: Self::Rx<T>) -> Tally {
        let mut tally = Tally::default();
        let (mut a_open, mut b_open) = (true, true);
        let (mut from_a, mut from_b) = (pin!(a.recv()), pin!(b.recv()));
        while a_open || b_open {
            tokio::select! {
                received = &mut from_a, if a_open => match received {
                    Ok(value) => {
                        tally.add(&value);
                        from_a.set(a.recv());
                    }
                    Err(_) => a_open = false,
                },
                received = &mut from_b, if b_open => match received {
                    Ok(value) => {
                        tally.add(&value);
                        from_b.set(b.recv());
                    }
                    Err(_) => b_open = false,
                },
            }
        }
        tally
    }
}
