//! What a guest may grow, and which limit it was when it may not.

use sealock_contract::seam::LimitName;
use wasmtime::ResourceLimiter;

use crate::limit::LimitHit;

/// Elements of all tables: `table.grow` must not fill the host's memory.
const TABLE_ELEMENTS: usize = 100_000;
/// Core instances of a component: one that nests ten thousand must not start.
pub(crate) const INSTANCES: usize = 64;
/// Linear memories of a component.
const MEMORIES: usize = 16;
/// Tables of a component.
const TABLES: usize = 64;

/// Refuses growth past the limits and remembers the first refusal: a guest sees only that growing failed, and most
/// then trap without a word.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes: usize,
    memory_taken: usize,
    table_taken: usize,
    hit: Option<LimitHit>,
}

impl Limiter {
    pub(crate) fn new(memory_bytes: u64) -> Self {
        let memory_bytes = usize::try_from(memory_bytes).unwrap_or(usize::MAX);
        Self { memory_bytes, memory_taken: 0, table_taken: 0, hit: None }
    }

    /// The first growth that was refused.
    pub(crate) fn hit(&self) -> Option<LimitHit> {
        self.hit.clone()
    }
}

impl ResourceLimiter for Limiter {
    /// Counts all memories of the component together.
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let taken = self.memory_taken.saturating_add(desired.saturating_sub(current));
        if taken > self.memory_bytes {
            let hit = LimitHit::bytes(LimitName::Memory, self.memory_bytes as u64);
            self.hit.get_or_insert(hit);
            return Ok(false);
        }
        self.memory_taken = taken;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let taken = self.table_taken.saturating_add(desired.saturating_sub(current));
        if taken > TABLE_ELEMENTS {
            let hit = LimitHit::count(LimitName::Table, TABLE_ELEMENTS as u64);
            self.hit.get_or_insert(hit);
            return Ok(false);
        }
        self.table_taken = taken;
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}
