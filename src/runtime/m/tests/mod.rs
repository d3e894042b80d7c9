//! Models of what an M agrees on with others.

mod loom;
