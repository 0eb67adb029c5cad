//! What one tenant may have and use, and what is under way for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use stepwell_states::Timestamp;
use stepwell_store::{Reservation, StorageLimits, Store, StoreError, TenantId};

use crate::error::{EngineError, from_store};

use super::bucket::{Bucket, Rate};
use super::{Limits, OverQuota, OwnQuotas, Quota, QuotaState, day_of, next_day};

/// The ledger of one tenant.
pub(crate) struct Ledger {
    tenant: TenantId,
    store: Store,
    host: Limits,
    state: Mutex<State>,
}

struct State {
    own: OwnQuotas,
    limits: Limits,
    starts: Bucket,
    /// Whether a Map Run waits for a place.
    waited_for: bool,
    refused: [u64; Quota::ALL.len()],
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ledger({})", self.tenant)
    }
}

impl Ledger {
    pub(super) fn new(tenant: TenantId, store: Store, host: Limits, own: OwnQuotas) -> Self {
        let state = State {
            limits: limits(host, &own),
            own,
            starts: Bucket::full(),
            waited_for: false,
            refused: [0; Quota::ALL.len()],
        };
        Self {
            tenant,
            store,
            host,
            state: Mutex::new(state),
        }
    }

    /// Lets a start in that somebody asked for: takes a token of the rate and a place among
    /// the executions that run, or neither.
    pub(crate) fn admit_start(&self, now: Timestamp) -> Result<Reservation, OverQuota> {
        let mut state = self.lock();
        let rate = state.rate();
        let checked = match rate.map_or(Ok(()), |rate| state.starts.check(rate, now)) {
            Ok(()) => self.check_storage(&state),
            Err(after_ms) => {
                let limit = state.limits.get(Quota::StartsPerSecond).unwrap_or_default();
                Err(OverQuota {
                    quota: Quota::StartsPerSecond,
                    limit,
                    used: limit,
                    after_ms,
                })
            }
        };
        let admitted = checked.and_then(|()| self.reserve(&state));
        match (&admitted, rate) {
            (Ok(_), Some(rate)) => state.starts.take(rate, now),
            (Ok(_), None) => {}
            (Err(over), _) => state.refused[over.quota.index()] += 1,
        }
        admitted
    }

    /// Takes a place for an execution that runs again.
    pub(crate) fn admit_again(&self) -> Result<Reservation, OverQuota> {
        let mut state = self.lock();
        let admitted = self.reserve(&state);
        if let Err(over) = &admitted {
            state.refused[over.quota.index()] += 1;
        }
        admitted
    }

    /// Takes up to so many places, as many as there are. Where there are fewer,
    /// [`Self::is_waited_for`] says so once one is free.
    pub(crate) fn admit_up_to(&self, count: u64) -> Reservation {
        let mut state = self.lock();
        let limit = state.limits.get(Quota::ExecutionsRunning);
        let places = self.store.reserve_running(self.tenant, count, limit);
        state.waited_for |= places.count() < count;
        places
    }

    /// Takes a place for an execution that had one before the host crashed.
    pub(crate) fn readmit(&self) -> Reservation {
        self.store.reserve_running(self.tenant, 1, None)
    }

    fn reserve(&self, state: &State) -> Result<Reservation, OverQuota> {
        let limit = state.limits.get(Quota::ExecutionsRunning);
        let place = self.store.reserve_running(self.tenant, 1, limit);
        match limit {
            Some(limit) if place.count() == 0 => Err(OverQuota {
                quota: Quota::ExecutionsRunning,
                limit,
                used: self.store.usage(self.tenant).all_running(),
                after_ms: None,
            }),
            _ => Ok(place),
        }
    }

    /// Whether somebody waits for a place, who is now told.
    pub(crate) fn is_waited_for(&self) -> bool {
        std::mem::take(&mut self.lock().waited_for)
    }

    /// Whether there is room for the history of one more execution.
    fn check_storage(&self, state: &State) -> Result<(), OverQuota> {
        let used = self.store.usage(self.tenant).stored_bytes();
        over(Quota::StoredBytes, &state.limits, used, 1)
    }

    /// Whether one more call may begin, beside so many.
    pub(crate) fn may_run(&self, held: usize, now: Timestamp) -> bool {
        let limits = self.lock().limits;
        let at_once = limits.get(Quota::TasksAtOnce);
        at_once.is_none_or(|limit| (held as u64) < limit) && self.fuel_left(&limits, now).is_ok()
    }

    /// Whether there is fuel left for the day; a refusal is counted.
    pub(crate) fn check_fuel(&self, now: Timestamp) -> Result<(), OverQuota> {
        let limits = self.lock().limits;
        let checked = self.fuel_left(&limits, now);
        if checked.is_err() {
            self.lock().refused[Quota::FuelPerDay.index()] += 1;
        }
        checked
    }

    /// Whether calls have to wait for the next day.
    pub(crate) fn lacks_fuel(&self, now: Timestamp) -> bool {
        let limits = self.lock().limits;
        self.fuel_left(&limits, now).is_err()
    }

    fn fuel_left(&self, limits: &Limits, now: Timestamp) -> Result<(), OverQuota> {
        if limits.get(Quota::FuelPerDay).is_none() {
            return Ok(());
        }
        let wait_ms = next_day(now).as_ms().saturating_sub(now.as_ms());
        over(Quota::FuelPerDay, limits, self.fuel_used(now), 1).map_err(|over| OverQuota {
            after_ms: u64::try_from(wait_ms).ok(),
            ..over
        })
    }

    fn fuel_used(&self, now: Timestamp) -> u64 {
        let usage = self.store.usage(self.tenant);
        // A day that has not come yet: the clock was set back, and its fuel is not forgotten.
        if usage.fuel_day >= day_of(now) {
            usage.fuel
        } else {
            0
        }
    }

    /// Refuses a component of so many bytes.
    pub(crate) fn check_component(&self, bytes: u64) -> Result<(), OverQuota> {
        let mut state = self.lock();
        let Some(limit) = state
            .limits
            .get(Quota::ComponentBytes)
            .filter(|limit| bytes > *limit)
        else {
            return Ok(());
        };
        state.refused[Quota::ComponentBytes.index()] += 1;
        Err(OverQuota {
            quota: Quota::ComponentBytes,
            limit,
            used: bytes,
            after_ms: None,
        })
    }

    /// Whose it is.
    pub(crate) fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// What the store has to keep.
    pub(crate) fn storage(&self) -> StorageLimits {
        self.lock().limits.storage()
    }

    /// What a caller is told of the store's trouble; one that is a quota is counted.
    pub(crate) fn refused(&self, error: StoreError) -> EngineError {
        from_store(self.counted(error))
    }

    /// Counts the store's trouble if it is a quota.
    pub(crate) fn counted(&self, error: StoreError) -> StoreError {
        if let StoreError::OverQuota { quota, .. } = &error {
            self.lock().refused[Quota::from(*quota).index()] += 1;
        }
        error
    }

    /// Puts others in their place; what runs goes on.
    pub(crate) fn change(&self, own: OwnQuotas) {
        let mut state = self.lock();
        state.limits = limits(self.host, &own);
        state.own = own;
    }

    /// How all quotas stand; the dispatcher knows how many calls run.
    pub(crate) fn states(&self, calls: u64, now: Timestamp) -> Vec<QuotaState> {
        let state = self.lock();
        let usage = self.store.usage(self.tenant);
        let line = |quota: Quota| QuotaState {
            quota,
            limit: state.limits.get(quota),
            own: state.own.contains_key(&quota),
            used: match quota {
                Quota::ExecutionsRunning => Some(usage.all_running()),
                Quota::TasksAtOnce => Some(calls),
                Quota::FuelPerDay => Some(self.fuel_used(now)),
                Quota::StoredBytes => Some(usage.stored_bytes()),
                Quota::Components => Some(usage.components),
                Quota::StartsPerSecond | Quota::StartsBurst | Quota::ComponentBytes => None,
            },
            refused: state.refused[quota.index()],
        };
        Quota::ALL.map(line).to_vec()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How starts are let in, if they are limited. Without a burst of its own, a second's
    /// starts may come at once.
    fn rate(&self) -> Option<Rate> {
        let per_second = self.limits.get(Quota::StartsPerSecond)?;
        let burst = self.limits.get(Quota::StartsBurst).unwrap_or(per_second);
        Some(Rate { per_second, burst })
    }
}

fn limits(host: Limits, own: &OwnQuotas) -> Limits {
    let mut limits = host;
    for (quota, amount) in own {
        limits.set(*quota, *amount);
    }
    limits
}

fn over(quota: Quota, limits: &Limits, used: u64, more: u64) -> Result<(), OverQuota> {
    match limits.get(quota) {
        Some(limit) if used.saturating_add(more) > limit => Err(OverQuota {
            quota,
            limit,
            used,
            after_ms: None,
        }),
        _ => Ok(()),
    }
}
