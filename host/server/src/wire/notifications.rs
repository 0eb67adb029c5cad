//! Notifications and their deliveries.

use serde::{Deserialize, Serialize};
use stepwell_engine::{
    DeliveryDescription, NotificationChannel, NotificationDescription, NotificationOrder, PageOf,
};
use utoipa::ToSchema;

use super::Time;

/// Body of `PUT /v1/notifications/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotificationRequest {
    /// What to tell of: `execution.failed`, `execution.timed_out`, `execution.aborted`,
    /// `approval.requested`, `approval.escalated`, `task.waiting`.
    pub events: Vec<String>,
    /// Names of state machines, or their beginnings and `*`; none for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub state_machines: Vec<String>,
    /// Tell a server. Either this or `email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// Tell people by mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Whether it tells of anything; true unless given.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A server that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Webhook {
    /// Where requests go; operator and tenant's policy have to allow `POST` to it.
    pub url: String,
    /// Name of the tenant's secret that they are signed with.
    pub secret: String,
}

/// People who are told by mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Email {
    /// Their addresses, up to 20.
    pub to: Vec<String>,
}

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Its name.
    pub name: String,
    /// What it tells of.
    pub events: Vec<String>,
    /// Which state machines it is about; none for all.
    pub state_machines: Vec<String>,
    /// The server that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// The people who are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Whether it tells of anything.
    pub enabled: bool,
    /// Deliveries that are not over.
    pub pending: u64,
    /// Deliveries that were left out, since too many were not over.
    pub dropped: u64,
    /// When it was put.
    pub changed_at: Time,
    /// Who put it.
    pub changed_by: String,
}

/// Answer to `GET /v1/notifications`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationList {
    /// The tenant's notifications, by name.
    pub notifications: Vec<Notification>,
}

/// Answer to `POST /v1/notifications/{name}/test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationTest {
    /// Id of the delivery; `GET /v1/notifications/{name}/deliveries` tells how it went.
    pub delivery: String,
}

/// A message on its way, there, or given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Its id, the same in each attempt: `webhook-id`, and the mail's `Message-ID`.
    pub id: String,
    /// Name of its notification.
    pub notification: String,
    /// What it tells of.
    pub event: String,
    /// Name of the state machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_machine: Option<String>,
    /// Name of the execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// When the event was.
    pub created_at: Time,
    /// `pending`, `delivered` or `dead`.
    pub status: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Time>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// How the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// Answer to `GET /v1/notifications/{name}/deliveries`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryList {
    /// The deliveries, newest first.
    pub deliveries: Vec<Delivery>,
    /// `pageToken` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

fn yes() -> bool {
    true
}

impl NotificationRequest {
    /// Returns what the engine is asked for; none if there is not one channel.
    #[must_use]
    pub fn into_order(self) -> Option<NotificationOrder> {
        let channel = match (self.webhook, self.email) {
            (Some(webhook), None) => NotificationChannel::Webhook {
                url: webhook.url,
                secret: webhook.secret,
            },
            (None, Some(email)) => NotificationChannel::Email { to: email.to },
            (Some(_), Some(_)) | (None, None) => return None,
        };
        Some(NotificationOrder {
            events: self.events,
            state_machines: self.state_machines,
            channel,
            enabled: self.enabled,
        })
    }
}

impl From<NotificationDescription> for Notification {
    fn from(described: NotificationDescription) -> Self {
        let (webhook, email) = match described.order.channel {
            NotificationChannel::Webhook { url, secret } => (Some(Webhook { url, secret }), None),
            NotificationChannel::Email { to } => (None, Some(Email { to })),
        };
        Self {
            name: described.name,
            events: described.order.events,
            state_machines: described.order.state_machines,
            webhook,
            email,
            enabled: described.order.enabled,
            pending: described.pending,
            dropped: described.dropped,
            changed_at: described.changed_at.into(),
            changed_by: described.changed_by,
        }
    }
}

impl From<DeliveryDescription> for Delivery {
    fn from(delivery: DeliveryDescription) -> Self {
        Self {
            id: delivery.id,
            notification: delivery.notification,
            event: delivery.event,
            state_machine: delivery.state_machine,
            execution: delivery.execution,
            created_at: delivery.created_at.into(),
            status: delivery.state.word().to_owned(),
            attempts: delivery.attempts,
            next_attempt_at: delivery.next_attempt_at.map(Into::into),
            ended_at: delivery.ended_at.map(Into::into),
            last_error: delivery.last_error,
        }
    }
}

impl From<PageOf<DeliveryDescription>> for DeliveryList {
    fn from(page: PageOf<DeliveryDescription>) -> Self {
        Self {
            deliveries: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next_page_token,
        }
    }
}
