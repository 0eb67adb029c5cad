//! Map Runs: cursor, counts and results, which move together with their children.
//!
//! ```text
//!   parent's commit ──> row (stage 0)
//!   advance_map_run ──> children's rows + cursor + counts + results     one transaction
//!   child's commit  ──> child's end + counts + result                   one transaction
//!   end_map_run     ──> stage 2 ── parent's commit takes it in ──> stage 4
//! ```

mod advance;
mod read;
mod redrives;

use rusqlite::{Connection, params};
use stepwell_decider::EventNumber;
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::data_sets::{self, MapFile, MapFiles};
use crate::error::StoreError;
use crate::executions::Status;
use crate::ids::{ExecutionKey, MapRunKey};
use crate::store::Store;

pub use advance::{AdvanceDone, AdvanceMapRun};
pub use read::MapRunRow;
pub use redrives::{ChildRedriven, RedrivenRun};

/// A Map Run that is to exist.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMapRun {
    /// The `MapRunStarted` event.
    pub number: EventNumber,
    /// The label before that in its ARN, and in those of its children.
    pub label: String,
    /// The UUID at the end of its ARN.
    pub uuid: String,
    /// When it starts.
    pub started_at: Timestamp,
    /// Its settings.
    pub settings: MapRunSettings,
    /// How many items there are, if that is known.
    pub items_total: Option<u64>,
    /// Bytes that the results may have together that become the state's result.
    pub result_bytes_max: u64,
}

/// What may be changed while a Map Run runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapRunSettings {
    /// Children at a time; 0 for no limit of the definition's.
    pub max_concurrency: u32,
    /// Items that may fail; 0 for no such tolerance.
    pub tolerated_count: u64,
    /// Percentage of the items that may fail; 0 for no such tolerance.
    pub tolerated_percentage: f64,
}

/// Where a Map Run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapRunStage {
    /// It starts children.
    Running,
    /// It has failed, and ends the children that run.
    Failing,
    /// It has ended, and its execution is to be told.
    Ended,
    /// Its execution waits for it no more; it ends the children that run.
    Abandoned,
    /// Nothing is left to do.
    Over,
}

/// Counts of children, or of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MapCounts {
    /// All that were started.
    pub started: u64,
    /// Those that ended well.
    pub succeeded: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those whose time was up.
    pub timed_out: u64,
    /// Those that were stopped.
    pub aborted: u64,
}

impl MapCounts {
    /// Returns how many ended, and not well.
    #[must_use]
    pub fn unsuccessful(&self) -> u64 {
        self.failed + self.timed_out + self.aborted
    }

    /// Returns how many have ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.succeeded + self.unsuccessful()
    }

    /// Returns how many run.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.started.saturating_sub(self.ended())
    }

    /// Counts one more start.
    pub fn start(&mut self, count: u64) {
        self.started += count;
    }

    /// Counts an end.
    pub fn end(&mut self, status: Status, count: u64) {
        match status {
            Status::Running => {}
            Status::Succeeded => self.succeeded += count,
            Status::Failed => self.failed += count,
            Status::TimedOut => self.timed_out += count,
            Status::Aborted => self.aborted += count,
        }
    }
}

/// What a write adds to a Map Run's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MapTally {
    /// Child executions.
    pub children: MapCounts,
    /// Their items.
    pub items: MapCounts,
}

impl MapTally {
    /// Counts the start of a child of so many items.
    pub fn start(&mut self, items: u32) {
        self.children.start(1);
        self.items.start(u64::from(items));
    }

    /// Adds other counts.
    pub fn add(&mut self, other: &Self) {
        for (own, more) in [
            (&mut self.children, &other.children),
            (&mut self.items, &other.items),
        ] {
            own.started += more.started;
            own.succeeded += more.succeeded;
            own.failed += more.failed;
            own.timed_out += more.timed_out;
            own.aborted += more.aborted;
        }
    }

    /// Counts the end of a child of so many items.
    pub fn end(&mut self, status: Status, items: u32) {
        self.children.end(status, 1);
        self.items.end(status, u64::from(items));
    }
}

/// Results of children that ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MapResults {
    /// What becomes part of the Map state's result: the child's number and JSON text.
    pub gathered: Vec<(u64, String)>,
    /// What is written to a file: JSON texts, separated.
    pub written: Vec<(MapFile, String)>,
    /// Whether files have one line a result, and not one list of them.
    pub lines: bool,
}

/// What a decision of an execution changes about Map Runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MapChanges {
    /// Runs that it begins.
    pub started: Vec<NewMapRun>,
    /// Runs that it waits for no more, by their `MapRunStarted` events.
    pub abandoned: Vec<EventNumber>,
    /// Runs whose end it takes in.
    pub told: Vec<MapRunKey>,
    /// Runs that it goes on with.
    pub redriven: Vec<RedrivenRun>,
    /// That it goes on after an end, if it is a child of a run.
    pub child_redriven: Option<ChildRedriven>,
    /// Its own end, if it is a child of a run.
    pub child_end: Option<ChildEnd>,
}

/// The end of a Map Run's child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildEnd {
    /// The run.
    pub run: MapRunKey,
    /// What it adds to the counts.
    pub tally: MapTally,
    /// Its result.
    pub results: MapResults,
}

impl MapChanges {
    pub(crate) fn apply(
        &self,
        connection: &Connection,
        execution: ExecutionKey,
    ) -> Result<(), StoreError> {
        for run in &self.started {
            insert(connection, execution, run)?;
        }
        for number in &self.abandoned {
            abandon(connection, execution, *number)?;
        }
        for run in &self.told {
            close(connection, *run)?;
        }
        for run in &self.redriven {
            redrives::redrive(connection, execution, run)?;
        }
        if let Some(redriven) = &self.child_redriven {
            redrives::take_back(connection, execution, redriven)?;
        }
        if let Some(end) = &self.child_end {
            advance::count(connection, end.run, &end.tally)?;
            advance::keep_results(connection, end.run, &end.results)?;
        }
        Ok(())
    }
}

fn insert(
    connection: &Connection,
    execution: ExecutionKey,
    run: &NewMapRun,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO map_runs (execution, number, uuid, started_at, max_concurrency,
                 tolerated_count, tolerated_percentage, items_total, result_bytes_max, label)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            execution,
            run.number.0.cast_signed(),
            run.uuid,
            run.started_at.as_ms(),
            run.settings.max_concurrency,
            run.settings.tolerated_count.cast_signed(),
            run.settings.tolerated_percentage,
            run.items_total.map(u64::cast_signed),
            run.result_bytes_max.cast_signed(),
            run.label,
        ])?;
    Ok(())
}

/// One that has ended is over: nobody is there to be told. One that runs ends its children
/// first.
fn abandon(
    connection: &Connection,
    execution: ExecutionKey,
    number: EventNumber,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE map_runs SET stage = CASE WHEN stage = 2 THEN 4 ELSE 3 END,
                 status = CASE WHEN stage = 2 THEN status ELSE 4 END,
                 redriving = 0
             WHERE execution = ?1 AND number = ?2 AND stage < 3",
        )?
        .execute(params![execution, number.0.cast_signed()])?;
    Ok(())
}

/// Its execution knows. The results of one that did not succeed are kept for a redrive.
fn close(connection: &Connection, run: MapRunKey) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE map_runs SET stage = 4 WHERE id = ?1")?
        .execute([run])?;
    connection
        .prepare_cached(
            "DELETE FROM map_results WHERE run = (SELECT id FROM map_runs WHERE id = ?1 AND status = 1)",
        )?
        .execute([run])?;
    Ok(())
}

impl Store {
    /// Notes that a Map Run has failed: it starts no more children, and ends those that
    /// run. Changes nothing about one that fails or has ended already.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn fail_map_run(
        &self,
        run: MapRunKey,
        error: Option<String>,
        cause: Option<String>,
    ) -> Result<(), StoreError> {
        self.upkeep(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE map_runs SET stage = 1, error = ?2, cause = ?3
                     WHERE id = ?1 AND stage = 0",
                )?
                .execute(params![run, error, cause])?;
            redrives::nobody_waits(connection, run)
        })
    }

    /// Notes that a Map Run has ended, all its children with it, and names what it wrote.
    /// From here on its execution is to be told; one that was abandoned is over.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn end_map_run(
        &self,
        run: MapRunKey,
        status: Status,
        stopped_at: Timestamp,
        files: Option<MapFiles>,
    ) -> Result<(), StoreError> {
        self.upkeep(move |connection| {
            if let Some(files) = &files {
                data_sets::publish(connection, run, files, stopped_at)?;
            }
            // What nobody gave a name to is not wanted.
            connection
                .prepare_cached("UPDATE data_sets SET state = 2 WHERE map_run = ?1 AND state = 0")?
                .execute([run])?;
            let ended = connection
                .prepare_cached(
                    "UPDATE map_runs SET stage = 2, status = ?2, stopped_at = ?3
                     WHERE id = ?1 AND stage < 2",
                )?
                .execute(params![run, status, stopped_at.as_ms()])?;
            if ended == 0 {
                // One that is to be redriven goes on now that its children have ended.
                connection
                    .prepare_cached(
                        "UPDATE map_runs SET stage = CASE WHEN redriving = 1 THEN 0 ELSE 4 END,
                             stopped_at = CASE WHEN redriving = 1 THEN NULL ELSE ?2 END
                         WHERE id = ?1 AND stage = 3",
                    )?
                    .execute(params![run, stopped_at.as_ms()])?;
            }
            Ok(())
        })
    }
}

impl Change<'_> {
    /// Changes the settings of a Map Run that runs; returns whether it does.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn update_map_run(
        self,
        run: MapRunKey,
        settings: MapRunSettings,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let updated = connection
                .prepare_cached(
                    "UPDATE map_runs SET max_concurrency = ?2, tolerated_count = ?3,
                         tolerated_percentage = ?4
                     WHERE id = ?1 AND stage = 0",
                )?
                .execute(params![
                    run,
                    settings.max_concurrency,
                    settings.tolerated_count.cast_signed(),
                    settings.tolerated_percentage
                ])?;
            Ok(updated == 1)
        })
    }
}
