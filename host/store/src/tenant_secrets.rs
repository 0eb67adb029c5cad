//! Tenants' secrets: names and versions, and values that somebody else has sealed.
//!
//! What is removed is overwritten in the file, not only unlinked: a value that nobody may
//! use any more must not lie there until a key leaks.

use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::generations::Kept;
use crate::ids::TenantId;
use crate::store::Store;
use crate::usage::{self, Allowance, StorageLimits, UsageChange, delete_counted};

/// A version of a secret that is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSecretVersion {
    /// Whose it is.
    pub tenant: TenantId,
    /// Name of the secret, which is made with its first version.
    pub name: String,
    /// Its number: one more than the last.
    pub version: u32,
    /// Id of the key that sealed it: 8 bytes.
    pub key_id: Vec<u8>,
    /// The sealed value.
    pub sealed: Vec<u8>,
    /// When it was set.
    pub created_at: Timestamp,
    /// Who set it.
    pub created_by: Option<String>,
    /// How many versions are kept; older ones are destroyed.
    pub versions_max: u32,
    /// How many secrets the tenant may have.
    pub secrets_max: usize,
}

/// A secret, without values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Option<String>,
    /// The number of its last version, which may be destroyed.
    pub last_version: u32,
    /// Its versions, newest first.
    pub versions: Vec<SecretVersionRow>,
}

/// A version of a secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersionRow {
    /// Its number.
    pub version: u32,
    /// Id of the key that sealed it.
    pub key_id: Vec<u8>,
    /// Since when it is not used any more, unless it is.
    pub disabled_at: Option<Timestamp>,
    /// When it was set.
    pub created_at: Timestamp,
    /// Who set it.
    pub created_by: Option<String>,
}

/// The value that a task gets which asks now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentSecret {
    /// Number of the version.
    pub version: u32,
    /// The sealed value.
    pub sealed: Vec<u8>,
}

impl Store {
    /// Returns a secret of a tenant, without values.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_secret(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<SecretRow>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT id, name, created_at, created_by, last_version FROM secrets
                       WHERE tenant = ?1 AND name = ?2";
            let found = connection
                .prepare_cached(sql)?
                .query_row(params![tenant, name], read_secret)
                .optional()?;
            found
                .map(|(id, secret)| with_versions(connection, id, secret))
                .transpose()
        })
    }

    /// Returns a tenant's secrets by name, without values; up to `limit`.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_secrets(
        &self,
        tenant: TenantId,
        limit: usize,
    ) -> Result<Vec<SecretRow>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT id, name, created_at, created_by, last_version FROM secrets
                       WHERE tenant = ?1 ORDER BY name LIMIT ?2";
            let found: Vec<(i64, SecretRow)> = connection
                .prepare_cached(sql)?
                .query_map(params![tenant, columns::limit(limit)], read_secret)?
                .collect::<Result<_, _>>()?;
            found
                .into_iter()
                .map(|(id, secret)| with_versions(connection, id, secret))
                .collect()
        })
    }

    /// Returns the newest version of a secret that is not disabled.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn current_secret(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<CurrentSecret>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT version, sealed FROM secret_versions
                       WHERE secret = (SELECT id FROM secrets WHERE tenant = ?1 AND name = ?2)
                         AND disabled_at IS NULL
                       ORDER BY version DESC LIMIT 1";
            let found = connection
                .prepare_cached(sql)?
                .query_row(params![tenant, name], |row| {
                    Ok(CurrentSecret {
                        version: row.get(0)?,
                        sealed: row.get(1)?,
                    })
                });
            Ok(found.optional()?)
        })
    }

    /// Returns the versions of a secret that are not disabled, the newest first, up to
    /// `limit`.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn usable_secrets(
        &self,
        tenant: TenantId,
        name: &str,
        limit: usize,
    ) -> Result<Vec<CurrentSecret>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT version, sealed FROM secret_versions
                       WHERE secret = (SELECT id FROM secrets WHERE tenant = ?1 AND name = ?2)
                         AND disabled_at IS NULL
                       ORDER BY version DESC LIMIT ?3";
            let mut statement = connection.prepare_cached(sql)?;
            let rows =
                statement.query_map(params![tenant, name, columns::limit(limit)], |row| {
                    Ok(CurrentSecret {
                        version: row.get(0)?,
                        sealed: row.get(1)?,
                    })
                })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

impl Change<'_> {
    /// Keeps a new version of a secret, and destroys those that are too old.
    ///
    /// # Errors
    /// [`StoreError::Moved`] if another version was set meanwhile: seal the value for the
    /// next number. [`StoreError::TooMany`] if the tenant has as many secrets as it may,
    /// [`StoreError::OverQuota`].
    pub fn put_secret_version(
        self,
        new: NewSecretVersion,
        limits: StorageLimits,
    ) -> Result<(), StoreError> {
        let allowance = Allowance::new(self.book(), limits);
        self.write_kept(Kept::Secrets, move |connection| {
            overwriting(connection, || put_version(connection, &new, &allowance))
        })
    }

    /// Takes a version of a secret out of use, or puts it back (`disabled_at` is none).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn put_secret_version_state(
        self,
        tenant: TenantId,
        name: &str,
        version: u32,
        disabled_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write_kept(Kept::Secrets, move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE secret_versions SET disabled_at = ?4
                     WHERE secret = (SELECT id FROM secrets WHERE tenant = ?1 AND name = ?2)
                       AND version = ?3",
                )?
                .execute(params![
                    tenant,
                    name,
                    version,
                    disabled_at.map(Timestamp::as_ms)
                ])?;
            expect_one(changed, &name)
        })
    }

    /// Destroys a version of a secret: its value is overwritten.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn destroy_secret_version(
        self,
        tenant: TenantId,
        name: &str,
        version: u32,
    ) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write_kept(Kept::Secrets, move |connection| {
            overwriting(connection, || {
                let sql = "DELETE FROM secret_versions
                           WHERE secret = (SELECT id FROM secrets WHERE tenant = ?1 AND name = ?2)
                             AND version = ?3
                           RETURNING octet_length(sealed)";
                let destroyed = params![tenant, name, version];
                let (deleted, bytes) = delete_counted(connection, sql, destroyed)?;
                usage::note(tenant, &UsageChange::settings(-bytes));
                expect_one(deleted, &name)
            })
        })
    }

    /// Deletes a secret: all its values are overwritten.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn delete_secret(self, tenant: TenantId, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write_kept(Kept::Secrets, move |connection| {
            overwriting(connection, || {
                let found: Option<i64> = connection
                    .prepare_cached("SELECT id FROM secrets WHERE tenant = ?1 AND name = ?2")?
                    .query_row(params![tenant, name], |row| row.get(0))
                    .optional()?;
                let Some(id) = found else {
                    return expect_one(0, &name);
                };
                let sql = "DELETE FROM secret_versions WHERE secret = ?1
                           RETURNING octet_length(sealed)";
                let (_, bytes) = delete_counted(connection, sql, [id])?;
                usage::note(tenant, &UsageChange::settings(-bytes));
                connection
                    .prepare_cached("DELETE FROM secrets WHERE id = ?1")?
                    .execute([id])?;
                Ok(())
            })
        })
    }
}

fn put_version(
    connection: &Connection,
    new: &NewSecretVersion,
    allowance: &Allowance,
) -> Result<(), StoreError> {
    let found: Option<(i64, u32)> = connection
        .prepare_cached("SELECT id, last_version FROM secrets WHERE tenant = ?1 AND name = ?2")?
        .query_row(params![new.tenant, new.name], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let last = found.map_or(0, |(_, last)| last);
    if last.saturating_add(1) != new.version {
        let current = last.to_string();
        return Err(StoreError::Moved { current });
    }
    let too_old = new.version.saturating_sub(new.versions_max);
    let growth = growth(connection, new, found.map(|(id, _)| id), too_old)?;
    allowance.require(new.tenant, growth)?;
    let id = match found {
        Some((id, _)) => {
            connection
                .prepare_cached("UPDATE secrets SET last_version = ?2 WHERE id = ?1")?
                .execute(params![id, new.version])?;
            id
        }
        None => insert_secret(connection, new)?,
    };
    connection
        .prepare_cached(
            "INSERT INTO secret_versions (secret, version, key_id, sealed, created_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            id,
            new.version,
            new.key_id,
            new.sealed,
            new.created_at.as_ms(),
            new.created_by,
        ])?;
    connection
        .prepare_cached("DELETE FROM secret_versions WHERE secret = ?1 AND version <= ?2")?
        .execute(params![id, too_old])?;
    usage::note(new.tenant, &UsageChange::settings(growth));
    Ok(())
}

/// By how many bytes a new version makes its secret grow, which loses those that are too old.
fn growth(
    connection: &Connection,
    new: &NewSecretVersion,
    secret: Option<i64>,
    too_old: u32,
) -> Result<i64, StoreError> {
    let lost: i64 = connection
        .prepare_cached(
            "SELECT coalesce(sum(octet_length(sealed)), 0) FROM secret_versions
             WHERE secret = ?1 AND version <= ?2",
        )?
        .query_row(params![secret, too_old], |row| row.get(0))?;
    Ok(i64::try_from(new.sealed.len()).unwrap_or(i64::MAX) - lost)
}

fn insert_secret(connection: &Connection, new: &NewSecretVersion) -> Result<i64, StoreError> {
    let known: i64 = connection
        .prepare_cached("SELECT count(*) FROM secrets WHERE tenant = ?1")?
        .query_row([new.tenant], |row| row.get(0))?;
    if usize::try_from(known).is_ok_and(|known| known >= new.secrets_max) {
        return Err(StoreError::TooMany {
            what: "secrets",
            limit: new.secrets_max,
        });
    }
    connection
        .prepare_cached(
            "INSERT INTO secrets (tenant, name, last_version, created_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            new.tenant,
            new.name,
            new.version,
            new.created_at.as_ms(),
            new.created_by,
        ])?;
    Ok(connection.last_insert_rowid())
}

/// Runs a write that overwrites what it removes, also in pages that become free.
pub(crate) fn overwriting<T>(
    connection: &Connection,
    write: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let set =
        |on: bool| connection.pragma_update_and_check(None, "secure_delete", on, |_row| Ok(()));
    set(true)?;
    let written = write();
    set(false)?;
    written
}

fn expect_one(changed: usize, name: &str) -> Result<(), StoreError> {
    match changed {
        0 => Err(StoreError::not_found(format!("secret '{name}'"))),
        _ => Ok(()),
    }
}

fn read_secret(row: &Row<'_>) -> rusqlite::Result<(i64, SecretRow)> {
    let secret = SecretRow {
        name: row.get(1)?,
        created_at: columns::timestamp(row, 2)?,
        created_by: row.get(3)?,
        last_version: row.get(4)?,
        versions: Vec::new(),
    };
    Ok((row.get(0)?, secret))
}

fn with_versions(
    connection: &Connection,
    id: i64,
    mut secret: SecretRow,
) -> Result<SecretRow, StoreError> {
    let sql = "SELECT version, key_id, disabled_at, created_at, created_by FROM secret_versions
               WHERE secret = ?1 ORDER BY version DESC";
    secret.versions = connection
        .prepare_cached(sql)?
        .query_map([id], |row| {
            Ok(SecretVersionRow {
                version: row.get(0)?,
                key_id: row.get(1)?,
                disabled_at: columns::optional_timestamp(row, 2)?,
                created_at: columns::timestamp(row, 3)?,
                created_by: row.get(4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(secret)
}
