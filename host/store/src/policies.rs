//! Policies of tenants: what their tasks may reach at all.

use rusqlite::{OptionalExtension, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::ids::TenantId;
use crate::store::Store;

/// The policy of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// Where requests may go, as a JSON list of rules.
    pub http: String,
    /// When it was set.
    pub changed_at: Timestamp,
    /// Who set it.
    pub changed_by: Option<String>,
}

impl Change<'_> {
    /// Sets a tenant's policy, in place of the one that it has.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if there is no such tenant.
    pub fn put_policy(self, tenant: TenantId, row: PolicyRow) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO tenant_policies (tenant, http_json, changed_at, changed_by)
                     VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (tenant) DO UPDATE SET
                         http_json = excluded.http_json, changed_at = excluded.changed_at,
                         changed_by = excluded.changed_by",
                )?
                .execute(params![
                    tenant,
                    row.http,
                    row.changed_at.as_ms(),
                    row.changed_by
                ])?;
            Ok(())
        })
    }
}

impl Store {
    /// Returns a tenant's policy; nothing for one that has none, and may reach nothing.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_policy(&self, tenant: TenantId) -> Result<Option<PolicyRow>, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT http_json, changed_at, changed_by FROM tenant_policies
                         WHERE tenant = ?1",
                )?
                .query_row([tenant], |row| {
                    Ok(PolicyRow {
                        http: row.get(0)?,
                        changed_at: columns::timestamp(row, 1)?,
                        changed_by: row.get(2)?,
                    })
                })
                .optional()?)
        })
    }
}
