//! The shapes of event details, as the Step Functions API has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_engine::{Failure, Payload};
use utoipa::ToSchema;

/// Whether a text beside it is shown in full. Stepwell never cuts one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataDetails {
    /// Whether the text was cut.
    pub truncated: bool,
}

/// How an execution started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionStartedDetails {
    /// The execution's input, as JSON text.
    pub input: String,
    /// About the input's text.
    pub input_details: DataDetails,
    /// ARN of the state machine's role.
    pub role_arn: String,
    /// ARN of the alias that was named at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_machine_alias_arn: Option<String>,
    /// ARN of the version that was named at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_machine_version_arn: Option<String>,
}

/// An output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputDetails {
    /// The output, as JSON text.
    pub output: String,
    /// About the output's text.
    pub output_details: DataDetails,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureDetails {
    /// The error's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// A state was entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateEnteredDetails {
    /// The state's name.
    pub name: String,
    /// Its raw input, as JSON text.
    pub input: String,
    /// About the input's text.
    pub input_details: DataDetails,
}

/// A state was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateExitedDetails {
    /// The state's name.
    pub name: String,
    /// Its output, as JSON text.
    pub output: String,
    /// About the output's text.
    pub output_details: DataDetails,
    /// Variables that it assigned: their values as JSON texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_variables: Option<BTreeMap<String, String>>,
    /// About the variables' texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_variables_details: Option<DataDetails>,
}

/// What a task calls, with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskScheduledDetails {
    /// What is called: `task`, `lambda`, `states`, ….
    pub resource_type: String,
    /// Which operation: the component's name, `invoke`, `startExecution.sync:2`, ….
    pub resource: String,
    /// The tenant's region.
    pub region: String,
    /// What it is called with, as JSON text.
    pub parameters: String,
    /// The task's own limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_in_seconds: Option<u64>,
    /// The longest time between two signs of life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_in_seconds: Option<u64>,
}

/// What a task calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskDetails {
    /// What is called.
    pub resource_type: String,
    /// Which operation.
    pub resource: String,
}

/// What a task's call gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskOutputDetails {
    /// What was called.
    pub resource_type: String,
    /// Which operation.
    pub resource: String,
    /// The output, as JSON text.
    pub output: String,
    /// About the output's text.
    pub output_details: DataDetails,
}

/// How a task's call failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskFailureDetails {
    /// What was called.
    pub resource_type: String,
    /// Which operation.
    pub resource: String,
    /// The error's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Which function a task calls, with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LambdaFunctionScheduledDetails {
    /// ARN of the function.
    pub resource: String,
    /// Its input, as JSON text.
    pub input: String,
    /// About the input's text.
    pub input_details: DataDetails,
    /// The task's own limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_in_seconds: Option<u64>,
}

/// Which activity a task is for, with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityScheduledDetails {
    /// ARN of the activity.
    pub resource: String,
    /// Its input, as JSON text.
    pub input: String,
    /// About the input's text.
    pub input_details: DataDetails,
    /// The task's own limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_in_seconds: Option<u64>,
    /// The longest time between two signs of life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_in_seconds: Option<u64>,
}

/// Who took an activity's task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityStartedDetails {
    /// The worker's name, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_name: Option<String>,
}

/// A Map Run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapRunStartedDetails {
    /// ARN of the Map Run.
    pub map_run_arn: String,
}

/// A Map Run goes on with what did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapRunRedrivenDetails {
    /// ARN of the Map Run.
    pub map_run_arn: String,
    /// How often it has been redriven, with this time.
    pub redrive_count: u32,
}

/// An execution goes on that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionRedrivenDetails {
    /// How often it has been redriven, with this time.
    pub redrive_count: u32,
}

/// How many items a Map state has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapStateStartedDetails {
    /// How many.
    pub length: u32,
}

/// Which iteration of which Map state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapIterationDetails {
    /// Name of the Map state.
    pub name: String,
    /// Index of the item, from 0.
    pub index: u32,
}

/// Which expression could not be evaluated, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvaluationFailedDetails {
    /// The error's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The field that holds the expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Name of the state that holds the field.
    pub state: String,
}

impl From<&Failure> for FailureDetails {
    fn from(failure: &Failure) -> Self {
        Self {
            error: failure.error.as_deref().map(str::to_owned),
            cause: failure.cause.as_deref().map(str::to_owned),
        }
    }
}

impl From<&Payload> for OutputDetails {
    fn from(output: &Payload) -> Self {
        Self {
            output: output.as_str().to_owned(),
            output_details: DataDetails::default(),
        }
    }
}
