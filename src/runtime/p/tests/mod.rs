//! Tests that must reach the inside of a P.

#[cfg(loom)]
mod loom;
#[cfg(not(loom))]
mod steal;
