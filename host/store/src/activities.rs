//! Activities, and the tasks that wait for a worker of theirs.

use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_decider::EventNumber;
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::ids::{ExecutionKey, TenantId};
use crate::room;
use crate::store::Store;
use crate::tags::{self, Tag};
use crate::usage::{Allowance, StorageLimits};

/// An activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityRow {
    /// Its name within the tenant.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A task that a worker may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivityTaskRow {
    /// Its place in the queue.
    pub id: i64,
    /// Whose it is.
    pub execution: ExecutionKey,
    /// The `TaskScheduled` event.
    pub scheduled: EventNumber,
}

/// What a decision changes about the tasks that workers may take.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkerTasks {
    /// The tenant of the execution.
    pub tenant: Option<TenantId>,
    /// Tasks that wait for a worker from now on, and of which activity.
    pub offered: Vec<(String, EventNumber)>,
    /// Tasks that wait no more.
    pub withdrawn: Vec<EventNumber>,
    /// Whether the execution has ended, and all that it had offered is void.
    pub all_withdrawn: bool,
}

impl WorkerTasks {
    /// Writes the changes, within the transaction of the decision.
    pub(crate) fn write(
        &self,
        connection: &Connection,
        execution: ExecutionKey,
    ) -> Result<(), StoreError> {
        // First: an execution that was redriven offers again.
        if self.all_withdrawn {
            connection
                .prepare_cached("DELETE FROM activity_tasks WHERE execution = ?1")?
                .execute([execution])?;
        }
        for (activity, scheduled) in &self.offered {
            connection
                .prepare_cached(
                    "INSERT INTO activity_tasks (tenant, activity, execution, scheduled)
                     VALUES (?1, ?2, ?3, ?4) ON CONFLICT (execution, scheduled) DO NOTHING",
                )?
                .execute(params![
                    self.tenant,
                    activity,
                    execution,
                    scheduled.0.cast_signed()
                ])?;
        }
        for scheduled in &self.withdrawn {
            connection
                .prepare_cached(
                    "DELETE FROM activity_tasks WHERE execution = ?1 AND scheduled = ?2",
                )?
                .execute(params![execution, scheduled.0.cast_signed()])?;
        }
        Ok(())
    }
}

impl Store {
    /// Returns an activity.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_activity(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<ActivityRow>, StoreError> {
        self.read(|connection| find(connection, tenant, name))
    }

    /// Returns up to `limit` activities of a tenant by name, from behind the name `after`.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_activities(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ActivityRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT name, created_at FROM activities WHERE tenant = ?1 AND name > ?2
                 ORDER BY name LIMIT ?3",
            )?;
            let parameters = params![tenant, after.unwrap_or_default(), columns::limit(limit)];
            let rows = statement.query_map(parameters, read_activity)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns up to `limit` tasks of an activity that no worker has taken, oldest first,
    /// from behind the place `after` in the queue on.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn next_activity_tasks(
        &self,
        tenant: TenantId,
        activity: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ActivityTaskRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, execution, scheduled FROM activity_tasks
                 WHERE tenant = ?1 AND activity = ?2 AND id > ?3 ORDER BY id LIMIT ?4",
            )?;
            let parameters = params![tenant, activity, after, columns::limit(limit)];
            let rows = statement.query_map(parameters, read_task)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Takes a task out of the queue whose execution wants no worker any more.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn drop_activity_task(&self, task: ActivityTaskRow) -> Result<(), StoreError> {
        let withdrawn = WorkerTasks {
            withdrawn: vec![task.scheduled],
            ..WorkerTasks::default()
        };
        self.upkeep(move |connection| withdrawn.write(connection, task.execution))
    }
}

impl Change<'_> {
    /// Makes an activity with its tags unless it is there, and returns it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if there is no such tenant, [`StoreError::TooMany`] tags, or
    /// [`StoreError::OverQuota`] for them.
    pub fn put_activity(
        self,
        tenant: TenantId,
        name: &str,
        created_at: Timestamp,
        tags: Vec<Tag>,
        limits: StorageLimits,
    ) -> Result<ActivityRow, StoreError> {
        let (name, allowance) = (name.to_owned(), Allowance::new(self.book(), limits));
        self.write(move |connection| {
            if let Some(found) = find(connection, tenant, &name)? {
                return Ok(found);
            }
            room::ACTIVITIES.require(connection, tenant)?;
            // Counted before anything is written.
            let resource = tags::of_activity(&name);
            let growth = tags::growth(connection, tenant, &resource, &tags)?;
            allowance.require(tenant, growth)?;
            tags::put(connection, tenant, &resource, &tags, growth)?;
            connection
                .prepare_cached(
                    "INSERT INTO activities (tenant, name, created_at) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![tenant, name, created_at.as_ms()])?;
            find(connection, tenant, &name)?.ok_or_else(|| StoreError::not_found(name.clone()))
        })
    }

    /// Deletes an activity. Tasks that wait for a worker of it wait on, for one of the same
    /// name or for the end of their time. Returns whether there was one.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn delete_activity(self, tenant: TenantId, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            let gone = connection
                .prepare_cached("DELETE FROM activities WHERE tenant = ?1 AND name = ?2")?
                .execute(params![tenant, name])?;
            tags::delete_all(connection, tenant, &tags::of_activity(&name))?;
            Ok(gone == 1)
        })
    }
}

fn find(
    connection: &Connection,
    tenant: TenantId,
    name: &str,
) -> Result<Option<ActivityRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT name, created_at FROM activities WHERE tenant = ?1 AND name = ?2",
    )?;
    Ok(statement
        .query_row(params![tenant, name], read_activity)
        .optional()?)
}

fn read_activity(row: &Row<'_>) -> rusqlite::Result<ActivityRow> {
    Ok(ActivityRow {
        name: row.get(0)?,
        created_at: columns::timestamp(row, 1)?,
    })
}

fn read_task(row: &Row<'_>) -> rusqlite::Result<ActivityTaskRow> {
    Ok(ActivityTaskRow {
        id: row.get(0)?,
        execution: row.get(1)?,
        scheduled: EventNumber(row.get::<_, i64>(2)?.cast_unsigned()),
    })
}
