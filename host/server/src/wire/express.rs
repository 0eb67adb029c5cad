//! Express executions that the caller waits for.

use serde::{Deserialize, Serialize};
use stepwell_engine::{Billing as EngineBilling, SyncExecution as EngineExecution};
use utoipa::ToSchema;

use super::json::present;
use super::{ExecutionStatus, JsonText, Time};

/// Answer to `POST /v1/sync-executions`: an execution at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncExecution {
    /// Its ARN, as it stands in the log.
    pub execution_arn: String,
    /// Its name.
    pub name: String,
    /// ARN of its state machine.
    pub state_machine_arn: String,
    /// Name of its state machine.
    pub state_machine: String,
    /// How it ended: `SUCCEEDED`, `FAILED` or `TIMED_OUT`.
    pub status: ExecutionStatus,
    /// When it started.
    pub started_at: Time,
    /// When it ended.
    pub stopped_at: Time,
    /// Its input.
    pub input: JsonText,
    /// Its output, if it succeeded.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = JsonText, required = false)]
    pub output: Option<JsonText>,
    /// Its error's name, if it ended otherwise and the error has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its error's cause, if it ended otherwise and the error has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What it would be billed for on AWS.
    pub billing: Billing,
}

/// What an express execution is billed for on AWS: steps of 100 ms and of 64 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Billing {
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The memory that its guests had, in MB.
    #[serde(rename = "memoryMb")]
    pub memory_mb: u64,
}

impl From<EngineExecution> for SyncExecution {
    fn from(ended: EngineExecution) -> Self {
        let failure = ended.failure.unwrap_or_default();
        Self {
            execution_arn: ended.arn,
            name: ended.name,
            state_machine_arn: ended.state_machine_arn,
            state_machine: ended.state_machine,
            status: ended.status.into(),
            started_at: ended.started_at.into(),
            stopped_at: ended.stopped_at.into(),
            input: JsonText::from(&ended.input),
            output: ended.output.as_ref().map(JsonText::from),
            error: failure.error.as_deref().map(str::to_owned),
            cause: failure.cause.as_deref().map(str::to_owned),
            billing: ended.billing.into(),
        }
    }
}

impl From<EngineBilling> for Billing {
    fn from(billing: EngineBilling) -> Self {
        Self {
            duration_ms: billing.duration_ms,
            memory_mb: billing.memory_mb,
        }
    }
}
