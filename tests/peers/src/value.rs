//! A value that tells when it is dropped.

use std::sync::{Arc, Mutex};

/// The numbers of the values that were dropped, in that order.
#[derive(Clone, Default)]
pub struct Census(Arc<Mutex<Vec<usize>>>);

/// A value with a number. Two words long, for kanal treats what fits into one in another way.
pub struct Value {
    pub id: usize,
    census: Census,
}

impl Census {
    pub fn value(&self, id: usize) -> Value {
        Value {
            id,
            census: self.clone(),
        }
    }

    /// Whether the value with this number is gone.
    pub fn is_dropped(&self, id: usize) -> bool {
        self.0.lock().unwrap().contains(&id)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.census.0.lock().unwrap().push(self.id);
    }
}
