//! `list_executions`: executions by what is known of them, newest first.
//!
//! Each filter has an index of its own, but a question may have several filters. What most of
//! them let pass costs nothing to look at; so the filter that lets the fewest pass is found by
//! counting a few entries of each index, and the others are asked of what it leaves:
//!
//! ```text
//!   few pass one filter  ──> all that pass it, asked for the others, sorted
//!   many pass each       ──> newest first along one index, asked for the others, until a page is full
//! ```
//!
//! The second way meets its worst case where each filter lets many pass and all together few:
//! then it reads on to the oldest, about a second for a million executions.

mod plan;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use stepwell_decider::TraceId;
use stepwell_states::Timestamp;

use crate::columns;
use crate::creation::NewExecution;
use crate::error::StoreError;
use crate::executions::{ExecutionRow, Status, row_by_key};
use crate::ids::{ExecutionKey, MachineId, MapRunKey, TenantId};
use crate::store::Store;
use crate::tags::Tag;
use plan::Plan;

/// Which executions to list. All that is given has to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Whose.
    pub of: ExecutionsOf,
    /// Only those in one of these statuses; in any, if there are none.
    pub statuses: Vec<Status>,
    /// Only those that were redriven, or only those that were not.
    pub redriven: Option<bool>,
    /// Of those that run, only those that are paused, or only those that are not.
    pub paused: Option<bool>,
    /// Only those with such a name.
    pub name: Option<NameFilter>,
    /// Only those that started then.
    pub started: TimeRange,
    /// Only those that ended then.
    pub stopped: TimeRange,
    /// Only those that ended with the error of this name.
    pub error: Option<String>,
    /// Only those with all of these tags.
    pub tags: Vec<Tag>,
    /// Only those whose state machine has all of these tags.
    pub machine_tags: Vec<Tag>,
    /// Only those that belong to this trace.
    pub trace: Option<TraceId>,
    /// Only those with this number or a lower one: those that there were at a time.
    pub up_to: Option<ExecutionKey>,
}

impl ExecutionFilter {
    /// All of somebody's.
    #[must_use]
    pub fn all(of: ExecutionsOf) -> Self {
        Self {
            of,
            statuses: Vec::new(),
            redriven: None,
            paused: None,
            name: None,
            started: TimeRange::default(),
            stopped: TimeRange::default(),
            error: None,
            tags: Vec::new(),
            machine_tags: Vec::new(),
            trace: None,
            up_to: None,
        }
    }
}

/// Whose executions to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecutionsOf {
    /// Those of a tenant, without the children of Map Runs.
    Tenant(TenantId),
    /// Those of a state machine, without the children of Map Runs.
    Machine(MachineId),
    /// Those that were started with a version of a state machine, also through an alias.
    Version(MachineId, i64),
    /// Those that were started with an alias of a state machine.
    Alias(MachineId, String),
    /// The children of a Map Run.
    MapRun(MapRunKey),
}

/// Which names are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameFilter {
    /// This one.
    Is(String),
    /// Those that begin so.
    Prefix(String),
}

/// A range of times; open where there is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// Then or later.
    pub from: Option<Timestamp>,
    /// Earlier than that.
    pub before: Option<Timestamp>,
}

impl TimeRange {
    fn is_open(&self) -> bool {
        self.from.is_none() && self.before.is_none()
    }
}

/// Where a list stands: the last execution that was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListPosition {
    /// When it started.
    pub started_at: Timestamp,
    /// Its number.
    pub key: ExecutionKey,
}

impl ExecutionRow {
    /// Returns where a list stands that ends with it.
    #[must_use]
    pub fn position(&self) -> ListPosition {
        ListPosition {
            started_at: self.started_at,
            key: self.key,
        }
    }
}

/// How many executions of a machine are in a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchCount {
    /// The machine.
    pub machine: MachineId,
    /// The status.
    pub status: Status,
    /// How many.
    pub count: u64,
}

impl Store {
    /// Returns up to `limit` executions, newest first: those behind a position, or the newest.
    /// Newer is what started later, and of two that started at once what has the greater
    /// number. The last one's position asks for the next page.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_executions(
        &self,
        filter: &ExecutionFilter,
        after: Option<ListPosition>,
        limit: usize,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        self.read(|connection| {
            let plan = Plan::choose(connection, filter)?;
            let mut found: Vec<(i64, ExecutionKey)> = Vec::new();
            for query in plan.lists(filter, after, limit) {
                let mut statement = connection.prepare_cached(&query.sql)?;
                let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
                let rows = statement.query_map(params_from_iter(&query.parameters), read)?;
                for row in rows {
                    found.push(row?);
                }
            }
            found.sort_unstable_by(|left, right| right.cmp(left));
            found.truncate(limit);
            found
                .into_iter()
                .filter_map(|(_, key)| row_by_key(connection, key).transpose())
                .collect()
        })
    }

    /// Counts what a filter lets pass, by machine and status, in a time that grows with it.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn count_matching(&self, filter: &ExecutionFilter) -> Result<Vec<MatchCount>, StoreError> {
        self.read(|connection| {
            let plan = Plan::choose(connection, filter)?;
            let mut counts = Vec::new();
            for query in plan.counts(filter) {
                let mut statement = connection.prepare_cached(&query.sql)?;
                let rows = statement.query_map(params_from_iter(&query.parameters), |row| {
                    Ok(MatchCount {
                        machine: row.get(0)?,
                        status: row.get(1)?,
                        count: row.get::<_, i64>(2)?.cast_unsigned(),
                    })
                })?;
                for row in rows {
                    counts.push(row?);
                }
            }
            Ok(counts)
        })
    }

    /// Returns the tags of an execution, by key.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn execution_tags(&self, execution: ExecutionKey) -> Result<Vec<Tag>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT key, value FROM execution_tags WHERE execution = ?1 ORDER BY key",
            )?;
            let rows = statement.query_map([execution], |row| {
                Ok(Tag {
                    key: row.get(0)?,
                    value: row.get(1)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Writes the tags of an execution, within the transaction that makes it.
pub(crate) fn put_tags(connection: &Connection, new: &NewExecution) -> Result<(), StoreError> {
    if new.tags.is_empty() {
        return Ok(());
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO execution_tags (execution, key, value, tenant, started_at)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (execution, key) DO UPDATE SET value = excluded.value",
    )?;
    for tag in &new.tags {
        insert.execute(rusqlite::params![
            new.key,
            tag.key,
            tag.value,
            new.tenant,
            new.started_at.as_ms()
        ])?;
    }
    Ok(())
}

/// A statement and its parameters.
struct Query {
    sql: String,
    parameters: Vec<Value>,
}

impl Query {
    fn new() -> Self {
        Self {
            sql: String::new(),
            parameters: Vec::new(),
        }
    }

    /// Adds a parameter; returns its place.
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.parameters.push(value.into());
        format!("?{}", self.parameters.len())
    }

    fn add(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    /// Adds `column >= from AND column < before`, as far as there are bounds.
    fn within(&mut self, column: &str, range: TimeRange) {
        if let Some(from) = range.from {
            let place = self.bind(from.as_ms());
            self.add(&format!(" AND {column} >= {place}"));
        }
        if let Some(before) = range.before {
            let place = self.bind(before.as_ms());
            self.add(&format!(" AND {column} < {place}"));
        }
    }

    /// Adds what a name has to be.
    fn named(&mut self, column: &str, name: &NameFilter) {
        match name {
            NameFilter::Is(name) => {
                let place = self.bind(name.clone());
                self.add(&format!(" AND {column} = {place}"));
            }
            NameFilter::Prefix(prefix) => {
                let from = self.bind(prefix.clone());
                // No name has this character, which is the greatest.
                let to = self.bind(format!("{prefix}\u{10FFFF}"));
                self.add(&format!(" AND {column} >= {from} AND {column} < {to}"));
            }
        }
    }

    /// Adds a number of rows as a parameter; returns its place.
    fn rows(&mut self, limit: usize) -> String {
        self.bind(columns::limit(limit))
    }
}

#[cfg(test)]
mod tests;
