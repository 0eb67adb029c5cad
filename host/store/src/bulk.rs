//! Bulk operations: one change to all executions that a filter lets pass, carried out in parts.
//!
//! The truth of an operation is its row. An execution is changed in a transaction that counts
//! it and notes it among those that were changed; the position moves on once a whole part has
//! been dealt with. After a crash the part that was broken off is read again, without those
//! that were changed: each execution is changed once, and counted once.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::ids::{ExecutionKey, MachineId, TenantId};
use crate::search::ListPosition;
use crate::store::Store;

/// Bulk operations of a tenant that are kept, when one more is ordered.
pub const BULK_KEPT_MAX: usize = 1_000;

/// Makes a statement that reads whole rows, for [`read_row`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, uuid, tenant, action, status, query_json, machine, error, cause, up_to,
                 matching, ordered_at, ordered_by, origin_json, ended_at, ended_by,
                 position_started, position_key, done, skipped, failed, problems_json
             FROM bulk_operations ",
            $rest
        )
    };
}

/// The number of a bulk operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BulkKey(pub i64);

/// What is done to each execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkAction {
    /// It is stopped.
    Stop,
    /// It goes on from where it stopped.
    Redrive,
}

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkStatus {
    /// It goes on.
    Running,
    /// All executions have been dealt with.
    Completed,
    /// Somebody has ended it before.
    Cancelled,
}

/// An operation that is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBulkOperation {
    /// Its id.
    pub uuid: String,
    /// Whose executions are meant.
    pub tenant: TenantId,
    /// What is done to them.
    pub action: BulkAction,
    /// The filter, in the engine's own form.
    pub query: String,
    /// The state machine that the filter names, if it names one.
    pub machine: Option<MachineId>,
    /// The error that executions are stopped with.
    pub error: Option<String>,
    /// The cause that they are stopped with.
    pub cause: Option<String>,
    /// The greatest number of an execution that there was when the filter was asked.
    pub up_to: ExecutionKey,
    /// How many it let pass.
    pub matching: u64,
    /// When it is ordered.
    pub ordered_at: Timestamp,
    /// Who orders it, as the server knows them.
    pub ordered_by: String,
    /// What the audit log is told of the request, in the engine's own form.
    pub origin: String,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkRow {
    /// Its number.
    pub key: BulkKey,
    /// What was ordered.
    pub order: NewBulkOperation,
    /// How it stands.
    pub status: BulkStatus,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who ended it before it was through.
    pub ended_by: Option<String>,
    /// Up to where the executions have been dealt with.
    pub position: Option<ListPosition>,
    /// How many there were and what became of them.
    pub counts: BulkCounts,
    /// Why some were not changed, in the engine's own form.
    pub problems: String,
}

/// What became of executions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BulkCounts {
    /// They were changed.
    pub done: u64,
    /// There was nothing to change any more when it was their turn.
    pub skipped: u64,
    /// They could not be changed.
    pub failed: u64,
}

impl BulkRow {
    /// Adds up what became of the executions, once there are none left to be changed. What was
    /// let pass when the operation was ordered, and is in no count, needed no change when its
    /// turn came: nobody finds it any more.
    #[must_use]
    pub fn total(&self) -> BulkTotal {
        let BulkCounts {
            done,
            skipped,
            failed,
        } = self.counts;
        let told = done + skipped + failed;
        BulkTotal {
            // Some may have come to match meanwhile: they were changed, too.
            matching: self.order.matching.max(told),
            skipped: skipped + self.order.matching.saturating_sub(told),
        }
    }
}

/// The counts that an operation ends with, those of what was changed aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkTotal {
    /// All that it let pass.
    pub matching: u64,
    /// There was nothing to change any more when it was their turn.
    pub skipped: u64,
}

/// A part of an operation that has been dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkPart {
    /// Whose part.
    pub operation: BulkKey,
    /// The last execution of the part.
    pub position: ListPosition,
    /// What became of those that were not changed; those that were are counted already.
    pub skipped: u64,
    /// The same.
    pub failed: u64,
    /// Why some were not changed, in the engine's own form, those of earlier parts included.
    pub problems: String,
}

impl Change<'_> {
    /// Writes an operation down: from then on it goes on by itself. Of those that ended, the
    /// newest are kept: with those that go on, [`BULK_KEPT_MAX`].
    ///
    /// # Errors
    /// [`StoreError::TooMany`] if the tenant has `open_max` that go on.
    pub fn order_bulk(self, new: NewBulkOperation, open_max: usize) -> Result<BulkKey, StoreError> {
        self.write(move |connection| {
            let open: i64 = connection
                .prepare_cached(
                    "SELECT count(*) FROM bulk_operations INDEXED BY bulk_operations_open
                     WHERE status = 0 AND tenant = ?1",
                )?
                .query_row([new.tenant], |row| row.get(0))?;
            if usize::try_from(open).unwrap_or(usize::MAX) >= open_max {
                return Err(StoreError::TooMany {
                    what: "bulk operations that go on",
                    limit: open_max,
                });
            }
            let key = insert(connection, &new)?;
            forget_oldest(connection, new.tenant)?;
            Ok(key)
        })
    }

    /// Ends an operation because it is through, with these counts; returns whether it went on
    /// until now.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn complete_bulk(
        self,
        key: BulkKey,
        at: Timestamp,
        total: BulkTotal,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let counted = connection
                .prepare_cached(
                    "UPDATE bulk_operations SET matching = ?2, skipped = ?3
                     WHERE id = ?1 AND status = 0",
                )?
                .execute(params![
                    key,
                    total.matching.cast_signed(),
                    total.skipped.cast_signed()
                ])?;
            end(connection, key, BulkStatus::Completed, at, None)?;
            Ok(counted == 1)
        })
    }

    /// Ends an operation before it is through; returns whether it went on until now.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn cancel_bulk(self, key: BulkKey, at: Timestamp, by: String) -> Result<bool, StoreError> {
        self.write(move |connection| end(connection, key, BulkStatus::Cancelled, at, Some(&by)))
    }
}

/// Removes the operations of a tenant that ended, but for the newest.
fn forget_oldest(connection: &Connection, tenant: TenantId) -> Result<(), StoreError> {
    let too_old: Option<BulkKey> = connection
        .prepare_cached(
            "SELECT id FROM bulk_operations INDEXED BY bulk_operations_by_tenant
             WHERE tenant = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2",
        )?
        .query_row(params![tenant, columns::limit(BULK_KEPT_MAX)], |row| {
            row.get(0)
        })
        .optional()?;
    let Some(too_old) = too_old else {
        return Ok(());
    };
    for sql in [
        "DELETE FROM bulk_changed WHERE operation IN
             (SELECT id FROM bulk_operations WHERE tenant = ?1 AND id <= ?2 AND status <> 0)",
        "DELETE FROM bulk_operations WHERE tenant = ?1 AND id <= ?2 AND status <> 0",
    ] {
        connection
            .prepare_cached(sql)?
            .execute(params![tenant, too_old])?;
    }
    Ok(())
}

/// Ends an operation that goes on; returns whether it did.
fn end(
    connection: &Connection,
    key: BulkKey,
    status: BulkStatus,
    at: Timestamp,
    by: Option<&str>,
) -> Result<bool, StoreError> {
    let ended = connection
        .prepare_cached(
            "UPDATE bulk_operations SET status = ?2, ended_at = ?3, ended_by = ?4
             WHERE id = ?1 AND status = 0",
        )?
        .execute(params![key, status, at.as_ms(), by])?;
    Ok(ended == 1)
}

impl Store {
    /// Moves an operation on, behind a part that has been dealt with. The executions that it
    /// changed have their own entries in the audit log.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn advance_bulk(&self, part: BulkPart) -> Result<(), StoreError> {
        self.upkeep(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE bulk_operations SET position_started = ?2, position_key = ?3,
                         skipped = skipped + ?4, failed = failed + ?5, problems_json = ?6
                     WHERE id = ?1",
                )?
                .execute(params![
                    part.operation,
                    part.position.started_at.as_ms(),
                    part.position.key,
                    part.skipped.cast_signed(),
                    part.failed.cast_signed(),
                    part.problems
                ])?;
            connection
                .prepare_cached("DELETE FROM bulk_changed WHERE operation = ?1")?
                .execute([part.operation])?;
            Ok(())
        })
    }

    /// Returns an operation of a tenant's by its id.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_bulk_operation(
        &self,
        tenant: TenantId,
        uuid: &str,
    ) -> Result<Option<BulkRow>, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached(select!("WHERE uuid = ?1 AND tenant = ?2"))?;
            Ok(statement
                .query_row(params![uuid, tenant], read_row)
                .optional()?)
        })
    }

    /// Returns up to `limit` operations of a tenant, newest first: those older than `before`,
    /// or the newest.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_bulk_operations(
        &self,
        tenant: TenantId,
        before: Option<BulkKey>,
        limit: usize,
    ) -> Result<Vec<BulkRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(select!(
                "INDEXED BY bulk_operations_by_tenant WHERE tenant = ?1 AND id < ?2
                 ORDER BY id DESC LIMIT ?3"
            ))?;
            let before = before.unwrap_or(BulkKey(i64::MAX));
            let parameters = params![tenant, before, columns::limit(limit)];
            let rows = statement.query_map(parameters, read_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns the operations of all tenants that go on, oldest first.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn open_bulk_operations(&self) -> Result<Vec<BulkRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(select!(
                "INDEXED BY bulk_operations_open WHERE status = 0 ORDER BY id"
            ))?;
            let rows = statement.query_map([], read_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns the executions behind an operation's position that it has changed already.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn changed_by_bulk(&self, operation: BulkKey) -> Result<Vec<ExecutionKey>, StoreError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT execution FROM bulk_changed WHERE operation = ?1")?;
            let rows = statement.query_map([operation], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Notes that an operation has changed an execution, in the transaction of that change. One
/// that was noted already is not counted again.
pub(crate) fn note_change(
    connection: &Connection,
    operation: BulkKey,
    execution: ExecutionKey,
) -> Result<(), StoreError> {
    let noted = connection
        .prepare_cached(
            "INSERT INTO bulk_changed (operation, execution) VALUES (?1, ?2)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![operation, execution])?;
    if noted == 1 {
        connection
            .prepare_cached("UPDATE bulk_operations SET done = done + 1 WHERE id = ?1")?
            .execute([operation])?;
    }
    Ok(())
}

fn insert(connection: &Connection, new: &NewBulkOperation) -> Result<BulkKey, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO bulk_operations (uuid, tenant, action, status, query_json, machine, error,
                 cause, up_to, matching, ordered_at, ordered_by, origin_json)
             VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            new.uuid,
            new.tenant,
            new.action,
            new.query,
            new.machine,
            new.error,
            new.cause,
            new.up_to,
            new.matching.cast_signed(),
            new.ordered_at.as_ms(),
            new.ordered_by,
            new.origin
        ])?;
    Ok(BulkKey(connection.last_insert_rowid()))
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<BulkRow> {
    let count = |index: usize| row.get::<_, i64>(index).map(i64::cast_unsigned);
    let started_at = columns::optional_timestamp(row, 16)?;
    let key: Option<ExecutionKey> = row.get(17)?;
    Ok(BulkRow {
        key: row.get(0)?,
        order: NewBulkOperation {
            uuid: row.get(1)?,
            tenant: row.get(2)?,
            action: row.get(3)?,
            query: row.get(5)?,
            machine: row.get(6)?,
            error: row.get(7)?,
            cause: row.get(8)?,
            up_to: row.get(9)?,
            matching: count(10)?,
            ordered_at: columns::timestamp(row, 11)?,
            ordered_by: row.get(12)?,
            origin: row.get(13)?,
        },
        status: row.get(4)?,
        ended_at: columns::optional_timestamp(row, 14)?,
        ended_by: row.get(15)?,
        position: started_at
            .zip(key)
            .map(|(started_at, key)| ListPosition { started_at, key }),
        counts: BulkCounts {
            done: count(18)?,
            skipped: count(19)?,
            failed: count(20)?,
        },
        problems: row.get(21)?,
    })
}

impl ToSql for BulkKey {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0))
    }
}

impl FromSql for BulkKey {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}

impl ToSql for BulkAction {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(match self {
            Self::Stop => 0,
            Self::Redrive => 1,
        }))
    }
}

impl FromSql for BulkAction {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_i64()? {
            0 => Ok(Self::Stop),
            1 => Ok(Self::Redrive),
            code => Err(FromSqlError::OutOfRange(code)),
        }
    }
}

impl ToSql for BulkStatus {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(match self {
            Self::Running => 0,
            Self::Completed => 1,
            Self::Cancelled => 2,
        }))
    }
}

impl FromSql for BulkStatus {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_i64()? {
            0 => Ok(Self::Running),
            1 => Ok(Self::Completed),
            2 => Ok(Self::Cancelled),
            code => Err(FromSqlError::OutOfRange(code)),
        }
    }
}
