//! Interventions: what an operator does to a state of a running execution.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_states::{Payload, StateRef, Timestamp};

use crate::approval::ApprovedElsewhere;
use crate::event::EventNumber;
use crate::failure::Failure;
use crate::target::Target;

/// An order to intervene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intervene {
    /// The state that is meant.
    pub target: Target,
    /// What is to be done.
    pub intervention: Intervention,
    /// Who asks, as the server knows them.
    pub principal: Option<Arc<str>>,
    /// Approvals that stand against a result which is not the task's.
    pub approved: Box<ApprovedElsewhere>,
}

/// What an operator does to a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Intervention {
    /// The next attempt begins at once.
    RetryNow,
    /// The wait is over at once.
    EndWait,
    /// The task fails; its state's `Retry` and `Catch` are asked as ever.
    FailTask(Failure),
    /// The task is done, with this result.
    SkipTask(Payload),
}

impl Intervention {
    /// Returns the result that a skipped task is given, to be replaced.
    pub fn output_mut(&mut self) -> Option<&mut Payload> {
        match self {
            Self::SkipTask(output) => Some(output),
            Self::RetryNow | Self::EndWait | Self::FailTask(_) => None,
        }
    }

    /// Returns its name, as answers have it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::RetryNow => "RETRY_NOW",
            Self::EndWait => "END_WAIT",
            Self::FailTask(_) => "FAIL_TASK",
            Self::SkipTask(_) => "SKIP_TASK",
        }
    }
}

/// Details of [`EventKind::Intervened`](crate::EventKind::Intervened).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intervened {
    /// The state.
    pub state: StateRef,
    /// Its name.
    pub state_name: Arc<str>,
    /// What was done.
    pub intervention: Intervention,
    /// The task that was open, if one was.
    pub scheduled: Option<EventNumber>,
    /// When something would have happened by itself, if anything would.
    pub due: Option<Timestamp>,
}

/// Why an intervention is not made, though its state was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotIntervened {
    /// Nothing begins while the execution is paused.
    #[error("the execution is paused: resume it first")]
    Paused,
    /// Only people who are asked may approve.
    #[error("an approval cannot be skipped: let it be decided, or fail it")]
    Approval,
}
