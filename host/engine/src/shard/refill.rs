//! Takes up executions that have work in the database and are not in memory: after a
//! start of the host, after a burst that memory had no room for, and after trouble.
//! It is the same way every time, so recovery is no special case.
//!
//! Tenants take turns, each up to its share of the memory: what one has left in the database
//! by the thousand is not ahead of the little that another has there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use stepwell_store::{ExecutionKey, StoreError, TenantId};

use crate::shard::Shard;

/// Keys that are read at a time.
const BATCH: usize = 256;

/// How far the database was looked through for work.
#[derive(Debug)]
pub(super) struct Refill {
    /// Whether it is unknown which tenants have work there.
    everywhere: bool,
    not_before: Option<Instant>,
    /// Tenants that may have work there, and how far it was looked through.
    after: BTreeMap<TenantId, Option<ExecutionKey>>,
    /// Executions that this host cannot decide on.
    set_aside: BTreeSet<ExecutionKey>,
}

impl Refill {
    pub(super) fn from_the_start() -> Self {
        Self {
            everywhere: true,
            not_before: None,
            after: BTreeMap::new(),
            set_aside: BTreeSet::new(),
        }
    }

    /// There is work of a tenant in the database that is not in memory.
    pub(super) fn want(&mut self, tenant: i64) {
        self.after.insert(TenantId(tenant), None);
    }

    /// There may be, of any tenant.
    pub(super) fn want_later(&mut self) {
        self.everywhere = true;
        self.not_before = Some(Instant::now() + std::time::Duration::from_millis(500));
    }

    pub(super) fn set_aside(&mut self, key: ExecutionKey) {
        self.set_aside.insert(key);
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.everywhere || !self.after.is_empty()
    }

    fn is_due(&self) -> bool {
        self.is_wanted() && self.not_before.is_none_or(|at| at <= Instant::now())
    }
}

impl Shard {
    /// Takes up work from the database while there is room in memory.
    pub(super) fn refill(&mut self) {
        if !self.refill.is_due() {
            return;
        }
        if let Err(error) = self.take_up() {
            self.shared.health.failed(&error);
            tracing::warn!(%error, "work could not be taken up from the database; trying again");
            self.refill.want_later();
        }
    }

    fn take_up(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.refill.everywhere) {
            for tenant in self.shared.store.tenants_with_work()? {
                self.refill.want(tenant.0);
            }
        }
        self.refill.not_before = None;
        // Not for each single place that becomes free: a look costs the same for many.
        let mut turns: Vec<TenantId> = self
            .refill
            .after
            .keys()
            .copied()
            .filter(|tenant| self.hot.has_much_room(tenant.0, BATCH))
            .collect();
        while !turns.is_empty() {
            let mut again = Vec::with_capacity(turns.len());
            for tenant in turns {
                if self.hot.has_room(tenant.0) && self.take_up_some(tenant)? {
                    again.push(tenant);
                }
            }
            turns = again;
        }
        Ok(())
    }

    /// Takes up the next ones of a tenant; returns whether there may be more.
    fn take_up_some(&mut self, tenant: TenantId) -> Result<bool, StoreError> {
        let after = self.refill.after.get(&tenant).copied().flatten();
        let keys = self.shared.store.with_work(tenant, after, BATCH)?;
        let shards = self.shared.shards.0.len() as u64;
        for key in &keys {
            let mine = key.0.unsigned_abs() % shards == self.index as u64;
            if mine && !self.hot.contains_key(key) && !self.refill.set_aside.contains(key) {
                self.resume(*key)?;
            }
        }
        if keys.len() < BATCH {
            self.refill.after.remove(&tenant);
            return Ok(false);
        }
        self.refill.after.insert(tenant, keys.last().copied());
        Ok(true)
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
                tracing::error!(execution = key.0, trace_id = %self.shared.trace_of(key), %error, "an execution cannot be read; it is set aside");
                self.refill.set_aside(key);
                Ok(())
            }
        }
    }
}
