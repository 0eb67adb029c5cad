//! Why the engine refuses a request. Doors map each variant to a status and a code.

use stepwell_decider::{
    ApprovalBound, ApprovalRefusal, DecideError, EVENTS_KEPT_MAX, EVENTS_KEPT_MAX_BYTES,
};
use stepwell_states::{Diagnostic, Severity};
use stepwell_store::StoreError;

use crate::quotas::{self, Quota};

/// Why a request was refused or could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A field of the request is not as it must be.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field, as the request names it.
        field: &'static str,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The caller's role does not let them do it.
    #[error("{principal}, of the role {role}, lacks the permission {missing}")]
    Forbidden {
        /// Who asked.
        principal: String,
        /// Their role.
        role: String,
        /// The permission that it would take.
        missing: &'static str,
    },
    /// The role makes its holders decide for a group that the caller is not in.
    #[error(
        "{principal} is not of the role {role:?}, whose holders decide approvals: those give it \
         who have it, or may do all that admin may"
    )]
    NotOfGroup {
        /// Who asked.
        principal: String,
        /// The role.
        role: String,
    },
    /// The definition has problems.
    #[error("the definition has {}", problems(.0))]
    InvalidDefinition(Vec<Diagnostic>),
    /// The component was refused.
    #[error("{message}")]
    ComponentRefused {
        /// Stable code, such as `ForbiddenImport`.
        code: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
    /// Something that the request names does not exist (or is another tenant's).
    #[error("{kind} {name:?} does not exist")]
    NotFound {
        /// What kind of thing: `execution`, `state machine`, `component`, ….
        kind: &'static str,
        /// How the request named it.
        name: String,
    },
    /// An execution of that name exists and was given other input.
    #[error("an execution named {name:?} exists already and was started with other input")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// There is one of that name, and it is another.
    #[error("{kind} {name:?} exists already and is another one")]
    AlreadyExists {
        /// What kind of thing: `state machine`, `alias`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The state machine is being deleted.
    #[error("state machine {name:?} is being deleted")]
    Deleting {
        /// How the request named it.
        name: String,
    },
    /// The state machine has another revision than the request expects.
    #[error("the current revision is {current}")]
    Moved {
        /// The UUID of the current one; `INITIAL` for the first.
        current: String,
    },
    /// Something refers to what the request would remove.
    #[error("{kind} {name:?} is used by {}", by.join(", "))]
    InUse {
        /// What kind of thing.
        kind: &'static str,
        /// How the request named it.
        name: String,
        /// The names of what refers to it.
        by: Vec<String>,
    },
    /// A backup is being made.
    #[error("a backup is being made: try again when it has ended")]
    BackupRunning,
    /// The host has no folder for backups.
    #[error("this host has no folder for backups: it keeps its data in memory")]
    NoBackups,
    /// There may be no more of them.
    #[error("there are {limit} {what} already, which is the limit{}", way_out(.what))]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The Map Run is at its end.
    #[error("the map run has ended")]
    MapRunEnded,
    /// The bulk operation is at its end.
    #[error("the bulk operation has ended")]
    BulkEnded,
    /// The execution is at its end.
    #[error("the execution has ended")]
    ExecutionEnded,
    /// No state waits for the event, and the execution keeps as many as it may.
    #[error(
        "the execution keeps {EVENTS_KEPT_MAX} events or {} MiB of them that no state has taken: \
         post it again when some are taken",
        EVENTS_KEPT_MAX_BYTES >> 20
    )]
    InboxFull,
    /// The operation is for executions of the other type of state machine.
    #[error("this operation is not for {machine_type} state machines: {advice}")]
    TypeNotSupported {
        /// The type that the state machine has.
        machine_type: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// As many express executions run as may, or they hold as much memory as they may.
    #[error("too many express executions run at once: try again")]
    Throttled,
    /// The tenant has or uses as much of something as it may.
    #[error("{message}")]
    QuotaExceeded {
        /// Which quota.
        quota: Quota,
        /// How much it allows.
        limit: u64,
        /// How much is used.
        used: u64,
        /// After how many milliseconds to try again, where time helps.
        after_ms: Option<u64>,
        /// What is over, and what to do.
        message: String,
    },
    /// The execution cannot be redriven.
    #[error("the execution cannot be redriven: {reason}")]
    NotRedrivable {
        /// Why, in AWS's words.
        reason: String,
    },
    /// The approval has ended.
    #[error("the approval is {status}: it is too late for a decision")]
    ApprovalClosed {
        /// How it ended: `APPROVED`, `EXPIRED`, ….
        status: &'static str,
    },
    /// The decision on an approval cannot be taken.
    #[error(transparent)]
    Approval(ApprovalRefusal),
    /// It would change what an approval was given on.
    #[error(transparent)]
    ApprovalBound(ApprovalBound),
    /// The execution is not where this could be done.
    #[error("{reason}")]
    NotNow {
        /// Why, and what to do.
        reason: String,
    },
    /// The text is no task token, or none of this host.
    #[error("the task token is not valid")]
    InvalidToken,
    /// The task has ended, timed out, or was given up.
    #[error("the task is not waiting any more")]
    TaskTimedOut,
    /// A payload has too many bytes.
    #[error("{field} has {bytes} bytes; the limit is {max_bytes}")]
    TooLarge {
        /// The field, as the request names it.
        field: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// The host has no master key, without which it keeps no secrets.
    #[error(
        "the host keeps no secrets, since it has no master key: make one with `stepwell secrets \
         new-key FILE` and start the host with --master-key-file FILE"
    )]
    NoMasterKey,
    /// The database cannot be written or read now; nothing was changed.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The host is shutting down.
    #[error("the host is shutting down")]
    ShuttingDown,
    /// We are wrong: a bug, or data that cannot be what it is.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Counts what a definition is refused for, and what is only beside it.
fn problems(found: &[Diagnostic]) -> String {
    let errors = found
        .iter()
        .filter(|one| one.severity == Severity::Error)
        .count();
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let warnings = found.len() - errors;
    let beside = match warnings {
        0 => String::new(),
        _ => format!(", and {} beside", counted(warnings, "warning")),
    };
    format!("{}{beside}", counted(errors, "error"))
}

impl From<DecideError> for EngineError {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Ended => Self::ExecutionEnded,
            DecideError::InboxFull => Self::InboxFull,
            DecideError::ForeignToken => Self::InvalidToken,
            DecideError::TaskClosed | DecideError::TaskTaken => Self::TaskTimedOut,
            DecideError::Approval(refusal) => Self::of_approval(refusal),
            DecideError::ApprovalBound(bound) => Self::ApprovalBound(bound),
            DecideError::NotRedrivable(reason) => Self::NotRedrivable {
                reason: reason.to_string(),
            },
            DecideError::Target(error) => match error.part() {
                Some(field) => Self::Invalid {
                    field,
                    reason: error.to_string(),
                },
                None => Self::NotNow {
                    reason: error.to_string(),
                },
            },
            DecideError::NotIntervened(reason) => Self::NotNow {
                reason: reason.to_string(),
            },
            DecideError::Edited(_) | DecideError::EditedTwice { .. } => Self::Invalid {
                field: "inputs",
                reason: error.to_string(),
            },
            DecideError::Misfit(_) => Self::Invalid {
                field: "definition",
                reason: error.to_string(),
            },
            DecideError::AlreadyStarted | DecideError::NotStarted => {
                Self::Internal(error.to_string())
            }
        }
    }
}

/// What to do about there being too many, where that is not plain.
fn way_out(what: &str) -> &'static str {
    match what {
        "revisions of the state machine" => {
            ": deploy under another name, or delete the state machine and deploy it anew"
        }
        _ => "",
    }
}

impl EngineError {
    /// What is wrong with a field is told like that of any other request.
    fn of_approval(refusal: ApprovalRefusal) -> Self {
        match refusal {
            ApprovalRefusal::CommentMissing => Self::Invalid {
                field: "comment",
                reason: "is missing: this decision needs one".to_owned(),
            },
            ApprovalRefusal::Input { field, reason } => Self::Invalid {
                field: "inputs",
                reason: format!("{field} {reason}"),
            },
            other => Self::Approval(other),
        }
    }
}

/// What a caller is told of the store's trouble.
pub(crate) fn from_store(error: StoreError) -> EngineError {
    match error {
        StoreError::Full | StoreError::Unavailable { .. } | StoreError::Conflict { .. } => {
            EngineError::Unavailable(error.to_string())
        }
        StoreError::OverQuota { quota, limit, used } => quotas::from_storage(quota, limit, used),
        StoreError::TooMany { what, limit } => EngineError::TooMany { what, limit },
        StoreError::Closed => EngineError::ShuttingDown,
        other => EngineError::Internal(other.to_string()),
    }
}
