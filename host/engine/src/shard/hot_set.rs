//! The executions that a shard has in memory, and whose they are.
//!
//! There is room for so many. Once it is full, a tenant that has more than its share of it
//! leaves what has more to do in the database, and one that has less may go on: so a flood
//! fills memory and still nobody else waits for it to run off.

use std::collections::BTreeMap;

use stepwell_store::ExecutionKey;

use super::hot::Hot;

/// The executions in memory.
pub(super) struct HotSet {
    hot: BTreeMap<ExecutionKey, Hot>,
    of_tenant: BTreeMap<i64, usize>,
    max: usize,
}

impl HotSet {
    pub(super) fn new(max: usize) -> Self {
        Self {
            hot: BTreeMap::new(),
            of_tenant: BTreeMap::new(),
            max: max.max(1),
        }
    }

    pub(super) fn get(&self, key: &ExecutionKey) -> Option<&Hot> {
        self.hot.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &ExecutionKey) -> Option<&mut Hot> {
        self.hot.get_mut(key)
    }

    pub(super) fn contains_key(&self, key: &ExecutionKey) -> bool {
        self.hot.contains_key(key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Hot> {
        self.hot.values()
    }

    pub(super) fn len(&self) -> usize {
        self.hot.len()
    }

    pub(super) fn insert(&mut self, key: ExecutionKey, hot: Hot) {
        let tenant = hot.tenant.id;
        if self.hot.insert(key, hot).is_none() {
            *self.of_tenant.entry(tenant).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, key: &ExecutionKey) -> Option<Hot> {
        let hot = self.hot.remove(key)?;
        if let Some(count) = self.of_tenant.get_mut(&hot.tenant.id) {
            *count -= 1;
            if *count == 0 {
                self.of_tenant.remove(&hot.tenant.id);
            }
        }
        Some(hot)
    }

    /// Whether there is room for one more of a tenant's.
    pub(super) fn has_room(&self, tenant: i64) -> bool {
        self.fits(tenant, self.max)
    }

    /// The same with a quarter left, so that it pays to look into the database.
    pub(super) fn has_much_room(&self, tenant: i64, at_least: usize) -> bool {
        self.fits(
            tenant,
            (self.max - self.max / 4).max(at_least.min(self.max)),
        )
    }

    /// Whether a tenant has more than its share of a memory that is full.
    pub(super) fn is_over(&self, tenant: i64) -> bool {
        self.len() > self.max && self.of(tenant) > self.max / self.tenants(tenant)
    }

    fn fits(&self, tenant: i64, max: usize) -> bool {
        self.len() < max || self.of(tenant) < max / self.tenants(tenant)
    }

    fn of(&self, tenant: i64) -> usize {
        self.of_tenant.get(&tenant).copied().unwrap_or(0)
    }

    /// How many tenants share it, the given one among them.
    fn tenants(&self, tenant: i64) -> usize {
        self.of_tenant.len() + usize::from(!self.of_tenant.contains_key(&tenant))
    }
}
