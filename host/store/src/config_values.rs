//! Configuration values: texts by name, which states grant to their tasks.

use rusqlite::{OptionalExtension, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::ids::TenantId;
use crate::store::Store;
use crate::usage::{self, Allowance, StorageLimits, UsageChange, bytes_of, delete_counted};

/// Values of a tenant, at most.
pub const CONFIG_VALUES_MAX: usize = 1_000;

/// A configuration value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigValueRow {
    /// Its name.
    pub name: String,
    /// The text.
    pub value: String,
    /// When it was set.
    pub changed_at: Timestamp,
    /// Who set it.
    pub changed_by: Option<String>,
}

impl Change<'_> {
    /// Sets a value, in place of one that has the name.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] if the tenant would have more than [`CONFIG_VALUES_MAX`],
    /// [`StoreError::OverQuota`].
    pub fn put_config_value(
        self,
        tenant: TenantId,
        row: ConfigValueRow,
        limits: StorageLimits,
    ) -> Result<(), StoreError> {
        let allowance = Allowance::new(self.book(), limits);
        self.write(move |connection| {
            let (others, before): (i64, Option<i64>) = connection
                .prepare_cached(
                    "SELECT count(*), max(octet_length(value)) FILTER (WHERE name = ?2)
                         FROM config_values WHERE tenant = ?1",
                )?
                .query_row(params![tenant, row.name], |found| {
                    Ok((found.get(0)?, found.get(1)?))
                })?;
            let is_full = usize::try_from(others).is_ok_and(|count| count >= CONFIG_VALUES_MAX);
            if before.is_none() && is_full {
                return Err(StoreError::TooMany {
                    what: "configuration values",
                    limit: CONFIG_VALUES_MAX,
                });
            }
            let growth = bytes_of([&*row.value]) - before.unwrap_or_default();
            allowance.require(tenant, growth)?;
            connection
                .prepare_cached(
                    "INSERT INTO config_values (tenant, name, value, changed_at, changed_by)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (tenant, name) DO UPDATE SET
                         value = excluded.value, changed_at = excluded.changed_at,
                         changed_by = excluded.changed_by",
                )?
                .execute(params![
                    tenant,
                    row.name,
                    row.value,
                    row.changed_at.as_ms(),
                    row.changed_by,
                ])?;
            usage::note(tenant, &UsageChange::settings(growth));
            Ok(())
        })
    }

    /// Deletes a value.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none of that name.
    pub fn delete_config_value(self, tenant: TenantId, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            let sql = "DELETE FROM config_values WHERE tenant = ?1 AND name = ?2
                       RETURNING octet_length(value)";
            let (deleted, bytes) = delete_counted(connection, sql, params![tenant, name])?;
            if deleted == 0 {
                return Err(StoreError::not_found(&name));
            }
            usage::note(tenant, &UsageChange::settings(-bytes));
            Ok(())
        })
    }
}

impl Store {
    /// Returns a value.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_config_value(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<ConfigValueRow>, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT name, value, changed_at, changed_by FROM config_values
                         WHERE tenant = ?1 AND name = ?2",
                )?
                .query_row(params![tenant, name], read_row)
                .optional()?)
        })
    }

    /// Returns all values of a tenant, by name.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_config_values(&self, tenant: TenantId) -> Result<Vec<ConfigValueRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT name, value, changed_at, changed_by FROM config_values
                     WHERE tenant = ?1 ORDER BY name",
            )?;
            let rows = statement.query_map([tenant], read_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<ConfigValueRow> {
    Ok(ConfigValueRow {
        name: row.get(0)?,
        value: row.get(1)?,
        changed_at: columns::timestamp(row, 2)?,
        changed_by: row.get(3)?,
    })
}
