//! Model-checked.
