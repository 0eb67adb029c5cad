//! Quotas of tenants, where they are not the host's own.

use rusqlite::params;

use crate::audit::Change;
use crate::error::StoreError;
use crate::ids::TenantId;
use crate::store::Store;

/// A quota of a tenant that is not the host's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRow {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which one, in the engine's words.
    pub quota: String,
    /// How much; none for no limit.
    pub amount: Option<u64>,
}

impl Change<'_> {
    /// Keeps a tenant's own quotas, in place of all that it had.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if there is no such tenant.
    pub fn put_quotas(
        self,
        tenant: TenantId,
        quotas: Vec<(String, Option<u64>)>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached("DELETE FROM tenant_quotas WHERE tenant = ?1")?
                .execute([tenant])?;
            let mut insert = connection.prepare_cached(
                "INSERT INTO tenant_quotas (tenant, quota, amount) VALUES (?1, ?2, ?3)",
            )?;
            for (quota, amount) in &quotas {
                let amount = amount.map(|amount| i64::try_from(amount).unwrap_or(i64::MAX));
                insert.execute(params![tenant, quota, amount])?;
            }
            Ok(())
        })
    }
}

impl Store {
    /// Returns the own quotas of all tenants.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_quotas(&self) -> Result<Vec<QuotaRow>, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT tenant, quota, amount FROM tenant_quotas")?;
            let rows = statement.query_map([], |row| {
                Ok(QuotaRow {
                    tenant: row.get(0)?,
                    quota: row.get(1)?,
                    amount: row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
