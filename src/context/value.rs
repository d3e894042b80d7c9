//! Values that a context carries: one per type, the nearest wins.
//!
//! Called by [`Context::with_value`](super::Context::with_value) and
//! [`Context::value`](super::Context::value); the tree asks an [`Entry`] for its base only.
//!
//! # Invariants
//!
//! 1. An entry's base is a node above it that is not a value, so finding the scope of a context
//!    takes one step however many values it carries.
//!
//! No lock: an entry never changes.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;

use super::tree::{Kind, Node};

/// One value.
pub(super) struct Entry {
    value: Box<dyn Any + Send + Sync>,
    type_name: &'static str,
    base: Arc<Node>,
}

impl Entry {
    pub(super) fn node<T: Send + Sync + 'static>(parent: &Arc<Node>, value: T) -> Arc<Node> {
        let entry = Entry {
            value: Box::new(value),
            type_name: type_name::<T>(),
            base: parent.base().clone(),
        };
        Node::step(parent, Kind::Value(entry))
    }

    #[inline]
    pub(super) fn base(&self) -> &Arc<Node> {
        &self.base
    }
}

/// The nearest value of type `T` at or above `node`.
pub(super) fn find<T: 'static>(mut node: &Node) -> Option<&T> {
    loop {
        if let Kind::Value(entry) = &node.kind {
            if let Some(value) = entry.value.downcast_ref() {
                return Some(value);
            }
        }
        node = node.parent.as_deref()?;
    }
}

/// `WithValue(type, text)` for text, `WithValue(type)` for anything else: only text is known to be
/// fit to show.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.value.downcast_ref::<&'static str>() {
            Some(text) => Some(*text),
            None => self.value.downcast_ref::<String>().map(String::as_str),
        };
        match text {
            Some(text) => write!(f, "WithValue({}, {text})", self.type_name),
            None => write!(f, "WithValue({})", self.type_name),
        }
    }
}
