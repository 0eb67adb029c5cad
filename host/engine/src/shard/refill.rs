//! Takes up executions that have work in the database and are not in memory: after a
//! start of the host, after a burst that memory had no room for, and after trouble.
//! It is the same way every time, so recovery is no special case.

use std::collections::BTreeSet;
use std::time::Instant;

use stepwell_store::{ExecutionKey, StoreError};

use crate::shard::Shard;

/// Keys that are read at a time.
const BATCH: usize = 256;

/// How far the database was looked through for work.
#[derive(Debug)]
pub(super) struct Refill {
    wanted: bool,
    not_before: Option<Instant>,
    after: Option<ExecutionKey>,
    /// Executions that this host cannot decide on.
    set_aside: BTreeSet<ExecutionKey>,
}

impl Refill {
    pub(super) fn from_the_start() -> Self {
        Self {
            wanted: true,
            not_before: None,
            after: None,
            set_aside: BTreeSet::new(),
        }
    }

    /// There is work in the database that is not in memory.
    pub(super) fn want(&mut self) {
        self.wanted = true;
        self.after = None;
    }

    pub(super) fn want_later(&mut self) {
        self.want();
        self.not_before = Some(Instant::now() + std::time::Duration::from_millis(500));
    }

    pub(super) fn set_aside(&mut self, key: ExecutionKey) {
        self.set_aside.insert(key);
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    fn is_due(&self) -> bool {
        self.wanted && self.not_before.is_none_or(|at| at <= Instant::now())
    }
}

impl Shard {
    /// Takes up work from the database while there is room in memory.
    pub(super) fn refill(&mut self) {
        // Not for each single place that becomes free: a look costs the same for many.
        let low = self.hot_max - self.hot_max / 4;
        if !self.refill.is_due() || (self.hot.len() >= low && self.hot.len() >= BATCH) {
            return;
        }
        if let Err(error) = self.take_up() {
            self.shared.health.failed(&error);
            tracing::warn!(%error, "work could not be taken up from the database; trying again");
            self.refill.want_later();
        }
    }

    fn take_up(&mut self) -> Result<(), StoreError> {
        while self.hot.len() < self.hot_max {
            let keys = self.shared.store.with_work(self.refill.after, BATCH)?;
            let shards = self.shared.shards.0.len() as u64;
            for key in &keys {
                self.refill.after = Some(*key);
                let mine = key.0.unsigned_abs() % shards == self.index as u64;
                if mine && !self.hot.contains_key(key) && !self.refill.set_aside.contains(key) {
                    self.resume(*key)?;
                }
            }
            if keys.len() < BATCH {
                self.refill.wanted = false;
                self.refill.not_before = None;
                self.refill.after = None;
                break;
            }
        }
        Ok(())
    }

    /// Takes one up, unless it cannot be read: then it is set aside, and costs the others
    /// nothing.
    fn resume(&mut self, key: ExecutionKey) -> Result<(), StoreError> {
        match self.bring_in(key) {
            Ok(_) => {
                self.settle(key);
                Ok(())
            }
            Err(error) if error.is_transient() => Err(error),
            Err(error) => {
                tracing::error!(execution = key.0, %error, "an execution cannot be read; it is set aside");
                self.refill.set_aside(key);
                Ok(())
            }
        }
    }
}
