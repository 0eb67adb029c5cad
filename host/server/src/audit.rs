//! What the audit log is told by the doors: where requests come from, who logs in, and what
//! is refused. What is done, the engine tells itself.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use stepwell_engine::audit::{AuditDetails, AuditOutcome, action};
use stepwell_engine::{Caller, Origin, Refusal};

use crate::app::App;
use crate::error::{Code, RefusedAs};

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Where a request comes from.
#[derive(Debug, Clone)]
pub(crate) struct CameFrom(pub(crate) Arc<Origin>);

/// A request, as the audit log has it.
pub(crate) struct Asked {
    origin: Arc<Origin>,
    resource: String,
    /// Whether it changes something, if it is carried out.
    changes: bool,
}

impl Asked {
    /// Notes what a request asks for.
    pub(crate) fn of(request: &Request) -> Self {
        let (method, path) = (request.method(), request.uri().path());
        Self::new(
            request.extensions().get(),
            format!("{method} {path}"),
            !matches!(*method, Method::GET | Method::HEAD),
        )
    }

    pub(crate) fn new(from: Option<&CameFrom>, resource: String, changes: bool) -> Self {
        Self {
            origin: from
                .map(|CameFrom(origin)| Arc::clone(origin))
                .unwrap_or_default(),
            resource,
            changes,
        }
    }

    /// Somebody was let in: their calls carry where they come from.
    pub(crate) fn let_in(&self, app: &App, caller: &mut Caller) {
        caller.origin = Some(Arc::clone(&self.origin));
        app.engine().note_login(caller);
    }

    /// Somebody showed nothing, or nothing that lets them in here.
    pub(crate) fn unknown(&self, app: &App, reason: &str) {
        let refusal = self.refusal(action::LOGIN, AuditOutcome::Denied, Some(reason));
        app.engine().note_refused(None, &self.origin, refusal);
    }

    /// A caller lacks a permission.
    pub(crate) fn denied(&self, app: &App, caller: &Caller, missing: Option<&str>) {
        let refusal = self.refusal(action::REQUEST, AuditOutcome::Denied, missing);
        app.engine()
            .note_refused(Some(caller), &self.origin, refusal);
    }

    /// A change could not be made.
    pub(crate) fn failed(&self, app: &App, caller: &Caller, code: &str) {
        if self.changes {
            let refusal = self.refusal(action::REQUEST, AuditOutcome::Failed, Some(code));
            app.engine()
                .note_refused(Some(caller), &self.origin, refusal);
        }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, app: &App, caller: &Caller, response: &Response) {
        let status = response.status();
        let refused_as = response.extensions().get::<RefusedAs>();
        let code = refused_as.map_or(status.as_str(), |RefusedAs(code)| code);
        // The engine has told of that with the approval, and under the action's own name.
        if code == Code::ApprovalBound.parts().0 {
            return;
        }
        if status == StatusCode::FORBIDDEN {
            self.denied(app, caller, Some(code));
        } else if status.is_client_error() || status.is_server_error() {
            self.failed(app, caller, code);
        }
    }

    fn refusal(
        &self,
        action: &'static str,
        outcome: AuditOutcome,
        reason: Option<&str>,
    ) -> Refusal {
        Refusal {
            action,
            resource: self.resource.clone(),
            outcome,
            details: AuditDetails::default().maybe("reason", reason),
        }
    }
}
