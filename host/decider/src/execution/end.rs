//! How executions end.

use serde::{Deserialize, Serialize};
use stepwell_states::{Payload, Timestamp};

use crate::failure::Failure;

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The status from then on.
    pub status: Status,
    /// When.
    pub at: Timestamp,
    /// The output, of a success.
    pub output: Option<Payload>,
    /// The error and cause, of anything else.
    pub failure: Option<Failure>,
}

/// Status of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Not at its end.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended with an error that nothing caught.
    Failed,
    /// Ended because its own time was up.
    TimedOut,
    /// Stopped by somebody.
    Aborted,
}
