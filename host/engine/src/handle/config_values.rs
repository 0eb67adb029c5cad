//! Configuration values: set, list, delete.

use stepwell_states::{GRANT_NAME_MAX_CHARS, Timestamp, is_grant_name};
use stepwell_store::{ConfigValueRow, StoreError, TenantId};

use crate::audit::action;
use crate::error::EngineError;
use crate::handle::{EngineHandle, blocking};
use crate::model::Caller;
use crate::permissions::Permission;

/// Bytes of a value, at most.
const VALUE_MAX_BYTES: usize = 16 << 10;
/// Begins the names that the host itself gives values to.
const OWN_PREFIX: &str = "stepwell.";

/// A configuration value of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigValue {
    /// Its name.
    pub name: String,
    /// The text.
    pub value: String,
    /// When it was set.
    pub changed_at: Timestamp,
    /// Who set it.
    pub changed_by: String,
}

impl EngineHandle {
    /// Sets a value, in place of one that has the name. Tasks that begin from now on get it,
    /// where their states grant it.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], [`EngineError::Invalid`] for the name,
    /// [`EngineError::TooLarge`], [`EngineError::TooMany`], [`EngineError::QuotaExceeded`], or
    /// trouble of the host's own.
    pub async fn put_config_value(
        &self,
        caller: &Caller,
        name: &str,
        value: String,
    ) -> Result<ConfigValue, EngineError> {
        caller.require(Permission::WriteConfig)?;
        self.require_running()?;
        check_name(name)?;
        if value.len() > VALUE_MAX_BYTES {
            return Err(EngineError::TooLarge {
                field: "value",
                bytes: value.len(),
                max_bytes: VALUE_MAX_BYTES,
            });
        }
        let tenant = TenantId(caller.tenant.id);
        let row = ConfigValueRow {
            name: name.to_owned(),
            value,
            changed_at: self.0.starter.now(),
            changed_by: Some(caller.principal.to_string()),
        };
        let set = described(row.clone());
        let entry = self.entry(caller, action::CONFIG_SET, name, None);
        let ledger = self.0.starter.ledgers.of(caller.tenant.id);
        let store = self.0.store.clone();
        blocking(move || {
            let change = store.change(entry);
            let put = change.put_config_value(tenant, row, ledger.storage());
            put.map_err(|error| ledger.refused(error))
        })
        .await??;
        Ok(set)
    }

    /// Lists the tenant's values, by name.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], or trouble of the host's own.
    pub async fn list_config_values(
        &self,
        caller: &Caller,
    ) -> Result<Vec<ConfigValue>, EngineError> {
        caller.require(Permission::ReadConfig)?;
        let tenant = TenantId(caller.tenant.id);
        let rows = self
            .read(move |store| store.list_config_values(tenant))
            .await?;
        Ok(rows.into_iter().map(described).collect())
    }

    /// Deletes a value. Tasks that begin from now on find none.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn delete_config_value(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<(), EngineError> {
        caller.require(Permission::WriteConfig)?;
        self.require_running()?;
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let entry = self.entry(caller, action::CONFIG_DELETE, name, None);
        let gone = self.read(move |store| {
            match store.change(entry).delete_config_value(tenant, &wanted) {
                Ok(()) => Ok(true),
                Err(StoreError::NotFound { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        });
        if gone.await? {
            return Ok(());
        }
        Err(EngineError::NotFound {
            kind: "configuration value",
            name: name.to_owned(),
        })
    }
}

fn check_name(name: &str) -> Result<(), EngineError> {
    let invalid = |reason| {
        Err(EngineError::Invalid {
            field: "name",
            reason,
        })
    };
    if !is_grant_name(name) {
        return invalid(format!(
            "must have 1 to {GRANT_NAME_MAX_CHARS} letters, digits and '/_+=.@-'"
        ));
    }
    if is_of_host(name) {
        return invalid(format!(
            "must not begin with '{OWN_PREFIX}', which is the host's"
        ));
    }
    Ok(())
}

/// Whether the host itself gives the value of that name.
pub(super) fn is_of_host(name: &str) -> bool {
    name.starts_with(OWN_PREFIX)
}

fn described(row: ConfigValueRow) -> ConfigValue {
    ConfigValue {
        name: row.name,
        value: row.value,
        changed_at: row.changed_at,
        changed_by: row.changed_by.unwrap_or_default(),
    }
}
