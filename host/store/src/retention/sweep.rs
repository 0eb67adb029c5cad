//! Finds what is past its time, by the indexes that the lists have: one more, over the times
//! that executions ended at, would cost each end of an execution a row.

use rusqlite::{Connection, params};
use stepwell_states::Timestamp;

use crate::columns;
use crate::error::StoreError;
use crate::executions::Status;
use crate::ids::{ExecutionKey, MachineId, TenantId};
use crate::search::ListPosition;
use crate::store::Store;

/// A state machine, which may have been deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedMachine {
    /// Its number.
    pub id: MachineId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
}

/// Which of a machine's executions are past their time: those that either bound says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeepBounds {
    /// Those that ended before.
    pub ended_before: Option<Timestamp>,
    /// Those up to this one.
    pub up_to: Option<ExecutionKey>,
}

/// How far a look through a machine's executions has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepPlace {
    /// An index into [`Status::ALL`].
    status: usize,
    after: ListPosition,
}

impl Default for SweepPlace {
    /// The beginning: the oldest that succeeded.
    fn default() -> Self {
        Self {
            status: 1,
            after: ListPosition {
                started_at: Timestamp::from_ms(i64::MIN),
                key: ExecutionKey(i64::MIN),
            },
        }
    }
}

/// What one look has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweepable {
    /// Executions past their time, as far as their own rows say.
    pub keys: Vec<ExecutionKey>,
    /// Where to go on; none when all was looked at.
    pub next: Option<SweepPlace>,
}

impl Store {
    /// Returns up to `limit` state machines behind one, with those that were deleted.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn machines_with_executions(
        &self,
        after: MachineId,
        limit: usize,
    ) -> Result<Vec<EndedMachine>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, tenant, name FROM state_machines WHERE id > ?1 ORDER BY id LIMIT ?2",
            )?;
            let rows = statement.query_map(params![after, columns::limit(limit)], |row| {
                Ok(EndedMachine {
                    id: row.get(0)?,
                    tenant: row.get(1)?,
                    name: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns the newest of a machine's ended executions that is one too many, if `count` of
    /// them are to be kept. Takes a time that grows with `count`.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn first_beyond(
        &self,
        machine: MachineId,
        count: u64,
    ) -> Result<Option<ExecutionKey>, StoreError> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM executions
                 WHERE machine = ?1 AND status = ?2 AND map_run IS NULL AND removing = 0
                 ORDER BY started_at DESC, id DESC LIMIT ?3",
            )?;
            let mut keys: Vec<ExecutionKey> = Vec::new();
            let rows_max = columns::limit(count.saturating_add(1));
            for status in Status::ALL.into_iter().skip(1) {
                let found =
                    statement.query_map(params![machine, status, rows_max], |row| row.get(0))?;
                for key in found {
                    keys.push(key?);
                }
            }
            keys.sort_unstable_by(|left, right| right.cmp(left));
            Ok(keys.get(count).copied())
        })
    }

    /// Looks at up to `limit` of a machine's ended executions for those past their time,
    /// oldest first. The children of Map Runs are not among them: they go with theirs.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn sweepable(
        &self,
        machine: MachineId,
        bounds: KeepBounds,
        place: SweepPlace,
        limit: usize,
    ) -> Result<Sweepable, StoreError> {
        let Some(status) = Status::ALL.get(place.status).copied() else {
            return Ok(Sweepable {
                keys: Vec::new(),
                next: None,
            });
        };
        self.read(|connection| {
            let (keys, after) = look(connection, machine, status, bounds, place.after, limit)?;
            let next = match after {
                Some(after) => SweepPlace { after, ..place },
                None => SweepPlace {
                    status: place.status + 1,
                    ..SweepPlace::default()
                },
            };
            Ok(Sweepable {
                keys,
                next: Some(next).filter(|next| next.status < Status::ALL.len()),
            })
        })
    }
}

type Looked = (Vec<ExecutionKey>, Option<ListPosition>);

/// Looks at one status; returns what it found, and where to go on.
///
/// Executions come in the order of their starts. The first that started too late to have
/// ended early enough ends the look: those behind it started later.
fn look(
    connection: &Connection,
    machine: MachineId,
    status: Status,
    bounds: KeepBounds,
    after: ListPosition,
    limit: usize,
) -> Result<Looked, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, started_at, stopped_at FROM executions
         WHERE machine = ?1 AND status = ?2 AND map_run IS NULL AND removing = 0
             AND started_at >= ?3 AND (started_at > ?3 OR id > ?4)
         ORDER BY started_at, id LIMIT ?5",
    )?;
    let (from, behind) = (after.started_at.as_ms(), after.key);
    let limited = params![machine, status, from, behind, columns::limit(limit)];
    let mut rows = statement.query(limited)?;
    let (mut keys, mut last, mut count) = (Vec::new(), after, 0);
    while let Some(row) = rows.next()? {
        let key: ExecutionKey = row.get(0)?;
        let started_at = columns::timestamp(row, 1)?;
        let stopped_at = columns::optional_timestamp(row, 2)?;
        let is_beyond = bounds.up_to.is_some_and(|up_to| key <= up_to);
        let may_be_old = bounds
            .ended_before
            .is_some_and(|before| started_at < before);
        if !is_beyond && !may_be_old {
            return Ok((keys, None));
        }
        let is_old = bounds
            .ended_before
            .zip(stopped_at)
            .is_some_and(|(before, stopped_at)| stopped_at < before);
        if is_beyond || is_old {
            keys.push(key);
        }
        (last, count) = (ListPosition { started_at, key }, count + 1);
    }
    Ok((keys, (count == limit).then_some(last)))
}
