//! The procedural macros of gosched.
