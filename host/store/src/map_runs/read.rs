//! Map Runs as they stand.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_decider::EventNumber;
use stepwell_states::Timestamp;

use crate::columns;
use crate::error::StoreError;
use crate::executions::Status;
use crate::ids::{ExecutionKey, MapRunKey};
use crate::map_runs::{MapCounts, MapRunSettings, MapRunStage, MapTally};
use crate::store::Store;

/// Makes the statement that reads whole rows, for [`read_row`].
macro_rules! select {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT id, execution, number, uuid, stage, status, started_at, stopped_at, error, cause,
                 max_concurrency, tolerated_count, tolerated_percentage, cursor, position, exhausted,
                 items_total, result_bytes, result_bytes_max,
                 children_started, children_succeeded, children_failed, children_timed_out,
                 children_aborted,
                 items_started, items_succeeded, items_failed, items_timed_out, items_aborted,
                 label, redrive_count, redriven_at, redriving,
                 children_pending_failed, children_pending_timed_out, children_pending_aborted,
                 items_pending_failed, items_pending_timed_out, items_pending_aborted,
                 children_not_redrivable, items_not_redrivable,
                 (SELECT paused_at IS NOT NULL FROM executions WHERE id = map_runs.execution)
             FROM map_runs ",
            $rest
        )
    };
}

/// A Map Run as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRunRow {
    /// Its number.
    pub key: MapRunKey,
    /// The execution that it belongs to.
    pub execution: ExecutionKey,
    /// The `MapRunStarted` event.
    pub number: EventNumber,
    /// The label before that in its ARN, and in those of its children.
    pub label: String,
    /// The UUID at the end of its ARN.
    pub uuid: String,
    /// What it has to do.
    pub stage: MapRunStage,
    /// Whether it runs, and if not, how it ended.
    pub status: Status,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When that was last.
    pub redriven_at: Option<Timestamp>,
    /// Error and cause, if it failed.
    pub failure: (Option<String>, Option<String>),
    /// Its settings.
    pub settings: MapRunSettings,
    /// How many children have been started.
    pub cursor: u64,
    /// Where the next item is, in the engine's own words; none before the first step.
    pub position: Option<Vec<u8>>,
    /// Whether there are no more items.
    pub exhausted: bool,
    /// How many items there are, if that is known.
    pub items_total: Option<u64>,
    /// Whether the results are too large to become the state's result.
    pub results_too_large: bool,
    /// How many children and items there are, and how they ended.
    pub tally: MapTally,
    /// Whether it is to be redriven as soon as its children have ended.
    pub to_redrive: bool,
    /// Whether children wait to be redriven.
    pub redriving: bool,
    /// Of those that did not succeed: which wait to be redriven.
    pub pending: MapTally,
    /// Children, and their items, that cannot be redriven.
    pub not_redrivable: (u64, u64),
    /// Whether its execution is paused: nothing new begins, and whoever resumes it tells of
    /// the run.
    pub paused: bool,
}

impl FromSql for MapRunStage {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_i64()? {
            0 => Ok(Self::Running),
            1 => Ok(Self::Failing),
            2 => Ok(Self::Ended),
            3 => Ok(Self::Abandoned),
            4 => Ok(Self::Over),
            other => Err(FromSqlError::OutOfRange(other)),
        }
    }
}

impl Store {
    /// Returns a Map Run.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn load_map_run(&self, run: MapRunKey) -> Result<Option<MapRunRow>, StoreError> {
        // One whose execution is being removed is none any more, also for its children.
        let sql = select!(
            "WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM executions
                 WHERE executions.id = map_runs.execution AND executions.removing = 1)"
        );
        self.read(|connection| one_row(connection, sql, [run]))
    }

    /// Returns the Map Run that an event of an execution began.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_map_run(
        &self,
        execution: ExecutionKey,
        number: EventNumber,
    ) -> Result<Option<MapRunRow>, StoreError> {
        self.read(|connection| {
            let sql = select!("WHERE execution = ?1 AND number = ?2");
            one_row(connection, sql, params![execution, number.0.cast_signed()])
        })
    }

    /// Returns the Map Run whose ARN ends with a UUID.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_map_run_by_uuid(&self, uuid: &str) -> Result<Option<MapRunRow>, StoreError> {
        self.read(|connection| one_row(connection, select!("WHERE uuid = ?1 LIMIT 1"), [uuid]))
    }

    /// Returns up to `limit` Map Runs of an execution, newest first: those begun before an
    /// event, or the newest.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn map_runs_of(
        &self,
        execution: ExecutionKey,
        before: Option<EventNumber>,
        limit: usize,
    ) -> Result<Vec<MapRunRow>, StoreError> {
        self.read(|connection| {
            let sql = select!("WHERE execution = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3");
            let before = before.map_or(i64::MAX, |number| number.0.cast_signed());
            let mut statement = connection.prepare_cached(sql)?;
            let parameters = params![execution, before, columns::limit(limit)];
            let rows = statement.query_map(parameters, read_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns the Map Runs that have something left to do.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn open_map_runs(&self) -> Result<Vec<MapRunKey>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM map_runs INDEXED BY map_runs_open WHERE stage < 4 ORDER BY id",
            )?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns up to `limit` children of a Map Run that run, by rising number, from behind
    /// `after` on.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn running_map_children(
        &self,
        run: MapRunKey,
        after: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<Vec<ExecutionKey>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM executions INDEXED BY executions_by_map_run
                 WHERE map_run = ?1 AND status = 0 AND id > ?2 ORDER BY id LIMIT ?3",
            )?;
            let after = after.unwrap_or(ExecutionKey(i64::MIN));
            let rows = statement
                .query_map(params![run, after, columns::limit(limit)], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns the results of a Map Run that become its state's result, in the order of
    /// its children.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn map_results(&self, run: MapRunKey) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT result FROM map_results WHERE run = ?1 ORDER BY child")?;
            let rows = statement.query_map([run], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn one_row(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Option<MapRunRow>, StoreError> {
    Ok(connection
        .prepare_cached(sql)?
        .query_row(parameters, read_row)
        .optional()?)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<MapRunRow> {
    let unsigned = |index: usize| row.get::<_, i64>(index).map(i64::cast_unsigned);
    let counts = |first: usize| {
        Ok::<_, rusqlite::Error>(MapCounts {
            started: unsigned(first)?,
            succeeded: unsigned(first + 1)?,
            failed: unsigned(first + 2)?,
            timed_out: unsigned(first + 3)?,
            aborted: unsigned(first + 4)?,
        })
    };
    let lost = |first: usize| {
        Ok::<_, rusqlite::Error>(MapCounts {
            failed: unsigned(first)?,
            timed_out: unsigned(first + 1)?,
            aborted: unsigned(first + 2)?,
            ..MapCounts::default()
        })
    };
    Ok(MapRunRow {
        key: row.get(0)?,
        execution: row.get(1)?,
        number: EventNumber(unsigned(2)?),
        label: row.get(29)?,
        uuid: row.get(3)?,
        stage: row.get(4)?,
        status: row.get(5)?,
        started_at: columns::timestamp(row, 6)?,
        stopped_at: columns::optional_timestamp(row, 7)?,
        redrive_count: row.get(30)?,
        redriven_at: columns::optional_timestamp(row, 31)?,
        failure: (row.get(8)?, row.get(9)?),
        settings: MapRunSettings {
            max_concurrency: row.get(10)?,
            tolerated_count: unsigned(11)?,
            tolerated_percentage: row.get(12)?,
        },
        cursor: unsigned(13)?,
        position: row.get(14)?,
        exhausted: row.get(15)?,
        items_total: row.get::<_, Option<i64>>(16)?.map(i64::cast_unsigned),
        results_too_large: row.get::<_, i64>(17)? >= row.get::<_, i64>(18)?,
        tally: MapTally {
            children: counts(19)?,
            items: counts(24)?,
        },
        to_redrive: row.get::<_, i64>(32)? == 1,
        redriving: row.get::<_, i64>(32)? == 2,
        pending: MapTally {
            children: lost(33)?,
            items: lost(36)?,
        },
        not_redrivable: (unsigned(39)?, unsigned(40)?),
        paused: row.get::<_, Option<bool>>(41)? == Some(true),
    })
}
