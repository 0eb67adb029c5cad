//! Places among the requests, shared by tenants and, within a tenant, by its callers: see
//! [`crate::split`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::split::{Holder, Split};

/// The places.
#[derive(Debug)]
pub(crate) struct Shares {
    split: Mutex<Split>,
}

/// A place that a caller holds.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    shares: &'a Shares,
    holder: Holder,
}

impl Shares {
    pub(crate) fn new(places: usize) -> Self {
        let places = u64::try_from(places).unwrap_or(u64::MAX);
        Self {
            split: Mutex::new(Split::new(places)),
        }
    }

    /// Takes a place for somebody, if they may have one more.
    pub(crate) fn take(&self, holder: Holder) -> Option<Share<'_>> {
        let taken = self.lock().take(&holder, 1);
        // One that is made gives back a place, so it is made of one that was taken only.
        taken.then(|| Share {
            shares: self,
            holder,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Split> {
        self.split.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.shares.lock().give_back(&self.holder, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill<'a>(shares: &'a Shares, tenant: i64, principal: &str) -> Vec<Share<'a>> {
        let holder = Holder::named(tenant, principal);
        std::iter::from_fn(|| shares.take(holder.clone())).collect()
    }

    #[test]
    fn one_tenant_leaves_places_to_others() {
        let shares = Shares::new(1_000);
        let first = fill(&shares, 1, "ann");
        let second = fill(&shares, 2, "ann");
        assert!(!second.is_empty());
        let third = fill(&shares, 3, "ann");
        assert!(!third.is_empty());
        let count = first.len();
        drop((first, third));
        assert!(shares.take(Holder::named(2, "ann")).is_some());
        drop(second);
        assert_eq!(fill(&shares, 4, "ann").len(), count);
    }

    #[test]
    fn one_caller_leaves_places_to_colleagues() {
        let shares = Shares::new(100);
        let first = fill(&shares, 1, "ann");
        assert_eq!(first.len(), 64);
        assert_eq!(fill(&shares, 1, "bob").len(), 13);
        drop(first);
        assert_eq!(fill(&shares, 1, "bob").len(), 64);
    }

    #[test]
    fn no_place_is_no_place_and_one_is_for_whoever_comes() {
        assert!(Shares::new(0).take(Holder::named(1, "ann")).is_none());
        let one = Shares::new(1);
        assert_eq!(fill(&one, 1, "ann").len(), 1);
        assert_eq!(fill(&one, 2, "bob").len(), 1);
    }
}
