//! The outbox's rows: written, sent by the engine, over, forgotten.

use std::cell::Cell;
use std::sync::{Arc, PoisonError, RwLock};

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::ids::TenantId;
use crate::store::Store;

/// Deliveries of a notification that are not over, at most; what comes then is left out, and
/// counted.
pub const DELIVERIES_PENDING_MAX: u64 = 1_000;

/// Notifications that are looked at for what is due, and old rows that are dropped, at a time.
const BATCH: usize = 1_000;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// It is tried, or will be.
    Pending,
    /// It was taken.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryStatus {
    const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    fn code(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Delivered => 1,
            Self::Dead => 2,
        }
    }
}

impl ToSql for DeliveryStatus {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.code()))
    }
}

impl FromSql for DeliveryStatus {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let code = value.as_i64()?;
        let known = usize::try_from(code)
            .ok()
            .and_then(|code| Self::ALL.get(code));
        known.copied().ok_or(FromSqlError::OutOfRange(code))
    }
}

/// A delivery, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its number: later ones have higher ones.
    pub id: i64,
    /// Its id outside, the same for each attempt.
    pub public_id: String,
    /// Name of the notification.
    pub notification: String,
    /// Name of the event.
    pub event: String,
    /// What is told, as a JSON object.
    pub facts: String,
    /// When the event was.
    pub created_at: Timestamp,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next; none when it is over.
    pub due_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// How the last attempt failed.
    pub last_error: Option<String>,
}

/// A delivery that is to be tried now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDelivery {
    /// Its number.
    pub id: i64,
    /// Its id outside.
    pub public_id: String,
    /// Number of the notification.
    pub notification: i64,
    /// Name of the notification.
    pub name: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// Name of the tenant.
    pub tenant_name: String,
    /// The tenant's account number.
    pub account: String,
    /// The tenant's region.
    pub region: String,
    /// The channel, as a JSON object.
    pub channel: String,
    /// Name of the event.
    pub event: String,
    /// What is told, as a JSON object.
    pub facts: String,
    /// When the event was.
    pub created_at: Timestamp,
    /// How often it was tried before.
    pub attempts: u32,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// It was taken.
    Delivered,
    /// It is tried again.
    Again {
        /// When.
        due_at: Timestamp,
        /// Why.
        error: String,
    },
    /// It is given up.
    Dead {
        /// Why.
        error: String,
    },
}

/// Which deliveries to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Whose.
    pub tenant: TenantId,
    /// Of the notification of this name.
    pub notification: String,
    /// Only those that stand so.
    pub status: Option<DeliveryStatus>,
    /// Only those before this one.
    pub before: Option<i64>,
    /// So many at most.
    pub limit: usize,
}

thread_local! {
    /// Whether rows were written on this thread since it was last asked.
    static WRITTEN: Cell<bool> = const { Cell::new(false) };
}

/// Tells who sends deliveries that there are some.
#[derive(Default)]
pub(crate) struct Bell(RwLock<Option<Arc<dyn Fn() + Send + Sync>>>);

impl Bell {
    /// Rings if rows were written on this thread since the last time. A transaction that was
    /// rolled back may have it ring for nothing.
    pub(crate) fn ring_if_written(&self) {
        if !WRITTEN.take() {
            return;
        }
        let listener = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = listener.as_ref() {
            listener();
        }
    }
}

/// Gives up all that waits to be sent, of all tenants, since another host sends it; returns
/// how much that was.
pub(crate) fn give_up_all(
    connection: &Connection,
    at: Timestamp,
    reason: &str,
) -> rusqlite::Result<usize> {
    connection.execute("UPDATE notifications SET pending = 0 WHERE pending > 0", [])?;
    connection.execute(
        "UPDATE notification_deliveries SET status = 2, due_at = NULL, ended_at = ?1, last_error = ?2
         WHERE status = 0",
        params![at.as_ms(), reason],
    )
}

/// Writes a row, unless there are too many; returns whether it was written.
pub(crate) fn insert(
    connection: &Connection,
    notification: i64,
    (event, facts): (&str, &str),
    at: Timestamp,
) -> Result<bool, StoreError> {
    let room = connection
        .prepare_cached(
            "UPDATE notifications SET pending = pending + 1 WHERE id = ?1 AND pending < ?2",
        )?
        .execute(params![notification, DELIVERIES_PENDING_MAX.cast_signed()])?;
    if room == 0 {
        connection
            .prepare_cached("UPDATE notifications SET dropped = dropped + 1 WHERE id = ?1")?
            .execute([notification])?;
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT INTO notification_deliveries (public_id, notification, event, facts_json,
                 created_at, status, attempts, due_at)
             VALUES ('msg_' || lower(hex(randomblob(16))), ?1, ?2, ?3, ?4, 0, 0, ?4)",
        )?
        .execute(params![notification, event, facts, at.as_ms()])?;
    WRITTEN.set(true);
    Ok(true)
}

impl Change<'_> {
    /// Writes a delivery that no event led to; returns its id outside.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such notification, [`StoreError::TooMany`] if
    /// too many of its deliveries are not over.
    pub fn put_test_delivery(
        self,
        tenant: TenantId,
        name: &str,
        (event, facts): (&'static str, String),
        at: Timestamp,
    ) -> Result<String, StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            let Some(found) = super::find(connection, tenant, &name)? else {
                return Err(StoreError::not_found(format!("notification '{name}'")));
            };
            if !insert(connection, found.id, (event, &facts), at)? {
                return Err(StoreError::TooMany {
                    what: "deliveries that are not over",
                    limit: usize::try_from(DELIVERIES_PENDING_MAX).unwrap_or(usize::MAX),
                });
            }
            let id = connection.last_insert_rowid();
            Ok(connection
                .prepare_cached("SELECT public_id FROM notification_deliveries WHERE id = ?1")?
                .query_row([id], |row| row.get(0))?)
        })
    }
}

impl Store {
    /// Has `listener` called, on the writing thread, whenever deliveries were written and are
    /// durable. It must not call a blocking write. The last one that was given counts.
    pub fn listen_for_deliveries(&self, listener: Arc<dyn Fn() + Send + Sync>) {
        let mut kept = self
            .bell()
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = Some(listener);
    }

    /// Returns what is due: of each notification that is enabled the longest due, up to
    /// `each`.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn due_deliveries(
        &self,
        now: Timestamp,
        each: usize,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM notifications WHERE pending > 0 AND enabled = 1 LIMIT ?1",
            )?;
            let notifications: Vec<i64> = statement
                .query_map([columns::limit(BATCH)], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let mut due = Vec::new();
            for notification in notifications {
                due.extend(due_of(connection, notification, now, each)?);
            }
            Ok(due)
        })
    }

    /// Returns when the next delivery after `now` is due.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn next_delivery_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| {
            let found: Option<i64> = connection
                .prepare_cached(
                    "SELECT min(due_at) FROM notification_deliveries WHERE due_at > ?1",
                )?
                .query_row([now.as_ms()], |row| row.get(0))?;
            Ok(found.map(Timestamp::from_ms))
        })
    }

    /// Keeps how an attempt ended. Nothing, if its notification is gone.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn end_delivery_attempt(
        &self,
        id: i64,
        end: DeliveryEnd,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.upkeep(move |connection| end_attempt(connection, id, &end, at))
    }

    /// Returns deliveries of a notification, newest first.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT d.id, d.public_id, n.name, d.event, d.facts_json, d.created_at, d.status,
                        d.attempts, d.due_at, d.ended_at, d.last_error
                 FROM notifications n JOIN notification_deliveries d ON d.notification = n.id
                 WHERE n.tenant = ?1 AND n.name = ?2 AND (?3 IS NULL OR d.status = ?3)
                     AND d.id < ?4
                 ORDER BY d.id DESC LIMIT ?5",
            )?;
            let rows = statement.query_map(
                params![
                    filter.tenant,
                    filter.notification,
                    filter.status,
                    filter.before.unwrap_or(i64::MAX),
                    columns::limit(filter.limit),
                ],
                read_row,
            )?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Forgets deliveries that were over before a time; returns how many at least.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn drop_old_deliveries(&self, before: Timestamp) -> Result<usize, StoreError> {
        let is_there: bool = self.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM notification_deliveries WHERE ended_at < ?1)",
                )?
                .query_row([before.as_ms()], |row| row.get(0))?)
        })?;
        // Nothing is written for nothing.
        if !is_there {
            return Ok(0);
        }
        self.upkeep(move |connection| {
            Ok(connection
                .prepare_cached(
                    "DELETE FROM notification_deliveries WHERE id IN (
                         SELECT id FROM notification_deliveries WHERE ended_at < ?1 LIMIT ?2)",
                )?
                .execute(params![before.as_ms(), columns::limit(BATCH)])?)
        })
    }
}

fn due_of(
    connection: &Connection,
    notification: i64,
    now: Timestamp,
    each: usize,
) -> Result<Vec<DueDelivery>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT d.id, d.public_id, n.id, n.name, n.tenant, t.name, t.account, t.region,
                n.channel_json, d.event, d.facts_json, d.created_at, d.attempts
         FROM notification_deliveries d
         JOIN notifications n ON n.id = d.notification
         JOIN tenants t ON t.id = n.tenant
         WHERE d.notification = ?1 AND d.due_at <= ?2 ORDER BY d.due_at, d.id LIMIT ?3",
    )?;
    let rows = statement.query_map(
        params![notification, now.as_ms(), columns::limit(each)],
        |row| {
            Ok(DueDelivery {
                id: row.get(0)?,
                public_id: row.get(1)?,
                notification: row.get(2)?,
                name: row.get(3)?,
                tenant: row.get(4)?,
                tenant_name: row.get(5)?,
                account: row.get(6)?,
                region: row.get(7)?,
                channel: row.get(8)?,
                event: row.get(9)?,
                facts: row.get(10)?,
                created_at: columns::timestamp(row, 11)?,
                attempts: row.get(12)?,
            })
        },
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn end_attempt(
    connection: &Connection,
    id: i64,
    end: &DeliveryEnd,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (status, due_at, error) = match end {
        DeliveryEnd::Delivered => (DeliveryStatus::Delivered, None, None),
        DeliveryEnd::Again { due_at, error } => {
            (DeliveryStatus::Pending, Some(*due_at), Some(error))
        }
        DeliveryEnd::Dead { error } => (DeliveryStatus::Dead, None, Some(error)),
    };
    let is_over = due_at.is_none();
    let notification: Option<i64> = connection
        .prepare_cached(
            "UPDATE notification_deliveries SET status = ?2, attempts = attempts + 1, due_at = ?3,
                 ended_at = ?4, last_error = ?5
             WHERE id = ?1 AND status = 0 RETURNING notification",
        )?
        .query_row(
            params![
                id,
                status,
                due_at.map(Timestamp::as_ms),
                is_over.then_some(at.as_ms()),
                error,
            ],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(notification) = notification.filter(|_| is_over) {
        connection
            .prepare_cached("UPDATE notifications SET pending = pending - 1 WHERE id = ?1")?
            .execute([notification])?;
    }
    Ok(())
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    Ok(DeliveryRow {
        id: row.get(0)?,
        public_id: row.get(1)?,
        notification: row.get(2)?,
        event: row.get(3)?,
        facts: row.get(4)?,
        created_at: columns::timestamp(row, 5)?,
        status: row.get(6)?,
        attempts: row.get(7)?,
        due_at: columns::optional_timestamp(row, 8)?,
        ended_at: columns::optional_timestamp(row, 9)?,
        last_error: row.get(10)?,
    })
}
