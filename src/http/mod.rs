//! Serving HTTP with goroutines (feature `http`).
//!
//! [`serve`] takes a listener and any tower service, an axum `Router` as it is among them, and runs it as Go's
//! `net/http` does: one goroutine per connection, one more per HTTP/2 request stream, each request with a
//! [`Context`](crate::Context) that ends when its client goes away. [`Executor`] is the same for whoever drives hyper
//! himself.
//!
//! Why not a library's own `serve`? Those start their tasks with `tokio::spawn`. Such tasks work here, but they share
//! the one thread that is in the I/O driver: no stealing, no slices, and a handler that blocks holds all I/O up.
//!
//! # Reading order
//!
//! 1. `serve`: the builder, the accept loop, shutdown.
//! 2. `conn`: one connection's goroutine.
//! 3. `request`: the Context of a request, from its head to the last byte of its answer.
//! 4. `executor`: hyper's executor on goroutines.

mod serve;

mod conn;

mod request;

mod executor;

pub use executor::Executor;
pub use serve::{Serve, Serving, serve};
