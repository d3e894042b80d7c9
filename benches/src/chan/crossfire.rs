//! `crossfire`, one type for each of its families: it is fastest when told how many ends there will be.
//!
//! The registry picks the narrowest family that a workload fits. There is no capacity of zero. On a virtual machine its
//! documentation asks for `detect_backoff_cfg` at start-up, which `make` therefore calls.

use crossfire::{mpmc, mpsc, spsc};

use super::{Chan, Received, Sent};
use crate::work::Payload;

macro_rules! family {
    ($(#[$doc:meta])* $name:ident, $module:ident, $tx:ident, $rx:ident, |$t:ident| $clone_tx:expr, |$r:ident| $clone_rx:expr) => {
        $(#[$doc])*
        pub struct $name;

        impl Chan for $name {
            type Tx<T: Payload> = crossfire::$tx<$module::Array<T>>;
            type Rx<T: Payload> = crossfire::$rx<$module::Array<T>>;

            fn make<T: Payload>(capacity: usize) -> (Self::Tx<T>, Self::Rx<T>) {
                crossfire::detect_backoff_cfg();
                $module::bounded_async(capacity.max(1))
            }

            fn clone_tx<T: Payload>($t: &Self::Tx<T>) -> Option<Self::Tx<T>> {
                $clone_tx
            }

            fn clone_rx<T: Payload>($r: &Self::Rx<T>) -> Option<Self::Rx<T>> {
                $clone_rx
            }

            fn send<T: Payload>(tx: &Self::Tx<T>, value: T) -> impl Future<Output: Sent> + Send {
                tx.send(value)
            }

            fn recv<T: Payload>(rx: &mut Self::Rx<T>) -> impl Future<Output: Received<T>> + Send {
                rx.recv()
            }
        }
    };
}

family!(
    /// One sender, one receiver.
    CrossfireSpsc, spsc, AsyncTx, AsyncRx, |_tx| None, |_rx| None
);
family!(
    /// Many senders, one receiver.
    CrossfireMpsc, mpsc, MAsyncTx, AsyncRx, |tx| Some(tx.clone()), |_rx| None
);
family!(
    /// Many of both.
    CrossfireMpmc, mpmc, MAsyncTx, MAsyncRx, |tx| Some(tx.clone()), |rx| Some(rx.clone())
);
