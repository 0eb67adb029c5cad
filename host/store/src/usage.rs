//! What each tenant has and uses: counted in the transaction that changes it.
//!
//! The scripts that change something that is counted say so ([`note`]); the writing thread
//! adds it up and writes one row for each tenant into the transaction that all of them share.
//! So the counts cost no fsync and little more than nothing under load, they are as exact as
//! the database is, and the next start of the host reads them in a time that does not depend
//! on what is stored. After the COMMIT the copy in memory ([`Book`]) says the same.
//!
//! Fuel is told from outside ([`Store::note_fuel`]): it goes into the next transaction that
//! there is, which is the one that makes the end of the call durable, or an earlier one.

mod allowance;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};

use crate::error::StoreError;
use crate::ids::TenantId;
use crate::store::Store;

pub(crate) use allowance::{Allowance, bytes_of, delete_counted};

/// What a tenant has and uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Durable executions that run, children of other executions and of Map Runs among them.
    pub running: u64,
    /// Places that are reserved for executions that the database does not count: those whose
    /// start is not durable yet, and those in memory alone.
    pub reserved: u64,
    /// Bytes of histories, as they are stored: payloads are in them.
    pub history_bytes: u64,
    /// Names of components.
    pub components: u64,
    /// Bytes of all versions of its components.
    pub component_bytes: u64,
    /// Bytes of its data sets, those that are being written among them.
    pub data_set_bytes: u64,
    /// Bytes of its state machines: all revisions with all that they keep, and what versions and
    /// aliases say of themselves.
    pub definition_bytes: u64,
    /// Bytes of its configuration values, of its secrets as they are sealed, and of the tags of
    /// its state machines and activities.
    pub setting_bytes: u64,
    /// The day that `fuel` is of, counted from 1 January 1970.
    pub fuel_day: i64,
    /// Fuel of that day's calls.
    pub fuel: u64,
}

impl Usage {
    /// Executions that run or are about to.
    #[must_use]
    pub fn all_running(&self) -> u64 {
        self.running.saturating_add(self.reserved)
    }

    /// Bytes of all that is counted as stored.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.history_bytes
            .saturating_add(self.component_bytes)
            .saturating_add(self.data_set_bytes)
            .saturating_add(self.definition_bytes)
            .saturating_add(self.setting_bytes)
    }

    fn change(&mut self, change: &UsageChange) {
        let add = |count: &mut u64, by: i64| *count = count.saturating_add_signed(by);
        add(&mut self.running, change.running);
        add(&mut self.reserved, change.reserved);
        add(&mut self.history_bytes, change.history_bytes);
        add(&mut self.components, change.components);
        add(&mut self.component_bytes, change.component_bytes);
        add(&mut self.data_set_bytes, change.data_set_bytes);
        add(&mut self.definition_bytes, change.definition_bytes);
        add(&mut self.setting_bytes, change.setting_bytes);
    }

    fn burn(&mut self, day: i64, fuel: u64) {
        // A day before the last one: the clock was set back. It counts for the last one.
        if day > self.fuel_day {
            self.fuel_day = day;
            self.fuel = 0;
        }
        self.fuel = self.fuel.saturating_add(fuel);
    }
}

/// What a write may bring a tenant's storage to; none for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StorageLimits {
    /// Bytes, as [`Usage::stored_bytes`] counts them.
    pub stored_bytes: Option<u64>,
    /// Names of components.
    pub components: Option<u64>,
}

/// Which of the [`StorageLimits`] a write would go over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageQuota {
    /// [`StorageLimits::stored_bytes`].
    StoredBytes,
    /// [`StorageLimits::components`].
    Components,
}

/// What a script changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct UsageChange {
    pub(crate) running: i64,
    pub(crate) reserved: i64,
    pub(crate) history_bytes: i64,
    pub(crate) components: i64,
    pub(crate) component_bytes: i64,
    pub(crate) data_set_bytes: i64,
    pub(crate) definition_bytes: i64,
    pub(crate) setting_bytes: i64,
}

impl UsageChange {
    pub(crate) fn running(by: i64) -> Self {
        Self {
            running: by,
            ..Self::default()
        }
    }

    /// Reserved places have become what the transaction counts.
    pub(crate) fn used_up(reservation: Option<&Reservation>) -> Self {
        let count = reservation.map_or(0, |reservation| reservation.count);
        Self {
            reserved: -i64::try_from(count).unwrap_or(i64::MAX),
            ..Self::default()
        }
    }

    pub(crate) fn history(bytes: usize) -> Self {
        Self {
            history_bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            ..Self::default()
        }
    }

    pub(crate) fn data_sets(bytes: i64) -> Self {
        Self {
            data_set_bytes: bytes,
            ..Self::default()
        }
    }

    pub(crate) fn definitions(bytes: i64) -> Self {
        Self {
            definition_bytes: bytes,
            ..Self::default()
        }
    }

    pub(crate) fn settings(bytes: i64) -> Self {
        Self {
            setting_bytes: bytes,
            ..Self::default()
        }
    }

    fn add(&mut self, other: &Self) {
        self.running += other.running;
        self.reserved += other.reserved;
        self.history_bytes += other.history_bytes;
        self.components += other.components;
        self.component_bytes += other.component_bytes;
        self.data_set_bytes += other.data_set_bytes;
        self.definition_bytes += other.definition_bytes;
        self.setting_bytes += other.setting_bytes;
    }
}

/// Places among the executions of a tenant, taken before there is anything that the database
/// counts. Given back when it is dropped; where it goes into a transaction, that transaction
/// counts them instead, in the same moment.
pub struct Reservation {
    book: Arc<Book>,
    tenant: TenantId,
    count: u64,
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reservation({} of {})", self.count, self.tenant)
    }
}

impl Reservation {
    /// Whose places.
    pub(crate) fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// How many places.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The transaction that counts them instead is durable.
    pub(crate) fn use_up(mut self) {
        self.count = 0;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.count > 0 {
            let mut pages = self.book.lock();
            let usage = pages.usage.entry(self.tenant).or_default();
            usage.reserved = usage.reserved.saturating_sub(self.count);
        }
    }
}

/// The counts of all tenants, as the last COMMIT left them.
#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    usage: BTreeMap<TenantId, Usage>,
    /// Fuel by day that no transaction holds yet. `usage` counts it.
    fuel: BTreeMap<TenantId, (i64, u64)>,
}

thread_local! {
    /// What the transaction that the writing thread is at has changed so far.
    static CHANGES: RefCell<BTreeMap<TenantId, UsageChange>> = const { RefCell::new(BTreeMap::new()) };
}

/// Adds to what the open transaction changes; on the writing thread.
pub(crate) fn note(tenant: TenantId, change: &UsageChange) {
    CHANGES.with_borrow_mut(|changes| changes.entry(tenant).or_default().add(change));
}

/// Forgets what was noted: a transaction begins.
pub(crate) fn begin() {
    CHANGES.with_borrow_mut(BTreeMap::clear);
}

impl Book {
    /// Reads the counts.
    pub(crate) fn read(connection: &Connection) -> Result<Self, StoreError> {
        let mut statement = connection.prepare(
            "SELECT tenant, running, history_bytes, components, component_bytes, data_set_bytes,
                 definition_bytes, setting_bytes, fuel_day, fuel
             FROM tenant_usage",
        )?;
        let rows = statement.query_map([], |row| {
            let count = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
            let usage = Usage {
                running: count(1)?,
                reserved: 0,
                history_bytes: count(2)?,
                components: count(3)?,
                component_bytes: count(4)?,
                data_set_bytes: count(5)?,
                definition_bytes: count(6)?,
                setting_bytes: count(7)?,
                fuel_day: row.get(8)?,
                fuel: count(9)?,
            };
            Ok((row.get(0)?, usage))
        })?;
        let pages = Pages {
            usage: rows.collect::<Result<_, _>>()?,
            fuel: BTreeMap::new(),
        };
        Ok(Self(Mutex::new(pages)))
    }

    /// Writes what the open transaction has changed, and the fuel that none holds yet.
    /// Returns whom it wrote of, for [`Self::committed`].
    pub(crate) fn write(
        &self,
        connection: &Connection,
    ) -> Result<BTreeMap<TenantId, (i64, u64)>, StoreError> {
        let fuel = self.lock().fuel.clone();
        CHANGES.with_borrow(|changes| {
            let without = fuel.keys().filter(|tenant| !changes.contains_key(tenant));
            let nothing = UsageChange::default();
            let all = changes
                .iter()
                .chain(without.map(|tenant| (tenant, &nothing)));
            for (tenant, change) in all {
                let (day, fuel) = fuel.get(tenant).copied().unwrap_or((0, 0));
                write_row(connection, *tenant, change, day, fuel)?;
            }
            Ok::<_, StoreError>(())
        })?;
        Ok(fuel)
    }

    /// The transaction is durable: the counts say so, and so much fuel waits no more.
    pub(crate) fn committed(&self, written: &BTreeMap<TenantId, (i64, u64)>) {
        let mut pages = self.lock();
        CHANGES.with_borrow_mut(|changes| {
            for (tenant, change) in std::mem::take(changes) {
                pages.usage.entry(tenant).or_default().change(&change);
            }
        });
        for (tenant, (day, fuel)) in written {
            let left = match pages.fuel.get_mut(tenant) {
                Some(waiting) if waiting.0 == *day => {
                    waiting.1 -= fuel;
                    waiting.1
                }
                // Another day has begun since.
                _ => continue,
            };
            if left == 0 {
                pages.fuel.remove(tenant);
            }
        }
    }

    /// Whether fuel waits for a transaction.
    pub(crate) fn has_fuel(&self) -> bool {
        !self.lock().fuel.is_empty()
    }

    /// The counts of a tenant as the open transaction would leave them; on the writing thread.
    fn ahead(&self, tenant: TenantId) -> Usage {
        let mut usage = self.of(tenant);
        CHANGES.with_borrow(|changes| {
            if let Some(change) = changes.get(&tenant) {
                usage.change(change);
            }
        });
        usage
    }

    /// Refuses to store so many bytes more, or one more name of a component, over a limit.
    pub(crate) fn check(
        &self,
        tenant: TenantId,
        bytes: u64,
        new_component: bool,
        limits: &StorageLimits,
    ) -> Result<(), StoreError> {
        let usage = self.ahead(tenant);
        let over = |quota, limit: Option<u64>, used: u64, more: u64| match limit {
            Some(limit) if used.saturating_add(more) > limit => {
                Err(StoreError::OverQuota { quota, limit, used })
            }
            _ => Ok(()),
        };
        // What brings no name is not refused over the limit of names, also where that was
        // lowered below what is there.
        if new_component {
            let (limit, names) = (limits.components, usage.components);
            over(StorageQuota::Components, limit, names, 1)?;
        }
        let stored = usage.stored_bytes();
        over(
            StorageQuota::StoredBytes,
            limits.stored_bytes,
            stored,
            bytes,
        )
    }

    fn of(&self, tenant: TenantId) -> Usage {
        self.lock().usage.get(&tenant).copied().unwrap_or_default()
    }

    fn burn(&self, tenant: TenantId, day: i64, fuel: u64) {
        let mut pages = self.lock();
        pages.usage.entry(tenant).or_default().burn(day, fuel);
        let waiting = pages.fuel.entry(tenant).or_insert((day, 0));
        if waiting.0 < day {
            *waiting = (day, 0);
        }
        waiting.1 = waiting.1.saturating_add(fuel);
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_row(
    connection: &Connection,
    tenant: TenantId,
    change: &UsageChange,
    day: i64,
    fuel: u64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO tenant_usage (tenant, running, history_bytes, components,
                 component_bytes, data_set_bytes, fuel_day, fuel, definition_bytes,
                 setting_bytes)
             VALUES (?1, max(?2, 0), max(?3, 0), max(?4, 0), max(?5, 0), max(?6, 0), ?7, ?8,
                 max(?9, 0), max(?10, 0))
             ON CONFLICT (tenant) DO UPDATE SET
                 running = max(running + ?2, 0),
                 history_bytes = max(history_bytes + ?3, 0),
                 components = max(components + ?4, 0),
                 component_bytes = max(component_bytes + ?5, 0),
                 data_set_bytes = max(data_set_bytes + ?6, 0),
                 definition_bytes = max(definition_bytes + ?9, 0),
                 setting_bytes = max(setting_bytes + ?10, 0),
                 fuel = CASE WHEN ?7 > fuel_day THEN ?8 ELSE fuel + ?8 END,
                 fuel_day = max(fuel_day, ?7)",
        )?
        .execute(params![
            tenant,
            change.running,
            change.history_bytes,
            change.components,
            change.component_bytes,
            change.data_set_bytes,
            day,
            i64::try_from(fuel).unwrap_or(i64::MAX),
            change.definition_bytes,
            change.setting_bytes,
        ])?;
    Ok(())
}

impl Store {
    /// Returns what a tenant has and uses: what is durable, and all fuel that was told of.
    #[must_use]
    pub fn usage(&self, tenant: TenantId) -> Usage {
        self.book().of(tenant)
    }

    /// Reserves up to so many places among a tenant's executions, as many as there are below a
    /// limit. Looking and taking are one step.
    #[must_use]
    pub fn reserve_running(&self, tenant: TenantId, count: u64, limit: Option<u64>) -> Reservation {
        let book = Arc::clone(self.book());
        let mut pages = book.lock();
        let usage = pages.usage.entry(tenant).or_default();
        let free = limit.map_or(u64::MAX, |limit| limit.saturating_sub(usage.all_running()));
        let count = count.min(free);
        usage.reserved += count;
        drop(pages);
        Reservation {
            book,
            tenant,
            count,
        }
    }

    /// Counts fuel of a call that ended on a day. It is durable with the next transaction.
    pub fn note_fuel(&self, tenant: TenantId, day: i64, fuel: u64) {
        if fuel > 0 {
            self.book().burn(tenant, day, fuel);
        }
    }
}
