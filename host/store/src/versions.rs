//! Published versions of state machines: a number for a revision that no other ever gets.

use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::ids::{MachineId, TenantId};
use crate::state_machines::{PublishOrder, living, load_revision, tenant_of};
use crate::store::Store;
use crate::usage::{self, Allowance, StorageLimits, UsageChange, delete_counted};

/// Versions of a machine, at most: AWS's quota.
const VERSIONS_MAX: usize = 1_000;
/// What stands for the first revision, which has no UUID.
const INITIAL: &str = "INITIAL";

/// A published version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// Its number, counted from 1 for each machine.
    pub version: i64,
    /// The revision that it publishes.
    pub revision: i64,
    /// What it says of itself.
    pub description: Option<String>,
    /// When it was published.
    pub created_at: Timestamp,
    /// Who published it.
    pub created_by: Option<String>,
}

const COLUMNS: &str = "version, revision, description, created_at, created_by";

impl Store {
    /// Returns a version of a machine.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_version(
        &self,
        machine: MachineId,
        version: i64,
    ) -> Result<Option<VersionRow>, StoreError> {
        self.read(|connection| find(connection, machine, version))
    }

    /// Returns up to `limit` versions of a machine, newest first, from below `before` on.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_versions(
        &self,
        machine: MachineId,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<VersionRow>, StoreError> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM state_machine_versions
                 WHERE machine = ?1 AND version < ?2 ORDER BY version DESC LIMIT ?3"
            );
            let before = before.unwrap_or(i64::MAX);
            let mut statement = connection.prepare_cached(&sql)?;
            let rows =
                statement.query_map(params![machine, before, columns::limit(limit)], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

impl Change<'_> {
    /// Publishes the latest revision of a machine; one that is published already keeps its
    /// version. With `expected`, only if that is the latest revision's UUID, or `INITIAL`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::Deleting`], [`StoreError::Moved`] if the
    /// latest revision is another one, [`StoreError::TooMany`], [`StoreError::OverQuota`].
    pub fn publish_version(
        self,
        machine: MachineId,
        expected: Option<String>,
        order: PublishOrder,
        at: Timestamp,
        by: Option<String>,
        limits: StorageLimits,
    ) -> Result<VersionRow, StoreError> {
        let allowance = Allowance::new(self.book(), limits);
        self.write(move |connection| {
            let found = living(connection, machine)?;
            if let Some(expected) = &expected {
                let latest = load_revision(connection, machine, found.revision)?;
                let current = latest.and_then(|latest| latest.uuid);
                let current = current.unwrap_or_else(|| INITIAL.to_owned());
                if *expected != current {
                    return Err(StoreError::Moved { current });
                }
            }
            let revision = (machine, found.revision);
            if published(connection, revision)?.is_none() {
                allowance.require(found.tenant, order.bytes())?;
            }
            publish(
                connection,
                found.tenant,
                revision,
                &order,
                at,
                by.as_deref(),
            )
        })
    }

    /// Deletes a version; executions that it started go on. Returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while an alias leads to it.
    pub fn delete_version(self, machine: MachineId, version: i64) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT name FROM state_machine_aliases
                 WHERE machine = ?1 AND (first_version = ?2 OR second_version = ?2)
                 ORDER BY name",
            )?;
            let rows = statement.query_map(params![machine, version], |row| row.get(0))?;
            let by: Vec<String> = rows.collect::<Result<_, _>>()?;
            if !by.is_empty() {
                return Err(StoreError::InUse { by });
            }
            let sql = "DELETE FROM state_machine_versions WHERE machine = ?1 AND version = ?2
                       RETURNING coalesce(octet_length(description), 0)";
            let (gone, bytes) = delete_counted(connection, sql, params![machine, version])?;
            if gone > 0 {
                let tenant = tenant_of(connection, machine)?;
                usage::note(tenant, &UsageChange::definitions(-bytes));
            }
            Ok(gone == 1)
        })
    }
}

/// Returns the version that publishes a revision.
pub(crate) fn published(
    connection: &Connection,
    (machine, revision): (MachineId, i64),
) -> Result<Option<VersionRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM state_machine_versions WHERE machine = ?1 AND revision = ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement
        .query_row(params![machine, revision], read)
        .optional()?)
}

/// Publishes a revision, within the transaction that may have made it.
pub(crate) fn publish(
    connection: &Connection,
    tenant: TenantId,
    (machine, revision): (MachineId, i64),
    order: &PublishOrder,
    at: Timestamp,
    by: Option<&str>,
) -> Result<VersionRow, StoreError> {
    if let Some(published) = published(connection, (machine, revision))? {
        return Ok(published);
    }
    require_room(connection, machine)?;
    let version: i64 = connection
        .prepare_cached(
            "UPDATE state_machines SET last_version = last_version + 1 WHERE id = ?1
             RETURNING last_version",
        )?
        .query_row([machine], |row| row.get(0))?;
    connection
        .prepare_cached(
            "INSERT INTO state_machine_versions (machine, version, revision, description,
                 created_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            machine,
            version,
            revision,
            order.description,
            at.as_ms(),
            by
        ])?;
    usage::note(tenant, &UsageChange::definitions(order.bytes()));
    Ok(VersionRow {
        version,
        revision,
        description: order.description.clone(),
        created_at: at,
        created_by: by.map(str::to_owned),
    })
}

/// Expects that a machine may have one more version.
pub(crate) fn require_room(connection: &Connection, machine: MachineId) -> Result<(), StoreError> {
    let count: u32 = connection
        .prepare_cached("SELECT count(*) FROM state_machine_versions WHERE machine = ?1")?
        .query_row([machine], |row| row.get(0))?;
    if count as usize >= VERSIONS_MAX {
        return Err(StoreError::TooMany {
            what: "versions of the state machine",
            limit: VERSIONS_MAX,
        });
    }
    Ok(())
}

pub(crate) fn find(
    connection: &Connection,
    machine: MachineId,
    version: i64,
) -> Result<Option<VersionRow>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM state_machine_versions WHERE machine = ?1 AND version = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement
        .query_row(params![machine, version], read)
        .optional()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<VersionRow> {
    Ok(VersionRow {
        version: row.get(0)?,
        revision: row.get(1)?,
        description: row.get(2)?,
        created_at: columns::timestamp(row, 3)?,
        created_by: row.get(4)?,
    })
}
