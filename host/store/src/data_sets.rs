//! Data sets: named bytes of a tenant, in chunks.
//!
//! Written chunk by chunk and named at the end, so that nobody sees half of one. One that is
//! replaced or deleted loses its name at once and its chunks bit by bit.

mod results;

use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::ids::{DataSetId, TenantId};
use crate::store::Store;
use crate::usage::{self, StorageLimits, UsageChange};

pub use results::{MakeManifest, MapFile, MapFileSize, MapFiles};
pub(crate) use results::{append, publish};

/// Chunks that one transaction removes at most.
const PURGE_CHUNKS: i64 = 256;

/// A data set that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDataSet {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name, once it is complete.
    pub name: String,
    /// When it is written.
    pub created_at: Timestamp,
    /// Who writes it, as the server knows them.
    pub created_by: Option<String>,
}

/// A data set that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSetRow {
    /// Its number. One that replaces another has a new one.
    pub id: DataSetId,
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// When it was written.
    pub created_at: Timestamp,
    /// Who wrote it.
    pub created_by: Option<String>,
}

impl Store {
    /// Begins to write a data set. Nobody sees it before it is finished.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn begin_data_set(&self, new: NewDataSet) -> Result<DataSetId, StoreError> {
        self.upkeep(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO data_sets (tenant, name, state, created_at, created_by)
                     VALUES (?1, ?2, 0, ?3, ?4)",
                )?
                .execute(params![
                    new.tenant,
                    new.name,
                    new.created_at.as_ms(),
                    new.created_by
                ])?;
            Ok(DataSetId(connection.last_insert_rowid()))
        })
    }

    /// Adds a chunk to a tenant's data set that is being written.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if it is not being written, [`StoreError::OverQuota`].
    pub fn append_data_set(
        &self,
        tenant: TenantId,
        id: DataSetId,
        bytes: Vec<u8>,
        limits: StorageLimits,
    ) -> Result<(), StoreError> {
        let book = std::sync::Arc::clone(self.book());
        self.upkeep(move |connection| {
            book.check(tenant, bytes.len() as u64, false, &limits)?;
            add_chunk(connection, id, &bytes)
        })
    }

    /// Gives up a data set that is being written.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn drop_data_set(&self, id: DataSetId) -> Result<(), StoreError> {
        self.upkeep(move |connection| {
            connection
                .prepare_cached("UPDATE data_sets SET state = 2 WHERE id = ?1 AND state = 0")?
                .execute([id])?;
            Ok(())
        })
    }

    /// Removes some chunks of data sets that have lost their name; returns whether there
    /// are more.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn purge_data_sets(&self) -> Result<bool, StoreError> {
        if !self.any_data_set("state = 2")? {
            return Ok(false);
        }
        self.upkeep(|connection| {
            let id: Option<DataSetId> = connection
                .prepare_cached("SELECT id FROM data_sets WHERE state = 2 ORDER BY id LIMIT 1")?
                .query_row([], |row| row.get(0))
                .optional()?;
            let Some(id) = id else { return Ok(false) };
            let removed = connection
                .prepare_cached(
                    "DELETE FROM data_chunks WHERE rowid IN
                         (SELECT rowid FROM data_chunks WHERE data_set = ?1 LIMIT ?2)",
                )?
                .execute(params![id, PURGE_CHUNKS])?;
            if removed == 0 {
                let (tenant, size): (TenantId, i64) = connection
                    .prepare_cached("DELETE FROM data_sets WHERE id = ?1 RETURNING tenant, size")?
                    .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
                usage::note(tenant, &UsageChange::data_sets(-size));
            }
            Ok(true)
        })
    }

    /// Gives up what was being uploaded when the host ended.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn drop_broken_uploads(&self) -> Result<(), StoreError> {
        if !self.any_data_set("state = 0 AND map_run IS NULL")? {
            return Ok(());
        }
        self.upkeep(|connection| {
            connection
                .prepare_cached(
                    "UPDATE data_sets SET state = 2 WHERE state = 0 AND map_run IS NULL",
                )?
                .execute([])?;
            Ok(())
        })
    }

    /// Looks before a write that mostly has nothing to do.
    fn any_data_set(&self, condition: &str) -> Result<bool, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM data_sets WHERE {condition})");
            let mut statement = connection.prepare_cached(&sql)?;
            Ok(statement.query_row([], |row| row.get(0))?)
        })
    }

    /// Returns a data set by its name.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_data_set(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<DataSetRow>, StoreError> {
        self.read(|connection| {
            let found = connection
                .prepare_cached(
                    "SELECT id, name, size, created_at, created_by FROM data_sets
                     WHERE tenant = ?1 AND name = ?2 AND state = 1",
                )?
                .query_row(params![tenant, name], read_row)
                .optional()?;
            Ok(found)
        })
    }

    /// Returns up to `limit` data sets whose names begin with a prefix, by name, from behind
    /// `after` on.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_data_sets(
        &self,
        tenant: TenantId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DataSetRow>, StoreError> {
        self.read(|connection| {
            // Names are compared byte by byte, so those with a prefix stand side by side.
            let mut statement = connection.prepare_cached(
                "SELECT id, name, size, created_at, created_by FROM data_sets
                 WHERE tenant = ?1 AND state = 1 AND name >= ?2 AND name > ?3
                     AND substr(name, 1, length(?2)) = ?2
                 ORDER BY name LIMIT ?4",
            )?;
            let parameters = params![
                tenant,
                prefix,
                after.unwrap_or_default(),
                columns::limit(limit)
            ];
            let rows = statement.query_map(parameters, read_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns the bytes of a data set from an offset on, as far as one chunk goes; none at
    /// its end.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if it has been deleted or replaced.
    pub fn read_data_set(&self, id: DataSetId, offset: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|connection| {
            let (size, state): (i64, i64) = connection
                .prepare_cached("SELECT size, state FROM data_sets WHERE id = ?1")?
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?
                .ok_or_else(|| StoreError::not_found(id.to_string()))?;
            if state != 1 {
                return Err(StoreError::not_found(id.to_string()));
            }
            if offset >= size.cast_unsigned() {
                return Ok(None);
            }
            let (start, mut bytes): (i64, Vec<u8>) = connection
                .prepare_cached(
                    "SELECT start, bytes FROM data_chunks WHERE data_set = ?1 AND start <= ?2
                     ORDER BY start DESC LIMIT 1",
                )?
                .query_row(params![id, offset.cast_signed()], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            let skipped =
                usize::try_from(offset.saturating_sub(start.cast_unsigned())).unwrap_or(usize::MAX);
            if skipped >= bytes.len() {
                return Err(StoreError::corrupt(format!("{id}: a chunk is missing")));
            }
            bytes.drain(..skipped);
            Ok(Some(bytes))
        })
    }
}

impl Change<'_> {
    /// Gives a data set its name; one that had it is removed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if it is not being written.
    pub fn finish_data_set(self, id: DataSetId) -> Result<(), StoreError> {
        self.write(move |connection| {
            let replaced = "UPDATE data_sets SET state = 2
                 WHERE state = 1 AND (tenant, name) =
                     (SELECT tenant, name FROM data_sets WHERE id = ?1 AND state = 0)";
            connection.prepare_cached(replaced)?.execute([id])?;
            let named = connection
                .prepare_cached("UPDATE data_sets SET state = 1 WHERE id = ?1 AND state = 0")?
                .execute([id])?;
            if named == 1 {
                return Ok(());
            }
            Err(StoreError::not_found(id.to_string()))
        })
    }

    /// Deletes a data set; returns whether there was one.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn delete_data_set(self, tenant: TenantId, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            let deleted = connection
                .prepare_cached(
                    "UPDATE data_sets SET state = 2 WHERE tenant = ?1 AND name = ?2 AND state = 1",
                )?
                .execute(params![tenant, name])?;
            Ok(deleted == 1)
        })
    }
}

/// Adds a chunk behind the last one.
fn add_chunk(connection: &Connection, id: DataSetId, bytes: &[u8]) -> Result<(), StoreError> {
    if bytes.is_empty() {
        return Ok(());
    }
    let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let grown: Option<(TenantId, i64)> = connection
        .prepare_cached(
            "UPDATE data_sets SET size = size + ?2 WHERE id = ?1 AND state = 0
             RETURNING tenant, size",
        )?
        .query_row(params![id, length], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((tenant, end)) = grown else {
        return Err(StoreError::not_found(id.to_string()));
    };
    connection
        .prepare_cached("INSERT INTO data_chunks (data_set, start, bytes) VALUES (?1, ?2, ?3)")?
        .execute(params![id, end - length, bytes])?;
    usage::note(tenant, &UsageChange::data_sets(length));
    Ok(())
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<DataSetRow> {
    Ok(DataSetRow {
        id: row.get(0)?,
        name: row.get(1)?,
        size: row.get::<_, i64>(2)?.cast_unsigned(),
        created_at: columns::timestamp(row, 3)?,
        created_by: row.get(4)?,
    })
}
