//! The keys of callers that sign their requests.

use std::fmt;

use rusqlite::{OptionalExtension, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::generations::Kept;
use crate::ids::TenantId;
use crate::room;
use crate::store::Store;
use crate::tenant_secrets::overwriting;

/// Makes the statement that reads keys, for [`read_key`].
macro_rules! select_keys {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT id, tenant, name, secret, role, permissions_json, created_at, created_by,
                 expires_at, key_id, sealed
             FROM access_keys ",
            $rest
        )
    };
}

/// What a key's signatures are made with, as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySecret {
    /// As it is: the host has no master key.
    Plain(String),
    /// Sealed with a master key.
    Sealed {
        /// Id of the master key: 8 bytes.
        key_id: Vec<u8>,
        /// The sealed secret.
        sealed: Vec<u8>,
    },
}

/// A key that signs requests, with its secret: it has no `Debug` that shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKeyRow {
    /// Its id, unlike all others.
    pub id: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// The name that its tenant gave it.
    pub name: String,
    /// What signatures are made with.
    pub secret: KeySecret,
    /// The role of its bearer.
    pub role: String,
    /// What of the role it is for, as a list in JSON; none for all of it.
    pub permissions: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it, as the server knows them.
    pub created_by: Option<String>,
    /// When it ceases to be good. Whether it has is for the caller to check.
    pub expires_at: Option<Timestamp>,
}

impl fmt::Debug for AccessKeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeyRow")
            .field("id", &self.id)
            .field("tenant", &self.tenant)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Returns the key of an id.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_access_key(&self, id: &str) -> Result<Option<AccessKeyRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(select_keys!("WHERE id = ?1"))?;
            Ok(statement.query_row([id], read_key).optional()?)
        })
    }

    /// Returns all keys of a tenant, by name.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_access_keys(&self, tenant: TenantId) -> Result<Vec<AccessKeyRow>, StoreError> {
        self.read(|connection| {
            let sql = select_keys!("WHERE tenant = ?1 ORDER BY name");
            let mut statement = connection.prepare_cached(sql)?;
            Ok(statement
                .query_map([tenant], read_key)?
                .collect::<Result<_, _>>()?)
        })
    }

    /// Returns keys whose secrets are kept as they are: tenant, id, secret; up to `limit`.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_unsealed_access_keys(
        &self,
        limit: usize,
    ) -> Result<Vec<(TenantId, String, String)>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT tenant, id, secret FROM access_keys WHERE key_id IS NULL LIMIT ?1";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([columns::limit(limit)], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

impl Change<'_> {
    /// Makes a key known.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] if the tenant has a key of that name;
    /// [`StoreError::TooMany`] if it has [`ACCESS_MAX`](crate::ACCESS_MAX);
    /// [`StoreError::Refused`] if there is no such tenant, or if the id is known.
    pub fn put_access_key(self, new: AccessKeyRow) -> Result<(), StoreError> {
        self.write_kept(Kept::Access, move |connection| {
            let taken = connection
                .prepare_cached("SELECT 1 FROM access_keys WHERE tenant = ?1 AND name = ?2")?
                .exists(params![new.tenant, new.name])?;
            if taken {
                let what = format!("access key '{}'", new.name);
                return Err(StoreError::NameTaken { what });
            }
            room::ACCESS_KEYS.require(connection, new.tenant)?;
            let (plain, key_id, sealed) = match &new.secret {
                KeySecret::Plain(secret) => (secret.as_str(), None, None),
                KeySecret::Sealed { key_id, sealed } => ("", Some(key_id), Some(sealed)),
            };
            connection
                .prepare_cached(
                    "INSERT INTO access_keys (id, tenant, name, secret, role, permissions_json,
                         created_at, created_by, expires_at, key_id, sealed)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                )?
                .execute(params![
                    new.id,
                    new.tenant,
                    new.name,
                    plain,
                    new.role,
                    new.permissions,
                    new.created_at.as_ms(),
                    new.created_by,
                    new.expires_at.map(Timestamp::as_ms),
                    key_id,
                    sealed,
                ])?;
            Ok(())
        })
    }

    /// Forgets a key: what it signs is refused from now on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the tenant has none of that name.
    pub fn delete_access_key(self, tenant: TenantId, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write_kept(Kept::Access, move |connection| {
            let deleted = overwriting(connection, || {
                Ok(connection
                    .prepare_cached("DELETE FROM access_keys WHERE tenant = ?1 AND name = ?2")?
                    .execute(params![tenant, name])?)
            })?;
            match deleted {
                0 => Err(StoreError::not_found(format!("access key '{name}'"))),
                _ => Ok(()),
            }
        })
    }
}

fn read_key(row: &Row<'_>) -> rusqlite::Result<AccessKeyRow> {
    Ok(AccessKeyRow {
        id: row.get(0)?,
        tenant: row.get(1)?,
        name: row.get(2)?,
        secret: match row.get(9)? {
            Some(key_id) => KeySecret::Sealed {
                key_id,
                sealed: row.get(10)?,
            },
            None => KeySecret::Plain(row.get(3)?),
        },
        role: row.get(4)?,
        permissions: row.get(5)?,
        created_at: columns::timestamp(row, 6)?,
        created_by: row.get(7)?,
        expires_at: columns::optional_timestamp(row, 8)?,
    })
}
