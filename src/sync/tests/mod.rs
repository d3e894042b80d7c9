//! Tests that need a model of the machine. What users can see is tested in `tests/wait_group.rs`.

mod loom;
