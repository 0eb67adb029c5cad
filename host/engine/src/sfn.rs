//! Stepwell's own operations in the words of the Step Functions API.
//!
//! Requests and answers are JSON with the members that AWS's service model names; faults
//! have AWS's codes and texts. Tasks come here through `aws-sdk:sfn:…`
//! ([`services`](crate::services)), and so may a door that speaks AWS's protocol. What an
//! operation is called and what its request may hold stands in
//! [`stepwell_states::API_OPERATIONS`].

mod access;
mod activities;
mod aliases;
mod authorize;
mod definitions;
mod describing;
mod executions;
mod express;
mod fault;
mod histories;
mod lists;
mod machines;
mod map_runs;
mod pages;
mod redrives;
mod request;
mod settings;
mod tags;
mod tasks;
mod test_state;
mod times;
mod versions;

use serde_json::Value;

pub use authorize::operation_permissions;
pub(crate) use executions::{read_input, start_fault};
pub(crate) use fault::fault_of;
pub use fault::{ApiError, ApiFault};
pub use histories::{EventShape, ShownHistory};
pub(crate) use pages::List as SealedList;
pub use times::TimeForm;

use crate::handle::EngineHandle;
use crate::model::Caller;
use request::Request;

/// A call of one operation.
#[derive(Debug, Clone)]
pub struct ApiCall {
    /// Its name: `SendTaskSuccess`, or as definitions write it, `sendTaskSuccess`.
    pub operation: String,
    /// The members of the request.
    pub request: Value,
    /// How the answer writes times.
    pub times: TimeForm,
    /// Whether the call may have been made before, by a host that crashed before it heard
    /// the answer. Then a change that was made already is no fault.
    pub repeated: bool,
}

impl EngineHandle {
    /// Carries out one operation and returns the members of its answer.
    ///
    /// # Errors
    ///
    /// [`ApiError::Fault`] as AWS answers it, `AccessDeniedException` for those who may not, [`ApiError::NotSupported`] for an operation
    /// that this host does not have, or [`ApiError::Host`] for trouble of the host's own.
    pub async fn call_sfn(&self, caller: &Caller, call: ApiCall) -> Result<Value, ApiError> {
        let operation = stepwell_states::api_operation(&call.operation)
            .ok_or_else(|| ApiError::NotSupported(call.operation.clone()))?;
        authorize::authorize(caller, operation, &call.request)?;
        let request = Request::read(operation, call.request)?;
        access::refuse_foreign(caller, operation, &request)?;
        let times = call.times;
        match operation.name {
            "StartExecution" => executions::start(self, caller, &request, times).await,
            "StartSyncExecution" => express::start_sync(self, caller, &request, times).await,
            "StopExecution" => executions::stop(self, caller, &request, times).await,
            "DescribeExecution" => executions::describe(self, caller, &request, times).await,
            "RedriveExecution" => redrives::redrive(self, caller, &request, times).await,
            "ListExecutions" => lists::list(self, caller, &request, times).await,
            "DescribeMapRun" => map_runs::describe(self, caller, &request, times).await,
            "ListMapRuns" => map_runs::list(self, caller, &request, times).await,
            "UpdateMapRun" => map_runs::update(self, caller, &request).await,
            "GetExecutionHistory" => histories::read(self, caller, &request, times).await,
            "CreateStateMachine" => machines::create(self, caller, &request, times).await,
            "UpdateStateMachine" => machines::update(self, caller, &request, times).await,
            "DescribeStateMachine" => describing::describe(self, caller, &request, times).await,
            "DescribeStateMachineForExecution" => {
                describing::describe_for_execution(self, caller, &request, times).await
            }
            "ListStateMachines" => machines::list(self, caller, &request, times).await,
            "DeleteStateMachine" => machines::delete(self, caller, &request).await,
            "ValidateStateMachineDefinition" => machines::validate(self, caller, &request).await,
            "PublishStateMachineVersion" => versions::publish(self, caller, &request, times).await,
            "ListStateMachineVersions" => versions::list(self, caller, &request, times).await,
            "DeleteStateMachineVersion" => versions::delete(self, caller, &request).await,
            "CreateStateMachineAlias" => aliases::create(self, caller, &request, times).await,
            "UpdateStateMachineAlias" => aliases::update(self, caller, &request, times).await,
            "DescribeStateMachineAlias" => aliases::describe(self, caller, &request, times).await,
            "ListStateMachineAliases" => aliases::list(self, caller, &request, times).await,
            "DeleteStateMachineAlias" => aliases::delete(self, caller, &request).await,
            "TagResource" => tags::put(self, caller, &request).await,
            "UntagResource" => tags::take(self, caller, &request).await,
            "ListTagsForResource" => tags::list(self, caller, &request).await,
            "CreateActivity" => activities::create(self, caller, &request, times).await,
            "DescribeActivity" => activities::describe(self, caller, &request, times).await,
            "ListActivities" => activities::list(self, caller, &request, times).await,
            "DeleteActivity" => activities::delete(self, caller, &request).await,
            "GetActivityTask" => activities::get_task(self, caller, &request).await,
            "SendTaskSuccess" => tasks::succeed(self, caller, &request, call.repeated).await,
            "SendTaskFailure" => tasks::fail(self, caller, &request, call.repeated).await,
            "SendTaskHeartbeat" => tasks::heartbeat(self, caller, &request).await,
            "TestState" => test_state::test(self, caller, &request).await,
            other => Err(ApiError::NotSupported(other.to_owned())),
        }
    }
}
