//! Rules of how long things are kept, and the removal of what is past its time.

mod removal;
mod sweep;

use rusqlite::{Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::ids::TenantId;
use crate::room;
use crate::store::Store;

pub(crate) use removal::LAST_KEY_SETTING;
pub use removal::{Purged, Removal};
pub use sweep::{EndedMachine, KeepBounds, SweepPlace, Sweepable};

/// How long something is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRow {
    /// Name of the state machine whose executions it is about; none for all that have no
    /// rule of their own.
    pub machine: Option<String>,
    /// Milliseconds after their end.
    pub age_ms: Option<u64>,
    /// How many, the newest.
    pub count: Option<u64>,
    /// Milliseconds that details of audit entries are kept, in a rule of no machine.
    pub audit_age_ms: Option<u64>,
    /// When it was set.
    pub changed_at: Timestamp,
    /// Who set it.
    pub changed_by: Option<String>,
}

impl Store {
    /// Returns a tenant's rules; the one for all machines first, the others by name.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn retention_rules(&self, tenant: TenantId) -> Result<Vec<RetentionRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT machine, age_ms, count, audit_age_ms, changed_at, changed_by
                 FROM retention_rules WHERE tenant = ?1 ORDER BY machine",
            )?;
            let rows = statement.query_map([tenant], read_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

impl Change<'_> {
    /// Sets a tenant's rule, in place of the one that it has for the same machine.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a bound of nothing, [`StoreError::TooMany`] if the tenant
    /// would have more than [`RETENTION_RULES_MAX`](crate::RETENTION_RULES_MAX).
    pub fn put_retention(self, tenant: TenantId, rule: RetentionRow) -> Result<(), StoreError> {
        self.write(move |connection| {
            let machine = rule.machine.as_deref().unwrap_or_default();
            let is_there: bool = connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM retention_rules
                         WHERE tenant = ?1 AND machine = ?2)",
                )?
                .query_row(params![tenant, machine], |row| row.get(0))?;
            if !is_there {
                room::RETENTION_RULES.require(connection, tenant)?;
            }
            let ms = |ms: Option<u64>| ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO retention_rules
                         (tenant, machine, age_ms, count, audit_age_ms, changed_at, changed_by)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    tenant,
                    machine,
                    ms(rule.age_ms),
                    ms(rule.count),
                    ms(rule.audit_age_ms),
                    rule.changed_at.as_ms(),
                    rule.changed_by
                ])?;
            Ok(())
        })
    }

    /// Takes a tenant's rule away; returns whether there was one.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn delete_retention(
        self,
        tenant: TenantId,
        machine: Option<&str>,
    ) -> Result<bool, StoreError> {
        let machine = machine.unwrap_or_default().to_owned();
        self.write(move |connection| {
            let deleted = connection
                .prepare_cached("DELETE FROM retention_rules WHERE tenant = ?1 AND machine = ?2")?
                .execute(params![tenant, machine])?;
            Ok(deleted == 1)
        })
    }
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<RetentionRow> {
    let unsigned = |index: usize| {
        let number: Option<i64> = row.get(index)?;
        Ok::<_, rusqlite::Error>(number.map(i64::cast_unsigned))
    };
    let machine: String = row.get(0)?;
    Ok(RetentionRow {
        machine: Some(machine).filter(|machine| !machine.is_empty()),
        age_ms: unsigned(1)?,
        count: unsigned(2)?,
        audit_age_ms: unsigned(3)?,
        changed_at: columns::timestamp(row, 4)?,
        changed_by: row.get(5)?,
    })
}
