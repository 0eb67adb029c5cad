//! Redrives of Map Runs: children that did not succeed wait for their turn, and go on.
//!
//! Who waits is told by the rows: a child that did not succeed and was not taken up by the
//! run's latest redrive. So a host that crashes asks those again that it had asked in vain.

use rusqlite::{Connection, params};
use stepwell_decider::EventNumber;
use stepwell_states::Timestamp;

use crate::columns;
use crate::error::StoreError;
use crate::executions::Status;
use crate::ids::{ExecutionKey, MapRunKey};
use crate::map_runs::MapTally;
use crate::store::Store;

/// A Map Run that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedrivenRun {
    /// The `MapRunStarted` event.
    pub number: EventNumber,
    /// How often it has been redriven, with this time.
    pub count: u32,
    /// When.
    pub at: Timestamp,
}

/// A child of a Map Run that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildRedriven {
    /// The run.
    pub run: MapRunKey,
    /// What its end had added to the counts.
    pub tally: MapTally,
}

/// Notes that a run goes on: at once if it was over, else when its children have ended.
pub(super) fn redrive(
    connection: &Connection,
    execution: ExecutionKey,
    run: &RedrivenRun,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE map_runs SET redrive_count = ?3, redriven_at = ?4, redriving = 1, status = 0,
                 stopped_at = NULL, error = NULL, cause = NULL,
                 stage = CASE WHEN stage IN (0, 2, 4) THEN 0 ELSE 3 END
             WHERE execution = ?1 AND number = ?2",
        )?
        .execute(params![
            execution,
            run.number.0.cast_signed(),
            run.count,
            run.at.as_ms()
        ])?;
    Ok(())
}

/// Takes the end of a child back, which goes on.
pub(super) fn take_back(
    connection: &Connection,
    child: ExecutionKey,
    redriven: &ChildRedriven,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE executions SET map_redrive = (SELECT redrive_count FROM map_runs WHERE id = ?2)
             WHERE id = ?1",
        )?
        .execute(params![child, redriven.run])?;
    let (children, items) = (&redriven.tally.children, &redriven.tally.items);
    connection
        .prepare_cached(
            "UPDATE map_runs SET
                 children_failed = children_failed - ?2,
                 children_timed_out = children_timed_out - ?3,
                 children_aborted = children_aborted - ?4,
                 items_failed = items_failed - ?5,
                 items_timed_out = items_timed_out - ?6,
                 items_aborted = items_aborted - ?7,
                 children_pending_failed = max(children_pending_failed - ?2, 0),
                 children_pending_timed_out = max(children_pending_timed_out - ?3, 0),
                 children_pending_aborted = max(children_pending_aborted - ?4, 0),
                 items_pending_failed = max(items_pending_failed - ?5, 0),
                 items_pending_timed_out = max(items_pending_timed_out - ?6, 0),
                 items_pending_aborted = max(items_pending_aborted - ?7, 0)
             WHERE id = ?1",
        )?
        .execute(params![
            redriven.run,
            children.failed.cast_signed(),
            children.timed_out.cast_signed(),
            children.aborted.cast_signed(),
            items.failed.cast_signed(),
            items.timed_out.cast_signed(),
            items.aborted.cast_signed(),
        ])?;
    Ok(())
}

impl Store {
    /// Begins to redrive a run whose children have all ended: those that did not succeed
    /// wait for their turn.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn begin_map_redrive(&self, run: MapRunKey) -> Result<(), StoreError> {
        self.upkeep(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE map_runs SET redriving = 2,
                         children_pending_failed = children_failed,
                         children_pending_timed_out = children_timed_out,
                         children_pending_aborted = children_aborted,
                         items_pending_failed = items_failed,
                         items_pending_timed_out = items_timed_out,
                         items_pending_aborted = items_aborted,
                         children_not_redrivable = 0, items_not_redrivable = 0
                     WHERE id = ?1 AND redriving = 1 AND stage = 0",
                )?
                .execute([run])?;
            Ok(())
        })
    }

    /// Notes that no child waits for its turn any more.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn end_map_redrive(&self, run: MapRunKey) -> Result<(), StoreError> {
        self.upkeep(move |connection| nobody_waits(connection, run))
    }

    /// Passes over a child of so many items that cannot be redriven: its end is for good.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn pass_over_map_child(
        &self,
        run: MapRunKey,
        child: ExecutionKey,
        status: Status,
        items: u32,
    ) -> Result<(), StoreError> {
        let mut tally = MapTally::default();
        tally.end(status, items);
        self.upkeep(move |connection| {
            let passed = connection
                .prepare_cached(
                    "UPDATE executions SET map_redrive = (SELECT redrive_count FROM map_runs WHERE id = ?2)
                     WHERE id = ?1 AND status IN (2, 3, 4)
                         AND map_redrive < (SELECT redrive_count FROM map_runs WHERE id = ?2)",
                )?
                .execute(params![child, run])?;
            if passed == 0 {
                return Ok(());
            }
            let (children, of_items) = (&tally.children, &tally.items);
            connection
                .prepare_cached(
                    "UPDATE map_runs SET
                         children_pending_failed = max(children_pending_failed - ?2, 0),
                         children_pending_timed_out = max(children_pending_timed_out - ?3, 0),
                         children_pending_aborted = max(children_pending_aborted - ?4, 0),
                         items_pending_failed = max(items_pending_failed - ?5, 0),
                         items_pending_timed_out = max(items_pending_timed_out - ?6, 0),
                         items_pending_aborted = max(items_pending_aborted - ?7, 0),
                         children_not_redrivable = children_not_redrivable + 1,
                         items_not_redrivable = items_not_redrivable + ?8
                     WHERE id = ?1",
                )?
                .execute(params![
                    run,
                    children.failed.cast_signed(),
                    children.timed_out.cast_signed(),
                    children.aborted.cast_signed(),
                    of_items.failed.cast_signed(),
                    of_items.timed_out.cast_signed(),
                    of_items.aborted.cast_signed(),
                    items,
                ])?;
            Ok(())
        })
    }

    /// Returns up to `limit` children of a Map Run that wait to be redriven, by rising
    /// number, from behind `after` on.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn pending_map_children(
        &self,
        run: MapRunKey,
        after: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<Vec<(ExecutionKey, Status)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, status FROM executions INDEXED BY executions_by_map_run
                 WHERE map_run = ?1 AND status IN (2, 3, 4) AND id > ?2
                     AND map_redrive < (SELECT redrive_count FROM map_runs WHERE id = ?1)
                 ORDER BY id LIMIT ?3",
            )?;
            let after = after.unwrap_or(ExecutionKey(i64::MIN));
            let rows = statement.query_map(params![run, after, columns::limit(limit)], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Forgets who waits: the run goes on without them, or not at all.
pub(super) fn nobody_waits(connection: &Connection, run: MapRunKey) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE map_runs SET redriving = 0, children_pending_failed = 0,
                 children_pending_timed_out = 0, children_pending_aborted = 0,
                 items_pending_failed = 0, items_pending_timed_out = 0, items_pending_aborted = 0
             WHERE id = ?1 AND redriving = 2",
        )?
        .execute([run])?;
    Ok(())
}
