//! Tests that must reach the inside of a P.

mod loom;
