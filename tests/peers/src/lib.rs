//! Six channels behind one trait, so that one program can ask each of them what becomes of a value when a
//! future is dropped.
//!
//! The tests beside this crate do that, one situation a file. Everything in them is polled by hand, so that a
//! future is dropped at one chosen point, in one thread, and the answer is the same each time.
//!
//! crossfire's select is for receivers and for threads:
//!
//! ```
//! let (tx, rx) = crossfire::mpmc::bounded_async::<u8>(1);
//! tx.try_send(7).unwrap();
//! let mut select = crossfire::select::Select::new();
//! select.add(&rx);
//! let ready = select.select().unwrap(); // blocks
//! assert_eq!(rx.read_select(ready).unwrap(), 7);
//! ```
//!
//! A sender cannot be added:
//!
//! ```compile_fail,E0277
//! let (tx, rx) = crossfire::mpmc::bounded_async::<u8>(1);
//! let mut select = crossfire::select::Select::new();
//! select.add(&tx);
//! ```
//!
//! Where a situation does not arise, there is no way to bring it about. tokio's channel has one receiver:
//!
//! ```compile_fail,E0599
//! let (tx, rx) = tokio::sync::mpsc::channel::<u8>(1);
//! let other = rx.clone();
//! ```
//!
//! Those of flume and crossfire are closed by dropping an end:
//!
//! ```compile_fail,E0599
//! let (tx, rx) = flume::bounded::<u8>(1);
//! tx.close();
//! ```
//!
//! ```compile_fail,E0599
//! let (tx, rx) = crossfire::mpmc::bounded_async::<u8>(1);
//! tx.close();
//! ```

#![forbid(unsafe_code)]

mod channels;
mod contract;
mod hand;
mod value;

pub use channels::{AsyncChannel, Crossfire, Flume, Gosched, Kanal, Tokio};
pub use contract::{Chan, Close, Fut, Shared};
pub use hand::{Wakes, now, parked, poll, poll_with};
pub use value::{Census, Value};

/// One test for each channel: what a situation comes to there.
///
/// ```
/// use gosched_peers::{Chan, Gosched, Kanal, outcomes};
///
/// fn name<C: Chan>() -> &'static str {
///     C::NAME
/// }
///
/// outcomes! { name:
///     the_first_is_ours: Gosched => "gosched",
///     the_second_is_kanals: Kanal => "kanal",
/// }
/// ```
#[macro_export]
macro_rules! outcomes {
    ($situation:ident: $($test:ident: $chan:ty => $outcome:expr,)+) => {
        $(
            #[test]
            fn $test() {
                assert_eq!($situation::<$chan>(), $outcome, "{}", <$chan as $crate::Chan>::NAME);
            }
        )+
    };
}
