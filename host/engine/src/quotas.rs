//! Quotas: what a tenant may have and use, and what it does.
//!
//! A [`Ledger`] for each tenant holds its limits and answers at the one place where each is
//! kept: starts at the door ([`Ledgers::admit_start`]), calls at the dispatcher
//! ([`Ledgers::may_run`]), what is stored in the transaction that stores it. Counting and
//! deciding are one step under one lock, so that no two callers take the last place. What is
//! durable is counted by the store (`store/src/usage.rs`); the ledger adds what is under way.

mod bucket;
mod ledger;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use stepwell_decider::Failure;
use stepwell_states::Timestamp;
use stepwell_store::{Change, QuotaRow, StorageLimits, StorageQuota, Store, StoreError, TenantId};

use crate::error::EngineError;
pub(crate) use ledger::Ledger;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// The largest amount: the largest whole number that every JSON reader keeps.
const AMOUNT_MAX: u64 = (1 << 53) - 1;

/// What there is a quota of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quota {
    /// Executions that run.
    ExecutionsRunning,
    /// Starts a second, in the long run.
    StartsPerSecond,
    /// Starts at one moment, after a time without any.
    StartsBurst,
    /// Calls of components that run at once.
    TasksAtOnce,
    /// Fuel of the calls that end on a day (UTC).
    FuelPerDay,
    /// Bytes of all that a tenant has stored: components, definitions, configuration values,
    /// secrets, tags, data sets and histories.
    StoredBytes,
    /// Names of components.
    Components,
    /// Bytes of one component.
    ComponentBytes,
}

impl Quota {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::ExecutionsRunning,
        Self::StartsPerSecond,
        Self::StartsBurst,
        Self::TasksAtOnce,
        Self::FuelPerDay,
        Self::StoredBytes,
        Self::Components,
        Self::ComponentBytes,
    ];

    /// Its name, as requests, answers and errors have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ExecutionsRunning => "executionsRunning",
            Self::StartsPerSecond => "startsPerSecond",
            Self::StartsBurst => "startsBurst",
            Self::TasksAtOnce => "tasksAtOnce",
            Self::FuelPerDay => "fuelPerDay",
            Self::StoredBytes => "storedBytes",
            Self::Components => "components",
            Self::ComponentBytes => "componentBytes",
        }
    }

    /// The quota of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quota| quota.name() == name)
    }

    /// What there is too much of, for a message.
    fn words(self) -> &'static str {
        match self {
            Self::ExecutionsRunning => "running executions",
            Self::StartsPerSecond => "starts a second",
            Self::StartsBurst => "starts at once",
            Self::TasksAtOnce => "task calls at once",
            Self::FuelPerDay => "fuel a day",
            Self::StoredBytes => "stored bytes",
            Self::Components => "components",
            Self::ComponentBytes => "bytes of a component",
        }
    }

    fn index(self) -> usize {
        self as usize
    }

    /// Checks an amount for it.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`], naming the quota.
    pub fn check(self, amount: u64) -> Result<(), EngineError> {
        let reason = match (self, amount) {
            (Self::TasksAtOnce | Self::FuelPerDay, 0) => {
                "is 0, which would leave running executions waiting for ever: give 1 or more, or \
                 \"none\" for no limit"
            }
            (Self::StartsBurst | Self::ComponentBytes, 0) => {
                "is 0: give 1 or more, or \"none\" for no limit of its own"
            }
            (_, AMOUNT_MAX..) => "is too large: give \"none\" for no limit",
            _ => return Ok(()),
        };
        Err(EngineError::Invalid {
            field: self.name(),
            reason: reason.to_owned(),
        })
    }
}

impl From<StorageQuota> for Quota {
    fn from(quota: StorageQuota) -> Self {
        match quota {
            StorageQuota::StoredBytes => Self::StoredBytes,
            StorageQuota::Components => Self::Components,
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The limits of a tenant, or those of the host for whoever has none of its own; none for
/// no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits([Option<u64>; Quota::ALL.len()]);

impl Limits {
    /// Returns a limit.
    #[must_use]
    pub fn get(&self, quota: Quota) -> Option<u64> {
        self.0[quota.index()]
    }

    /// Sets a limit.
    pub fn set(&mut self, quota: Quota, amount: Option<u64>) {
        self.0[quota.index()] = amount;
    }

    /// What the store has to keep.
    fn storage(&self) -> StorageLimits {
        StorageLimits {
            stored_bytes: self.get(Quota::StoredBytes),
            components: self.get(Quota::Components),
        }
    }
}

/// The quotas that are a tenant's own: an amount, or none for no limit. What is not in it is
/// as the host has it.
pub type OwnQuotas = BTreeMap<Quota, Option<u64>>;

/// How a quota stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaState {
    /// Which one.
    pub quota: Quota,
    /// The limit; none for no limit.
    pub limit: Option<u64>,
    /// Whether it is the tenant's own, and not the host's.
    pub own: bool,
    /// What is used of it; none for a limit of single things.
    pub used: Option<u64>,
    /// How often it was the reason of a refusal, since the host started.
    pub refused: u64,
}

/// A quota that does not let something be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OverQuota {
    pub(crate) quota: Quota,
    pub(crate) limit: u64,
    pub(crate) used: u64,
    /// After how many milliseconds it may be done, if time helps.
    pub(crate) after_ms: Option<u64>,
}

impl OverQuota {
    /// As a task fails with it.
    pub(crate) fn failure(&self) -> Failure {
        Failure::new("Stepwell.QuotaExceeded", self.to_string())
    }
}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            quota, limit, used, ..
        } = self;
        let words = quota.words();
        write!(
            f,
            "the quota {quota} allows {limit} {words}, and {used} are used: "
        )?;
        f.write_str(match (quota, limit) {
            (_, 0) => "nothing is allowed before those who run the host raise it",
            (Quota::StartsPerSecond | Quota::StartsBurst, _) => "try again later, or slower",
            (Quota::FuelPerDay, _) => "try again after midnight UTC",
            (Quota::ExecutionsRunning, _) => "try again when executions have ended",
            _ => "remove something, or ask those who run the host to raise it",
        })
    }
}

impl From<OverQuota> for EngineError {
    fn from(over: OverQuota) -> Self {
        Self::QuotaExceeded {
            quota: over.quota,
            limit: over.limit,
            used: over.used,
            after_ms: over.after_ms,
            message: over.to_string(),
        }
    }
}

/// The ledgers of all tenants.
pub(crate) struct Ledgers {
    store: Store,
    host: Limits,
    ledgers: RwLock<BTreeMap<i64, Arc<Ledger>>>,
    changing: Mutex<()>,
}

impl Ledgers {
    /// Reads what tenants' own quotas are. What they use is with the store.
    pub(crate) fn read(store: &Store, host: Limits) -> Result<Self, StoreError> {
        let mut own: BTreeMap<i64, OwnQuotas> = BTreeMap::new();
        for QuotaRow {
            tenant,
            quota,
            amount,
        } in store.list_quotas()?
        {
            // One that a newer version has written means nothing here.
            if let Some(quota) = Quota::named(&quota) {
                own.entry(tenant.0).or_default().insert(quota, amount);
            }
        }
        let ledgers = own.into_iter().map(|(tenant, own)| {
            let ledger = Ledger::new(TenantId(tenant), store.clone(), host, own);
            (tenant, Arc::new(ledger))
        });
        Ok(Self {
            store: store.clone(),
            host,
            ledgers: RwLock::new(ledgers.collect()),
            changing: Mutex::new(()),
        })
    }

    /// The ledger of a tenant.
    pub(crate) fn of(&self, tenant: i64) -> Arc<Ledger> {
        let ledgers = self.ledgers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(ledger) = ledgers.get(&tenant) {
            return Arc::clone(ledger);
        }
        drop(ledgers);
        let mut ledgers = self.ledgers.write().unwrap_or_else(PoisonError::into_inner);
        let made = || {
            let own = OwnQuotas::default();
            Arc::new(Ledger::new(
                TenantId(tenant),
                self.store.clone(),
                self.host,
                own,
            ))
        };
        Arc::clone(ledgers.entry(tenant).or_insert_with(made))
    }

    /// Keeps a tenant's own quotas, and lives by them from now on.
    pub(crate) fn change(
        &self,
        change: Change<'_>,
        tenant: TenantId,
        own: OwnQuotas,
    ) -> Result<(), StoreError> {
        let rows = own.iter();
        let rows = rows.map(|(quota, amount)| (quota.name().to_owned(), *amount));
        // One change after the other: what is kept last has to be what is lived by.
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        change.put_quotas(tenant, rows.collect())?;
        self.of(tenant.0).change(own);
        Ok(())
    }

    /// All ledgers that anything was asked of.
    pub(crate) fn all(&self) -> Vec<(i64, Arc<Ledger>)> {
        let ledgers = self.ledgers.read().unwrap_or_else(PoisonError::into_inner);
        ledgers
            .iter()
            .map(|(tenant, ledger)| (*tenant, Arc::clone(ledger)))
            .collect()
    }

    /// Whether a tenant whose calls hold so many places may begin one more.
    pub(crate) fn may_run(&self, tenant: i64, held: usize, now: Timestamp) -> bool {
        self.of(tenant).may_run(held, now)
    }

    /// Whether a tenant has fuel left for the day.
    pub(crate) fn check_fuel(&self, tenant: i64, now: Timestamp) -> Result<(), OverQuota> {
        self.of(tenant).check_fuel(now)
    }

    /// Counts the fuel of a call that has ended.
    pub(crate) fn charge_fuel(&self, tenant: i64, now: Timestamp, fuel: u64) {
        self.store.note_fuel(TenantId(tenant), day_of(now), fuel);
    }
}

/// Says which quota the store refused over.
pub(crate) fn from_storage(quota: StorageQuota, limit: u64, used: u64) -> EngineError {
    let over = OverQuota {
        quota: quota.into(),
        limit,
        used,
        after_ms: None,
    };
    over.into()
}

/// The day of a time, counted from 1 January 1970.
pub(crate) fn day_of(now: Timestamp) -> i64 {
    now.as_ms().div_euclid(DAY_MS)
}

/// When the next day begins.
pub(crate) fn next_day(now: Timestamp) -> Timestamp {
    Timestamp::from_ms((day_of(now) + 1).saturating_mul(DAY_MS))
}
