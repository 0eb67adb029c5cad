//! API tokens: their hashes, and what their bearers may do. The tokens are not kept.

use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::generations::Kept;
use crate::ids::{Digest, TenantId};
use crate::room;
use crate::store::Store;

/// Makes the statement that reads tokens, for [`read_token`].
macro_rules! select_tokens {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT tenant, name, role, permissions_json, created_at, created_by, expires_at,
                 previous_until
             FROM api_tokens ",
            $rest
        )
    };
}

/// An API token that is to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiToken {
    /// What is kept of it beside its hash.
    pub row: ApiTokenRow,
    /// Digest of the token; the token itself is not kept.
    pub hash: Digest,
}

/// An API token, without the token. Whether it has expired is for the caller to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiTokenRow {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// The role of its bearer.
    pub role: String,
    /// What of the role it is for, as a list in JSON; none for all of it.
    pub permissions: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it, as the server knows them.
    pub created_by: Option<String>,
    /// When it ceases to be good.
    pub expires_at: Option<Timestamp>,
    /// Until when the one before it stays good.
    pub previous_until: Option<Timestamp>,
}

/// A token that somebody showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundApiToken {
    /// What is known of it.
    pub row: ApiTokenRow,
    /// Whether it is the one before, which is good until `previous_until` at most.
    pub is_previous: bool,
}

impl Store {
    /// Returns the token of a hash, also if it is the one before another.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_api_token(&self, hash: Digest) -> Result<Option<FoundApiToken>, StoreError> {
        self.read(|connection| {
            let sql = select_tokens!("WHERE hash = ?1");
            let mut current = connection.prepare_cached(sql)?;
            if let Some(row) = current.query_row([hash], read_token).optional()? {
                let is_previous = false;
                return Ok(Some(FoundApiToken { row, is_previous }));
            }
            let sql = select_tokens!("WHERE previous_hash = ?1");
            let mut previous = connection.prepare_cached(sql)?;
            let row = previous.query_row([hash], read_token).optional()?;
            let is_previous = true;
            Ok(row.map(|row| FoundApiToken { row, is_previous }))
        })
    }

    /// Returns all tokens of a tenant, by name.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_api_tokens(&self, tenant: TenantId) -> Result<Vec<ApiTokenRow>, StoreError> {
        self.read(|connection| {
            let sql = select_tokens!("WHERE tenant = ?1 ORDER BY name");
            let mut statement = connection.prepare_cached(sql)?;
            Ok(statement
                .query_map([tenant], read_token)?
                .collect::<Result<_, _>>()?)
        })
    }
}

impl Change<'_> {
    /// Makes a token known. With `replace`, the tenant's token of the same name is good no
    /// more.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] if there is one of that name and it is not to be replaced;
    /// [`StoreError::TooMany`] if the tenant has [`ACCESS_MAX`](crate::ACCESS_MAX);
    /// [`StoreError::Refused`] if there is no such tenant, or if the hash is known.
    pub fn put_api_token(self, new: NewApiToken, replace: bool) -> Result<(), StoreError> {
        self.write_kept(Kept::Access, move |connection| {
            let ApiTokenRow { tenant, name, .. } = &new.row;
            if replace {
                connection
                    .prepare_cached("DELETE FROM api_tokens WHERE tenant = ?1 AND name = ?2")?
                    .execute(params![tenant, name])?;
            } else if exists(connection, *tenant, name)? {
                let what = format!("API token '{name}'");
                return Err(StoreError::NameTaken { what });
            } else {
                room::API_TOKENS.require(connection, *tenant)?;
            }
            insert(connection, &new)
        })
    }

    /// Puts another token in a token's place. The one before stays good until a time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none of that name; [`StoreError::Refused`] if
    /// the hash is known.
    pub fn rotate_api_token(
        self,
        tenant: TenantId,
        name: &str,
        hash: Digest,
        previous_until: Timestamp,
    ) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write_kept(Kept::Access, move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE api_tokens
                     SET previous_hash = hash, previous_until = ?4, hash = ?3
                     WHERE tenant = ?1 AND name = ?2",
                )?
                .execute(params![tenant, name, hash, previous_until.as_ms()])?;
            found(changed, &name)
        })
    }

    /// Forgets a token.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none of that name.
    pub fn delete_api_token(self, tenant: TenantId, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write_kept(Kept::Access, move |connection| {
            let deleted = connection
                .prepare_cached("DELETE FROM api_tokens WHERE tenant = ?1 AND name = ?2")?
                .execute(params![tenant, name])?;
            found(deleted, &name)
        })
    }
}

fn exists(connection: &Connection, tenant: TenantId, name: &str) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM api_tokens WHERE tenant = ?1 AND name = ?2")?
        .exists(params![tenant, name])?)
}

fn insert(connection: &Connection, new: &NewApiToken) -> Result<(), StoreError> {
    let row = &new.row;
    connection
        .prepare_cached(
            "INSERT INTO api_tokens (tenant, name, hash, role, permissions_json, created_at,
                 created_by, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            row.tenant,
            row.name,
            new.hash,
            row.role,
            row.permissions,
            row.created_at.as_ms(),
            row.created_by,
            row.expires_at.map(Timestamp::as_ms),
        ])?;
    Ok(())
}

fn found(changed: usize, name: &str) -> Result<(), StoreError> {
    match changed {
        0 => Err(StoreError::not_found(format!("API token '{name}'"))),
        _ => Ok(()),
    }
}

fn read_token(row: &Row<'_>) -> rusqlite::Result<ApiTokenRow> {
    Ok(ApiTokenRow {
        tenant: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        permissions: row.get(3)?,
        created_at: columns::timestamp(row, 4)?,
        created_by: row.get(5)?,
        expires_at: columns::optional_timestamp(row, 6)?,
        previous_until: columns::optional_timestamp(row, 7)?,
    })
}
