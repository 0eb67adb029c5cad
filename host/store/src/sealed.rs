//! All that is sealed, whatever it is: which keys it needs, and how it gets another key.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::StoreError;
use crate::generations::Kept;
use crate::ids::TenantId;
use crate::store::Store;
use crate::tenant_secrets::overwriting;
use crate::usage::{self, UsageChange};

/// Where a sealed value is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealedPlace {
    /// A version of a secret.
    Secret {
        /// Whose it is.
        tenant: TenantId,
        /// Its name.
        name: String,
        /// Number of the version.
        version: u32,
    },
    /// What an access key signs with.
    AccessKey {
        /// Whose it is.
        tenant: TenantId,
        /// Id of the key.
        id: String,
    },
}

/// A sealed value, and where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// Where it is kept.
    pub place: SealedPlace,
    /// The sealed value.
    pub sealed: Vec<u8>,
}

/// A value that is to be sealed with another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// Where it is kept.
    pub place: SealedPlace,
    /// Id of the key that seals it now: 8 bytes.
    pub key_id: Vec<u8>,
    /// The value, sealed with that key.
    pub sealed: Vec<u8>,
}

impl Store {
    /// Returns the ids of all keys that have sealed something.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn sealing_keys(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT key_id FROM secret_versions
                       UNION SELECT key_id FROM access_keys WHERE key_id IS NOT NULL";
            let mut statement = connection.prepare_cached(sql)?;
            let ids = statement.query_map([], |row| row.get(0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
    }

    /// Returns values that a key has sealed; up to `limit` of each kind.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_sealed(&self, key_id: &[u8], limit: usize) -> Result<Vec<SealedRow>, StoreError> {
        self.read(|connection| {
            let limit = crate::columns::limit(limit);
            let mut found: Vec<SealedRow> = connection
                .prepare_cached(
                    "SELECT s.tenant, s.name, v.version, v.sealed FROM secret_versions v
                     JOIN secrets s ON s.id = v.secret WHERE v.key_id = ?1 LIMIT ?2",
                )?
                .query_map(params![key_id, limit], |row| {
                    let place = SealedPlace::Secret {
                        tenant: row.get(0)?,
                        name: row.get(1)?,
                        version: row.get(2)?,
                    };
                    let sealed = row.get(3)?;
                    Ok(SealedRow { place, sealed })
                })?
                .collect::<Result<_, _>>()?;
            let keys: Vec<SealedRow> = connection
                .prepare_cached(
                    "SELECT tenant, id, sealed FROM access_keys WHERE key_id = ?1 LIMIT ?2",
                )?
                .query_map(params![key_id, limit], |row| {
                    let place = SealedPlace::AccessKey {
                        tenant: row.get(0)?,
                        id: row.get(1)?,
                    };
                    let sealed = row.get(2)?;
                    Ok(SealedRow { place, sealed })
                })?
                .collect::<Result<_, _>>()?;
            found.extend(keys);
            Ok(found)
        })
    }

    /// Keeps values that were sealed with another key, or for the first time, in place of
    /// what was there, which is overwritten. Those that are gone meanwhile are let pass.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn put_resealed(&self, values: Vec<Resealed>) -> Result<(), StoreError> {
        self.upkeep_kept(Kept::Access, move |connection| {
            overwriting(connection, || {
                values
                    .iter()
                    .try_for_each(|value| put_resealed(connection, value))
            })
        })
    }
}

fn put_resealed(connection: &Connection, value: &Resealed) -> Result<(), StoreError> {
    match &value.place {
        SealedPlace::Secret {
            tenant,
            name,
            version,
        } => {
            let before: Option<(i64, i64)> = connection
                .prepare_cached(
                    "SELECT secret, octet_length(sealed)
                     FROM secret_versions JOIN secrets ON secrets.id = secret
                     WHERE tenant = ?1 AND name = ?2 AND version = ?3",
                )?
                .query_row(params![tenant, name, version], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?;
            let Some((secret, before)) = before else {
                return Ok(());
            };
            connection
                .prepare_cached(
                    "UPDATE secret_versions SET key_id = ?3, sealed = ?4
                     WHERE secret = ?1 AND version = ?2",
                )?
                .execute(params![secret, version, value.key_id, value.sealed])?;
            let after = i64::try_from(value.sealed.len()).unwrap_or(i64::MAX);
            usage::note(*tenant, &UsageChange::settings(after - before));
        }
        SealedPlace::AccessKey { tenant, id } => {
            connection
                .prepare_cached(
                    "UPDATE access_keys SET key_id = ?3, sealed = ?4, secret = ''
                     WHERE tenant = ?1 AND id = ?2",
                )?
                .execute(params![tenant, id, value.key_id, value.sealed])?;
        }
    }
    Ok(())
}
