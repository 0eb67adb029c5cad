//! Due times and the work flag: what to take up when.
//!
//! Both are a projection of the histories. They are set by every commit; setting them by
//! hand is for repairing them. The reads name their index: without it they would look at
//! every execution there ever was, so an error is better.

use rusqlite::{OptionalExtension, params};
use stepwell_states::Timestamp;

use crate::columns;
use crate::error::StoreError;
use crate::ids::{ExecutionKey, TenantId};
use crate::store::Store;

impl Store {
    /// Returns up to `limit` executions whose timer is due, earliest first.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(ExecutionKey, Timestamp)>, StoreError> {
        self.due_after(
            now,
            (ExecutionKey(i64::MIN), Timestamp::from_ms(i64::MIN)),
            limit,
        )
    }

    /// Returns what [`Store::due`] would, from behind an execution on that it returned.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn due_after(
        &self,
        now: Timestamp,
        last: (ExecutionKey, Timestamp),
        limit: usize,
    ) -> Result<Vec<(ExecutionKey, Timestamp)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, due_at FROM executions INDEXED BY executions_due
                 WHERE due_at IS NOT NULL AND due_at <= ?1 AND (due_at, id) > (?2, ?3)
                 ORDER BY due_at, id LIMIT ?4",
            )?;
            let (key, due_at) = last;
            let parameters = params![now.as_ms(), due_at.as_ms(), key, columns::limit(limit)];
            let rows = statement.query_map(parameters, |row| {
                Ok((row.get(0)?, columns::timestamp(row, 1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns when the earliest timer is due.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT min(due_at) FROM executions WHERE due_at IS NOT NULL")?;
            Ok(statement.query_row([], |row| columns::optional_timestamp(row, 0))?)
        })
    }

    /// Returns when the earliest timer after `now` is due.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn next_due_after(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT min(due_at) FROM executions INDEXED BY executions_due
                 WHERE due_at IS NOT NULL AND due_at > ?1",
            )?;
            Ok(statement.query_row([now.as_ms()], |row| columns::optional_timestamp(row, 0))?)
        })
    }

    /// Returns up to `limit` executions of a tenant that have work, by rising number, from
    /// behind `after` on.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn with_work(
        &self,
        tenant: TenantId,
        after: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<Vec<ExecutionKey>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM executions INDEXED BY executions_with_work
                 WHERE has_work = 1 AND tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
            )?;
            let after = after.unwrap_or(ExecutionKey(i64::MIN));
            let rows = statement
                .query_map(params![tenant, after, columns::limit(limit)], |row| {
                    row.get(0)
                })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns the tenants that have executions with work, in a time that depends on their
    /// number alone.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn tenants_with_work(&self) -> Result<Vec<TenantId>, StoreError> {
        self.read(|connection| {
            let mut next = connection.prepare_cached(
                "SELECT tenant FROM executions INDEXED BY executions_with_work
                 WHERE has_work = 1 AND tenant > ?1 ORDER BY tenant LIMIT 1",
            )?;
            let mut tenants: Vec<TenantId> = Vec::new();
            loop {
                let last = tenants.last().map_or(i64::MIN, |tenant| tenant.0);
                match next.query_row([last], |row| row.get(0)).optional()? {
                    Some(tenant) => tenants.push(tenant),
                    None => return Ok(tenants),
                }
            }
        })
    }

    /// Sets an execution's timer and work flag, to repair them after the history.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such execution.
    pub fn set_flags(
        &self,
        key: ExecutionKey,
        due_at: Option<Timestamp>,
        has_work: bool,
    ) -> Result<(), StoreError> {
        self.upkeep(move |connection| {
            let set = connection
                .prepare_cached("UPDATE executions SET due_at = ?2, has_work = ?3 WHERE id = ?1")?
                .execute(params![key, due_at.map(Timestamp::as_ms), has_work])?;
            if set == 1 {
                Ok(())
            } else {
                Err(StoreError::not_found(key.to_string()))
            }
        })
    }
}
