//! Bulk operations: what is ordered, and what is told of them.

use stepwell_decider::Status;
use stepwell_states::Timestamp;

use super::ExecutionQuery;

/// What is done to each execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkAction {
    /// It is stopped.
    Stop,
    /// It goes on from where it stopped.
    Redrive,
}

impl BulkAction {
    pub(crate) fn of(stored: stepwell_store::BulkAction) -> Self {
        match stored {
            stepwell_store::BulkAction::Stop => Self::Stop,
            stepwell_store::BulkAction::Redrive => Self::Redrive,
        }
    }

    pub(crate) fn stored(self) -> stepwell_store::BulkAction {
        match self {
            Self::Stop => stepwell_store::BulkAction::Stop,
            Self::Redrive => stepwell_store::BulkAction::Redrive,
        }
    }

    /// Returns its word in the audit log.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Redrive => "redrive",
        }
    }

    /// Returns what an execution is afterwards.
    pub(crate) fn past(self) -> &'static str {
        match self {
            Self::Stop => "stopped",
            Self::Redrive => "redriven",
        }
    }
}

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkStatus {
    /// It goes on.
    Running,
    /// All executions have been dealt with.
    Completed,
    /// Somebody has ended it before.
    Cancelled,
}

impl BulkStatus {
    pub(crate) fn of(stored: stepwell_store::BulkStatus) -> Self {
        match stored {
            stepwell_store::BulkStatus::Running => Self::Running,
            stepwell_store::BulkStatus::Completed => Self::Completed,
            stepwell_store::BulkStatus::Cancelled => Self::Cancelled,
        }
    }
}

/// An order to change all executions that a filter lets pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkOrder {
    /// What is done to them.
    pub action: BulkAction,
    /// Which are meant.
    pub query: ExecutionQuery,
    /// Whether all of the tenant's are meant: said where there is no filter, and only there.
    pub all: bool,
    /// The error that they are stopped with.
    pub error: Option<String>,
    /// The cause that they are stopped with.
    pub cause: Option<String>,
}

/// What an order would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkPreview {
    /// As of when.
    pub at: Timestamp,
    /// How many executions.
    pub matching: u64,
    /// How many of each state machine, in each status.
    pub counts: Vec<BulkCount>,
    /// Some of them, the newest: `MACHINE/NAME`.
    pub sample: Vec<String>,
}

/// How many executions of a state machine are in a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkCount {
    /// Name of the state machine.
    pub state_machine: String,
    /// The status.
    pub status: Status,
    /// How many.
    pub count: u64,
}

/// What is known of a bulk operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkDescription {
    /// Its id.
    pub id: String,
    /// What is done to each execution.
    pub action: BulkAction,
    /// Which were meant.
    pub query: ExecutionQuery,
    /// How it stands.
    pub status: BulkStatus,
    /// When it was ordered: what started later is left alone.
    pub ordered_at: Timestamp,
    /// Who ordered it.
    pub ordered_by: String,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who ended it before it was through.
    pub cancelled_by: Option<String>,
    /// How many executions the filter let pass when it was ordered.
    pub matching: u64,
    /// How many were changed.
    pub done: u64,
    /// How many needed no change any more when it was their turn.
    pub skipped: u64,
    /// How many could not be changed.
    pub failed: u64,
    /// Of some that were not changed: their ARN, and why.
    pub problems: Vec<(String, String)>,
}
