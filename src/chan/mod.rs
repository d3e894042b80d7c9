//! Channels: Go's, for any executor.
//!
//! [`chan`] makes one. `chan(0)` is unbuffered: a send and a receive meet. Both ends can be cloned,
//! and whoever waits is served first come, first served. A value goes straight into a receiver that
//! waits; when room appears in a full channel, the first waiting sender's value takes it.
//!
//! | call | open | closed | nil |
//! |---|---|---|---|
//! | `tx.send(v).await` | waits for room or a receiver | `Err(SendError(v))` at once | waits for ever |
//! | `tx.try_send(v)` | `Err(Full(v))` instead of waiting | `Err(Closed(v))` | `Err(Full(v))` |
//! | `rx.recv().await` | waits for a value | what is buffered, then `None` | waits for ever |
//! | `rx.try_recv()` | `Err(Empty)` instead of waiting | what is buffered, then `Err(Closed)` | `Err(Empty)` |
//! | `tx.close()` | `true` | `false` | `false` |
//! | `len`, `capacity` | as in Go | as before | 0 |
//!
//! A channel is closed by [`Sender::close`], by the last [`Sender`] dropped, and by the last
//! [`Receiver`] dropped; the last drops what is buffered, too. The losers get their values back.
//!
//! # Cancel safety
//!
//! Every future here may be dropped at any time. A dropped `recv` that a sender has already served
//! gives its value to the next receiver, ahead of all later values. A dropped `send` either happened
//! or its value is dropped with it; with [`Sender::send_from`] it is back where it came from. No value
//! is lost, doubled or reordered for a single sender.
//!
//! Values given back may make a channel hold more of them than its capacity; `len` stays within it. A
//! receive that found the channel closed and drained while another receive had the last value in hand
//! has returned `None`; should that other be dropped, the value can still be received. In the same way
//! one receiver may have taken a later value while another had an earlier one in hand.
//!
//! The [guide](crate::guide::cancel_safety) goes through every operation and point, beside other channels.
//!
//! # With others
//!
//! These channels need no runtime: they work under any executor, between executors, and with threads.
//! [`Receiver::stream`] and [`Receiver::into_stream`] are `futures` streams (fused ones), [`Sender::into_sink`]
//! is a sink. With the feature `async-channel`, `Receiver::forward_to` and `Sender::forward_from` move values
//! to and from the channels of that crate, and `From` converts each end. The guide has a chapter on
//! [interoperation](crate::guide::interop).
//!
//! # Memory
//!
//! Each handle is one pointer. A channel is one allocation of 184 bytes, and one more for its buffer,
//! `capacity` times the size of a value. Sending, receiving and waiting allocate nothing: the waiter's
//! node is inside its future, which takes 64 bytes beside an `Option<T>` (one pointer more with
//! `send_from`). A stream or sink allocates once, for its first wait; a value that is given back and finds
//! no receiver waiting may.
//!
//! The sizes are upper bounds, on 64-bit machines; a test measures them.
//!
//! Read the files in this order.

mod error;
mod make;
mod nil;

mod receiver;
mod recv;
mod send;
mod sender;

#[cfg(feature = "async-channel")]
mod async_channel;
mod blocking;
mod closed;
mod sink;
mod stream;

mod buf;
pub(crate) mod hchan;
pub(crate) mod lock;
pub(crate) mod op;
pub(crate) mod ready;
mod sudog;

#[cfg(test)]
mod tests;

pub use closed::Closed;
pub use error::{SendError, TryRecvError, TrySendError};
pub use make::{End, chan};
pub use nil::nil;
pub use receiver::Receiver;
pub use recv::Recv;
pub use send::{SendFrom, SendFuture};
pub use sender::{Sender, WeakSender};
pub use sink::IntoSink;
pub use stream::{IntoStream, Stream};
