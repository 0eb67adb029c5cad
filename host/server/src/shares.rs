//! Places among the requests, shared by tenants.
//!
//! A tenant may hold four times as many places as are free (dynamic thresholds: Choudhury and
//! Hahne 1998): four of five when it is alone, and whoever comes finds some free, however
//! many requests of another tenant wait for something.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use stepwell_engine::Tenant;

/// How many times the free places a tenant may hold.
const TIMES_FREE: usize = 4;

/// The places.
#[derive(Debug)]
pub(crate) struct Shares {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    held: BTreeMap<i64, usize>,
}

/// A place that a tenant holds.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    shares: &'a Shares,
    tenant: i64,
}

impl Shares {
    pub(crate) fn new(places: usize) -> Self {
        Self {
            state: Mutex::new(State {
                free: places,
                held: BTreeMap::new(),
            }),
        }
    }

    /// Takes a place for a tenant, if it may have one more.
    pub(crate) fn take(&self, tenant: &Tenant) -> Option<Share<'_>> {
        let mut state = self.lock();
        let held = state.held.get(&tenant.id).copied().unwrap_or(0);
        if held >= state.free.saturating_mul(TIMES_FREE) {
            return None;
        }
        state.free -= 1;
        state.held.insert(tenant.id, held + 1);
        Some(Share {
            shares: self,
            tenant: tenant.id,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut state = self.shares.lock();
        state.free += 1;
        if let Some(held) = state.held.get_mut(&self.tenant) {
            *held -= 1;
            if *held == 0 {
                state.held.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(id: i64) -> Tenant {
        Tenant {
            id,
            name: format!("t{id}").into(),
            account: format!("{id:012}").into(),
            region: "local".into(),
        }
    }

    fn fill<'a>(shares: &'a Shares, tenant: &Tenant) -> Vec<Share<'a>> {
        std::iter::from_fn(|| shares.take(tenant)).collect()
    }

    #[test]
    fn one_tenant_leaves_places_to_others() {
        let shares = Shares::new(100);
        let first = fill(&shares, &tenant(1));
        assert_eq!(first.len(), 80);
        let second = fill(&shares, &tenant(2));
        assert_eq!(second.len(), 16);
        let third = fill(&shares, &tenant(3));
        assert!(!third.is_empty());
        drop((first, third));
        assert!(shares.take(&tenant(2)).is_some());
        drop(second);
        assert_eq!(fill(&shares, &tenant(4)).len(), 80);
    }

    #[test]
    fn no_place_is_no_place() {
        assert!(Shares::new(0).take(&tenant(1)).is_none());
    }
}
