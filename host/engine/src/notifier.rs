//! Sends what the outbox holds: takes what is due, sends it on threads for that, and keeps
//! how it went.
//!
//! ```text
//!   commit ── bell ──> run: what is due? ── a thread each ──> webhook or mail
//!                        ^                                        │
//!                        └──── due again, or over  <── kept ──────┘
//! ```
//!
//! The database is the queue; in memory there is only what is under way. A crash between
//! an answer and its being kept sends a delivery again, with the same id.

mod backoff;
mod message;
mod webhook;

pub(crate) use webhook::check_secret;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use stepwell_egress::{Mail, MailError, Mailer, Meter, Rates};
use stepwell_states::Timestamp;
use stepwell_store::{
    AuditDetails, AuditOutcome, DeliveryEnd, DueDelivery, Store, StoreError, TenantId,
};
use stepwell_vault::Vault;
use tokio::runtime::Handle;

use crate::audit::{Auditor, Refusal, action};
use crate::clock::Clock;
use crate::model::Tenant;
use crate::outbound::Outbound;
use backoff::Again;
use message::Message;

/// The event of a delivery that somebody asked for to see whether it arrives.
pub(crate) const TEST_EVENT: &str = "test";

/// Deliveries of a notification that are under way at once.
const EACH_AT_ONCE: usize = 2;
/// The same for all.
const ALL_AT_ONCE: usize = 32;
/// What each tenant may send.
const RATES: Rates = Rates {
    per_second: 10,
    burst: 100,
    at_once: 8,
};
/// How long to wait for a place, or for the database.
const LATER: Duration = Duration::from_millis(250);
/// How long to wait without a delivery in sight: a bound on what a bug could cost.
const IDLE: Duration = Duration::from_secs(60);
/// How long a delivery that is over is kept.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// How often those that are older are looked for.
const SWEEP_MS: i64 = 60 * 60 * 1_000;

/// What notifications need of the host's operator.
#[derive(Debug, Clone, Default)]
pub struct NotificationConfig {
    /// What sends mails; without one, no notification goes by mail.
    pub mailer: Option<Arc<Mailer>>,
    /// What links begin with: `https://stepwell.example.com`.
    pub public_url: Option<String>,
}

/// By what a notification goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Channel {
    /// A request to somebody's server.
    Webhook {
        /// Where to.
        url: String,
        /// Name of the tenant's secret that it is signed with.
        secret: String,
    },
    /// A mail through the operator's relay.
    Email {
        /// To whom.
        to: Vec<String>,
    },
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failed {
    reason: String,
    /// Whether it is no use to try again.
    permanent: bool,
    /// Milliseconds after which the other side wants to be asked again.
    after_ms: Option<u64>,
}

impl Failed {
    fn once(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            permanent: false,
            after_ms: None,
        }
    }
}

/// What the sending needs.
struct Parts {
    store: Store,
    clock: Arc<dyn Clock>,
    outbound: Arc<Outbound>,
    vault: Arc<Vault>,
    audit: Arc<Auditor>,
    runtime: Handle,
    config: NotificationConfig,
}

/// Sends deliveries.
pub(crate) struct Notifier {
    parts: Parts,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Set when there is a reason to look.
    look: bool,
    stopped: bool,
    /// Deliveries under way, and the notification of each.
    under_way: BTreeMap<i64, i64>,
    meters: BTreeMap<i64, Arc<Meter>>,
    swept_at: Option<Timestamp>,
}

impl Notifier {
    pub(crate) fn new(
        (store, clock): (&Store, &Arc<dyn Clock>),
        (outbound, vault): (&Arc<Outbound>, &Arc<Vault>),
        audit: &Arc<Auditor>,
        runtime: Handle,
        config: NotificationConfig,
    ) -> Arc<Self> {
        let notifier = Arc::new(Self {
            parts: Parts {
                store: store.clone(),
                clock: Arc::clone(clock),
                outbound: Arc::clone(outbound),
                vault: Arc::clone(vault),
                audit: Arc::clone(audit),
                runtime,
                config,
            },
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        // Neither must keep what it rings for alive.
        let rung = Arc::downgrade(&notifier);
        store.listen_for_deliveries(Arc::new(move || {
            if let Some(notifier) = rung.upgrade() {
                notifier.poke();
            }
        }));
        let jumped = Arc::downgrade(&notifier);
        clock.on_jump(Box::new(move || {
            if let Some(notifier) = jumped.upgrade() {
                notifier.poke();
            }
        }));
        notifier
    }

    /// There may be something to send.
    pub(crate) fn poke(&self) {
        self.lock().look = true;
        self.changed.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs until [`stop`](Self::stop).
    pub(crate) fn run(self: &Arc<Self>) {
        let mut wait = Duration::ZERO;
        while self.wait(wait) {
            wait = match self.send_due() {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(%error, "deliveries cannot be read; trying again");
                    LATER
                }
            };
        }
    }

    /// Waits until there is a reason to look, or so long; false at the end.
    fn wait(&self, at_most: Duration) -> bool {
        let deadline = Instant::now() + at_most;
        let mut state = self.lock();
        loop {
            if state.stopped {
                return false;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if std::mem::take(&mut state.look) || left.is_zero() {
                return true;
            }
            let (held, _) = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
            state = held;
        }
    }

    /// Begins to send what is due, and returns how long to wait for the next.
    fn send_due(self: &Arc<Self>) -> Result<Duration, StoreError> {
        let now = self.parts.clock.now();
        self.sweep(now)?;
        // What is under way is due still: there have to be as many beside it.
        let due = self.parts.store.due_deliveries(now, 2 * EACH_AT_ONCE)?;
        let mut left_out = false;
        for delivery in due {
            left_out |= !self.begin(delivery);
        }
        if left_out {
            return Ok(LATER);
        }
        let next = self.parts.store.next_delivery_due(now)?;
        let wait = next.and_then(|at| self.parts.clock.real_time_until(at));
        Ok(wait.map_or(IDLE, |wait| wait.clamp(Duration::from_millis(1), IDLE)))
    }

    /// Begins to send a delivery, unless it is under way; false if there is no room now.
    fn begin(self: &Arc<Self>, delivery: DueDelivery) -> bool {
        let place = {
            let mut state = self.lock();
            if state.under_way.contains_key(&delivery.id) {
                return true;
            }
            let of_notification = state.under_way.values();
            let of_notification = of_notification.filter(|of| **of == delivery.notification);
            if of_notification.count() >= EACH_AT_ONCE {
                // Whoever ends makes us look again.
                return true;
            }
            if state.under_way.len() >= ALL_AT_ONCE {
                return true;
            }
            let meter = state.meters.entry(delivery.tenant.0);
            let meter = meter.or_insert_with(|| Arc::new(Meter::new(RATES)));
            let Ok(place) = meter.enter(Instant::now()) else {
                return false;
            };
            state.under_way.insert(delivery.id, delivery.notification);
            place
        };
        let this = Arc::clone(self);
        self.parts.runtime.spawn(async move {
            let id = delivery.id;
            let outbound = Arc::clone(&this.parts.outbound);
            let (sender, sent) = (Arc::clone(&this), delivery.clone());
            let sending = outbound.on_a_thread(move |_| {
                let end = sender.parts.send(&sent);
                sender.keep(&sent, end);
            });
            if sending.await.is_none() {
                // Not at once again, over and over.
                let keeper = Arc::clone(&this);
                let keeping = outbound.on_a_thread(move |_| {
                    let broken = Failed::once("sending it broke down; see the host's log");
                    let end = keeper
                        .parts
                        .end_of(&delivery, broken, keeper.parts.clock.now());
                    keeper.keep(&delivery, end);
                });
                keeping.await;
            }
            drop(place);
            let mut state = this.lock();
            state.under_way.remove(&id);
            state.look = true;
            this.changed.notify_one();
        });
        true
    }

    /// Keeps how an attempt ended. While the database cannot, the delivery stays under way:
    /// it is not sent again for that. Blocks.
    fn keep(&self, delivery: &DueDelivery, end: DeliveryEnd) {
        let now = self.parts.clock.now();
        let store = &self.parts.store;
        while let Err(error) = store.end_delivery_attempt(delivery.id, end.clone(), now) {
            tracing::warn!(%error, "how a delivery went cannot be kept now");
            if error == StoreError::Closed || self.lock().stopped {
                return;
            }
            std::thread::sleep(LATER);
        }
    }

    /// Forgets what has been over for long.
    fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        {
            let mut state = self.lock();
            let since = state
                .swept_at
                .map(|at| now.as_ms().saturating_sub(at.as_ms()));
            if since.is_some_and(|since| since < SWEEP_MS) {
                return Ok(());
            }
            state.swept_at = Some(now);
        }
        let before = Timestamp::from_ms(now.as_ms().saturating_sub(KEPT_MS));
        while self.parts.store.drop_old_deliveries(before)? > 0 {}
        Ok(())
    }
}

impl Parts {
    /// Sends a delivery, and says how it ended. Blocks.
    fn send(&self, delivery: &DueDelivery) -> DeliveryEnd {
        match self.attempt(delivery) {
            Ok(()) => DeliveryEnd::Delivered,
            Err(failed) => self.end_of(delivery, failed, self.clock.now()),
        }
    }

    fn attempt(&self, delivery: &DueDelivery) -> Result<(), Failed> {
        let channel: Channel = serde_json::from_str(&delivery.channel)
            .map_err(|error| Failed::once(format!("its channel cannot be read: {error}")))?;
        let message = Message::of(delivery, self.config.public_url.as_deref());
        match channel {
            Channel::Webhook { url, secret } => {
                let keys = webhook::keys(&self.store, &self.vault, delivery.tenant, &secret)?;
                webhook::send(self, delivery, &url, &keys, &message)
            }
            Channel::Email { to } => self.mail(delivery, to, &message),
        }
    }

    fn mail(
        &self,
        delivery: &DueDelivery,
        to: Vec<String>,
        message: &Message,
    ) -> Result<(), Failed> {
        let Some(mailer) = &self.config.mailer else {
            return Err(Failed::once(
                "the host sends no mails: whoever runs it can start it with --smtp-url",
            ));
        };
        let mail = Mail {
            id: delivery.public_id.clone(),
            to,
            subject: message.subject(),
            text: message.text(),
        };
        mailer.send(&mail).map_err(|error| Failed {
            permanent: matches!(
                error,
                MailError::Failed {
                    permanent: true,
                    ..
                }
            ),
            reason: error.to_string(),
            after_ms: None,
        })
    }

    fn end_of(&self, delivery: &DueDelivery, failed: Failed, now: Timestamp) -> DeliveryEnd {
        let attempt = delivery.attempts + 1;
        let again = backoff::after(&delivery.public_id, attempt, failed.after_ms);
        match again {
            Again::After(ms) if !failed.permanent => DeliveryEnd::Again {
                due_at: now.plus_ms(ms),
                error: failed.reason,
            },
            _ => {
                self.note_dead(delivery, &failed.reason, attempt);
                DeliveryEnd::Dead {
                    error: failed.reason,
                }
            }
        }
    }

    /// Leaves a record of what nobody will be told of.
    fn note_dead(&self, delivery: &DueDelivery, reason: &str, attempts: u32) {
        tracing::warn!(
            tenant = delivery.tenant_name,
            notification = delivery.name,
            delivery = delivery.public_id,
            attempts,
            "a notification was given up: {reason}"
        );
        let details = AuditDetails::default()
            .text("delivery", &delivery.public_id)
            .text("event", &delivery.event)
            .text("reason", reason);
        self.note(
            delivery,
            action::NOTIFICATION_GIVE_UP,
            AuditOutcome::Failed,
            details,
        );
    }

    fn note(
        &self,
        delivery: &DueDelivery,
        action: &'static str,
        outcome: AuditOutcome,
        details: AuditDetails,
    ) {
        let refusal = Refusal {
            action,
            resource: delivery.name.clone(),
            outcome,
            details,
        };
        self.audit.of_host_in(&tenant_of(delivery), refusal);
    }
}

/// The tenant whose delivery it is.
fn tenant_of(delivery: &DueDelivery) -> Tenant {
    let TenantId(id) = delivery.tenant;
    Tenant {
        id,
        name: delivery.tenant_name.as_str().into(),
        account: delivery.account.as_str().into(),
        region: delivery.region.as_str().into(),
    }
}
