//! The master key and the database: whether they fit, and how one key follows another.
//!
//! Each value says which key sealed it, so that there is no moment at which only some of
//! them can be opened: with both keys all can, before, during and after.

use stepwell_store::{Resealed, SealedPlace, SealedRow, Store, StoreError};
use stepwell_vault::{KeyId, Place, Vault, VaultError};

/// Values that are sealed anew in one transaction: each has 64 KiB at most.
const BATCH: usize = 64;

/// Why master key and database do not fit, or a value could not be sealed anew.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// Values are sealed with keys that were not given.
    #[error(
        "the database holds values that are sealed with the master key {}{}: give the file of \
         that key with --master-key-file, or as --old-master-key-file beside a new one; a host \
         that was started with --dev has its own in the file master-key of its data folder; \
         nothing was changed",
        list(needed),
        given.map_or(", and no master key was given".to_owned(), |id| {
            format!(", and the key that was given is {id}")
        })
    )]
    MissingKey {
        /// The ids of the keys.
        needed: Vec<KeyId>,
        /// The id of the key that was given.
        given: Option<KeyId>,
    },
    /// A value cannot be opened, or not be sealed.
    #[error("{what}: {error}")]
    Unusable {
        /// Which value.
        what: String,
        /// Why.
        error: VaultError,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn list(ids: &[KeyId]) -> String {
    let ids: Vec<String> = ids.iter().map(KeyId::to_string).collect();
    ids.join(" and the master key ")
}

/// What [`seal_all`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sealing {
    /// Values that had been sealed with an older key.
    pub resealed: usize,
    /// Values that had not been sealed.
    pub sealed: usize,
}

/// Expects that the vault can open all that is sealed in the database. Changes nothing.
///
/// # Errors
/// [`SealingError::MissingKey`], or the database cannot be read.
pub fn check_keys(store: &Store, vault: &Vault) -> Result<(), SealingError> {
    let ids = store.sealing_keys()?;
    let ids = ids.iter().filter_map(|id| KeyId::from_bytes(id));
    let needed: Vec<KeyId> = ids.filter(|id| !vault.has_key(*id)).collect();
    if needed.is_empty() {
        return Ok(());
    }
    Err(SealingError::MissingKey {
        needed,
        given: vault.key_id(),
    })
}

/// Seals with the vault's current key whatever is sealed with an older one, or not at all.
/// Broken off at any point, it has lost nothing, and goes on when it is called again.
///
/// A vault without a key does nothing.
///
/// # Errors
/// [`SealingError`]; what was sealed before stays so.
pub fn seal_all(store: &Store, vault: &Vault) -> Result<Sealing, SealingError> {
    let mut done = Sealing::default();
    let Some(current) = vault.key_id() else {
        return Ok(done);
    };
    for id in store.sealing_keys()? {
        if id == current.as_bytes() {
            continue;
        }
        loop {
            let batch = store.list_sealed(&id, BATCH)?;
            if batch.is_empty() {
                break;
            }
            let values: Result<Vec<_>, _> = batch.iter().map(|row| reseal(vault, row)).collect();
            let values = values?;
            done.resealed += values.len();
            store.put_resealed(values)?;
        }
    }
    done.sealed = seal_access_keys(store, vault)?;
    Ok(done)
}

fn seal_access_keys(store: &Store, vault: &Vault) -> Result<usize, SealingError> {
    let mut sealed = 0;
    loop {
        let batch = store.list_unsealed_access_keys(BATCH)?;
        if batch.is_empty() {
            return Ok(sealed);
        }
        let values = batch.into_iter().map(|(tenant, id, secret)| {
            let place = SealedPlace::AccessKey { tenant, id };
            seal(vault, place, secret.as_bytes())
        });
        let values: Vec<Resealed> = values.collect::<Result<_, _>>()?;
        sealed += values.len();
        store.put_resealed(values)?;
    }
}

fn reseal(vault: &Vault, row: &SealedRow) -> Result<Resealed, SealingError> {
    let value = vault
        .open(place_of(&row.place), &row.sealed)
        .map_err(|error| unusable(&row.place, error))?;
    seal(vault, row.place.clone(), &value)
}

fn seal(vault: &Vault, place: SealedPlace, value: &[u8]) -> Result<Resealed, SealingError> {
    let sealed = vault
        .seal(place_of(&place), value)
        .map_err(|error| unusable(&place, error))?;
    Ok(Resealed {
        place,
        key_id: sealed.key_id.as_bytes().to_vec(),
        sealed: sealed.bytes,
    })
}

/// The place that is authenticated with a value.
fn place_of(place: &SealedPlace) -> Place<'_> {
    match place {
        SealedPlace::Secret {
            tenant,
            name,
            version,
        } => Place::Secret {
            tenant: tenant.0,
            name,
            version: *version,
        },
        SealedPlace::AccessKey { tenant, id } => Place::AccessKey {
            tenant: tenant.0,
            id,
        },
    }
}

fn unusable(place: &SealedPlace, error: VaultError) -> SealingError {
    let what = match place {
        SealedPlace::Secret { name, version, .. } => format!("version {version} of secret {name}"),
        SealedPlace::AccessKey { id, .. } => format!("the secret of access key {id}"),
    };
    SealingError::Unusable { what, error }
}
