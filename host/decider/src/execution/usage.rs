//! What task calls used, added up.

use serde::{Deserialize, Serialize};

use crate::event::Usage;

/// What the task calls of an execution used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TotalUsage {
    /// Calls in the sandbox.
    pub calls: u64,
    /// Fuel of all calls.
    pub fuel: u64,
    /// Wall time of all calls, in microseconds.
    pub duration_us: u64,
    /// The highest memory peak of a call, in bytes.
    pub memory_peak_bytes: u64,
}

impl TotalUsage {
    pub(crate) fn add(&mut self, usage: &Usage) {
        self.calls += 1;
        self.fuel = self.fuel.saturating_add(usage.fuel);
        self.duration_us = self.duration_us.saturating_add(usage.duration_us);
        self.memory_peak_bytes = self.memory_peak_bytes.max(usage.memory_peak_bytes);
    }
}
