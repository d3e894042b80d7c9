//! Tests that must reach the inside of a goroutine.

mod loom;
