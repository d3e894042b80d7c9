//! Tests that look inside the tree. What users can see is tested in `tests/context*.rs`.

#[cfg(loom)]
mod loom;
#[cfg(not(loom))]
mod tree;
