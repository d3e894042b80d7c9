//! gosched's own channel and `select!`.

use gosched::{Context, time};

use super::contract::LONG;
use super::{Chan, Received, Sent, Tally};
use crate::rt::Rt;
use crate::work::Payload;

/// The loop over several channels: a name and a place for each.
macro_rules! drain {
    ($rx:ident, $($name:ident $place:literal),+) => {{
        let [$($name),+] = $rx;
        let mut tally = Tally::default();
        let mut open = [true; [$($place),+].len()];
        let mut left = open.len();
        while left > 0 {
            gosched::select! {
                $(
                    received = $name.recv(), if open[$place] => match received {
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
    }};
}

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
        let (ctx, _cancel) = Context::background().with_cancel();
        let mut tally = Tally::default();
        loop {
            gosched::select! {
                received = rx.recv() => match received {
                    Some(value) => tally.add(&value),
                    None => return tally,
                },
                _ = ctx.done() => return tally,
            }
        }
    }

    /// Under another runtime too with gosched's timers, which are then those of its default runtime.
    async fn drain_in_time<T: Payload, R: Rt>(rx: Self::Rx<T>) -> Tally {
        let mut tally = Tally::default();
        loop {
            gosched::select! {
                received = rx.recv() => match received {
                    Some(value) => tally.add(&value),
                    None => return tally,
                },
                _ = time::after(LONG) => return tally,
            }
        }
    }
}
