//! What the writing thread has done so far, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A commit that took longer, in microseconds, says no more of the next ones.
const RECENT_MOST_US: u64 = 100_000;

/// What a store has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStats {
    /// Physical commits, each with one fsync.
    pub commits: u64,
    /// Logical writes in them.
    pub writes: u64,
    /// Time spent in COMMIT, in microseconds.
    pub commit_us: u64,
    /// Times that the write-ahead log was moved into the database.
    pub checkpoints: u64,
    /// Time spent on that, in microseconds.
    pub checkpoint_us: u64,
    /// Writes that wait now.
    pub queued: u64,
    /// Bytes of history pages that were handed to the writing thread.
    pub history_bytes: u64,
    /// Entries of the audit log.
    pub audit_entries: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    attempts: AtomicU64,
    commits: AtomicU64,
    writes: AtomicU64,
    commit_us: AtomicU64,
    /// What a commit took lately, in microseconds: each counts for an eighth.
    recent_commit_us: AtomicU64,
    checkpoints: AtomicU64,
    checkpoint_us: AtomicU64,
    history_bytes: AtomicU64,
    audit_entries: AtomicU64,
}

impl Counters {
    /// Returns the number of the commit that is tried now, from 1.
    pub(crate) fn next_commit(&self) -> u64 {
        self.attempts.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn committed(&self, writes: usize, time: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(writes as u64, Ordering::Relaxed);
        self.commit_us.fetch_add(micros(time), Ordering::Relaxed);
        // One thread writes it.
        let before = self.recent_commit_us.load(Ordering::Relaxed);
        let now = (7 * before + micros(time).min(RECENT_MOST_US)) / 8;
        self.recent_commit_us.store(now, Ordering::Relaxed);
    }

    /// What a commit took lately.
    pub(crate) fn recent_commit(&self) -> Duration {
        Duration::from_micros(self.recent_commit_us.load(Ordering::Relaxed))
    }

    /// Counts entries of the audit log that are durable.
    pub(crate) fn audited(&self, entries: u64) {
        self.audit_entries.fetch_add(entries, Ordering::Relaxed);
    }

    pub(crate) fn encoded(&self, bytes: usize) {
        self.history_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn checkpointed(&self, time: Duration) {
        self.checkpoints.fetch_add(1, Ordering::Relaxed);
        self.checkpoint_us
            .fetch_add(micros(time), Ordering::Relaxed);
    }

    pub(crate) fn read(&self, queued: usize) -> StoreStats {
        StoreStats {
            commits: self.commits.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            commit_us: self.commit_us.load(Ordering::Relaxed),
            checkpoints: self.checkpoints.load(Ordering::Relaxed),
            checkpoint_us: self.checkpoint_us.load(Ordering::Relaxed),
            queued: queued as u64,
            history_bytes: self.history_bytes.load(Ordering::Relaxed),
            audit_entries: self.audit_entries.load(Ordering::Relaxed),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
