//! Removes executions with all that belongs to them, in transactions of a bounded size.
//!
//! A small one goes in one piece. A large one, and one with Map Runs, is first *marked*:
//! from then on nobody finds it, neither by name nor in a list, and its name is free. Then it
//! goes bit by bit, its Map Runs' children first. A crash in between leaves the mark, and the
//! next host goes on.
//!
//! What is removed is overwritten with zeros in the pages that it stood in: the connection
//! has `secure_delete` on for these writes alone, which costs the others nothing.

use rusqlite::{Connection, OptionalExtension, params};

use crate::columns;
use crate::connection::overwriting;
use crate::error::StoreError;
use crate::ids::{ExecutionKey, MapRunKey, TenantId};
use crate::store::Store;
use crate::usage::{self, UsageChange};

/// The setting that says which numbers were given to executions that are gone: a number is
/// never given twice, since executions name their parents by it.
pub(crate) const LAST_KEY_SETTING: &str = "last-removed-execution";

/// Rows that one transaction removes, at most: it takes a few milliseconds.
const ROWS_MAX: usize = 512;

/// Tables with rows of an execution that go with it at once, since there are few of them.
const WITH_IT: [&str; 5] = [
    "DELETE FROM snapshots WHERE execution = ?1",
    "DELETE FROM activity_tasks WHERE execution = ?1",
    "DELETE FROM approvals WHERE execution = ?1",
    "DELETE FROM execution_revisions WHERE execution = ?1",
    "DELETE FROM execution_tags WHERE execution = ?1",
];

/// What a transaction has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removal {
    /// Of the executions that were given, how many it has dealt with: the others are for the
    /// next transaction.
    pub taken: usize,
    /// Executions that nobody finds any more.
    pub executions: u64,
    /// Rows that are gone.
    pub rows: u64,
}

/// How far a removal bit by bit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purged {
    /// Nothing is marked.
    Nothing,
    /// Rows are gone, and there may be more.
    Rows(u64),
    /// This one has to wait for something that it belongs with.
    Blocked(ExecutionKey),
}

impl Store {
    /// Removes executions that have ended, and that nothing waits for; lets the others be.
    /// May deal with fewer than it was given.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn remove_executions(&self, keys: Vec<ExecutionKey>) -> Result<Removal, StoreError> {
        self.upkeep(move |connection| {
            overwriting(connection, || {
                let mut removal = Removal::default();
                for key in &keys {
                    let left = ROWS_MAX.saturating_sub(count(removal.rows));
                    match remove(connection, *key, left)? {
                        Removed::Not => {}
                        Removed::Marked => removal.executions += 1,
                        Removed::Rows(rows) => {
                            removal.rows += rows;
                            removal.executions += 1;
                        }
                        Removed::NoRoom => break,
                    }
                    removal.taken += 1;
                }
                Ok(removal)
            })
        })
    }

    /// Removes some of what is marked, the newest before `before`.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn purge_removed(&self, before: ExecutionKey) -> Result<Purged, StoreError> {
        let sql = "SELECT id FROM executions WHERE removing = 1 AND id < ?1
                   ORDER BY id DESC LIMIT 1";
        let marked = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let key: Option<ExecutionKey> =
                statement.query_row([before], |row| row.get(0)).optional()?;
            Ok(key)
        };
        // Mostly there is nothing, and no transaction.
        if self.read(marked)?.is_none() {
            return Ok(Purged::Nothing);
        }
        self.upkeep(move |connection| {
            let Some(key) = marked(connection)? else {
                return Ok(Purged::Nothing);
            };
            overwriting(connection, || purge(connection, key))
        })
    }
}

/// What became of an execution that was to be removed.
enum Removed {
    /// It runs, or something waits for it, or it is gone already.
    Not,
    /// It is too large for one transaction, and is gone for everybody.
    Marked,
    /// It is gone, with so many rows.
    Rows(u64),
    /// It has more rows than this transaction has room for, and fewer than one has.
    NoRoom,
}

fn remove(connection: &Connection, key: ExecutionKey, room: usize) -> Result<Removed, StoreError> {
    if !is_free(connection, key)? {
        return Ok(Removed::Not);
    }
    let pages = count_pages(connection, key)?;
    if pages + 2 > ROWS_MAX || has_map_runs(connection, key)? {
        mark(connection, key)?;
        return Ok(Removed::Marked);
    }
    if pages + 2 > room {
        return Ok(Removed::NoRoom);
    }
    delete(connection, key).map(Removed::Rows)
}

/// Whether an execution has ended, and nobody needs it: its parent has ended, its own
/// children have told it of their ends, and its Map Runs are over.
fn is_free(connection: &Connection, key: ExecutionKey) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM executions AS it
             WHERE id = ?1 AND status <> 0 AND has_work = 0 AND due_at IS NULL AND removing = 0
                 AND NOT EXISTS (SELECT 1 FROM executions AS parent
                     WHERE parent.id = it.parent_id AND parent.status = 0)
                 AND NOT EXISTS (SELECT 1 FROM executions AS child
                     WHERE child.parent_id = it.id AND (child.status = 0 OR child.has_work = 1))
                 AND NOT EXISTS (SELECT 1 FROM map_runs
                     WHERE map_runs.execution = it.id AND map_runs.stage < 4))",
    )?;
    Ok(statement.query_row([key], |row| row.get(0))?)
}

/// Counts the pages of a history, up to what is too much for one transaction.
fn count_pages(connection: &Connection, key: ExecutionKey) -> Result<usize, StoreError> {
    let pages: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM history WHERE execution = ?1 LIMIT ?2)",
        )?
        .query_row(params![key, columns::limit(ROWS_MAX)], |row| row.get(0))?;
    Ok(usize::try_from(pages).unwrap_or(usize::MAX))
}

fn has_map_runs(connection: &Connection, key: ExecutionKey) -> Result<bool, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM map_runs WHERE execution = ?1)")?;
    Ok(statement.query_row([key], |row| row.get(0))?)
}

/// Hides an execution, its approvals and its Map Runs. The new names are none that anybody can ask for.
/// A write that was decided on what it was finds another version.
fn mark(connection: &Connection, key: ExecutionKey) -> Result<(), StoreError> {
    for sql in WITH_IT {
        connection.prepare_cached(sql)?.execute([key])?;
    }
    for sql in [
        "UPDATE executions SET removing = 1, version = -1, name = 'removing/' || id WHERE id = ?1",
        "UPDATE map_runs SET uuid = 'removing/' || id WHERE execution = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([key])?;
    }
    keep_number(connection, key)
}

/// Removes a whole execution; returns its rows.
fn delete(connection: &Connection, key: ExecutionKey) -> Result<u64, StoreError> {
    let mut rows = delete_pages(connection, key, usize::MAX)?;
    for sql in WITH_IT
        .into_iter()
        .chain(["DELETE FROM executions WHERE id = ?1"])
    {
        rows += connection.prepare_cached(sql)?.execute([key])? as u64;
    }
    keep_number(connection, key)?;
    Ok(rows)
}

/// Removes up to `limit` pages of a history, which count as stored no more; returns how many.
fn delete_pages(
    connection: &Connection,
    key: ExecutionKey,
    limit: usize,
) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM history WHERE rowid IN
             (SELECT rowid FROM history WHERE execution = ?1 LIMIT ?2)
         RETURNING length(page)",
    )?;
    let (mut pages, mut bytes) = (0, 0);
    let mut lengths = statement.query(params![key, columns::limit(limit)])?;
    while let Some(row) = lengths.next()? {
        bytes += row.get::<_, i64>(0)?;
        pages += 1;
    }
    let tenant: TenantId = connection
        .prepare_cached("SELECT tenant FROM executions WHERE id = ?1")?
        .query_row([key], |row| row.get(0))?;
    let freed = UsageChange {
        history_bytes: -bytes,
        ..UsageChange::default()
    };
    usage::note(tenant, &freed);
    Ok(pages)
}

/// Remembers the number of an execution that goes, if it is the greatest that went.
fn keep_number(connection: &Connection, key: ExecutionKey) -> Result<(), StoreError> {
    // Numbers are positive: their bytes compare as they do.
    connection
        .prepare_cached(
            "INSERT INTO settings (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE excluded.value > value",
        )?
        .execute(params![LAST_KEY_SETTING, key.0.to_be_bytes()])?;
    Ok(())
}

/// Takes one step of the removal of a marked execution.
fn purge(connection: &Connection, key: ExecutionKey) -> Result<Purged, StoreError> {
    let run: Option<MapRunKey> = connection
        .prepare_cached("SELECT id FROM map_runs WHERE execution = ?1 LIMIT 1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    if let Some(run) = run {
        return match purge_run(connection, run)? {
            0 => Ok(Purged::Blocked(key)),
            rows => Ok(Purged::Rows(rows)),
        };
    }
    let pages = delete_pages(connection, key, ROWS_MAX)?;
    if pages > 0 {
        return Ok(Purged::Rows(pages));
    }
    delete(connection, key).map(Purged::Rows)
}

/// Removes some of a Map Run: its children, its results, and then itself. Data sets that it
/// has written stay. Returns the rows; none if its children cannot go yet.
fn purge_run(connection: &Connection, run: MapRunKey) -> Result<u64, StoreError> {
    let children: Vec<ExecutionKey> = connection
        .prepare_cached("SELECT id FROM executions WHERE map_run = ?1 LIMIT ?2")?
        .query_map(params![run, columns::limit(ROWS_MAX / 4)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if !children.is_empty() {
        let mut rows = 0;
        for child in children {
            match remove(connection, child, ROWS_MAX.saturating_sub(count(rows)))? {
                Removed::Rows(removed) => rows += removed,
                // One that is marked has a greater number, and so its turn comes first.
                Removed::Marked => rows += 1,
                Removed::Not => {}
                Removed::NoRoom => break,
            }
        }
        return Ok(rows);
    }
    let results = connection
        .prepare_cached(
            "DELETE FROM map_results WHERE run = ?1 AND child IN
                 (SELECT child FROM map_results WHERE run = ?1 LIMIT ?2)",
        )?
        .execute(params![run, columns::limit(ROWS_MAX)])?;
    if results > 0 {
        return Ok(results as u64);
    }
    let mut rows = 0;
    for sql in [
        "UPDATE data_sets SET map_run = NULL, state = iif(state = 0, 2, state) WHERE map_run = ?1",
        "DELETE FROM map_runs WHERE id = ?1",
    ] {
        rows += connection.prepare_cached(sql)?.execute([run])?;
    }
    Ok(rows as u64)
}

fn count(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}
