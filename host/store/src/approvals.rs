//! Approvals that people are asked for: one row each, written with the events that they come
//! from.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_decider::EventNumber;
use stepwell_states::Timestamp;

use crate::columns;
use crate::error::StoreError;
use crate::ids::{ExecutionKey, MachineId, TenantId};
use crate::store::Store;

/// Makes the statement that reads rows without their details, for [`read_row`].
macro_rules! select {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT place, id, tenant, execution, scheduled, machine, state, status, requested_at,
                 due_at, closed_at, superseded_by, summary_json
             FROM approvals ",
            $rest
        )
    };
}

/// An execution, the children of its Map Runs, and theirs, as a table `below`.
macro_rules! below {
    ($execution:literal) => {
        concat!(
            "WITH RECURSIVE below (id) AS (
                 SELECT ",
            $execution,
            " UNION
                 SELECT executions.id FROM below
                 JOIN map_runs ON map_runs.execution = below.id
                 JOIN executions ON executions.map_run = map_runs.id) "
        )
    };
}

/// How an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApprovalStatus {
    /// People are asked.
    Pending,
    /// Enough people approved.
    Approved,
    /// Somebody rejected it.
    Rejected,
    /// Its deadline passed.
    Expired,
    /// A newer execution has reached the same approval.
    Superseded,
    /// Its execution ended, or gave it up.
    Withdrawn,
}

impl ApprovalStatus {
    /// All of them, in the order of their codes in the database.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Approved,
        Self::Rejected,
        Self::Expired,
        Self::Superseded,
        Self::Withdrawn,
    ];
}

impl ToSql for ApprovalStatus {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(*self as i64))
    }
}

impl FromSql for ApprovalStatus {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let code = value.as_i64()?;
        let known = usize::try_from(code)
            .ok()
            .and_then(|code| Self::ALL.get(code));
        known.copied().ok_or(FromSqlError::OutOfRange(code))
    }
}

/// An approval's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRow {
    /// Its place among all; later ones have greater ones.
    pub place: i64,
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// The execution that waits for it.
    pub execution: ExecutionKey,
    /// The `TaskScheduled` event.
    pub scheduled: EventNumber,
    /// The state machine.
    pub machine: MachineId,
    /// Name of the state.
    pub state: String,
    /// How it stands.
    pub status: ApprovalStatus,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it expires.
    pub due_at: Option<Timestamp>,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// The newer execution that has reached the same approval.
    pub superseded_by: Option<ExecutionKey>,
    /// What lists tell of it: JSON.
    pub summary: String,
    /// What it shows and who decided: JSON; empty in lists.
    pub details: String,
}

/// An approval that is asked for, or stands otherwise than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalWrite {
    /// The `TaskScheduled` event.
    pub scheduled: EventNumber,
    /// Its id.
    pub id: String,
    /// Name of the state.
    pub state: String,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it expires.
    pub due_at: Option<Timestamp>,
    /// Supersedes the approvals of older executions with the same machine, state and key, and
    /// is superseded by newer ones.
    pub supersede_key: Option<String>,
    /// Who may decide: `g:` and a group, `p:` and a principal, or `*`.
    pub deciders: Vec<String>,
    /// What lists tell of it: JSON.
    pub summary: String,
    /// What it shows and who decided: JSON.
    pub details: String,
}

/// An approval that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalEnd {
    /// The `TaskScheduled` event.
    pub scheduled: EventNumber,
    /// How it ended.
    pub status: ApprovalStatus,
    /// When.
    pub closed_at: Timestamp,
    /// What lists tell of it: JSON.
    pub summary: String,
    /// What it showed and who decided: JSON.
    pub details: String,
}

/// What a decision changes about approvals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApprovalChanges {
    /// The tenant and the state machine of the execution; none where nothing changes.
    pub of: Option<(TenantId, MachineId)>,
    /// Approvals that wait for people.
    pub written: Vec<ApprovalWrite>,
    /// Approvals that wait no more.
    pub ended: Vec<ApprovalEnd>,
}

impl ApprovalChanges {
    /// Writes the changes, within the transaction of the decision.
    pub(crate) fn apply(
        &self,
        connection: &Connection,
        execution: ExecutionKey,
    ) -> Result<(), StoreError> {
        let Some(of) = self.of else {
            return Ok(());
        };
        for end in &self.ended {
            write_end(connection, execution, end)?;
        }
        for approval in &self.written {
            write(connection, execution, of, approval)?;
        }
        Ok(())
    }
}

fn write(
    connection: &Connection,
    execution: ExecutionKey,
    (tenant, machine): (TenantId, MachineId),
    approval: &ApprovalWrite,
) -> Result<(), StoreError> {
    let place: i64 = connection
        .prepare_cached(
            "INSERT INTO approvals (id, tenant, execution, scheduled, machine, state, status,
                 requested_at, due_at, supersede_key, summary_json, details_json)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (execution, scheduled) DO UPDATE SET
                 due_at = excluded.due_at, summary_json = excluded.summary_json,
                 details_json = excluded.details_json
             RETURNING place",
        )?
        .query_row(
            params![
                approval.id,
                tenant,
                execution,
                approval.scheduled.0.cast_signed(),
                machine,
                approval.state,
                approval.requested_at.as_ms(),
                approval.due_at.map(Timestamp::as_ms),
                approval.supersede_key,
                approval.summary,
                approval.details,
            ],
            |row| row.get(0),
        )?;
    drop_deciders(connection, place)?;
    for who in &approval.deciders {
        connection
            .prepare_cached(
                "INSERT INTO approval_deciders (tenant, who, approval) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![tenant, who, place])?;
    }
    match &approval.supersede_key {
        Some(key) => supersede(
            connection,
            execution,
            (machine, &approval.state, key),
            place,
        ),
        None => Ok(()),
    }
}

/// Notes which approvals a newer execution makes void: those of older executions, or this one.
fn supersede(
    connection: &Connection,
    execution: ExecutionKey,
    (machine, state, key): (MachineId, &str, &str),
    place: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE approvals SET superseded_by = ?4
             WHERE machine = ?1 AND state = ?2 AND supersede_key = ?3 AND execution < ?4
                 AND status = 0 AND superseded_by IS NULL",
        )?
        .execute(params![machine, state, key, execution])?;
    connection
        .prepare_cached(
            "UPDATE approvals SET superseded_by = (
                 SELECT max(execution) FROM approvals
                 WHERE machine = ?1 AND state = ?2 AND supersede_key = ?3 AND execution > ?4)
             WHERE place = ?5 AND superseded_by IS NULL",
        )?
        .execute(params![machine, state, key, execution, place])?;
    Ok(())
}

fn write_end(
    connection: &Connection,
    execution: ExecutionKey,
    end: &ApprovalEnd,
) -> Result<(), StoreError> {
    let place: Option<i64> = connection
        .prepare_cached(
            "UPDATE approvals SET status = ?3, closed_at = ?4, summary_json = ?5,
                 details_json = ?6
             WHERE execution = ?1 AND scheduled = ?2 AND status = 0 RETURNING place",
        )?
        .query_row(
            params![
                execution,
                end.scheduled.0.cast_signed(),
                end.status,
                end.closed_at.as_ms(),
                end.summary,
                end.details,
            ],
            |row| row.get(0),
        )
        .optional()?;
    match place {
        Some(place) => drop_deciders(connection, place),
        None => Ok(()),
    }
}

fn drop_deciders(connection: &Connection, place: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM approval_deciders WHERE approval = ?1")?
        .execute([place])?;
    Ok(())
}

/// Which approvals to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Whose.
    pub tenant: TenantId,
    /// Only those that stand so.
    pub status: Option<ApprovalStatus>,
    /// Only those of one execution and of the children of its Map Runs.
    pub execution: Option<ExecutionKey>,
    /// Only pending ones that one of these may decide, in the words of
    /// [`ApprovalWrite::deciders`].
    pub deciders: Option<Vec<String>>,
}

impl Store {
    /// Returns an approval with its details.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_approval(
        &self,
        tenant: TenantId,
        id: &str,
    ) -> Result<Option<ApprovalRow>, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached(select!("WHERE id = ?1 AND tenant = ?2"))?;
            let row = statement
                .query_row(params![id, tenant], read_row)
                .optional()?;
            let Some(mut row) = row else {
                return Ok(None);
            };
            row.details = connection
                .prepare_cached("SELECT details_json FROM approvals WHERE place = ?1")?
                .query_row([row.place], |row| row.get(0))?;
            Ok(Some(row))
        })
    }

    /// Returns up to `limit` approvals without their details, newest first: those before the
    /// place `before`, or the newest.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_approvals(
        &self,
        filter: &ApprovalFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<ApprovalRow>, StoreError> {
        self.read(|connection| {
            let mut places = places(connection, filter, before.unwrap_or(i64::MAX), limit)?;
            places.sort_unstable_by(|left, right| right.cmp(left));
            places.dedup();
            places.truncate(limit);
            let mut statement = connection.prepare_cached(select!("WHERE place = ?1"))?;
            let mut rows = Vec::with_capacity(places.len());
            for place in places {
                rows.extend(statement.query_row([place], read_row).optional()?);
            }
            Ok(rows)
        })
    }

    /// Returns the newest approval of each state that was given in children of an execution's
    /// Map Runs, and in theirs, with its details.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn approvals_given_below(
        &self,
        execution: ExecutionKey,
    ) -> Result<Vec<ApprovalRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(concat!(
                below!("?1"),
                "SELECT max(place), details_json FROM approvals
                 WHERE execution IN (SELECT id FROM below) AND execution <> ?1 AND status = 1
                 GROUP BY machine, state"
            ))?;
            let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
            let places = statement.query_map([execution], read)?;
            let mut one = connection.prepare_cached(select!("WHERE place = ?1"))?;
            let mut rows = Vec::new();
            for place in places {
                let (place, details) = place?;
                let mut row = one.query_row([place], read_row)?;
                row.details = details;
                rows.push(row);
            }
            Ok(rows)
        })
    }

    /// Returns up to `limit` pending approvals that newer executions have made void, from
    /// behind the place `after` on.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn superseded_approvals(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ApprovalRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(select!(
                "WHERE superseded_by IS NOT NULL AND status = 0 AND place > ?1
                 ORDER BY place LIMIT ?2",
            ))?;
            let rows = statement.query_map(params![after, columns::limit(limit)], read_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Finds the newest approvals by the index that serves the filter: of each status, or of each
/// that may decide, as many as are wanted of all.
fn places(
    connection: &Connection,
    filter: &ApprovalFilter,
    before: i64,
    limit: usize,
) -> Result<Vec<i64>, StoreError> {
    let limit = columns::limit(limit);
    let read = |row: &Row<'_>| row.get::<_, i64>(0);
    let mut found = Vec::new();
    if let Some(deciders) = &filter.deciders {
        let mut statement = connection.prepare_cached(concat!(
            below!("?4"),
            "SELECT approval FROM approval_deciders JOIN approvals ON place = approval
             WHERE approval_deciders.tenant = ?1 AND who = ?2 AND approval < ?3
                 AND (?4 IS NULL OR execution IN (SELECT id FROM below))
             ORDER BY approval DESC LIMIT ?5",
        ))?;
        for who in deciders {
            let wanted = params![filter.tenant, who, before, filter.execution, limit];
            for place in statement.query_map(wanted, read)? {
                found.push(place?);
            }
        }
        return Ok(found);
    }
    if let Some(execution) = filter.execution {
        let mut statement = connection.prepare_cached(concat!(
            below!("?1"),
            "SELECT place FROM approvals
             WHERE execution IN (SELECT id FROM below) AND tenant = ?2 AND place < ?3
                 AND (?4 IS NULL OR status = ?4)
             ORDER BY place DESC LIMIT ?5",
        ))?;
        let wanted = params![execution, filter.tenant, before, filter.status, limit];
        for place in statement.query_map(wanted, read)? {
            found.push(place?);
        }
        return Ok(found);
    }
    let mut statement = connection.prepare_cached(
        "SELECT place FROM approvals WHERE tenant = ?1 AND status = ?2 AND place < ?3
         ORDER BY place DESC LIMIT ?4",
    )?;
    for status in ApprovalStatus::ALL {
        if filter.status.is_none_or(|wanted| wanted == status) {
            let wanted = params![filter.tenant, status, before, limit];
            for place in statement.query_map(wanted, read)? {
                found.push(place?);
            }
        }
    }
    Ok(found)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<ApprovalRow> {
    Ok(ApprovalRow {
        place: row.get(0)?,
        id: row.get(1)?,
        tenant: row.get(2)?,
        execution: row.get(3)?,
        scheduled: EventNumber(row.get::<_, i64>(4)?.cast_unsigned()),
        machine: row.get(5)?,
        state: row.get(6)?,
        status: row.get(7)?,
        requested_at: columns::timestamp(row, 8)?,
        due_at: columns::optional_timestamp(row, 9)?,
        closed_at: columns::optional_timestamp(row, 10)?,
        superseded_by: row.get(11)?,
        summary: row.get(12)?,
        details: String::new(),
    })
}
