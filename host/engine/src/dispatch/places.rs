//! Places for calls: how many run at once, and whose.
//!
//! A call holds its place as long as it lasts, which may be minutes where it waits for an
//! answer from elsewhere. So that the places are never all taken by one tenant, each may
//! hold so many times as many as are free (the dynamic thresholds by which switches share
//! their memory: Choudhury and Hahne 1998). Alone a tenant has four of five places, and
//! whoever comes finds some free without anybody having been asked who will come.

use std::collections::{BTreeMap, VecDeque};

/// How many times the free places a tenant may hold.
const TIMES_FREE: usize = 4;

/// Items of a line that are not looked through for those that nobody waits for any more.
const SWEPT_FROM: usize = 1_024;

/// Places, and what waits for one.
#[derive(Debug)]
pub(super) struct Places<T> {
    free: usize,
    running: usize,
    tenants: BTreeMap<i64, OfTenant<T>>,
    /// The tenant that was given a place last.
    served: i64,
}

#[derive(Debug)]
struct OfTenant<T> {
    waiting: VecDeque<T>,
    held: usize,
    /// The length at which it is looked through next.
    swept_at: usize,
}

impl<T> Places<T> {
    pub(super) fn new(places: usize) -> Self {
        Self {
            free: places,
            running: 0,
            tenants: BTreeMap::new(),
            served: 0,
        }
    }

    /// Appends to what waits for a place of a tenant's. What is `stale` by then goes, now and
    /// again: a line that stands still must not grow by what was given up.
    pub(super) fn push(&mut self, tenant: i64, item: T, stale: impl Fn(&T) -> bool) {
        let line = self.tenants.entry(tenant).or_insert_with(|| OfTenant {
            waiting: VecDeque::new(),
            held: 0,
            swept_at: SWEPT_FROM,
        });
        if line.waiting.len() >= line.swept_at {
            line.waiting.retain(|item| !stale(item));
            line.swept_at = SWEPT_FROM.max(2 * line.waiting.len());
        }
        line.waiting.push_back(item);
    }

    /// Takes back what of a tenant's waits and `is_wanted`.
    pub(super) fn withdraw(&mut self, tenant: i64, is_wanted: impl Fn(&T) -> bool) -> Vec<T> {
        let Some(line) = self.tenants.get_mut(&tenant) else {
            return Vec::new();
        };
        let waiting = std::mem::take(&mut line.waiting);
        let (withdrawn, waiting): (VecDeque<T>, _) = waiting.into_iter().partition(is_wanted);
        line.waiting = waiting;
        if line.held == 0 && line.waiting.is_empty() {
            self.tenants.remove(&tenant);
        }
        withdrawn.into()
    }

    /// Gives a place to what waits, in turn between the tenants. `may` says whether a tenant
    /// that holds so many may have one more by its own limits.
    pub(super) fn take(&mut self, may: impl Fn(i64, usize) -> bool) -> Option<(i64, T)> {
        let free = self.free;
        let has_turn = |(tenant, line): &(&i64, &OfTenant<T>)| {
            !line.waiting.is_empty()
                && line.held < TIMES_FREE.saturating_mul(free)
                && may(**tenant, line.held)
        };
        let behind = self.tenants.range(self.served.saturating_add(1)..);
        let before = self.tenants.range(..=self.served);
        let tenant = behind
            .chain(before)
            .find(has_turn)
            .map(|(tenant, _)| *tenant)?;
        let line = self.tenants.get_mut(&tenant)?;
        let item = line.waiting.pop_front()?;
        line.held += 1;
        self.free -= 1;
        self.running += 1;
        self.served = tenant;
        Some((tenant, item))
    }

    /// A tenant gives a place back.
    pub(super) fn give_back(&mut self, tenant: i64) {
        let Some(line) = self.tenants.get_mut(&tenant) else {
            return;
        };
        line.held -= 1;
        self.free += 1;
        self.running -= 1;
        if line.held == 0 && line.waiting.is_empty() {
            self.tenants.remove(&tenant);
        }
    }

    /// How many places are held, and how many wait for one.
    pub(super) fn load(&self) -> (usize, usize) {
        let waiting = self.tenants.values().map(|line| line.waiting.len()).sum();
        (self.running, waiting)
    }

    /// The same of one tenant.
    pub(super) fn load_of(&self, tenant: i64) -> (usize, usize) {
        self.tenants
            .get(&tenant)
            .map_or((0, 0), |line| (line.held, line.waiting.len()))
    }

    /// Tenants that have something waiting.
    pub(super) fn waiting(&self) -> impl Iterator<Item = i64> {
        self.tenants
            .iter()
            .filter(|(_, line)| !line.waiting.is_empty())
            .map(|(tenant, _)| *tenant)
    }

    /// Takes out all that waits.
    pub(super) fn drain(&mut self) -> Vec<T> {
        self.tenants
            .values_mut()
            .flat_map(|line| line.waiting.drain(..))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(places: &mut Places<()>, tenant: i64) -> usize {
        (0..1_000).for_each(|_| places.push(tenant, (), |()| false));
        while places.take(|_, _| true).is_some() {}
        places.load_of(tenant).0
    }

    #[test]
    fn one_tenant_never_has_all_places() {
        let mut places = Places::new(160);
        assert_eq!(held(&mut places, 1), 128);
        let second = held(&mut places, 2);
        assert!(second > 20, "{second}");
        let third = held(&mut places, 3);
        assert!(third > 3, "{third}");
        assert!(places.load().0 < 160);
    }

    #[test]
    fn places_that_become_free_go_round() {
        let mut places = Places::new(20);
        let one = held(&mut places, 1);
        held(&mut places, 2);
        (0..one).for_each(|_| places.give_back(1));
        let taken: Vec<i64> =
            std::iter::from_fn(|| places.take(|_, _| true).map(|(tenant, ())| tenant))
                .take(4)
                .collect();
        assert!(taken.contains(&1) && taken.contains(&2), "{taken:?}");
    }

    #[test]
    fn a_tenants_own_limit_is_kept_and_others_pass_it() {
        let mut places = Places::new(10);
        (0..5).for_each(|_| places.push(1, (), |()| false));
        places.push(2, (), |()| false);
        let may = |tenant, held| tenant != 1 || held < 2;
        while places.take(may).is_some() {}
        assert_eq!((places.load_of(1), places.load_of(2)), ((2, 3), (1, 0)));
        places.give_back(1);
        assert_eq!(places.take(may), Some((1, ())));
        assert_eq!(places.drain().len(), 2);
    }

    #[test]
    fn a_single_place_is_given_too() {
        let mut places = Places::new(1);
        places.push(7, (), |()| false);
        assert!(places.take(|_, _| true).is_some());
        places.push(8, (), |()| false);
        assert!(places.take(|_, _| true).is_none());
        places.give_back(7);
        assert_eq!(places.take(|_, _| true), Some((8, ())));
    }

    #[test]
    fn what_was_given_up_does_not_pile_up() {
        let mut places = Places::new(1);
        for item in 0..100_000 {
            places.push(1, item, |old| item - old > 10);
        }
        assert!(places.load_of(1).1 <= 2 * SWEPT_FROM);
    }
}
