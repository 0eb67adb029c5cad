//! The keys of callers that sign their requests, as AWS's tools do.

use std::fmt;

use stepwell_states::Timestamp;
use stepwell_store::{AccessKeyRow, KeySecret, StoreError, TenantId};
use stepwell_vault::Place;

use crate::audit::action;
use crate::error::{EngineError, from_store};
use crate::handle::access::{AccessOrder, GivenAccess, held, permissions_of, require_all};
use crate::handle::secrets::from_vault;
use crate::handle::{EngineHandle, blocking};
use crate::model::Caller;
use crate::permissions::Permissions;

/// Begins the id of each key, which is as long as AWS's are.
const ID_PREFIX: &str = "SWAK";
/// Letters of an id after its prefix.
const ID_CHARS: usize = 16;
/// Letters of a secret: 40 of 64 kinds are 240 bits.
const SECRET_CHARS: usize = 40;
/// Letters of ids: 32 of them, so that five random bits choose one.
const ID_LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Letters of secrets: 64 of them.
const SECRET_LETTERS: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A key that was just made. The secret is shown this once.
#[derive(Clone, PartialEq, Eq)]
pub struct NewAccessKey {
    /// Its id: 20 letters and digits.
    pub id: String,
    /// What signatures are made with: 40 characters.
    pub secret: String,
}

impl fmt::Debug for NewAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAccessKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKeyDescription {
    /// Its id.
    pub id: String,
    /// The name that its tenant gave it.
    pub name: String,
    /// Its holder's role.
    pub role: String,
    /// What of the role it is for, if not all.
    pub permissions: Option<Permissions>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Option<String>,
    /// When it ceases to be good.
    pub expires_at: Option<Timestamp>,
}

impl EngineHandle {
    /// Makes a key for whoever signs requests in a tenant's name.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] for a name that cannot be or is taken, a role or permission
    /// that there is not, or an end that has passed; [`EngineError::Forbidden`] for a role
    /// that lets its holder do what the caller may not; or trouble of the host's own.
    pub async fn make_access_key(
        &self,
        caller: &Caller,
        order: AccessOrder,
    ) -> Result<NewAccessKey, EngineError> {
        self.require_running()?;
        let access = self.check_access(caller, order).await?;
        let key = NewAccessKey {
            id: format!("{ID_PREFIX}{}", random_text(ID_LETTERS, ID_CHARS)?),
            secret: random_text(SECRET_LETTERS, SECRET_CHARS)?,
        };
        let row = AccessKeyRow {
            id: key.id.clone(),
            tenant: access.tenant,
            name: access.name,
            secret: self.kept_secret(access.tenant, &key)?,
            role: access.role,
            permissions: access.narrowed_to,
            created_at: self.0.starter.now(),
            created_by: Some(caller.principal.to_string()),
            expires_at: access.expires_at,
        };
        let store = self.0.store.clone();
        let given = GivenAccess {
            tenant: row.tenant,
            name: &row.name,
            role: &row.role,
            permissions: row.permissions.as_deref(),
            expires_at: row.expires_at,
        };
        let made = action::ACCESS_KEY_CREATE;
        let entry = self.access_entry(caller, made, given).await?;
        match blocking(move || store.change(entry).put_access_key(row)).await? {
            Ok(()) => Ok(key),
            Err(StoreError::NameTaken { what }) => Err(EngineError::Invalid {
                field: "name",
                reason: format!("there is an {what}: delete it first, or take another name"),
            }),
            Err(error) => Err(from_store(error)),
        }
    }

    /// The secret of a key as it is kept: sealed, where the host has a master key.
    fn kept_secret(&self, tenant: TenantId, key: &NewAccessKey) -> Result<KeySecret, EngineError> {
        let vault = &self.0.starter.config.vault;
        if vault.key_id().is_none() {
            return Ok(KeySecret::Plain(key.secret.clone()));
        }
        let place = Place::AccessKey {
            tenant: tenant.0,
            id: &key.id,
        };
        let sealed = vault
            .seal(place, key.secret.as_bytes())
            .map_err(from_vault)?;
        Ok(KeySecret::Sealed {
            key_id: sealed.key_id.as_bytes().to_vec(),
            sealed: sealed.bytes,
        })
    }

    /// Lists a tenant's keys, by name.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn list_access_keys(
        &self,
        caller: &Caller,
    ) -> Result<Vec<AccessKeyDescription>, EngineError> {
        let tenant = TenantId(caller.tenant.id);
        let rows = self
            .read(move |store| store.list_access_keys(tenant))
            .await?;
        let described = rows.into_iter().map(|row| AccessKeyDescription {
            id: row.id,
            name: row.name,
            role: row.role,
            permissions: row.permissions.as_deref().map(permissions_of),
            created_at: row.created_at,
            created_by: row.created_by,
            expires_at: row.expires_at,
        });
        Ok(described.collect())
    }

    /// Deletes a key: what it signs is refused from now on.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::Forbidden`] for a key that lets its holder do
    /// what the caller may not, or trouble of the host's own.
    pub async fn delete_access_key(&self, caller: &Caller, name: &str) -> Result<(), EngineError> {
        self.require_running()?;
        self.require_key_cover(caller, name).await?;
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let store = self.0.store.clone();
        let entry = self.entry(caller, action::ACCESS_KEY_DELETE, name, None);
        match blocking(move || store.change(entry).delete_access_key(tenant, &wanted)).await? {
            Err(StoreError::NotFound { .. }) => Err(not_found(name)),
            done => done.map_err(from_store),
        }
    }

    /// Nobody takes from those who may do more.
    async fn require_key_cover(&self, caller: &Caller, name: &str) -> Result<(), EngineError> {
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let held = self.read(move |store| {
            let rows = store.list_access_keys(tenant)?;
            match rows.into_iter().find(|row| row.name == wanted) {
                Some(row) => held(store, tenant, &row.role, row.permissions.as_deref()).map(Some),
                None => Ok(None),
            }
        });
        require_all(caller, held.await?.ok_or_else(|| not_found(name))?)
    }
}

fn not_found(name: &str) -> EngineError {
    EngineError::NotFound {
        kind: "access key",
        name: name.to_owned(),
    }
}

/// Draws a text of letters whose number is a power of two.
fn random_text(letters: &[u8], chars: usize) -> Result<String, EngineError> {
    let mut drawn = vec![0; chars];
    getrandom::fill(&mut drawn)
        .map_err(|error| EngineError::Internal(format!("no randomness: {error}")))?;
    let letter = |byte: &u8| char::from(letters[usize::from(*byte) % letters.len()]);
    Ok(drawn.iter().map(letter).collect())
}
