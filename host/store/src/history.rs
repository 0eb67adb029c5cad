//! The pages of histories, and the snapshots that shorten them.

use std::ops::ControlFlow;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use stepwell_decider::{EventNumber, HistoryEvent};

use crate::codec::{self, EncodedPage};
use crate::error::StoreError;
use crate::ids::ExecutionKey;
use crate::store::Store;

/// A fold of a history up to an event, in the engine's own form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last event that it takes in.
    pub number: EventNumber,
    /// The fold.
    pub bytes: Vec<u8>,
}

impl Store {
    /// Returns all events of an execution, hidden ones too; none if there is no such
    /// execution.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a page cannot be read or is missing.
    pub fn load_history(&self, execution: ExecutionKey) -> Result<Vec<HistoryEvent>, StoreError> {
        self.load_history_from(execution, EventNumber(1))
    }

    /// Returns the events of an execution from a number on, hidden ones too.
    ///
    /// # Errors
    /// As [`Store::load_history`].
    pub fn load_history_from(
        &self,
        execution: ExecutionKey,
        from: EventNumber,
    ) -> Result<Vec<HistoryEvent>, StoreError> {
        self.read(|connection| load_from(connection, execution, from))
    }

    /// Returns the revisions that an execution ran before redrives went on with others,
    /// oldest first: each with the first event that it did not decide.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn earlier_revisions(
        &self,
        execution: ExecutionKey,
    ) -> Result<Vec<(EventNumber, i64)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT before, revision FROM execution_revisions WHERE execution = ?1
                 ORDER BY before",
            )?;
            let rows = statement.query_map([execution], |row| {
                let before: i64 = row.get(0)?;
                Ok((EventNumber(before.cast_unsigned()), row.get(1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns the latest snapshot of an execution.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn load_snapshot(&self, execution: ExecutionKey) -> Result<Option<Snapshot>, StoreError> {
        self.read(|connection| load_snapshot(connection, execution))
    }
}

/// Appends a page.
pub(crate) fn insert_page(
    connection: &Connection,
    execution: ExecutionKey,
    page: &EncodedPage,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO history (execution, first_number, count, page) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            execution,
            page.first_number.0.cast_signed(),
            page.count,
            page.bytes
        ])?;
    Ok(())
}

/// Replaces the snapshot.
pub(crate) fn put_snapshot(
    connection: &Connection,
    execution: ExecutionKey,
    snapshot: &Snapshot,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO snapshots (execution, number, blob) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET number = excluded.number, blob = excluded.blob",
        )?
        .execute(params![
            execution,
            snapshot.number.0.cast_signed(),
            snapshot.bytes
        ])?;
    Ok(())
}

pub(crate) fn load_snapshot(
    connection: &Connection,
    execution: ExecutionKey,
) -> Result<Option<Snapshot>, StoreError> {
    let snapshot = connection
        .prepare_cached("SELECT number, blob FROM snapshots WHERE execution = ?1")?
        .query_row([execution], |row| {
            let number = EventNumber(row.get::<_, i64>(0)?.cast_unsigned());
            Ok(Snapshot {
                number,
                bytes: row.get(1)?,
            })
        })
        .optional()?;
    Ok(snapshot)
}

/// Loads events from a number on.
pub(crate) fn load_from(
    connection: &Connection,
    execution: ExecutionKey,
    from: EventNumber,
) -> Result<Vec<HistoryEvent>, StoreError> {
    let mut events: Vec<HistoryEvent> = Vec::new();
    each_page_from(connection, execution, from, |page| {
        if let (Some(last), Some(first)) = (events.last(), page.first())
            && last.number.0 + 1 != first.number.0
        {
            let what = format!("{execution}: no history page follows event {}", last.number);
            return Err(StoreError::corrupt(what));
        }
        events.extend(page.into_iter().filter(|event| event.number >= from));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(events)
}

/// Decodes the pages from the one that holds `from` on, until `see` has enough.
pub(crate) fn each_page_from(
    connection: &Connection,
    execution: ExecutionKey,
    from: EventNumber,
    see: impl FnMut(Vec<HistoryEvent>) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let pages = connection.prepare_cached(
        "SELECT first_number, count, page FROM history
         WHERE execution = ?1 AND first_number >= coalesce(
             (SELECT max(first_number) FROM history WHERE execution = ?1 AND first_number <= ?2), 0)
         ORDER BY first_number",
    )?;
    each_page(pages, execution, from, see)
}

/// Decodes the pages that begin before `before`, last one first, until `see` has enough.
pub(crate) fn each_page_before(
    connection: &Connection,
    execution: ExecutionKey,
    before: EventNumber,
    see: impl FnMut(Vec<HistoryEvent>) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let pages = connection.prepare_cached(
        "SELECT first_number, count, page FROM history
         WHERE execution = ?1 AND first_number < ?2 ORDER BY first_number DESC",
    )?;
    each_page(pages, execution, before, see)
}

fn each_page(
    mut pages: CachedStatement<'_>,
    execution: ExecutionKey,
    number: EventNumber,
    mut see: impl FnMut(Vec<HistoryEvent>) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let number = i64::try_from(number.0).unwrap_or(i64::MAX);
    let mut rows = pages.query(params![execution, number])?;
    while let Some(row) = rows.next()? {
        if see(read_page(execution, row)?)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn read_page(execution: ExecutionKey, row: &Row<'_>) -> Result<Vec<HistoryEvent>, StoreError> {
    let first_number = EventNumber(row.get::<_, i64>(0)?.cast_unsigned());
    let bytes = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
    codec::decode(execution, first_number, row.get(1)?, bytes)
}
