//! Faults with AWS's codes and texts.

use crate::error::EngineError;
use crate::quotas::Quota;

/// A refusal in AWS's words: the caller is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiFault {
    /// AWS's code: `ExecutionDoesNotExist`.
    pub code: &'static str,
    /// AWS's text.
    pub message: String,
}

/// Why an operation gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The caller is wrong.
    #[error(transparent)]
    Fault(#[from] ApiFault),
    /// This host does not have the operation.
    #[error("this version does not have the operation {0}")]
    NotSupported(String),
    /// Trouble of the host's own: the same call may be made again.
    #[error(transparent)]
    Host(EngineError),
}

impl ApiFault {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// A request that breaks a rule of the service model.
    pub(super) fn constraint(value: &str, member: &str, rule: &str) -> Self {
        let message = format!(
            "1 validation error detected: Value {value} at '{member}' failed to satisfy \
             constraint: {rule}"
        );
        Self::new("ValidationException", message)
    }

    /// A text that is none of the words that it may be.
    pub(super) fn not_among(given: &str, member: &str, words: &[&str]) -> Self {
        let rule = format!("Member must satisfy enum value set: [{}]", words.join(", "));
        Self::constraint(&format!("'{given}'"), member, &rule)
    }

    pub(super) fn invalid_token() -> Self {
        Self::new("InvalidToken", "Invalid Token: 'Invalid token'")
    }

    pub(super) fn invalid_name(name: &str) -> Self {
        Self::new("InvalidName", format!("Invalid Name: '{name}'"))
    }

    /// An execution's input that is no JSON.
    pub(crate) fn invalid_input(reason: &str) -> Self {
        let message = format!("Invalid State Machine Execution Input: '{reason}'");
        Self::new("InvalidExecutionInput", message)
    }
}

/// What the engine refuses, in AWS's words. `named` is how the request named the thing
/// that the operation is about: AWS repeats that.
pub(crate) fn fault_of(error: EngineError, named: &str) -> ApiError {
    let fault = match error {
        EngineError::NotFound { kind, .. } => not_found(kind, named),
        EngineError::NameTaken { .. } => ApiFault::new(
            "ExecutionAlreadyExists",
            format!("Execution Already Exists: '{named}'"),
        ),
        EngineError::AlreadyExists { kind, .. } => already_exists(kind, named),
        EngineError::Deleting { .. } => ApiFault::new(
            "StateMachineDeleting",
            format!("State Machine is being deleted: '{named}'"),
        ),
        EngineError::Moved { current } => conflict(format!(
            "Failed to publish the State Machine version for revision {named}. The current State \
             Machine revision is {current}."
        )),
        EngineError::InUse { by, .. } => conflict(format!(
            "Version to be deleted must not be referenced by an alias. Current list of aliases \
             referencing this version: [{}]",
            by.join(", ")
        )),
        EngineError::TooMany { what, limit } => too_many(what, limit, named),
        EngineError::TypeNotSupported { .. } => ApiFault::new(
            "StateMachineTypeNotSupported",
            "This operation is not supported by this type of state machine",
        ),
        EngineError::Throttled => ApiFault::new("ThrottlingException", "Rate exceeded"),
        EngineError::QuotaExceeded { quota, message, .. } => over_quota(quota, &message),
        EngineError::NotRedrivable { reason } => ApiFault::new(
            "ExecutionNotRedrivable",
            format!("Execution Not Redrivable: '{reason}'"),
        ),
        EngineError::Forbidden { .. } | EngineError::NotOfGroup { .. } => {
            ApiFault::new("AccessDeniedException", error.to_string())
        }
        EngineError::InvalidToken => ApiFault::invalid_token(),
        EngineError::TaskTimedOut | EngineError::ExecutionEnded => ApiFault::new(
            "TaskTimedOut",
            "Task Timed Out: 'Provided task does not exist anymore'",
        ),
        EngineError::TooLarge {
            field, max_bytes, ..
        } => ApiFault::constraint(
            "'too large'",
            field,
            &format!("Member must have length less than or equal to {max_bytes}"),
        ),
        EngineError::Invalid { field: "name", .. } => ApiFault::invalid_name(named),
        EngineError::Invalid {
            field: "pageToken", ..
        } => ApiFault::invalid_token(),
        EngineError::Invalid { .. }
        | EngineError::InboxFull
        | EngineError::NotNow { .. }
        | EngineError::NoMasterKey
        | EngineError::BackupRunning
        | EngineError::NoBackups
        | EngineError::MapRunEnded
        | EngineError::ApprovalClosed { .. }
        | EngineError::Approval(_)
        | EngineError::ApprovalBound(_)
        | EngineError::BulkEnded
        | EngineError::InvalidDefinition(_)
        | EngineError::ComponentRefused { .. } => {
            ApiFault::new("ValidationException", error.to_string())
        }
        EngineError::Unavailable(_) | EngineError::ShuttingDown | EngineError::Internal(_) => {
            return ApiError::Host(error);
        }
    };
    ApiError::Fault(fault)
}

/// The same of an operation that stores something: over its quota it refuses with the error
/// that it has for limits, since the one of [`fault_of`] is of those that start executions.
pub(super) fn fault_of_storing(error: EngineError, named: &str, limit: &'static str) -> ApiError {
    match error {
        EngineError::QuotaExceeded {
            quota: Quota::StoredBytes,
            message,
            ..
        } => ApiFault::new(limit, message).into(),
        error => fault_of(error, named),
    }
}

/// Rates are throttled; of what there may be no more, AWS has a limit of executions. Its own
/// text names no quota, so the quota stands behind it.
fn over_quota(quota: Quota, message: &str) -> ApiFault {
    match quota {
        Quota::StartsPerSecond | Quota::StartsBurst | Quota::TasksAtOnce | Quota::FuelPerDay => {
            ApiFault::new("ThrottlingException", format!("Rate exceeded: {message}"))
        }
        Quota::ExecutionsRunning | Quota::StoredBytes => ApiFault::new(
            "ExecutionLimitExceeded",
            format!("Execution Limit Exceeded: {message}"),
        ),
        Quota::Components | Quota::ComponentBytes => {
            ApiFault::new("ServiceQuotaExceededException", message)
        }
    }
}

fn not_found(kind: &str, named: &str) -> ApiFault {
    let (code, text) = match kind {
        "execution" => ("ExecutionDoesNotExist", "Execution Does Not Exist"),
        "activity" => ("ActivityDoesNotExist", "Activity Does Not Exist"),
        "state machine" => ("StateMachineDoesNotExist", "State Machine Does Not Exist"),
        "alias" | "version" => {
            let message = "Request references a resource that does not exist.";
            return ApiFault::new("ResourceNotFound", message);
        }
        _ => ("ResourceNotFound", "Resource not found"),
    };
    ApiFault::new(code, format!("{text}: '{named}'"))
}

fn already_exists(kind: &str, named: &str) -> ApiFault {
    if kind == "state machine" {
        let message = format!("State Machine Already Exists: '{named}'");
        return ApiFault::new("StateMachineAlreadyExists", message);
    }
    conflict(
        "Failed to create alias because an alias with the same name and a different routing \
         configuration already exists.",
    )
}

fn too_many(what: &'static str, limit: usize, named: &str) -> ApiFault {
    if what == "tags" {
        let message = format!("Too many tags: '{named}' may have {limit} at most");
        return ApiFault::new("TooManyTags", message);
    }
    let code = match what {
        "activities" => "ActivityLimitExceeded",
        "state machines" => "StateMachineLimitExceeded",
        _ => "ServiceQuotaExceededException",
    };
    ApiFault::new(code, EngineError::TooMany { what, limit }.to_string())
}

fn conflict(message: impl Into<String>) -> ApiFault {
    ApiFault::new("ConflictException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_activity_too_many_has_a_code_of_its_own() {
        for (what, code) in [
            ("activities", "ActivityLimitExceeded"),
            ("tags", "TooManyTags"),
            ("API tokens", "ServiceQuotaExceededException"),
        ] {
            let error = EngineError::TooMany { what, limit: 7 };
            match fault_of(error, "thing") {
                ApiError::Fault(fault) => assert_eq!(fault.code, code),
                other => panic!("{other:?}"),
            }
        }
    }
}
