//! Notifications: what a tenant wants to be told of, by which channel, and the outbox.
//!
//! ```text
//!   commit of an event ── outbox.rs ──> a row for each notification that is to tell of it
//!   rows that are due ── deliveries.rs ──> the engine sends them, and says how it went
//! ```
//!
//! The row is written in the transaction of the event, so that there is none without the
//! other; nothing is sent before that transaction is durable.

mod deliveries;
mod outbox;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::ids::TenantId;
use crate::store::Store;

pub(crate) use deliveries::{Bell, give_up_all};
pub use deliveries::{
    DELIVERIES_PENDING_MAX, DeliveryEnd, DeliveryFilter, DeliveryRow, DeliveryStatus, DueDelivery,
};
pub use outbox::NewsKind;
pub(crate) use outbox::{News, news_of, write_news};

/// Notifications of a tenant, at most.
pub const NOTIFICATIONS_MAX: usize = 50;

/// Reads whole rows, for [`read_row`].
const SELECT: &str = "SELECT id, name, events_json, machines_json, channel_json, enabled, pending,
                             dropped, changed_at, changed_by FROM notifications";

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationRow {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Names of the events that it tells of, as a JSON list.
    pub events: String,
    /// Patterns of names of state machines, as a JSON list; an empty one is for all.
    pub machines: String,
    /// The channel, as a JSON object.
    pub channel: String,
    /// Whether it tells of anything now.
    pub enabled: bool,
    /// Deliveries that are not over.
    pub pending: u64,
    /// Deliveries that were left out, since there were too many that were not over.
    pub dropped: u64,
    /// When it was put.
    pub changed_at: Timestamp,
    /// Who put it.
    pub changed_by: Option<String>,
}

/// A notification that is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotification {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Names of the events that it tells of.
    pub events: Vec<String>,
    /// Patterns of names of state machines: a name, or its beginning and `*`; none for all.
    pub machines: Vec<String>,
    /// The channel, as a JSON object.
    pub channel: String,
    /// Whether it tells of anything.
    pub enabled: bool,
    /// When it is put.
    pub changed_at: Timestamp,
    /// Who puts it.
    pub changed_by: Option<String>,
}

impl Change<'_> {
    /// Keeps a notification, in place of one that has the name: its deliveries stay.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] if the tenant would have more than [`NOTIFICATIONS_MAX`].
    pub fn put_notification(self, new: NewNotification) -> Result<(), StoreError> {
        let list = |texts: &[String]| serde_json::json!(texts).to_string();
        let (events, machines) = (list(&new.events), list(&new.machines));
        self.write(move |connection| {
            let (all, is_there): (i64, bool) = connection
                .prepare_cached(
                    "SELECT count(*), count(*) FILTER (WHERE name = ?2) > 0
                     FROM notifications WHERE tenant = ?1",
                )?
                .query_row(params![new.tenant, new.name], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            if !is_there && usize::try_from(all).is_ok_and(|all| all >= NOTIFICATIONS_MAX) {
                return Err(StoreError::TooMany {
                    what: "notifications",
                    limit: NOTIFICATIONS_MAX,
                });
            }
            connection
                .prepare_cached(
                    "INSERT INTO notifications (tenant, name, events_json, machines_json,
                         channel_json, enabled, changed_at, changed_by)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT (tenant, name) DO UPDATE SET
                         events_json = excluded.events_json,
                         machines_json = excluded.machines_json,
                         channel_json = excluded.channel_json, enabled = excluded.enabled,
                         changed_at = excluded.changed_at, changed_by = excluded.changed_by",
                )?
                .execute(params![
                    new.tenant,
                    new.name,
                    events,
                    machines,
                    new.channel,
                    new.enabled,
                    new.changed_at.as_ms(),
                    new.changed_by,
                ])?;
            Ok(())
        })
    }

    /// Deletes a notification with its deliveries, also those that are not over.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn delete_notification(self, tenant: TenantId, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            let deleted = connection
                .prepare_cached("DELETE FROM notifications WHERE tenant = ?1 AND name = ?2")?
                .execute(params![tenant, name])?;
            match deleted {
                0 => Err(StoreError::not_found(format!("notification '{name}'"))),
                _ => Ok(()),
            }
        })
    }
}

impl Store {
    /// Returns a notification.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_notification(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<NotificationRow>, StoreError> {
        self.read(|connection| find(connection, tenant, name))
    }

    /// Returns all notifications of a tenant, by name.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_notifications(&self, tenant: TenantId) -> Result<Vec<NotificationRow>, StoreError> {
        self.read(|connection| {
            let sql = format!("{SELECT} WHERE tenant = ?1 ORDER BY name");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([tenant], read_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn find(
    connection: &Connection,
    tenant: TenantId,
    name: &str,
) -> Result<Option<NotificationRow>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant = ?1 AND name = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement
        .query_row(params![tenant, name], read_row)
        .optional()?)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<NotificationRow> {
    let count = |index| row.get(index).map(i64::cast_unsigned);
    Ok(NotificationRow {
        id: row.get(0)?,
        name: row.get(1)?,
        events: row.get(2)?,
        machines: row.get(3)?,
        channel: row.get(4)?,
        enabled: row.get(5)?,
        pending: count(6)?,
        dropped: count(7)?,
        changed_at: columns::timestamp(row, 8)?,
        changed_by: row.get(9)?,
    })
}
