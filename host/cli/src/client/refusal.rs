//! What a host refuses, and what that is to who gave the command.

use stepwell_server::wire::{ApiErrorBody, Diagnostic};
use ureq::http::StatusCode;

use crate::exit::{CliError, Exit};
use crate::render::text::safe;

/// A refusal of the host.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) body: Option<ApiErrorBody>,
    pub(super) text: String,
}

impl Refusal {
    /// The host's code for it, such as `NotFound`; empty if it is not a host's.
    fn code(&self) -> &str {
        self.body.as_ref().map_or("", |body| &body.error.code)
    }

    /// Whether it is refused because the execution has ended.
    pub(crate) fn is_ended_execution(&self) -> bool {
        self.code() == "ExecutionEnded"
    }

    /// Whether it is refused because nobody waits for the task any more.
    pub(crate) fn is_ended_task(&self) -> bool {
        matches!(
            self.code(),
            "TaskTimedOut" | "ExecutionEnded" | "InvalidToken" | "NotFound"
        )
    }

    /// Whether the same request may be answered later.
    pub(crate) fn is_passing(&self) -> bool {
        self.exit() == Exit::Unavailable
    }

    /// The problems of a refused definition.
    pub(crate) fn diagnostics(&self) -> &[Diagnostic] {
        self.body
            .as_ref()
            .map_or(&[], |body| &body.error.diagnostics)
    }

    fn exit(&self) -> Exit {
        match self.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Exit::NotFound,
            // Both mean: not now.
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Exit::Unavailable,
            status if status.is_server_error() => Exit::Unavailable,
            _ => Exit::Refused,
        }
    }
}

impl From<Refusal> for CliError {
    fn from(refusal: Refusal) -> Self {
        let exit = refusal.exit();
        let Some(body) = &refusal.body else {
            let status = refusal.status.as_u16();
            return Self::new(exit, format!("the host answered with status {status}"))
                .hint("is a proxy between you and it?");
        };
        let error = &body.error;
        let code = safe(&error.code);
        let mut failed = Self::new(exit, format!("{} ({code})", safe(&error.message)));
        if let Some(field) = &error.field
            && !error.message.contains(field.as_str())
        {
            failed = failed.hint(format!("the field is {}", safe(field)));
        }
        match refusal.status {
            StatusCode::UNAUTHORIZED => {
                failed = failed.hint(
                    "give a token with STEPWELL_TOKEN or --token; the first start of a host \
                     writes the admin's into admin-token in its data folder",
                );
            }
            status if status.is_server_error() => {
                failed = failed.hint("the host's log says more");
            }
            _ => {}
        }
        match serde_json::from_str(&refusal.text) {
            Ok(body) => failed.with_body(body),
            Err(_) => failed,
        }
    }
}
