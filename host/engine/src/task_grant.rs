//! What one call of a component may use: minted when its task is taken up, gone with the
//! call.
//!
//! It comes from the revision that the execution was started with, which never changes, and
//! the state that its `TaskScheduled` names: whoever replays the history mints the same. What
//! is asked anew for each use is the tenant's policy, which may take away and never gives.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use stepwell_egress::{Control, Denial, EgressError, Limits, Request};
use stepwell_sandbox::{
    HttpExchange, HttpFailure, HttpLimit, HttpLimits, HttpRequest, HttpResponse,
};
use stepwell_states::{Grants, StateKind, StateMachine, StateRef};
use stepwell_store::{Store, StoreError, TenantId};
use stepwell_vault::{HeldSecrets, Vault};

use crate::outbound::{Outbound, OutboundError, Sender};
use crate::runner::TaskResult;
use crate::task_secrets;

/// What a call may use; by default, nothing.
#[derive(Clone, Default)]
pub struct TaskGrant {
    grants: Arc<Grants>,
    /// On whose behalf requests are sent, and which way.
    way: Option<(Sender, Arc<Outbound>)>,
    /// The secrets of the call, once they were opened.
    held: Arc<OnceLock<HeldSecrets>>,
}

impl fmt::Debug for TaskGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskGrant").field(&self.grants).finish()
    }
}

/// Returns what a state of a definition grants: nothing, if it runs no task.
pub(crate) fn grants_of(definition: &StateMachine, state: StateRef) -> Arc<Grants> {
    match &definition.state(state).kind {
        StateKind::Task(task) => Arc::clone(&task.grants),
        _ => Arc::default(),
    }
}

impl TaskGrant {
    pub(crate) fn new(grants: Arc<Grants>, sender: Sender, outbound: Arc<Outbound>) -> Self {
        Self {
            grants,
            way: Some((sender, outbound)),
            held: Arc::default(),
        }
    }

    /// The secrets that the call holds, once they were opened: filled when its task begins,
    /// gone with it.
    pub(crate) fn held(&self) -> &OnceLock<HeldSecrets> {
        &self.held
    }

    /// What the state grants.
    pub(crate) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Reads the configuration values that are granted and set.
    ///
    /// # Errors
    /// What the database has to say.
    pub(crate) fn config_values(&self, store: &Store) -> Result<Vec<(String, String)>, StoreError> {
        let Some((sender, _)) = &self.way else {
            return Ok(Vec::new());
        };
        let tenant = TenantId(sender.tenant.id);
        let mut values = Vec::with_capacity(self.grants.config.len());
        for name in &self.grants.config {
            let found = store.find_config_value(tenant, name)?;
            values.extend(found.map(|row| (row.name, row.value)));
        }
        Ok(values)
    }

    /// Reads the secrets that are granted; none, if there are none. Blocks.
    ///
    /// # Errors
    /// How the task ends instead of being called.
    pub(crate) fn secrets(
        &self,
        store: &Store,
        vault: &Vault,
    ) -> Result<Option<HeldSecrets>, TaskResult> {
        match &self.way {
            Some((sender, _)) => {
                let tenant = TenantId(sender.tenant.id);
                task_secrets::hold(store, vault, tenant, &self.grants)
            }
            None => Ok(None),
        }
    }

    /// Sends a request of the guest, within what is left of the call's time.
    pub(crate) fn send(
        &self,
        request: HttpRequest,
        limits: HttpLimits,
        ends_at: Instant,
    ) -> HttpExchange {
        let this = self.clone();
        Box::pin(async move {
            let Some((sender, outbound)) = this.way.clone() else {
                return Err(HttpFailure::Denied);
            };
            let sending = outbound.on_a_thread(move |outbound| {
                let left = ends_at.saturating_duration_since(Instant::now());
                this.exchange(outbound, &sender, request, limits, left)
            });
            sending.await.unwrap_or(Err(HttpFailure::Unavailable))
        })
    }

    fn exchange(
        &self,
        outbound: &Outbound,
        sender: &Sender,
        request: HttpRequest,
        limits: HttpLimits,
        left: Duration,
    ) -> Result<HttpResponse, HttpFailure> {
        let known = outbound.limits();
        let time = request.timeout.map_or(left, |wanted| wanted.min(left));
        let limits = Limits {
            time: known.time.min(time),
            body_max_bytes: limits.response_max_bytes,
            ..known
        };
        let request = plain(request)?;
        let answer = outbound
            .send(
                sender,
                Some((&self.grants, self.held.get())),
                request,
                limits,
            )
            .map_err(|error| failure_of(&error))?;
        let headers = answer.headers.into_iter();
        Ok(HttpResponse {
            status: answer.status,
            headers: headers
                .map(|(name, value)| (name, value.into_bytes()))
                .collect(),
            body: answer.body,
        })
    }

    /// Takes note of a request that went over a limit of the call.
    pub(crate) fn note_limit(&self, target: &str, limit: HttpLimit) {
        let reason = match limit {
            HttpLimit::Requests => "the call has made as many requests as it may",
            HttpLimit::RequestBytes => "the request's body has more bytes than it may",
            HttpLimit::Fields => "the request has more header fields than it may",
        };
        let target = target.split('?').next().unwrap_or_default().to_owned();
        let denial = Denial {
            control: Control::TaskLimit,
            reason: reason.to_owned(),
        };
        if let Some((sender, outbound)) = &self.way {
            outbound.note(sender, target, &denial);
        }
    }
}

/// A guest's request as the way out takes it.
fn plain(request: HttpRequest) -> Result<Request, HttpFailure> {
    let mut headers = Vec::with_capacity(request.headers.len());
    for (name, value) in request.headers {
        let value = String::from_utf8(value).map_err(|_not_text| HttpFailure::InvalidRequest)?;
        headers.push((name, value));
    }
    // An empty body is one for the methods that have one by their nature.
    let has_body = !request.body.is_empty() || matches!(&*request.method, "POST" | "PUT" | "PATCH");
    Ok(Request {
        method: request.method,
        url: request.uri,
        headers,
        body: has_body.then_some(request.body),
    })
}

fn failure_of(error: &OutboundError) -> HttpFailure {
    match error {
        OutboundError::Store(error) => {
            tracing::warn!(%error, "a tenant's policy cannot be read");
            HttpFailure::Unavailable
        }
        OutboundError::Egress(EgressError::Denied(denial)) => match denial.control {
            Control::TenantRate => HttpFailure::TooMany,
            _ => HttpFailure::Denied,
        },
        OutboundError::Egress(EgressError::Invalid(_)) => HttpFailure::InvalidUri,
        OutboundError::Egress(EgressError::Failed(_) | EgressError::Inside { .. }) => {
            HttpFailure::Unreachable
        }
        OutboundError::Egress(EgressError::TimedOut(_)) => HttpFailure::TimedOut,
        OutboundError::Egress(EgressError::TooLarge(_)) => HttpFailure::AnswerTooLarge,
    }
}
