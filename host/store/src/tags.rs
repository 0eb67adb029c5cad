//! Tags: keys and values that people hang on machines and activities.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::audit::Change;
use crate::error::StoreError;
use crate::ids::{MachineId, TenantId};
use crate::store::Store;
use crate::usage::{self, Allowance, StorageLimits, UsageChange, bytes_of, delete_counted};

/// Tags of one thing, at most: AWS's quota.
const TAGS_MAX: usize = 50;

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its key, once for each thing.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Store {
    /// Returns the tags of a thing, by key.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such thing.
    pub fn list_tags(&self, tenant: TenantId, resource: &str) -> Result<Vec<Tag>, StoreError> {
        self.read(|connection| {
            require(connection, tenant, resource)?;
            list(connection, tenant, resource)
        })
    }
}

impl Change<'_> {
    /// Puts tags on a thing, in place of those with the same keys. The thing is named by the
    /// end of its ARN: `stateMachine:NAME`, `activity:NAME`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such thing, [`StoreError::TooMany`] if it
    /// would have more than it may have, [`StoreError::OverQuota`]; then none of them is put.
    pub fn put_tags(
        self,
        tenant: TenantId,
        resource: &str,
        tags: Vec<Tag>,
        limits: StorageLimits,
    ) -> Result<(), StoreError> {
        let (resource, allowance) = (resource.to_owned(), Allowance::new(self.book(), limits));
        self.write(move |connection| {
            require(connection, tenant, &resource)?;
            let growth = growth(connection, tenant, &resource, &tags)?;
            allowance.require(tenant, growth)?;
            put(connection, tenant, &resource, &tags, growth)
        })
    }

    /// Takes tags away; keys that it does not have are let pass.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such thing.
    pub fn delete_tags(
        self,
        tenant: TenantId,
        resource: &str,
        keys: Vec<String>,
    ) -> Result<(), StoreError> {
        let resource = resource.to_owned();
        self.write(move |connection| {
            require(connection, tenant, &resource)?;
            let sql = "DELETE FROM tags WHERE tenant = ?1 AND resource = ?2 AND key = ?3
                       RETURNING octet_length(key) + octet_length(value)";
            let mut freed = 0;
            for key in &keys {
                freed += delete_counted(connection, sql, params![tenant, resource, key])?.1;
            }
            usage::note(tenant, &UsageChange::settings(-freed));
            Ok(())
        })
    }
}

/// How a machine is named as what has tags.
pub(crate) fn of_machine(name: &str) -> String {
    format!("stateMachine:{name}")
}

/// How an activity is named as what has tags.
pub(crate) fn of_activity(name: &str) -> String {
    format!("activity:{name}")
}

/// By how many bytes the tags of a thing would grow. To be asked before anything is written: a
/// write that breaks half way costs all others of its transaction another attempt.
///
/// # Errors
/// [`StoreError::TooMany`] if it would have more than it may have.
pub(crate) fn growth(
    connection: &Connection,
    tenant: TenantId,
    resource: &str,
    tags: &[Tag],
) -> Result<i64, StoreError> {
    let kept = list(connection, tenant, resource)?;
    let before = bytes_of(kept.iter().flat_map(texts));
    // Of several with one key, the last one stays.
    let pair = |tag| <[&str; 2]>::into(texts(tag));
    let after: BTreeMap<&str, &str> = kept.iter().chain(tags).map(pair).collect();
    if after.len() > TAGS_MAX {
        return Err(StoreError::TooMany {
            what: "tags",
            limit: TAGS_MAX,
        });
    }
    Ok(bytes_of(after.into_iter().flat_map(<[&str; 2]>::from)) - before)
}

fn texts(tag: &Tag) -> [&str; 2] {
    [&tag.key, &tag.value]
}

/// Puts tags that make their thing's grow so much, within the transaction that may have made
/// the thing.
pub(crate) fn put(
    connection: &Connection,
    tenant: TenantId,
    resource: &str,
    tags: &[Tag],
    growth: i64,
) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO tags (tenant, resource, key, value) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, resource, key) DO UPDATE SET value = excluded.value",
    )?;
    for tag in tags {
        insert.execute(params![tenant, resource, tag.key, tag.value])?;
    }
    usage::note(tenant, &UsageChange::settings(growth));
    Ok(())
}

fn list(connection: &Connection, tenant: TenantId, resource: &str) -> Result<Vec<Tag>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT key, value FROM tags WHERE tenant = ?1 AND resource = ?2 ORDER BY key",
    )?;
    let rows = statement.query_map(params![tenant, resource], |row| {
        Ok(Tag {
            key: row.get(0)?,
            value: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes all tags of a thing away, within the transaction that removes it.
pub(crate) fn delete_all(
    connection: &Connection,
    tenant: TenantId,
    resource: &str,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM tags WHERE tenant = ?1 AND resource = ?2
               RETURNING octet_length(key) + octet_length(value)";
    let (_, freed) = delete_counted(connection, sql, params![tenant, resource])?;
    usage::note(tenant, &UsageChange::settings(-freed));
    Ok(())
}

/// The same for a machine by its number.
pub(crate) fn delete_of_machine(
    connection: &Connection,
    machine: MachineId,
) -> Result<(), StoreError> {
    let (tenant, name): (TenantId, String) = connection
        .prepare_cached("SELECT tenant, name FROM state_machines WHERE id = ?1")?
        .query_row([machine], |row| Ok((row.get(0)?, row.get(1)?)))?;
    delete_all(connection, tenant, &of_machine(&name))
}

/// Expects that a thing is there.
fn require(connection: &Connection, tenant: TenantId, resource: &str) -> Result<(), StoreError> {
    let sql = match resource.split_once(':') {
        Some(("stateMachine", _)) => {
            "SELECT EXISTS (SELECT 1 FROM state_machines
                 WHERE tenant = ?1 AND name = ?2 AND deleted_at IS NULL)"
        }
        Some(("activity", _)) => {
            "SELECT EXISTS (SELECT 1 FROM activities WHERE tenant = ?1 AND name = ?2)"
        }
        _ => return Err(StoreError::not_found(resource)),
    };
    let name = resource.split_once(':').map_or("", |(_, name)| name);
    let is_there: bool = connection
        .prepare_cached(sql)?
        .query_row(params![tenant, name], |row| row.get(0))?;
    if is_there {
        Ok(())
    } else {
        Err(StoreError::not_found(resource))
    }
}
