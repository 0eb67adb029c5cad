//! The rows of executions: look-up and counts. Lists are in `search`.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_decider::{EventNumber, HistoryEvent, ParentLink, TraceContext};
use stepwell_states::Timestamp;

use crate::columns;
use crate::error::StoreError;
use crate::history::{self, Snapshot};
use crate::ids::{Digest, ExecutionKey, MachineId, MapRunKey, TenantId};
use crate::retention::LAST_KEY_SETTING;
use crate::store::Store;

/// Makes the statement that reads whole rows, for [`read_row`].
macro_rules! select {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT id, tenant, machine, revision, name, input_digest, started_at, version, status,
                 due_at, has_work, stopped_at, error, parent_id, parent_scheduled, map_run,
                 redrive_count, redriven_at, machine_version, machine_alias, paused_at, trace_id,
                 trace_parent
             FROM executions ",
            $rest
        )
    };
}

/// Whether an execution runs, and if not, how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It runs or sleeps.
    Running,
    /// It ended well.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// Its time was up.
    TimedOut,
    /// Somebody stopped it.
    Aborted,
}

impl Status {
    /// All of them, in the order of their codes in the database.
    pub const ALL: [Self; 5] = [
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::TimedOut,
        Self::Aborted,
    ];

    /// Returns the number that stands for it in the database.
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Running => 0,
            Self::Succeeded => 1,
            Self::Failed => 2,
            Self::TimedOut => 3,
            Self::Aborted => 4,
        }
    }
}

impl ToSql for Status {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.code()))
    }
}

impl FromSql for Status {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let code = value.as_i64()?;
        let known = usize::try_from(code)
            .ok()
            .and_then(|code| Self::ALL.get(code));
        known.copied().ok_or(FromSqlError::OutOfRange(code))
    }
}

/// What the rows tell about an execution beside its history: a projection of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Whether it runs, and if not, how it ended.
    pub status: Status,
    /// When its earliest timer is due.
    pub due_at: Option<Timestamp>,
    /// Whether something has to be done for it now: tasks to run, a parent to be told.
    pub has_work: bool,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
    /// Name of the error it ended with, for lists.
    pub error: Option<String>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When that was last.
    pub redriven_at: Option<Timestamp>,
    /// Since when it is paused, if it is.
    pub paused_at: Option<Timestamp>,
}

impl Summary {
    /// A running execution that has work and no timer.
    #[must_use]
    pub fn working() -> Self {
        Self {
            status: Status::Running,
            due_at: None,
            has_work: true,
            stopped_at: None,
            error: None,
            redrive_count: 0,
            redriven_at: None,
            paused_at: None,
        }
    }
}

/// An execution's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRow {
    /// Its number.
    pub key: ExecutionKey,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it runs.
    pub machine: MachineId,
    /// Which revision of that.
    pub revision: i64,
    /// Its name.
    pub name: String,
    /// Digest of its input.
    pub input_digest: Digest,
    /// When it started.
    pub started_at: Timestamp,
    /// Number of its last event.
    pub version: EventNumber,
    /// Where it stands.
    pub summary: Summary,
    /// The task that waits for it.
    pub parent: Option<ParentLink>,
    /// The Map Run whose child it is.
    pub map_run: Option<MapRunKey>,
    /// The version of its machine that it was started with, if with one.
    pub machine_version: Option<i64>,
    /// The alias that led to that version.
    pub machine_alias: Option<String>,
    /// The trace context that it was started with; executions of earlier versions have none.
    pub trace: Option<TraceContext>,
}

/// All that is needed to go on with an execution.
#[derive(Debug, Clone)]
pub struct LoadedExecution {
    /// Its row.
    pub row: ExecutionRow,
    /// Its latest snapshot.
    pub snapshot: Option<Snapshot>,
    /// Its events after the snapshot; all of them where there is none.
    pub events: Vec<HistoryEvent>,
}

/// How many executions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExecutionCounts {
    /// By status, in the order of [`Status::ALL`].
    pub by_status: [u64; 5],
    /// Those with a timer.
    pub with_timer: u64,
    /// Those with something to do now.
    pub with_work: u64,
}

impl Store {
    /// Returns an execution's row.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn load_execution_row(
        &self,
        key: ExecutionKey,
    ) -> Result<Option<ExecutionRow>, StoreError> {
        self.read(|connection| row_by_key(connection, key))
    }

    /// Returns all that is needed to go on with an execution, as of one moment.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if its history cannot be read.
    pub fn load_execution(&self, key: ExecutionKey) -> Result<Option<LoadedExecution>, StoreError> {
        self.read(|connection| {
            let Some(row) = row_by_key(connection, key)? else {
                return Ok(None);
            };
            let snapshot = history::load_snapshot(connection, key)?;
            let from = snapshot.as_ref().map_or(0, |snapshot| snapshot.number.0) + 1;
            let events = history::load_from(connection, key, EventNumber(from))?;
            let last = events.last().map_or(from - 1, |event| event.number.0);
            if last != row.version.0 {
                return Err(StoreError::corrupt(format!(
                    "{key}: the history ends at event {last}, the row says {}",
                    row.version
                )));
            }
            Ok(Some(LoadedExecution {
                row,
                snapshot,
                events,
            }))
        })
    }

    /// Returns the execution of a name.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_execution(
        &self,
        machine: MachineId,
        name: &str,
    ) -> Result<Option<ExecutionRow>, StoreError> {
        self.read(|connection| {
            let sql = select!("WHERE machine = ?1 AND name = ?2 AND map_run IS NULL");
            one_row(connection, sql, params![machine, name])
        })
    }

    /// Returns the execution that names lead to, also where the machine has been deleted
    /// since; the latest one, if a machine of that name has been made anew.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_execution_by_names(
        &self,
        tenant: TenantId,
        machine: &str,
        name: &str,
    ) -> Result<Option<ExecutionRow>, StoreError> {
        self.read(|connection| {
            let sql = select!(
                "WHERE name = ?3 AND map_run IS NULL AND machine IN
                     (SELECT id FROM state_machines WHERE tenant = ?1 AND name = ?2)
                 ORDER BY id DESC LIMIT 1",
            );
            one_row(connection, sql, params![tenant, machine, name])
        })
    }

    /// Returns the execution that a task of another one has started.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_child(&self, parent: &ParentLink) -> Result<Option<ExecutionRow>, StoreError> {
        self.read(|connection| {
            let sql =
                select!("WHERE parent_id = ?1 AND parent_scheduled = ?2 AND removing = 0 LIMIT 1");
            let scheduled = parent.scheduled.0.cast_signed();
            one_row(connection, sql, params![parent.execution, scheduled])
        })
    }

    /// Returns all executions that tasks of another one have started.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn children(&self, parent: ExecutionKey) -> Result<Vec<ExecutionRow>, StoreError> {
        self.read(|connection| {
            let sql = select!("WHERE parent_id = ?1 AND removing = 0 ORDER BY parent_scheduled");
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([parent], read_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns the greatest number that an execution has, be it standard or express, or had
    /// before it was removed.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn max_execution_key(&self) -> Result<Option<ExecutionKey>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT max(id) FROM (SELECT max(id) AS id FROM executions
                     UNION ALL SELECT max(id) FROM express_starts)",
            )?;
            let last: Option<ExecutionKey> = statement.query_row([], |row| row.get(0))?;
            Ok(last.max(last_removed(connection)?))
        })
    }

    /// Counts executions, in a time that grows with their number (some 10 ms a million).
    ///
    /// # Errors
    /// What the database has to say.
    pub fn count_executions(&self) -> Result<ExecutionCounts, StoreError> {
        self.read(|connection| {
            let mut counts = ExecutionCounts::default();
            let mut by_status = connection
                .prepare_cached("SELECT status, count(*) FROM executions GROUP BY status")?;
            let mut rows = by_status.query([])?;
            while let Some(row) = rows.next()? {
                let status: Status = row.get(0)?;
                let count = row.get::<_, i64>(1)?.cast_unsigned();
                for (known, total) in Status::ALL.iter().zip(&mut counts.by_status) {
                    if *known == status {
                        *total = count;
                    }
                }
            }
            let count = |sql: &str| -> Result<u64, StoreError> {
                let mut statement = connection.prepare_cached(sql)?;
                Ok(statement
                    .query_row([], |row| row.get::<_, i64>(0))?
                    .cast_unsigned())
            };
            counts.with_timer = count("SELECT count(*) FROM executions WHERE due_at IS NOT NULL")?;
            counts.with_work = count("SELECT count(*) FROM executions WHERE has_work = 1")?;
            Ok(counts)
        })
    }
}

/// The greatest number of an execution that was removed.
fn last_removed(connection: &Connection) -> Result<Option<ExecutionKey>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
    let kept: Option<[u8; 8]> = statement
        .query_row([LAST_KEY_SETTING], |row| row.get(0))
        .optional()?;
    Ok(kept.map(|bytes| ExecutionKey(i64::from_be_bytes(bytes))))
}

pub(crate) fn row_by_key(
    connection: &Connection,
    key: ExecutionKey,
) -> Result<Option<ExecutionRow>, StoreError> {
    one_row(connection, select!("WHERE id = ?1 AND removing = 0"), [key])
}

fn one_row(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Option<ExecutionRow>, StoreError> {
    Ok(connection
        .prepare_cached(sql)?
        .query_row(parameters, read_row)
        .optional()?)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<ExecutionRow> {
    let parent: Option<i64> = row.get(13)?;
    let scheduled: Option<i64> = row.get(14)?;
    Ok(ExecutionRow {
        key: row.get(0)?,
        tenant: row.get(1)?,
        machine: row.get(2)?,
        revision: row.get(3)?,
        name: row.get(4)?,
        input_digest: row.get(5)?,
        started_at: columns::timestamp(row, 6)?,
        version: EventNumber(row.get::<_, i64>(7)?.cast_unsigned()),
        summary: Summary {
            status: row.get(8)?,
            due_at: columns::optional_timestamp(row, 9)?,
            has_work: row.get(10)?,
            stopped_at: columns::optional_timestamp(row, 11)?,
            error: row.get(12)?,
            redrive_count: row.get(16)?,
            redriven_at: columns::optional_timestamp(row, 17)?,
            paused_at: columns::optional_timestamp(row, 20)?,
        },
        parent: parent
            .zip(scheduled)
            .map(|(execution, scheduled)| ParentLink {
                execution,
                scheduled: EventNumber(scheduled.cast_unsigned()),
            }),
        map_run: row.get(15)?,
        machine_version: row.get(18)?,
        machine_alias: row.get(19)?,
        trace: columns::trace(row, 21, 22)?,
    })
}
