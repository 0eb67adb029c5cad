//! Bindings: which component stands for which integration of a tenant's definitions.

use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::ids::TenantId;
use crate::room;
use crate::store::Store;

/// The action of a binding that stands for all actions of its service.
pub const ANY_ACTION: &str = "*";

/// Which component an integration runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingRow {
    /// The service: `dynamodb`, `aws-sdk:s3`.
    pub service: String,
    /// The action, or [`ANY_ACTION`].
    pub action: String,
    /// Name of the component.
    pub component: String,
    /// Its version; without one, the newest.
    pub version: Option<u32>,
    /// When it was bound.
    pub created_at: Timestamp,
    /// Who bound it.
    pub created_by: Option<String>,
}

const COLUMNS: &str = "service, action, component, version, created_at, created_by";

impl Store {
    /// Returns what an integration is bound to: by the binding of just that action, else
    /// by the one of all actions of the service.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_binding(
        &self,
        tenant: TenantId,
        service: &str,
        action: &str,
    ) -> Result<Option<BindingRow>, StoreError> {
        self.read(|connection| {
            for wanted in [action, ANY_ACTION] {
                if let Some(found) = find(connection, tenant, service, wanted)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        })
    }

    /// Returns a tenant's bindings, by service and action; up to `limit`.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_bindings(
        &self,
        tenant: TenantId,
        limit: usize,
    ) -> Result<Vec<BindingRow>, StoreError> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM bindings WHERE tenant = ?1
                 ORDER BY service, action LIMIT ?2"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![tenant, columns::limit(limit)], read_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

impl Change<'_> {
    /// Binds a component to an integration, in place of one that was bound to it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if there is no such tenant, [`StoreError::TooMany`] if it would
    /// have more than [`BINDINGS_MAX`](crate::BINDINGS_MAX).
    pub fn put_binding(self, tenant: TenantId, binding: BindingRow) -> Result<(), StoreError> {
        self.write(move |connection| {
            if find(connection, tenant, &binding.service, &binding.action)?.is_none() {
                room::BINDINGS.require(connection, tenant)?;
            }
            connection
                .prepare_cached(
                    "INSERT INTO bindings (tenant, service, action, component, version,
                         created_at, created_by)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT (tenant, service, action) DO UPDATE SET
                         component = excluded.component, version = excluded.version,
                         created_at = excluded.created_at, created_by = excluded.created_by",
                )?
                .execute(params![
                    tenant,
                    binding.service,
                    binding.action,
                    binding.component,
                    binding.version,
                    binding.created_at.as_ms(),
                    binding.created_by,
                ])?;
            Ok(())
        })
    }

    /// Takes a binding away. Returns whether there was one.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn delete_binding(
        self,
        tenant: TenantId,
        service: &str,
        action: &str,
    ) -> Result<bool, StoreError> {
        let (service, action) = (service.to_owned(), action.to_owned());
        self.write(move |connection| {
            let sql = "DELETE FROM bindings WHERE tenant = ?1 AND service = ?2 AND action = ?3";
            let gone = connection
                .prepare_cached(sql)?
                .execute(params![tenant, service, action])?;
            Ok(gone == 1)
        })
    }
}

fn find(
    connection: &Connection,
    tenant: TenantId,
    service: &str,
    action: &str,
) -> Result<Option<BindingRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM bindings WHERE tenant = ?1 AND service = ?2 AND action = ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement
        .query_row(params![tenant, service, action], read_row)
        .optional()?)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<BindingRow> {
    Ok(BindingRow {
        service: row.get(0)?,
        action: row.get(1)?,
        component: row.get(2)?,
        version: row.get(3)?,
        created_at: columns::timestamp(row, 4)?,
        created_by: row.get(5)?,
    })
}
