//! How a call ended, and the error names under which Retry and Catch see it.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest error name, in characters (as in the AWS event model).
pub(crate) const ERROR_MAX_CHARS: usize = 256;
/// The longest cause, in characters (as in the AWS event model).
pub(crate) const CAUSE_MAX_CHARS: usize = 32_768;

/// How one call ended. Everything but [`Unavailable`](Self::Unavailable) and
/// [`Cancelled`](Self::Cancelled) is the guest's own doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// `run` returned a JSON text: checked grammar, nesting at most 128 deep, within the
    /// output limit.
    Completed(Arc<str>),
    /// `run` returned a failure. The name is already one that a guest may use.
    Failed {
        /// The error's name.
        error: String,
        /// What went wrong.
        cause: String,
    },
    /// The guest hit an illegal instruction, a bad memory access, a full stack, or exited.
    Trapped {
        /// What happened, with the names of the guest's functions where it has any.
        message: String,
    },
    /// The guest panicked.
    Panicked {
        /// The panic's message and place.
        message: String,
    },
    /// The call used up its fuel.
    OutOfFuel,
    /// The guest asked for more memory than the limit and then gave up.
    OutOfMemory,
    /// The call took longer than its timeout.
    TimedOut,
    /// The output is over the limit.
    OutputTooLarge,
    /// The output is no JSON text.
    BadOutput {
        /// What is wrong with it.
        reason: String,
    },
    /// The guest called the host too often, or handed it too many bytes at once.
    HostCallsExceeded {
        /// Which limit.
        reason: String,
    },
    /// The guest holds more handles, or is made of more instances, memories or tables, than
    /// the limits allow.
    TooManyResources {
        /// Which limit.
        reason: String,
    },
    /// The call was ended by its [`CancelToken`](crate::CancelToken).
    Cancelled,
    /// The host could not make the call: its pool is full, the component is not loaded. Not
    /// the guest's failure; try again later.
    Unavailable {
        /// What is missing.
        reason: String,
    },
}

impl Outcome {
    /// Returns error name and cause as Retry and Catch see them; nothing for
    /// [`Completed`](Self::Completed), [`Cancelled`](Self::Cancelled) and
    /// [`Unavailable`](Self::Unavailable).
    ///
    /// The name has at most 256 characters, the cause at most 32,768.
    pub fn failure(&self) -> Option<(String, String)> {
        let (error, cause) = match self {
            Self::Completed(_) | Self::Cancelled | Self::Unavailable { .. } => return None,
            Self::Failed { error, cause } => (error.as_str(), cause.as_str()),
            Self::Trapped { message } => ("Stepwell.Trapped", message.as_str()),
            Self::Panicked { message } => ("Stepwell.Panicked", message.as_str()),
            Self::OutOfFuel => ("Stepwell.OutOfFuel", "the task used up its fuel"),
            Self::OutOfMemory => (
                "Stepwell.OutOfMemory",
                "the task asked for more memory than its limit",
            ),
            Self::TimedOut => ("States.Timeout", "the task took longer than its timeout"),
            Self::OutputTooLarge => (
                "States.DataLimitExceeded",
                "the output of the task is larger than its limit",
            ),
            Self::BadOutput { reason } => ("Stepwell.BadOutput", reason.as_str()),
            Self::HostCallsExceeded { reason } => ("Stepwell.HostCallLimit", reason.as_str()),
            Self::TooManyResources { reason } => ("Stepwell.ResourceLimit", reason.as_str()),
        };
        Some((
            error.chars().take(ERROR_MAX_CHARS).collect(),
            cause.chars().take(CAUSE_MAX_CHARS).collect(),
        ))
    }

    /// Tells whether `run` returned an output.
    pub const fn is_completed(&self) -> bool {
        matches!(self, Self::Completed(_))
    }
}

/// What one call did and used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallReport {
    /// How it ended.
    pub outcome: Outcome,
    /// Fuel used, about one unit per Wasm instruction and per byte of a bulk operation. The
    /// same for the same component, input and answers of the host. Where the call was stopped
    /// from outside, by its timeout or its token, up to 10 million units are missing.
    pub fuel_used: u64,
    /// The largest sum of the guest's memories and tables, in bytes.
    pub memory_peak_bytes: u64,
    /// Wall time of the call, instantiation included.
    pub duration: Duration,
    /// Whether log lines were cut or dropped.
    pub log_truncated: bool,
}

impl CallReport {
    /// Reports a call that ended before the guest was reached.
    pub(crate) fn without_guest(outcome: Outcome, started: Instant) -> Self {
        Self {
            outcome,
            fuel_used: 0,
            memory_peak_bytes: 0,
            duration: started.elapsed(),
            log_truncated: false,
        }
    }
}
