//! Notifications: put, list, test, delete; and what became of their deliveries.

use std::sync::Arc;

use serde_json::json;
use stepwell_egress::{Control, EgressError, Mailer};
use stepwell_states::Timestamp;
use stepwell_store::{
    AuditDetails, DeliveryFilter, DeliveryRow, DeliveryStatus, NewNotification, NewsKind,
    NotificationRow, StoreError, TenantId,
};

use crate::audit::action;
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::{Caller, PageOf};
use crate::names;
use crate::notifier::{Channel, TEST_EVENT, check_secret};
use crate::permissions::Permission;
use crate::sfn::SealedList;

/// Patterns of state machines, and recipients, at most.
const PATTERNS_MAX: usize = 50;
const RECIPIENTS_MAX: usize = 20;
/// Bytes of a URL, at most.
const URL_MAX_BYTES: usize = 2_048;
/// Deliveries of a page, at most.
const PAGE_MAX: u32 = 1_000;

/// A notification that is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationOrder {
    /// Names of the events that it tells of.
    pub events: Vec<String>,
    /// Names of state machines, or their beginnings and `*`; none for all.
    pub state_machines: Vec<String>,
    /// By what it goes.
    pub channel: Channel,
    /// Whether it tells of anything.
    pub enabled: bool,
}

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationDescription {
    /// Its name.
    pub name: String,
    /// What it is to do.
    pub order: NotificationOrder,
    /// Deliveries that are not over.
    pub pending: u64,
    /// Deliveries that were left out, since too many were not over.
    pub dropped: u64,
    /// When it was put.
    pub changed_at: Timestamp,
    /// Who put it.
    pub changed_by: String,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried, or will be.
    Pending,
    /// It was taken.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryState {
    /// Returns its word: `delivered`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    fn of(status: DeliveryStatus) -> Self {
        match status {
            DeliveryStatus::Pending => Self::Pending,
            DeliveryStatus::Delivered => Self::Delivered,
            DeliveryStatus::Dead => Self::Dead,
        }
    }
}

/// A message on its way to somebody, or there, or given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryDescription {
    /// Its id, the same in each attempt.
    pub id: String,
    /// Name of its notification.
    pub notification: String,
    /// What it tells of.
    pub event: String,
    /// Name of the state machine whose execution it is about, if it is about one.
    pub state_machine: Option<String>,
    /// Name of the execution.
    pub execution: Option<String>,
    /// When the event was.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// How the last attempt failed.
    pub last_error: Option<String>,
}

/// Which deliveries to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveriesQuery {
    /// Of this notification.
    pub notification: String,
    /// Only those that stand so: `pending`, `delivered`, `dead`.
    pub state: Option<String>,
    /// So many at most.
    pub limit: u32,
    /// The page before's token.
    pub page_token: Option<String>,
}

impl EngineHandle {
    /// Keeps a notification, in place of one that has the name. It tells of what happens from
    /// now on.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], [`EngineError::Invalid`] for what cannot be: an event that
    /// is not known, a webhook that is not allowed, an address; [`EngineError::TooMany`], or
    /// trouble of the host's own.
    pub async fn put_notification(
        &self,
        caller: &Caller,
        name: &str,
        order: NotificationOrder,
    ) -> Result<NotificationDescription, EngineError> {
        caller.require(Permission::WriteNotifications)?;
        self.require_running()?;
        names::check("name", name)?;
        check_events(&order.events)?;
        check_machines(&order.state_machines)?;
        self.check_channel(caller, &order.channel).await?;
        let details = AuditDetails::default()
            .texts("events", order.events.clone())
            .text("channel", word_of(&order.channel));
        let entry = self.entry(caller, action::NOTIFICATION_PUT, name, Some(details));
        let new = NewNotification {
            tenant: TenantId(caller.tenant.id),
            name: name.to_owned(),
            events: order.events,
            machines: order.state_machines,
            channel: json!(order.channel).to_string(),
            enabled: order.enabled,
            changed_at: self.0.starter.now(),
            changed_by: Some(caller.principal.to_string()),
        };
        let store = self.0.store.clone();
        let put = blocking(move || store.change(entry).put_notification(new));
        put.await?.map_err(from_change)?;
        // One that was put back into use has something to send.
        self.0.notifier.poke();
        self.describe_notification(caller, name).await
    }

    /// Returns a notification.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn describe_notification(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<NotificationDescription, EngineError> {
        caller.require(Permission::ReadNotifications)?;
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let found = self.read(move |store| store.find_notification(tenant, &wanted));
        let row = found.await?.ok_or_else(|| not_found(name))?;
        described(row)
    }

    /// Lists the tenant's notifications, by name.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], or trouble of the host's own.
    pub async fn list_notifications(
        &self,
        caller: &Caller,
    ) -> Result<Vec<NotificationDescription>, EngineError> {
        caller.require(Permission::ReadNotifications)?;
        let tenant = TenantId(caller.tenant.id);
        let rows = self.read(move |store| store.list_notifications(tenant));
        rows.await?.into_iter().map(described).collect()
    }

    /// Deletes a notification, with its deliveries: what is not over is not sent.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn delete_notification(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<(), EngineError> {
        caller.require(Permission::WriteNotifications)?;
        self.require_running()?;
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let entry = self.entry(caller, action::NOTIFICATION_DELETE, name, None);
        let store = self.0.store.clone();
        let deleted = blocking(move || store.change(entry).delete_notification(tenant, &wanted));
        deleted.await?.map_err(|error| absent(error, name))
    }

    /// Sends a message of no event, to see whether it arrives; returns the delivery's id.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], [`EngineError::NotFound`], [`EngineError::TooMany`] if too
    /// many deliveries are not over, or trouble of the host's own.
    pub async fn test_notification(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<String, EngineError> {
        caller.require(Permission::WriteNotifications)?;
        self.require_running()?;
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let facts = json!({ "principal": &*caller.principal }).to_string();
        let at = self.0.starter.now();
        let entry = self.entry(caller, action::NOTIFICATION_TEST, name, None);
        let store = self.0.store.clone();
        let put = blocking(move || {
            let change = store.change(entry);
            change.put_test_delivery(tenant, &wanted, (TEST_EVENT, facts), at)
        });
        put.await?.map_err(|error| absent(error, name))
    }

    /// Lists deliveries of a notification, newest first.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], [`EngineError::NotFound`], [`EngineError::Invalid`] for a
    /// state, limit or token that cannot be, or trouble of the host's own.
    pub async fn list_deliveries(
        &self,
        caller: &Caller,
        query: DeliveriesQuery,
    ) -> Result<PageOf<DeliveryDescription>, EngineError> {
        let name = query.notification;
        self.describe_notification(caller, &name).await?;
        let invalid = |field, reason| EngineError::Invalid { field, reason };
        if query.limit == 0 || query.limit > PAGE_MAX {
            let reason = format!("is {}; give 1 to {PAGE_MAX}", query.limit);
            return Err(invalid("limit", reason));
        }
        let status = query.state.as_deref().map(status_of).transpose()?;
        let parts = [Some(name.as_str()), query.state.as_deref()];
        let list = SealedList::named(self, caller, "deliveries", &parts).await?;
        let before = list.position(query.page_token.as_deref())?;
        let limit = query.limit as usize;
        let filter = DeliveryFilter {
            tenant: TenantId(caller.tenant.id),
            notification: name,
            status,
            before,
            limit: limit + 1,
        };
        let mut rows = self
            .read(move |store| store.list_deliveries(&filter))
            .await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next_page_token = last.map(|row| list.seal(&row.id.to_string()));
        Ok(PageOf {
            items: rows.into_iter().map(delivery).collect(),
            next_page_token,
        })
    }

    async fn check_channel(&self, caller: &Caller, channel: &Channel) -> Result<(), EngineError> {
        match channel {
            Channel::Webhook { url, secret } => {
                if url.len() > URL_MAX_BYTES {
                    return Err(EngineError::TooLarge {
                        field: "webhook.url",
                        bytes: url.len(),
                        max_bytes: URL_MAX_BYTES,
                    });
                }
                let (tenant, secret) = (TenantId(caller.tenant.id), secret.clone());
                let (url, store) = (url.clone(), self.0.store.clone());
                let outbound = Arc::clone(&self.0.outbound);
                let vault = Arc::clone(&self.0.starter.config.vault);
                let checked = blocking(move || {
                    let way = outbound.of_tenant(tenant.0).map_err(from_store)?;
                    way.permit("POST", &url)
                        .map_err(|refused| not_allowed(&url, &refused))?;
                    check_secret((&store, &vault), tenant, &secret)
                });
                checked.await?
            }
            Channel::Email { to } => {
                let config = &self.0.starter.config.notifications;
                check_recipients(config.mailer.as_deref(), to)
            }
        }
    }
}

/// Says who could allow a webhook, and by which line.
fn not_allowed(url: &str, refused: &EgressError) -> EngineError {
    let reason = match refused {
        EgressError::Denied(denial) => {
            let rule = format!("POST {}", url.split(['?', '#']).next().unwrap_or_default());
            match denial.control {
                Control::TenantPolicy => format!(
                    "the policy of the tenant does not allow it; whoever runs the host can, with \
                     the rule '{rule}' (stepwell policy set)"
                ),
                _ => format!(
                    "the host does not allow it; whoever runs it can, with --allow-http '{rule}'"
                ),
            }
        }
        other => other.to_string(),
    };
    EngineError::Invalid {
        field: "webhook.url",
        reason,
    }
}

fn check_recipients(mailer: Option<&Mailer>, to: &[String]) -> Result<(), EngineError> {
    let invalid = |reason| EngineError::Invalid {
        field: "email.to",
        reason,
    };
    let Some(mailer) = mailer else {
        let reason = "the host sends no mails: whoever runs it can start it with --smtp-url";
        return Err(invalid(reason.to_owned()));
    };
    if to.is_empty() || to.len() > RECIPIENTS_MAX {
        let reason = format!("has {} addresses; give 1 to {RECIPIENTS_MAX}", to.len());
        return Err(invalid(reason));
    }
    to.iter().try_for_each(|address| {
        let checked = mailer.check_recipient(address);
        checked.map_err(|error| invalid(error.to_string()))
    })
}

fn check_events(events: &[String]) -> Result<(), EngineError> {
    let known = || {
        let names: Vec<&str> = NewsKind::ALL.iter().map(|kind| kind.name()).collect();
        names.join(", ")
    };
    let invalid = |reason| EngineError::Invalid {
        field: "events",
        reason,
    };
    if events.is_empty() {
        return Err(invalid(format!("names none; give some of {}", known())));
    }
    if events.len() > NewsKind::ALL.len() {
        let reason = format!("has {} names; the events are {}", events.len(), known());
        return Err(invalid(reason));
    }
    let unknown = events.iter().find(|name| NewsKind::named(name).is_none());
    match unknown {
        Some(unknown) => Err(invalid(format!(
            "{unknown:?} is no event; the events are {}",
            known()
        ))),
        None => Ok(()),
    }
}

fn check_machines(patterns: &[String]) -> Result<(), EngineError> {
    let field = "stateMachines";
    if patterns.len() > PATTERNS_MAX {
        return Err(EngineError::TooMany {
            what: "patterns of state machines",
            limit: PATTERNS_MAX,
        });
    }
    patterns.iter().try_for_each(|pattern| {
        let name = pattern.strip_suffix('*').unwrap_or(pattern);
        if name.is_empty() && !pattern.is_empty() {
            return Ok(());
        }
        names::check(field, name)
    })
}

fn word_of(channel: &Channel) -> &'static str {
    match channel {
        Channel::Webhook { .. } => "webhook",
        Channel::Email { .. } => "email",
    }
}

fn status_of(word: &str) -> Result<DeliveryStatus, EngineError> {
    use DeliveryStatus::{Dead, Delivered, Pending};
    let all = [Pending, Delivered, Dead].into_iter();
    let mut found = all.filter(|status| DeliveryState::of(*status).word() == word);
    found.next().ok_or_else(|| EngineError::Invalid {
        field: "status",
        reason: format!("{word:?} is none of pending, delivered, dead"),
    })
}

fn not_found(name: &str) -> EngineError {
    EngineError::NotFound {
        kind: "notification",
        name: name.to_owned(),
    }
}

fn absent(error: StoreError, name: &str) -> EngineError {
    match error {
        StoreError::NotFound { .. } => not_found(name),
        other => from_change(other),
    }
}

fn from_change(error: StoreError) -> EngineError {
    match error {
        StoreError::TooMany { what, limit } => EngineError::TooMany { what, limit },
        other => from_store(other),
    }
}

fn described(row: NotificationRow) -> Result<NotificationDescription, EngineError> {
    let unreadable = |error| {
        EngineError::Internal(format!(
            "the notification {} cannot be read: {error}",
            row.name
        ))
    };
    let order = NotificationOrder {
        events: serde_json::from_str(&row.events).map_err(unreadable)?,
        state_machines: serde_json::from_str(&row.machines).map_err(unreadable)?,
        channel: serde_json::from_str(&row.channel).map_err(unreadable)?,
        enabled: row.enabled,
    };
    Ok(NotificationDescription {
        name: row.name,
        order,
        pending: row.pending,
        dropped: row.dropped,
        changed_at: row.changed_at,
        changed_by: row.changed_by.unwrap_or_default(),
    })
}

fn delivery(row: DeliveryRow) -> DeliveryDescription {
    let facts: serde_json::Value = serde_json::from_str(&row.facts).unwrap_or_default();
    let text = |member: &str| facts[member].as_str().map(str::to_owned);
    DeliveryDescription {
        id: row.public_id,
        notification: row.notification,
        event: row.event,
        state_machine: text("stateMachine"),
        execution: text("execution"),
        created_at: row.created_at,
        state: DeliveryState::of(row.status),
        attempts: row.attempts,
        next_attempt_at: row.due_at,
        ended_at: row.ended_at,
        last_error: row.last_error,
    }
}
