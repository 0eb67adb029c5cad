//! The one shape of every refusal, and the diagnostics of definitions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of every answer with a status of 400 or above.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiErrorBody {
    /// What went wrong.
    pub error: ApiErrorDetails,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiErrorDetails {
    /// Stable word for programs; `docs/api-errors.md` lists them.
    pub code: String,
    /// What is wrong and what to do, for people.
    pub message: String,
    /// The field of the request that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The quota that is reached, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<super::QuotaExceeded>,
    /// All problems of a refused definition; otherwise empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
}

/// One problem of a definition, with its place in the text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Stable name of the rule.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// JSON pointer to the field in the text as it was sent; the root is empty.
    pub pointer: String,
    /// The place as Step Functions writes it; the root is empty.
    pub location: String,
    /// Line of the field in the text, from 1.
    pub line: u32,
    /// Column of the field in characters, from 1.
    pub column: u32,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How bad a problem of a definition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// The definition cannot run.
    Error,
    /// The definition runs, but probably not as meant.
    Warning,
}

impl From<stepwell_engine::Diagnostic> for Diagnostic {
    fn from(found: stepwell_engine::Diagnostic) -> Self {
        Self {
            severity: match found.severity {
                stepwell_engine::Severity::Error => Severity::Error,
                stepwell_engine::Severity::Warning => Severity::Warning,
            },
            code: found.code,
            message: found.message,
            pointer: found.pointer,
            location: found.location,
            line: found.line,
            column: found.column,
            hint: found.hint,
        }
    }
}

/// Converts all problems of a definition.
pub(crate) fn diagnostics(found: Vec<stepwell_engine::Diagnostic>) -> Vec<Diagnostic> {
    found.into_iter().map(Diagnostic::from).collect()
}
