//! Waiting for several things and doing exactly one of them.
//!
//! `select!` is the usual front; [`Select`] is for arms that are known only at run time, and
//! [`recv_any`] for receivers in a slice.
//!
//! A select looks at all its arms in a random order and takes the first that is ready. Where none is,
//! it locks all its channels, looks again (so `default` is chosen only if at one moment no arm was
//! ready), and takes a place in the queue of each. Whoever then wants to serve one of its arms must
//! win the select's word first; only one can.
//!
//! # Exactly one arm happens
//!
//! An arm that is not chosen has had no effect. This holds with selects on each other's channels, with
//! one channel in several arms, with a send and a receive of one channel (they never meet each other),
//! and with foreign futures beside them: while those are polled, no channel can serve the select.
//!
//! # Fairness
//!
//! Of the arms found ready, each is chosen with the same probability. `biased` takes the first in the
//! order of the source, as seen at each poll: an arm that a counterpart has served while the select
//! was parked is the chosen one, whatever became ready since.
//!
//! # Cancel safety
//!
//! A select may be dropped at any time. A receive arm that had been served gives its value to the next
//! receiver, ahead of all later ones. A send arm that had been served has sent; one that had not drops
//! its value, or, with `send_from`, puts it back. Foreign futures are dropped as they stand.
//!
//! Read the files in this order.

pub(crate) mod word;

mod case;
mod engine;

mod chan_arm;
mod future_arm;
mod peek_arm;

mod lock_set;
mod order;

mod any;
mod dynamic;

mod macros;

pub use any::{RecvAny, recv_any};
pub(crate) use chan_arm::{ChanArm, ChanOp};
pub use dynamic::{Running, Select};
pub(crate) use order::{draws, set_draws};

/// What `select!` expands to. Not for use by hand, and free to change.
#[doc(hidden)]
pub mod __private {
    pub use super::case::{
        Arm, Case, CaseTag, FutureTag, Level, Peek, Probe, SelectCase, ViaCase, ViaFuture,
    };
    pub use super::engine::Selector;
    pub use super::peek_arm::PeekArm;
}
