//! What the parser and the validator have to say about a definition.

use std::fmt;

use serde::Serialize;

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// The definition cannot run.
    Error,
    /// The definition runs, but probably not as meant.
    Warning,
}

/// One problem of a definition, with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Stable name of the rule, for example `SCHEMA_VALIDATION_FAILED`.
    pub code: String,
    /// What is wrong, in one sentence without the place.
    pub message: String,
    /// JSON pointer to the field, for example `/States/Wait/Seconds`; in the short
    /// form, the pointer into the short form. The root is the empty string.
    pub pointer: String,
    /// The place as Step Functions writes it, `/States/A/Catch[0]`; the root is empty.
    pub location: String,
    /// Line of the field in the text, from 1.
    pub line: u32,
    /// Column of the field in characters, from 1.
    pub column: u32,
    /// What to do about it, where that is not plain from the message.
    pub hint: Option<String>,
}

impl fmt::Display for Diagnostic {
    /// Writes it as Step Functions does: `CODE: message at /place`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.location.is_empty() {
            "/"
        } else {
            &self.location
        };
        write!(f, "{}: {} at {place}", self.code, self.message)
    }
}
