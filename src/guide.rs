//! The guide, chapter by chapter.
//!
//! The chapters are the files of `docs/`; their examples are tests.

#[doc = include_str!("../docs/cancel-safety.md")]
pub mod cancel_safety {}
