//! Something that can be counted, split between those who call: places, or room.
//!
//! A tenant may hold four times as much as is free (dynamic thresholds: Choudhury and
//! Hahne 1998): four of five when it is alone, and whoever comes finds some free, however
//! much another tenant holds. The same rule holds within a tenant: a caller may hold four
//! times as much as is left to their tenant, and so leaves some to their colleagues.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_engine::Caller;

/// What is left free of so many that somebody could hold: one, rounded down.
const FREE_OF: u64 = 5;

/// Who holds something: a caller of a tenant, by the name that the audit log has of them, so
/// that it is one caller whichever of their connections asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Holder {
    tenant: i64,
    principal: Arc<str>,
}

impl Holder {
    pub(crate) fn of(caller: &Caller) -> Self {
        Self {
            tenant: caller.tenant.id,
            principal: Arc::clone(&caller.principal),
        }
    }

    #[cfg(test)]
    pub(crate) fn named(tenant: i64, principal: &str) -> Self {
        Self {
            tenant,
            principal: principal.into(),
        }
    }
}

/// How much of it is free, and who holds how much. Whoever holds nothing takes no memory.
#[derive(Debug)]
pub(crate) struct Split {
    free: u64,
    tenants: BTreeMap<i64, u64>,
    callers: BTreeMap<Holder, u64>,
}

impl Split {
    pub(crate) fn new(all: u64) -> Self {
        Self {
            free: all,
            tenants: BTreeMap::new(),
            callers: BTreeMap::new(),
        }
    }

    /// What a caller may hold of all while there is no other one.
    pub(crate) fn most_of_one(all: u64) -> u64 {
        most(most(all))
    }

    /// Whether somebody may hold so much more.
    pub(crate) fn has_for(&self, holder: &Holder, units: u64) -> bool {
        let (of_tenant, of_caller) = self.held(holder);
        let tenant_most = most(of_tenant.saturating_add(self.free));
        // Nothing is left to a tenant that held all it might before others came.
        let of_colleagues = of_tenant.saturating_sub(of_caller);
        let caller_most = most(tenant_most.saturating_sub(of_colleagues));
        of_tenant.saturating_add(units) <= tenant_most
            && of_caller.saturating_add(units) <= caller_most
    }

    /// Takes so much, if the holder may have it.
    pub(crate) fn take(&mut self, holder: &Holder, units: u64) -> bool {
        if !self.has_for(holder, units) {
            return false;
        }
        self.free = self.free.saturating_sub(units);
        *self.tenants.entry(holder.tenant).or_default() += units;
        *self.callers.entry(holder.clone()).or_default() += units;
        true
    }

    pub(crate) fn give_back(&mut self, holder: &Holder, units: u64) {
        self.free = self.free.saturating_add(units);
        lower(&mut self.tenants, &holder.tenant, units);
        lower(&mut self.callers, holder, units);
    }

    /// What the tenant holds, and what the caller holds of that.
    pub(crate) fn held(&self, holder: &Holder) -> (u64, u64) {
        let of_tenant = self.tenants.get(&holder.tenant);
        let of_caller = self.callers.get(holder);
        (
            of_tenant.copied().unwrap_or_default(),
            of_caller.copied().unwrap_or_default(),
        )
    }
}

/// What may be held of what could be: all but what has to stay free.
fn most(within_reach: u64) -> u64 {
    within_reach - within_reach / FREE_OF
}

fn lower<K: Ord>(held: &mut BTreeMap<K, u64>, key: &K, units: u64) {
    if let Some(of) = held.get_mut(key) {
        *of = of.saturating_sub(units);
        if *of == 0 {
            held.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes units one by one, as many as there are for somebody.
    fn fill(split: &mut Split, tenant: i64, principal: &str) -> u64 {
        let holder = Holder::named(tenant, principal);
        std::iter::repeat_with(|| split.take(&holder, 1))
            .take_while(|taken| *taken)
            .map(u64::from)
            .sum()
    }

    #[test]
    fn a_tenant_leaves_some_to_others_and_a_caller_to_colleagues() {
        let mut split = Split::new(1_000);
        assert_eq!(fill(&mut split, 1, "ann"), 640);
        assert_eq!(fill(&mut split, 1, "bob"), 128);
        assert_eq!(fill(&mut split, 2, "ann"), 149);
        split.give_back(&Holder::named(1, "ann"), 640);
        assert_eq!(split.held(&Holder::named(1, "ann")), (128, 0));
        assert_eq!(fill(&mut split, 1, "bob"), 417);
        assert_eq!(fill(&mut split, 1, "ann"), 109);
    }

    #[test]
    fn what_one_may_hold_at_most_can_be_taken_at_once() {
        for all in [1, 2, 4, 5, 6, 99, 100, 262_144] {
            let ann = Holder::named(1, "ann");
            let mut split = Split::new(all);
            let most = Split::most_of_one(all);
            assert!(!split.has_for(&ann, most + 1), "{all}");
            assert!(split.take(&ann, most), "{all}");
            assert!(!split.has_for(&ann, 1), "{all}");
        }
        assert!(!Split::new(0).has_for(&Holder::named(1, "ann"), 1));
    }

    #[test]
    fn who_holds_nothing_is_forgotten() {
        let mut split = Split::new(10);
        let ann = Holder::named(1, "ann");
        assert!(split.take(&ann, 2));
        split.give_back(&ann, 2);
        assert!(split.tenants.is_empty() && split.callers.is_empty());
        assert_eq!(split.free, 10);
    }
}
