//! Counts what happens, for `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use stepwell_decider::{Status, Usage};

use crate::runner::TaskResult;

/// Shards that are counted one by one; more share counters.
const SHARDS_MAX: usize = 64;

/// What has happened since the host started.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) executions_started: AtomicU64,
    pub(crate) executions_ended: [AtomicU64; 4],
    pub(crate) tasks_completed: AtomicU64,
    pub(crate) tasks_failed: AtomicU64,
    pub(crate) fuel: AtomicU64,
    /// By shard.
    in_memory: [AtomicU64; SHARDS_MAX],
    pub(crate) commits: AtomicU64,
    pub(crate) events_written: AtomicU64,
}

impl Counters {
    pub(crate) fn task_ended(&self, result: &TaskResult, usage: &Usage) {
        match result {
            TaskResult::Completed(_) => self.tasks_completed.fetch_add(1, Relaxed),
            TaskResult::Failed(_) => self.tasks_failed.fetch_add(1, Relaxed),
            TaskResult::Cancelled | TaskResult::Unavailable(_) => 0,
        };
        self.fuel.fetch_add(usage.fuel, Relaxed);
    }

    pub(crate) fn execution_ended(&self, status: Status) {
        let index = match status {
            Status::Running => return,
            Status::Succeeded => 0,
            Status::Failed => 1,
            Status::TimedOut => 2,
            Status::Aborted => 3,
        };
        self.executions_ended[index].fetch_add(1, Relaxed);
    }

    pub(crate) fn execution_started(&self) {
        self.executions_started.fetch_add(1, Relaxed);
    }

    pub(crate) fn set_in_memory(&self, shard: usize, executions: usize) {
        self.in_memory[shard % SHARDS_MAX].store(executions as u64, Relaxed);
    }

    pub(crate) fn in_memory(&self) -> u64 {
        self.in_memory.iter().map(|shard| shard.load(Relaxed)).sum()
    }

    pub(crate) fn committed(&self, events: u64) {
        self.commits.fetch_add(1, Relaxed);
        self.events_written.fetch_add(events, Relaxed);
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            executions_started: AtomicU64::default(),
            executions_ended: Default::default(),
            tasks_completed: AtomicU64::default(),
            tasks_failed: AtomicU64::default(),
            fuel: AtomicU64::default(),
            in_memory: std::array::from_fn(|_| AtomicU64::default()),
            commits: AtomicU64::default(),
            events_written: AtomicU64::default(),
        }
    }
}
