//! Results of Map Runs: appended as children end, and named when the run has ended.

use std::fmt;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use stepwell_states::Timestamp;

use crate::data_sets::add_chunk;
use crate::error::StoreError;
use crate::ids::{DataSetId, MapRunKey};

/// Which of a Map Run's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapFile {
    /// Of children that succeeded.
    Succeeded,
    /// Of children that failed or whose time was up.
    Failed,
    /// Of children that did not come to their end.
    Pending,
}

impl MapFile {
    const ALL: [Self; 3] = [Self::Succeeded, Self::Failed, Self::Pending];

    fn code(self) -> i64 {
        match self {
            Self::Succeeded => 0,
            Self::Failed => 1,
            Self::Pending => 2,
        }
    }
}

/// A file that a Map Run has written, and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapFileSize {
    /// Which one.
    pub file: MapFile,
    /// Its bytes.
    pub size: u64,
}

/// Makes name and text of the manifest of the files that there are.
pub type MakeManifest = dyn Fn(&[MapFileSize]) -> (String, String) + Send + Sync;

/// How a Map Run's files are named when it has ended.
#[derive(Clone)]
pub struct MapFiles {
    /// One line a result, and not one list of them.
    pub lines: bool,
    /// Name of a file.
    pub name: Arc<dyn Fn(MapFile) -> String + Send + Sync>,
    /// The manifest of those that there are.
    pub manifest: Arc<MakeManifest>,
}

impl fmt::Debug for MapFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapFiles")
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

/// Adds results to a file of a run that runs.
pub(crate) fn append(
    connection: &Connection,
    run: MapRunKey,
    file: MapFile,
    text: &str,
    lines: bool,
) -> Result<(), StoreError> {
    let (id, size) = match open_file(connection, run, file)? {
        Some(found) => found,
        None => (begin_file(connection, run, file)?, 0),
    };
    let before = match (size, lines) {
        (0, true) => "",
        (0, false) => "[",
        (_, true) => "\n",
        (_, false) => ",",
    };
    add_chunk(connection, id, format!("{before}{text}").as_bytes())
}

fn open_file(
    connection: &Connection,
    run: MapRunKey,
    file: MapFile,
) -> Result<Option<(DataSetId, u64)>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT id, size FROM data_sets WHERE map_run = ?1 AND map_file = ?2 AND state = 0",
        )?
        .query_row(params![run, file.code()], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
        })
        .optional()?;
    Ok(found)
}

fn begin_file(
    connection: &Connection,
    run: MapRunKey,
    file: MapFile,
) -> Result<DataSetId, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO data_sets (tenant, name, state, map_run, map_file, created_at)
             SELECT executions.tenant, '', 0, map_runs.id, ?2, map_runs.started_at
             FROM map_runs JOIN executions ON executions.id = map_runs.execution
             WHERE map_runs.id = ?1",
        )?
        .execute(params![run, file.code()])?;
    Ok(DataSetId(connection.last_insert_rowid()))
}

/// Names the files of a run that has ended, and adds the manifest.
pub(crate) fn publish(
    connection: &Connection,
    run: MapRunKey,
    files: &MapFiles,
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut written = Vec::new();
    for file in MapFile::ALL {
        let Some((id, _)) = open_file(connection, run, file)? else {
            continue;
        };
        if !files.lines {
            add_chunk(connection, id, b"]")?;
        }
        let size: i64 = connection
            .prepare_cached(
                "UPDATE data_sets SET name = ?2, state = 1, created_at = ?3 WHERE id = ?1
                 RETURNING size",
            )?
            .query_row(params![id, (files.name)(file), at.as_ms()], |row| {
                row.get(0)
            })?;
        let size = size.cast_unsigned();
        written.push(MapFileSize { file, size });
    }
    let (name, text) = (files.manifest)(&written);
    connection
        .prepare_cached(
            "INSERT INTO data_sets (tenant, name, state, map_run, created_at)
             SELECT executions.tenant, ?2, 0, map_runs.id, ?3
             FROM map_runs JOIN executions ON executions.id = map_runs.execution
             WHERE map_runs.id = ?1",
        )?
        .execute(params![run, name, at.as_ms()])?;
    let id = DataSetId(connection.last_insert_rowid());
    add_chunk(connection, id, text.as_bytes())?;
    connection
        .prepare_cached("UPDATE data_sets SET state = 1 WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}
