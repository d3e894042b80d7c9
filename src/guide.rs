//! Chapters for those who want more than the reference.

#[doc = include_str!("../docs/interop.md")]
pub mod interop {}
