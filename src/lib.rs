//! Go's goroutine architecture for async Rust.
