//! Limits the memory of one call: the sum of all memories and tables, and their numbers.

use wasmtime::ResourceLimiter;

use crate::limits::TaskLimits;

/// What a table element takes.
const TABLE_ELEMENT_BYTES: u64 = 8;

/// Counts what the guest's memories and tables hold, over all of them: a component may have
/// many, and a limit for each would multiply.
///
/// Decides by sizes alone, never by the state of the machine, so that growth fails at the
/// same point in every replay.
pub(crate) struct MemoryLimiter {
    max_bytes: u64,
    used_bytes: u64,
    peak_bytes: u64,
    denied: bool,
    /// What the growth granted last added: taken back where the runtime then fails to grow.
    last_added_bytes: u64,
    instances_max: u32,
    memories_max: u32,
    tables_max: u32,
}

impl MemoryLimiter {
    pub(crate) const fn new(limits: &TaskLimits) -> Self {
        Self {
            max_bytes: limits.memory_max_bytes,
            used_bytes: 0,
            peak_bytes: 0,
            denied: false,
            last_added_bytes: 0,
            instances_max: limits.instances_max,
            memories_max: limits.memories_max,
            tables_max: limits.tables_max,
        }
    }

    /// The largest sum so far.
    pub(crate) const fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Whether the guest was refused memory. If it then traps, that is why.
    pub(crate) const fn was_denied(&self) -> bool {
        self.denied
    }

    fn grow(&mut self, current: u64, desired: u64, maximum: Option<u64>) -> bool {
        let added = desired.saturating_sub(current);
        let used = self.used_bytes.saturating_add(added);
        if used > self.max_bytes || maximum.is_some_and(|maximum| desired > maximum) {
            self.denied = true;
            return false;
        }
        self.used_bytes = used;
        self.peak_bytes = self.peak_bytes.max(used);
        self.last_added_bytes = added;
        true
    }

    fn take_back(&mut self) {
        self.used_bytes -= std::mem::take(&mut self.last_added_bytes);
        self.denied = true;
    }
}

/// Sizes are `usize` for wasmtime and `u64` here: the same on every machine that it runs on.
const fn wide(size: usize) -> u64 {
    size as u64
}

const fn count(number: u32) -> usize {
    number as usize
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(wide(current), wide(desired), maximum.map(wide)))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = |elements| wide(elements).saturating_mul(TABLE_ELEMENT_BYTES);
        Ok(self.grow(bytes(current), bytes(desired), maximum.map(bytes)))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        count(self.instances_max)
    }

    fn tables(&self) -> usize {
        count(self.tables_max)
    }

    fn memories(&self) -> usize {
        count(self.memories_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(memory_max_bytes: u64) -> MemoryLimiter {
        MemoryLimiter::new(&TaskLimits {
            memory_max_bytes,
            ..TaskLimits::default()
        })
    }

    #[test]
    fn the_sum_counts_and_not_each_memory() {
        let mut limiter = limiter(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert!(!limiter.was_denied());
        assert!(!limiter.memory_growing(40, 41, None).unwrap());
        assert!(limiter.was_denied());
        assert_eq!(limiter.peak_bytes(), 100);
    }

    #[test]
    fn table_elements_count_eight_bytes_each() {
        let mut limiter = limiter(100);
        assert!(limiter.table_growing(0, 12, None).unwrap());
        assert!(!limiter.table_growing(12, 13, None).unwrap());
        assert_eq!(limiter.peak_bytes(), 96);
    }

    #[test]
    fn growth_that_fails_afterwards_is_given_back() {
        let mut limiter = limiter(100);
        assert!(limiter.memory_growing(0, 80, None).unwrap());
        limiter
            .memory_grow_failed(wasmtime::Error::msg("no memory"))
            .unwrap();
        assert!(limiter.was_denied());
        assert!(limiter.memory_growing(0, 100, None).unwrap());
    }

    #[test]
    fn growth_past_the_memory_s_own_maximum_is_denied_and_costs_nothing() {
        let mut limiter = limiter(100);
        assert!(!limiter.memory_growing(0, 50, Some(40)).unwrap());
        assert!(limiter.memory_growing(0, 100, Some(100)).unwrap());
    }
}
