//! Tenants' secrets: set, rotated, looked at, taken out of use. Values come in and never
//! go out: tasks get them (`task_secrets.rs`), callers do not.

use std::sync::Arc;

use stepwell_states::{Timestamp, is_grant_name};
use stepwell_store::{
    AuditDetails, NewSecretVersion, SecretRow, SecretVersionRow, Store, StoreError, TenantId,
};
use stepwell_vault::{KeyId, Place, SecretValue, Vault, VaultError};

use crate::audit::action;
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::Caller;

/// Secrets that a tenant may have.
const SECRETS_MAX: usize = 1_000;
/// Versions of a secret that are kept: the newest, and some to go back to.
const VERSIONS_MAX: u32 = 10;
/// How often a value is sealed anew, where others set the same secret at the same moment.
const ATTEMPTS_MAX: usize = 16;

/// A secret, without values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretDescription {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Option<String>,
    /// The version that tasks get: the newest that is not disabled.
    pub current_version: Option<u32>,
    /// Its versions, newest first.
    pub versions: Vec<SecretVersionDescription>,
}

/// A version of a secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersionDescription {
    /// Its number.
    pub version: u32,
    /// Since when it is not used any more, unless it is.
    pub disabled_at: Option<Timestamp>,
    /// When it was set.
    pub created_at: Timestamp,
    /// Who set it.
    pub created_by: Option<String>,
    /// Id of the master key that sealed it.
    pub key_id: String,
}

impl EngineHandle {
    /// Sets a secret: makes it, or gives it a new version, which every task gets that
    /// begins from now on. Returns the number of the version.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] for a name that cannot be, [`EngineError::NoMasterKey`],
    /// [`EngineError::TooMany`], [`EngineError::QuotaExceeded`], or trouble of the host's own.
    pub async fn set_secret(
        &self,
        caller: &Caller,
        name: &str,
        value: SecretValue,
    ) -> Result<u32, EngineError> {
        self.require_running()?;
        check_name(name)?;
        let order = SetOrder {
            vault: Arc::clone(&self.0.starter.config.vault),
            tenant: TenantId(caller.tenant.id),
            name: name.to_owned(),
            value,
            at: self.0.starter.now(),
            by: caller.clone(),
            handle: self.clone(),
        };
        let store = self.0.store.clone();
        blocking(move || order.carry_out(&store)).await?
    }

    /// Lists a tenant's secrets by name, without values.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn list_secrets(
        &self,
        caller: &Caller,
    ) -> Result<Vec<SecretDescription>, EngineError> {
        let tenant = TenantId(caller.tenant.id);
        let rows = self
            .read(move |store| store.list_secrets(tenant, SECRETS_MAX))
            .await?;
        Ok(rows.into_iter().map(description).collect())
    }

    /// Describes a secret, without values.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn describe_secret(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<SecretDescription, EngineError> {
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let row = self
            .read(move |store| store.find_secret(tenant, &wanted))
            .await?;
        row.map(description).ok_or_else(|| not_found(name))
    }

    /// Takes a version of a secret out of use, or puts it back. Tasks get the newest one
    /// that is in use.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn put_secret_version_in_use(
        &self,
        caller: &Caller,
        name: &str,
        version: u32,
        in_use: bool,
    ) -> Result<(), EngineError> {
        self.require_running()?;
        let disabled_at = (!in_use).then(|| self.0.starter.now());
        let done = if in_use {
            action::SECRET_ENABLE
        } else {
            action::SECRET_DISABLE
        };
        let details = AuditDetails::default().number("version", version);
        let entry = self.entry(caller, done, name, Some(details));
        self.change_secret(caller, name, move |store, tenant, name| {
            let change = store.change(entry);
            change.put_secret_version_state(tenant, name, version, disabled_at)
        })
        .await
    }

    /// Destroys a version of a secret: its value is overwritten, for good.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn destroy_secret_version(
        &self,
        caller: &Caller,
        name: &str,
        version: u32,
    ) -> Result<(), EngineError> {
        self.require_running()?;
        let details = AuditDetails::default().number("version", version);
        let entry = self.entry(caller, action::SECRET_DESTROY, name, Some(details));
        self.change_secret(caller, name, move |store, tenant, name| {
            let change = store.change(entry);
            change.destroy_secret_version(tenant, name, version)
        })
        .await
    }

    /// Deletes a secret with all its versions, for good.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn delete_secret(&self, caller: &Caller, name: &str) -> Result<(), EngineError> {
        self.require_running()?;
        let entry = self.entry(caller, action::SECRET_DELETE, name, None);
        self.change_secret(caller, name, move |store, tenant, name| {
            store.change(entry).delete_secret(tenant, name)
        })
        .await
    }

    async fn change_secret(
        &self,
        caller: &Caller,
        name: &str,
        change: impl FnOnce(&Store, TenantId, &str) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), EngineError> {
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let store = self.0.store.clone();
        match blocking(move || change(&store, tenant, &wanted)).await? {
            Err(StoreError::NotFound { .. }) => Err(not_found(name)),
            done => done.map_err(from_store),
        }
    }
}

/// A value on its way into the store.
struct SetOrder {
    vault: Arc<Vault>,
    tenant: TenantId,
    name: String,
    value: SecretValue,
    at: Timestamp,
    by: Caller,
    handle: EngineHandle,
}

impl SetOrder {
    /// Seals the value for the version that comes next, and keeps it. Who was faster has
    /// taken that number, and then it is the one after: a value is sealed for its number.
    fn carry_out(self, store: &Store) -> Result<u32, EngineError> {
        for _ in 0..ATTEMPTS_MAX {
            let known = store
                .find_secret(self.tenant, &self.name)
                .map_err(from_store)?;
            let version = known.map_or(0, |secret| secret.last_version) + 1;
            let details = AuditDetails::default().number("version", version);
            let (handle, by) = (&self.handle, &self.by);
            let entry = handle.entry(by, action::SECRET_SET, &*self.name, Some(details));
            let change = store.change(entry);
            let ledger = self.handle.0.starter.ledgers.of(self.tenant.0);
            match change.put_secret_version(self.sealed_for(version)?, ledger.storage()) {
                Ok(()) => return Ok(version),
                Err(StoreError::Moved { .. }) => {}
                Err(StoreError::TooMany { what, limit }) => {
                    return Err(EngineError::TooMany { what, limit });
                }
                Err(error) => return Err(ledger.refused(error)),
            }
        }
        let reason = "others set the same secret all the time: try again".to_owned();
        Err(EngineError::Unavailable(reason))
    }

    fn sealed_for(&self, version: u32) -> Result<NewSecretVersion, EngineError> {
        let place = Place::Secret {
            tenant: self.tenant.0,
            name: &self.name,
            version,
        };
        let value = self.value.reveal().as_bytes();
        let sealed = self.vault.seal(place, value).map_err(from_vault)?;
        Ok(NewSecretVersion {
            tenant: self.tenant,
            name: self.name.clone(),
            version,
            key_id: sealed.key_id.as_bytes().to_vec(),
            sealed: sealed.bytes,
            created_at: self.at,
            created_by: Some(self.by.principal.to_string()),
            versions_max: VERSIONS_MAX,
            secrets_max: SECRETS_MAX,
        })
    }
}

/// What a caller is told of the vault's trouble.
pub(crate) fn from_vault(error: VaultError) -> EngineError {
    match error {
        VaultError::NoKey => EngineError::NoMasterKey,
        other => EngineError::Internal(other.to_string()),
    }
}

fn check_name(name: &str) -> Result<(), EngineError> {
    if is_grant_name(name) {
        return Ok(());
    }
    Err(EngineError::Invalid {
        field: "name",
        reason: "a secret's name has 1 to 128 letters, digits and / _ + = . @ - of ASCII"
            .to_owned(),
    })
}

fn description(row: SecretRow) -> SecretDescription {
    let versions: Vec<_> = row.versions.into_iter().map(version_description).collect();
    let mut in_use = versions
        .iter()
        .filter(|version| version.disabled_at.is_none());
    SecretDescription {
        name: row.name,
        created_at: row.created_at,
        created_by: row.created_by,
        current_version: in_use.next().map(|version| version.version),
        versions,
    }
}

fn version_description(row: SecretVersionRow) -> SecretVersionDescription {
    SecretVersionDescription {
        version: row.version,
        disabled_at: row.disabled_at,
        created_at: row.created_at,
        created_by: row.created_by,
        key_id: KeyId::from_bytes(&row.key_id).map_or_else(String::new, |id| id.to_string()),
    }
}

fn not_found(name: &str) -> EngineError {
    EngineError::NotFound {
        kind: "secret",
        name: name.to_owned(),
    }
}
