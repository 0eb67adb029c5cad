//! Answers in AWS's JSON protocol: members, or a fault with its code and text.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use stepwell_engine::{ApiFault, EngineError};

use super::signature::Refused;
use crate::error::ApiError;

/// The protocol's content type.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// A refusal: its code, text and status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    code: &'static str,
    message: String,
    status: StatusCode,
}

/// Answers with the members of a success.
pub(super) fn success(members: &Value) -> Response {
    respond(StatusCode::OK, members)
}

impl Fault {
    /// Its code.
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// Whether it is the caller's own.
    pub(super) fn is_client(&self) -> bool {
        self.status.is_client_error()
    }

    fn client(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            status: StatusCode::BAD_REQUEST,
        }
    }

    /// An operation's own refusal.
    pub(super) fn of(fault: &ApiFault) -> Self {
        Self::client(fault.code, fault.message.clone())
    }

    /// The target names no operation of the service.
    pub(super) fn unknown_operation() -> Self {
        Self::client("UnknownOperationException", "")
    }

    /// The service has the operation, and this host does not.
    pub(super) fn not_supported(operation: &str) -> Self {
        let message = format!("Operation not supported by this version of Stepwell: {operation}");
        Self::client("UnknownOperationException", message)
    }

    /// The body is no JSON object.
    pub(super) fn serialization() -> Self {
        Self::client("SerializationException", "")
    }

    /// Nobody has the key.
    pub(super) fn unknown_key() -> Self {
        let message = "The security token included in the request is invalid.";
        Self::client("UnrecognizedClientException", message)
    }

    /// More requests than the host takes at once.
    pub(super) fn throttled() -> Self {
        Self::client("ThrottlingException", "Rate exceeded")
    }

    /// The body did not arrive, or is too large.
    pub(super) fn body(refused: &ApiError) -> Self {
        Self::client("ValidationException", refused.message())
    }

    /// The server stops while the request waits.
    pub(super) fn stopping() -> Self {
        Self {
            code: "ServiceUnavailable",
            message: String::new(),
            status: StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Trouble of the host's own. What it is stays in the log.
    pub(super) fn host(error: &EngineError) -> Self {
        let (code, status) = match error {
            EngineError::Unavailable(_) | EngineError::ShuttingDown => {
                ("ServiceUnavailable", StatusCode::SERVICE_UNAVAILABLE)
            }
            _ => ("InternalFailure", StatusCode::INTERNAL_SERVER_ERROR),
        };
        tracing::error!(%error, "an operation failed");
        Self {
            code,
            message: String::new(),
            status,
        }
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        let (code, message) = refused.parts();
        Self::client(code, message)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut body = json!({ "__type": self.code });
        if !self.message.is_empty() {
            body["message"] = self.message.into();
        }
        respond(self.status, &body)
    }
}

fn respond(status: StatusCode, body: &Value) -> Response {
    let headers = [(CONTENT_TYPE, MEDIA_TYPE)];
    (status, headers, body.to_string()).into_response()
}
