//! A workflow's failure: data that `Retry` and `Catch` see, never a Rust `Err`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name and the story of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Failure {
    /// The error's name, as in `ErrorEquals`; 256 characters at most.
    pub error: Option<Arc<str>>,
    /// What went wrong, for people; 32,768 characters at most.
    pub cause: Option<Arc<str>>,
}

/// The error of work that took longer than it may.
pub(crate) const TIMEOUT: &str = "States.Timeout";
/// The error of work that gave no sign of life.
pub(crate) const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
/// The error of data that is more than an execution may carry.
pub(crate) const DATA_LIMIT: &str = "States.DataLimitExceeded";
/// The error that nothing retries or catches.
pub(crate) const RUNTIME: &str = "States.Runtime";

/// The longest error name that the wire shows, in characters.
const ERROR_MAX_CHARS: usize = 256;
/// The longest cause that the wire shows, in characters.
const CAUSE_MAX_CHARS: usize = 32_768;

impl Failure {
    /// Makes a failure; texts beyond AWS's limits are cut.
    #[must_use]
    pub fn new(error: impl AsRef<str>, cause: impl AsRef<str>) -> Self {
        Self {
            error: Some(cut(error.as_ref(), ERROR_MAX_CHARS)),
            cause: Some(cut(cause.as_ref(), CAUSE_MAX_CHARS)),
        }
    }

    /// Makes a failure that has a name and no story.
    #[must_use]
    pub fn named(error: impl AsRef<str>) -> Self {
        Self {
            error: Some(cut(error.as_ref(), ERROR_MAX_CHARS)),
            cause: None,
        }
    }

    /// Makes a failure of what a caller or definition gave, either of which may be missing.
    #[must_use]
    pub fn from_parts(error: Option<&str>, cause: Option<&str>) -> Self {
        Self {
            error: error.map(|text| cut(text, ERROR_MAX_CHARS)),
            cause: cause.map(|text| cut(text, CAUSE_MAX_CHARS)),
        }
    }

    /// Returns the failure as a history shows it: there a missed heartbeat is a timeout.
    /// Only Retry and Catch see it by its own name.
    #[must_use]
    pub fn as_shown(&self) -> Self {
        match self.error_name() {
            HEARTBEAT_TIMEOUT => Self {
                error: Some(TIMEOUT.into()),
                cause: self.cause.clone(),
            },
            _ => self.clone(),
        }
    }

    /// Returns the error's name, empty where there is none.
    #[must_use]
    pub fn error_name(&self) -> &str {
        self.error.as_deref().unwrap_or_default()
    }
}

fn cut(text: &str, max_chars: usize) -> Arc<str> {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => text[..end].into(),
        None => text.into(),
    }
}
