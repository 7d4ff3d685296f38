//! A list that keeps its first entries and counts the rest.

/// The first entries of many.
#[derive(Clone, Debug)]
pub struct Bounded<T> {
    kept: Vec<T>,
    limit: usize,
    left_out: u64,
}

impl<T> Bounded<T> {
    /// Keeps `limit` entries.
    pub fn new(limit: usize) -> Self {
        Self { kept: Vec::new(), limit, left_out: 0 }
    }

    /// Whether another entry would be kept.
    pub fn has_room(&self) -> bool {
        self.kept.len() < self.limit
    }

    /// Keeps what `make` makes, or counts it.
    pub fn push_with(&mut self, make: impl FnOnce() -> T) {
        if self.has_room() {
            self.kept.push(make());
        } else {
            self.left_out += 1;
        }
    }

    /// What was kept.
    pub fn kept(&self) -> &[T] {
        &self.kept
    }

    /// How many were not.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}
