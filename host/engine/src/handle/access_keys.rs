//! The keys of callers that sign their requests, as AWS's tools do.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use stepwell_states::Timestamp;
use stepwell_store::{AccessKeyRow, Kept, Store, StoreError, TenantId};

use crate::error::{EngineError, from_store};
use crate::handle::access::ADMIN;
use crate::handle::{EngineHandle, blocking};
use crate::model::Caller;
use crate::names;

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
    /// When it was made.
    pub created_at: Timestamp,
}

impl EngineHandle {
    /// Makes a key for whoever signs requests in a tenant's name.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] for a name that cannot be or is taken, or trouble of the
    /// host's own.
    pub async fn make_access_key(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<NewAccessKey, EngineError> {
        self.require_running()?;
        names::check("name", name)?;
        let key = NewAccessKey {
            id: format!("{ID_PREFIX}{}", random_text(ID_LETTERS, ID_CHARS)?),
            secret: random_text(SECRET_LETTERS, SECRET_CHARS)?,
        };
        let row = AccessKeyRow {
            id: key.id.clone(),
            tenant: TenantId(caller.tenant.id),
            name: name.to_owned(),
            secret: key.secret.clone(),
            role: ADMIN.to_owned(),
            created_at: self.0.starter.now(),
        };
        let store = self.0.store.clone();
        match blocking(move || store.put_access_key(row)).await? {
            Ok(()) => Ok(key),
            Err(StoreError::NameTaken { what }) => Err(EngineError::Invalid {
                field: "name",
                reason: format!("there is an {what}: delete it first, or take another name"),
            }),
            Err(error) => Err(from_store(error)),
        }
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
            created_at: row.created_at,
        });
        Ok(described.collect())
    }

    /// Deletes a key: what it signs is refused from now on.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn delete_access_key(&self, caller: &Caller, name: &str) -> Result<(), EngineError> {
        self.require_running()?;
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let store = self.0.store.clone();
        match blocking(move || store.delete_access_key(tenant, &wanted)).await? {
            Err(StoreError::NotFound { .. }) => Err(EngineError::NotFound {
                kind: "access key",
                name: name.to_owned(),
            }),
            done => done.map_err(from_store),
        }
    }

    /// Finds who has a key, and the secret that its signatures are verified with.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn find_access_key(&self, id: &str) -> Result<Option<(Caller, String)>, EngineError> {
        if let Some(known) = self.0.known_keys.get(&self.0.store, id) {
            return Ok(Some(known));
        }
        let id = id.to_owned();
        let (definitions, known) = (
            Arc::clone(&self.0.definitions),
            Arc::clone(&self.0.known_keys),
        );
        self.read(move |store| {
            let generation = store.generation(Kept::AccessKeys);
            let Some(row) = store.find_access_key(&id)? else {
                return Ok(None);
            };
            let caller = Caller {
                tenant: definitions.tenant(store, row.tenant)?,
                principal: format!("key:{}", row.name).into(),
            };
            known.keep(id, generation, (caller.clone(), row.secret.clone()));
            Ok(Some((caller, row.secret)))
        })
        .await
    }
}

/// Keys that are kept at most; past it, all are dropped and read again as needed.
const KNOWN_MAX: usize = 4_096;

/// Keys that were used, so that not every request reads the database: true as long as no
/// key has changed.
#[derive(Default)]
pub(crate) struct KnownKeys(RwLock<BTreeMap<String, (u64, Caller, String)>>);

impl KnownKeys {
    fn get(&self, store: &Store, id: &str) -> Option<(Caller, String)> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (generation, caller, secret) = known.get(id)?;
        (*generation == store.generation(Kept::AccessKeys))
            .then(|| (caller.clone(), secret.clone()))
    }

    fn keep(&self, id: String, generation: u64, (caller, secret): (Caller, String)) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(id, (generation, caller, secret));
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
