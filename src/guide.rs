//! The guide: chapters to read, beside the reference. Every program in them runs as a test.
//!
//! There is no code in here.

#[doc = include_str!("../docs/patterns.md")]
pub mod patterns {}

#[doc = include_str!("../docs/cancel-safety.md")]
pub mod cancel_safety {}
