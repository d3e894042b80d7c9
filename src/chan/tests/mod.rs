//! Tests that must reach the inside of a channel.

#[cfg(loom)]
mod loom;
#[cfg(loom)]
mod loom_pairs;
