//! Every refusal of the API: status, stable code, public words.
//!
//! `docs/api-errors.md` explains each [`Code`]; a test keeps the two alike. What is not
//! for callers (database messages, bugs) goes to the log and stays out of the answer.

#[cfg(test)]
mod tests;

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use stepwell_engine::{ApiError as OperationError, ApprovalRefusal, EngineError};

use crate::wire::{ApiErrorBody, ApiErrorDetails, Diagnostic, QuotaExceeded};

/// What callers are told to wait before they try again, in seconds.
const RETRY_AFTER_S: u32 = 1;
/// The longest message that is sent: some repeat a part of the request.
const MESSAGE_MAX_CHARS: usize = 1_000;

/// The stable words for what went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// The body is no JSON object.
    InvalidJson,
    /// The body or query has a field that the route does not know.
    UnknownField,
    /// The body or query lacks a field.
    MissingField,
    /// A field is not as it must be.
    InvalidField,
    /// The text is no task token of this host.
    InvalidTaskToken,
    /// No token, or one that is not valid.
    Unauthenticated,
    /// The caller has roles in several tenants, and the request names none of them.
    TenantNotChosen,
    /// The caller's role does not let them do it.
    Forbidden,
    /// The approval is for others to decide.
    NotApprover,
    /// The caller answers for the execution that is to be approved.
    SelfApproval,
    /// Development mode answers to loopback names only.
    ForbiddenHost,
    /// Development mode takes no requests from other origins' pages.
    ForbiddenOrigin,
    /// There is no such route.
    RouteNotFound,
    /// What the request names does not exist.
    NotFound,
    /// The route exists, with other methods.
    MethodNotAllowed,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The name belongs to an execution with other input.
    NameTaken,
    /// The operation is for state machines of the other type.
    TypeNotSupported,
    /// The execution is at its end.
    ExecutionEnded,
    /// The execution cannot be redriven.
    ExecutionNotRedrivable,
    /// The execution is not where the operation could be done.
    NotNow,
    /// The Map Run is at its end.
    MapRunEnded,
    /// The bulk operation is at its end.
    BulkOperationEnded,
    /// The state machine is being deleted.
    StateMachineDeleting,
    /// The state machine has another revision than the request expects.
    RevisionChanged,
    /// Something refers to what the request would remove.
    InUse,
    /// There may be no more of them.
    TooMany,
    /// A backup is being made.
    BackupRunning,
    /// The host has no folder for backups.
    NoBackups,
    /// The host has no master key, and keeps no secrets.
    NoMasterKey,
    /// The task waits no more.
    TaskTimedOut,
    /// The approval has ended.
    ApprovalClosed,
    /// The approval shows something else than the caller saw.
    ApprovalChanged,
    /// It would change what an approval was given on.
    ApprovalBound,
    /// The caller has decided otherwise.
    AlreadyDecided,
    /// The body has too many bytes.
    BodyTooLarge,
    /// A payload has too many bytes.
    PayloadTooLarge,
    /// The body has another content type than the route takes.
    UnsupportedMediaType,
    /// The definition has problems.
    InvalidDefinition,
    /// No state waits for the event, and no more are kept.
    InboxFull,
    /// Too many express executions run at once.
    Throttled,
    /// The tenant has or uses as much of something as it may.
    QuotaExceeded,
    /// A bug, or data that cannot be what it is.
    Internal,
    /// More requests than the host takes at once.
    Overloaded,
    /// The keys of a token's issuer are not known now.
    IssuerUnreachable,
    /// The database cannot be read or written now.
    Unavailable,
    /// The host is shutting down.
    ShuttingDown,
}

impl Code {
    /// All codes, in the order of their statuses.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 47] = [
        Self::InvalidJson,
        Self::UnknownField,
        Self::MissingField,
        Self::InvalidField,
        Self::InvalidTaskToken,
        Self::TenantNotChosen,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotApprover,
        Self::SelfApproval,
        Self::ForbiddenHost,
        Self::ForbiddenOrigin,
        Self::RouteNotFound,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::BodyTimeout,
        Self::NameTaken,
        Self::TypeNotSupported,
        Self::ExecutionEnded,
        Self::ExecutionNotRedrivable,
        Self::NotNow,
        Self::MapRunEnded,
        Self::BulkOperationEnded,
        Self::StateMachineDeleting,
        Self::RevisionChanged,
        Self::InUse,
        Self::TooMany,
        Self::BackupRunning,
        Self::NoBackups,
        Self::NoMasterKey,
        Self::TaskTimedOut,
        Self::ApprovalClosed,
        Self::ApprovalChanged,
        Self::ApprovalBound,
        Self::AlreadyDecided,
        Self::BodyTooLarge,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidDefinition,
        Self::InboxFull,
        Self::Throttled,
        Self::QuotaExceeded,
        Self::Internal,
        Self::Overloaded,
        Self::IssuerUnreachable,
        Self::Unavailable,
        Self::ShuttingDown,
    ];

    /// Returns the word and the status that goes with it.
    pub(crate) fn parts(self) -> (&'static str, StatusCode) {
        match self {
            Self::InvalidJson => ("InvalidJson", StatusCode::BAD_REQUEST),
            Self::UnknownField => ("UnknownField", StatusCode::BAD_REQUEST),
            Self::MissingField => ("MissingField", StatusCode::BAD_REQUEST),
            Self::InvalidField => ("InvalidField", StatusCode::BAD_REQUEST),
            Self::InvalidTaskToken => ("InvalidTaskToken", StatusCode::BAD_REQUEST),
            Self::TenantNotChosen => ("TenantNotChosen", StatusCode::BAD_REQUEST),
            Self::Unauthenticated => ("Unauthenticated", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("Forbidden", StatusCode::FORBIDDEN),
            Self::NotApprover => ("NotApprover", StatusCode::FORBIDDEN),
            Self::SelfApproval => ("SelfApproval", StatusCode::FORBIDDEN),
            Self::ForbiddenHost => ("ForbiddenHost", StatusCode::FORBIDDEN),
            Self::ForbiddenOrigin => ("ForbiddenOrigin", StatusCode::FORBIDDEN),
            Self::RouteNotFound => ("RouteNotFound", StatusCode::NOT_FOUND),
            Self::NotFound => ("NotFound", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => ("MethodNotAllowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::BodyTimeout => ("BodyTimeout", StatusCode::REQUEST_TIMEOUT),
            Self::NameTaken => ("NameTaken", StatusCode::CONFLICT),
            Self::TypeNotSupported => ("TypeNotSupported", StatusCode::CONFLICT),
            Self::ExecutionEnded => ("ExecutionEnded", StatusCode::CONFLICT),
            Self::ExecutionNotRedrivable => ("ExecutionNotRedrivable", StatusCode::CONFLICT),
            Self::NotNow => ("NotNow", StatusCode::CONFLICT),
            Self::MapRunEnded => ("MapRunEnded", StatusCode::CONFLICT),
            Self::BulkOperationEnded => ("BulkOperationEnded", StatusCode::CONFLICT),
            Self::StateMachineDeleting => ("StateMachineDeleting", StatusCode::CONFLICT),
            Self::RevisionChanged => ("RevisionChanged", StatusCode::CONFLICT),
            Self::InUse => ("InUse", StatusCode::CONFLICT),
            Self::TooMany => ("TooMany", StatusCode::CONFLICT),
            Self::BackupRunning => ("BackupRunning", StatusCode::CONFLICT),
            Self::NoBackups => ("NoBackups", StatusCode::CONFLICT),
            Self::NoMasterKey => ("NoMasterKey", StatusCode::CONFLICT),
            Self::TaskTimedOut => ("TaskTimedOut", StatusCode::CONFLICT),
            Self::ApprovalClosed => ("ApprovalClosed", StatusCode::CONFLICT),
            Self::ApprovalChanged => ("ApprovalChanged", StatusCode::CONFLICT),
            Self::ApprovalBound => ("ApprovalBound", StatusCode::CONFLICT),
            Self::AlreadyDecided => ("AlreadyDecided", StatusCode::CONFLICT),
            Self::BodyTooLarge => ("BodyTooLarge", StatusCode::PAYLOAD_TOO_LARGE),
            Self::PayloadTooLarge => ("PayloadTooLarge", StatusCode::PAYLOAD_TOO_LARGE),
            Self::UnsupportedMediaType => {
                ("UnsupportedMediaType", StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Self::InvalidDefinition => ("InvalidDefinition", StatusCode::UNPROCESSABLE_ENTITY),
            Self::InboxFull => ("InboxFull", StatusCode::TOO_MANY_REQUESTS),
            Self::Throttled => ("Throttled", StatusCode::TOO_MANY_REQUESTS),
            Self::QuotaExceeded => ("QuotaExceeded", StatusCode::TOO_MANY_REQUESTS),
            Self::Internal => ("Internal", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Overloaded => ("Overloaded", StatusCode::SERVICE_UNAVAILABLE),
            Self::IssuerUnreachable => ("IssuerUnreachable", StatusCode::SERVICE_UNAVAILABLE),
            Self::Unavailable => ("Unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::ShuttingDown => ("ShuttingDown", StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}

/// The code of a refusal, on its answer: the audit log is told of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RefusedAs(pub(crate) &'static str);

/// A refusal on its way to the caller.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    field: Option<String>,
    quota: Option<Box<QuotaExceeded>>,
    diagnostics: Vec<Diagnostic>,
    /// Whether it is about a token that was shown, so that the header that asks for one
    /// says what is wrong (RFC 6750, section 3).
    is_of_token: bool,
    /// What only the log is told.
    internal: Option<Box<str>>,
}

impl ApiError {
    /// Makes a refusal of a code and words for people.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let (code, status) = code.parts();
        Self {
            status,
            code,
            message: message.into(),
            field: None,
            quota: None,
            diagnostics: Vec::new(),
            is_of_token: false,
            internal: None,
        }
    }

    /// Makes a refusal of a field that is not as it must be.
    pub(crate) fn invalid(field: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        let field = field.into();
        Self::new(Code::InvalidField, format!("{field}: {reason}")).about(field)
    }

    /// Makes a refusal of a token that was shown, in characters that a header may quote.
    pub(crate) fn invalid_token(reason: impl Into<String>) -> Self {
        Self {
            is_of_token: true,
            ..Self::new(Code::Unauthenticated, reason)
        }
    }

    /// Says what else could be done, where it is refused because of a token.
    pub(crate) fn advising(mut self, advice: &str) -> Self {
        if self.status == StatusCode::UNAUTHORIZED {
            self.message = format!("{}; {advice}", self.message);
        }
        self
    }

    /// Names the field that the refusal is about.
    pub(crate) fn about(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Returns the public words.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Whether it is the caller's doing, and no trouble of the host's, that nobody was let in.
    pub(crate) fn is_about_login(&self) -> bool {
        self.status.is_client_error()
    }

    /// Returns code, message and field.
    #[cfg(test)]
    pub(crate) fn into_parts(self) -> (String, String, Option<String>) {
        (self.code.to_owned(), self.message, self.field)
    }

    /// Makes a refusal whose reason only the log is told.
    fn internal(message: String) -> Self {
        let public = "internal error: the server's log tells more";
        Self::new(Code::Internal, public).with_internal(message)
    }

    fn with_internal(mut self, internal: String) -> Self {
        self.internal = Some(internal.into_boxed_str());
        self
    }

    /// Says which quota is exceeded.
    fn over(self, quota: QuotaExceeded) -> Self {
        let quota = Some(Box::new(quota));
        Self { quota, ..self }
    }
}

/// What is said while the database does not take anything.
const UNAVAILABLE: &str = "the database is not available: nothing was changed, try again";

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::Invalid { field, .. } => {
                Self::new(Code::InvalidField, message).about(field)
            }
            EngineError::InvalidDefinition(found) => Self {
                diagnostics: found.into_iter().map(Diagnostic::from).collect(),
                ..Self::new(Code::InvalidDefinition, message).about("definition")
            },
            EngineError::ComponentRefused { code, .. } => Self {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                code,
                ..Self::new(Code::Internal, message)
            },
            EngineError::NotFound { .. } => Self::new(Code::NotFound, message),
            EngineError::NameTaken { .. } | EngineError::AlreadyExists { .. } => {
                Self::new(Code::NameTaken, message).about("name")
            }
            EngineError::Deleting { .. } => Self::new(Code::StateMachineDeleting, message),
            EngineError::Moved { .. } => Self::new(Code::RevisionChanged, message),
            EngineError::InUse { .. } => Self::new(Code::InUse, message),
            EngineError::TooMany { .. } => Self::new(Code::TooMany, message),
            EngineError::BackupRunning => Self::new(Code::BackupRunning, message),
            EngineError::NoBackups => Self::new(Code::NoBackups, message),
            EngineError::NoMasterKey => Self::new(Code::NoMasterKey, message),
            EngineError::TypeNotSupported { .. } => {
                Self::new(Code::TypeNotSupported, message).about("stateMachine")
            }
            EngineError::Throttled => Self::new(Code::Throttled, message),
            EngineError::QuotaExceeded {
                quota,
                limit,
                used,
                after_ms,
                ..
            } => Self::new(Code::QuotaExceeded, message).over(QuotaExceeded {
                name: quota.name().to_owned(),
                limit,
                used,
                retry_after_ms: after_ms,
            }),
            EngineError::ExecutionEnded => Self::new(Code::ExecutionEnded, message),
            EngineError::Forbidden { .. } | EngineError::NotOfGroup { .. } => {
                Self::new(Code::Forbidden, message)
            }
            EngineError::InboxFull => Self::new(Code::InboxFull, message),
            EngineError::NotRedrivable { .. } => Self::new(Code::ExecutionNotRedrivable, message),
            EngineError::NotNow { .. } => Self::new(Code::NotNow, message),
            EngineError::MapRunEnded => Self::new(Code::MapRunEnded, message),
            EngineError::BulkEnded => Self::new(Code::BulkOperationEnded, message),
            EngineError::InvalidToken => {
                Self::new(Code::InvalidTaskToken, message).about("taskToken")
            }
            EngineError::TaskTimedOut => Self::new(Code::TaskTimedOut, message),
            EngineError::ApprovalClosed { .. } => Self::new(Code::ApprovalClosed, message),
            EngineError::ApprovalBound(_) => Self::new(Code::ApprovalBound, message),
            EngineError::Approval(refusal) => Self::new(approval_code(&refusal), message),
            EngineError::TooLarge { field, .. } => {
                Self::new(Code::PayloadTooLarge, message).about(field)
            }
            EngineError::Unavailable(_) => {
                Self::new(Code::Unavailable, UNAVAILABLE).with_internal(message)
            }
            EngineError::ShuttingDown => {
                Self::new(Code::ShuttingDown, "the host is shutting down: try again")
            }
            EngineError::Internal(_) => Self::internal(message),
        }
    }
}

/// The code of a decision that is not taken.
fn approval_code(refusal: &ApprovalRefusal) -> Code {
    match refusal {
        ApprovalRefusal::Closed | ApprovalRefusal::Overdue { .. } => Code::ApprovalClosed,
        ApprovalRefusal::Changed { .. } => Code::ApprovalChanged,
        ApprovalRefusal::AlreadyDecided(_) => Code::AlreadyDecided,
        ApprovalRefusal::SelfApproval | ApprovalRefusal::Unanswered => Code::SelfApproval,
        ApprovalRefusal::NotAsked { .. } => Code::NotApprover,
        ApprovalRefusal::CommentMissing | ApprovalRefusal::Input { .. } => Code::InvalidField,
    }
}

/// Refusals in AWS's words, as the operations of the Step Functions API give them.
impl From<OperationError> for ApiError {
    fn from(error: OperationError) -> Self {
        let fault = match error {
            OperationError::Host(error) => return error.into(),
            OperationError::NotSupported(_) => {
                return Self::new(Code::InvalidField, error.to_string());
            }
            OperationError::Fault(fault) => fault,
        };
        match fault.code {
            "InvalidDefinition" => {
                Self::new(Code::InvalidDefinition, fault.message).about("definition")
            }
            "InvalidExecutionInput" => Self::new(Code::InvalidField, fault.message).about("input"),
            _ => Self::new(Code::InvalidField, fault.message),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(internal) = &self.internal {
            tracing::error!(code = self.code, error = %internal, "request failed");
        }
        let challenge = challenge(self.is_of_token.then_some(&*self.message));
        let quota_s = self.quota.as_ref().and_then(|quota| quota.retry_after_ms);
        let quota_s = quota_s.map(|ms| ms.div_ceil(1_000).max(1));
        let body = ApiErrorBody {
            error: ApiErrorDetails {
                code: self.code.to_owned(),
                message: cut(self.message),
                field: self.field.map(cut),
                quota: self.quota.map(|quota| *quota),
                diagnostics: self.diagnostics,
            },
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        response.extensions_mut().insert(RefusedAs(self.code));
        let headers = response.headers_mut();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        if let Some(seconds) = quota_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Says how to show who calls, and what was wrong with the attempt.
fn challenge(problem: Option<&str>) -> HeaderValue {
    let bare = HeaderValue::from_static("Bearer");
    let Some(problem) = problem else {
        return bare;
    };
    let text = format!("Bearer error=\"invalid_token\", error_description=\"{problem}\"");
    HeaderValue::try_from(text).unwrap_or(bare)
}

/// Cuts a text that repeats a part of the request to a decent length.
fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MESSAGE_MAX_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}
