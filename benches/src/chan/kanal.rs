//! `kanal`, by its asynchronous ends.
//!
//! A `recv` of kanal's that is dropped can take a value with it, so a select that starts over each time loses some. Its
//! receives are therefore kept from one select to the next, which is how one has to use it.

use std::pin::pin;

use tokio_util::sync::CancellationToken;

use super::contract::LONG;
use super::{Chan, Received, Sent, Tally};
use crate::rt::Rt;
use crate::work::Payload;

/// The loop over several channels: a name and a place for each.
macro_rules! drain {
    ($rx:ident, $($name:ident $place:literal),+) => {{
        let mut tally = Tally::default();
        let mut open = [true; [$($place),+].len()];
        let mut left = open.len();
        $(let mut $name = pin!($rx[$place].recv());)+
        while left > 0 {
            tokio::select! {
                $(
                    received = &mut $name, if open[$place] => match received {
                        Ok(value) => {
                            tally.add(&value);
                            $name.set($rx[$place].recv());
                        }
                        Err(_) => {
                            open[$place] = false;
                            left -= 1;
                        }
                    },
                )+
            }
        }
        tally
    }};
}

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

    async fn drain_two<T: Payload>(rx: [Self::Rx<T>; 2]) -> Tally {
        drain!(rx, a 0, b 1)
    }

    async fn drain_four<T: Payload>(rx: [Self::Rx<T>; 4]) -> Tally {
        drain!(rx, a 0, b 1, c 2, d 3)
    }

    async fn drain_sixteen<T: Payload>(rx: [Self::Rx<T>; 16]) -> Tally {
        drain!(rx, a 0, b 1, c 2, d 3, e 4, f 5, g 6, h 7, i 8, j 9, k 10, l 11, m 12, n 13, o 14, p 15)
    }

    async fn drain_until_done<T: Payload>(rx: Self::Rx<T>) -> Tally {
        let token = CancellationToken::new();
        let mut tally = Tally::default();
        let mut next = pin!(rx.recv());
        loop {
            tokio::select! {
                received = &mut next => match received {
                    Ok(value) => {
                        tally.add(&value);
                        next.set(rx.recv());
                    }
                    Err(_) => return tally,
                },
                () = token.cancelled() => return tally,
            }
        }
    }

    async fn drain_in_time<T: Payload, R: Rt>(rx: Self::Rx<T>) -> Tally {
        let mut tally = Tally::default();
        let mut next = pin!(rx.recv());
        loop {
            tokio::select! {
                received = &mut next => match received {
                    Ok(value) => {
                        tally.add(&value);
                        next.set(rx.recv());
                    }
                    Err(_) => return tally,
                },
                _ = R::sleep(LONG) => return tally,
            }
        }
    }
}
