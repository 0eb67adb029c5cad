//! Executions that a task of another execution starts.

use std::sync::{Arc, Weak};

use serde_json::{Value, json};
use stepwell_decider::{End, ExecutionStarted, Failure, Input, ParentLink, PendingWork, Purpose};
use stepwell_states::{Payload, Timestamp};
use stepwell_store::ExecutionKey;
use tokio::runtime::Handle;

use crate::error::EngineError;
use crate::handle::blocking;
use crate::handle::starting::{NewStart, Starter};
use crate::model::{StartExecution, Tenant};
use crate::shard::{Message, ShardSender};

/// A task that asks for an execution.
pub(crate) struct ChildOrder {
    pub(crate) parent: ExecutionKey,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) started: Arc<ExecutionStarted>,
    pub(crate) work: PendingWork,
}

/// Starts executions that tasks ask for.
pub(crate) struct Children {
    pub(crate) runtime: Handle,
    /// Not a strong one: the starter holds the shards, which hold this.
    pub(crate) starter: Weak<Starter>,
}

impl Children {
    /// Starts a child and reports to the parent's shard how that went. Made again after a
    /// crash, it finds the child that it made before.
    pub(crate) fn start(&self, order: ChildOrder, shard: ShardSender) {
        let Some(starter) = self.starter.upgrade() else {
            return;
        };
        self.runtime.spawn(async move {
            let key = order.parent;
            let scheduled = order.work.scheduled;
            let waits = order.work.order.waits_for_report;
            let started_at = starter.now();
            let input = match start(&starter, order).await {
                Ok(output) if waits => Input::TaskSubmitted {
                    scheduled,
                    started_at,
                    output,
                },
                Ok(output) => Input::TaskFinished {
                    scheduled,
                    started_at,
                    result: Ok(output),
                    usage: None,
                },
                Err(ChildError::Failed(failure)) => {
                    let result = Err(failure);
                    Input::TaskFinished {
                        scheduled,
                        started_at,
                        result,
                        usage: None,
                    }
                }
                Err(ChildError::Later) => {
                    shard.send(Message::TryAgain { key, scheduled });
                    return;
                }
            };
            shard.send(Message::Input {
                key,
                input,
                told_child: None,
                reply: None,
            });
        });
    }
}

enum ChildError {
    /// The task fails so.
    Failed(Failure),
    /// The database or the host cannot do it now.
    Later,
}

async fn start(starter: &Starter, order: ChildOrder) -> Result<Payload, ChildError> {
    let parameters = order.work.order.parameters.to_value();
    let scheduled = order.work.scheduled;
    let wanted = requested(&order, &parameters)?;
    let parent = order.work.order.waits_for_report.then_some(ParentLink {
        execution: order.parent.0,
        scheduled,
    });
    let start = NewStart {
        order: wanted,
        principal: Some(format!("execution:{}", order.started.execution_arn)),
        parent,
        seed: Some(order.started.seed.derive(Purpose::Child, scheduled)),
    };
    let ours = start.parent.clone();
    match starter.start(&order.tenant, start).await {
        Ok(child) if child.existed && !is_child(starter, ours).await? => {
            let error = EngineError::NameTaken { name: child.name };
            Err(child_error(error))
        }
        Ok(child) => Ok(Payload::from_value(&json!({
            "ExecutionArn": child.arn,
            "StartDate": child.started_at.as_ms(),
        }))),
        Err(error) => Err(child_error(error)),
    }
}

/// Whether an execution that existed is the one that this task started before a crash. One
/// that nobody waits for is as good as started; one that is waited for must be ours, or
/// its end would be told to somebody else.
async fn is_child(starter: &Starter, ours: Option<ParentLink>) -> Result<bool, ChildError> {
    let Some(link) = ours else { return Ok(true) };
    let store = starter.store.clone();
    let found = blocking(move || store.find_child(&link))
        .await
        .map_err(child_error)?;
    match found {
        Ok(child) => Ok(child.is_some()),
        Err(_unreadable) => Err(ChildError::Later),
    }
}

/// What the parameters of `startExecution` ask for.
fn requested(order: &ChildOrder, parameters: &Value) -> Result<StartExecution, ChildError> {
    let text = |field: &str| {
        parameters
            .get(field)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let Some(state_machine) = text("StateMachineArn") else {
        let cause = "the task has no StateMachineArn; name the state machine in its parameters";
        return Err(ChildError::Failed(Failure::new("States.Runtime", cause)));
    };
    // A child without a name gets one that is the same if it has to be started again.
    let derived = || {
        let seed = order
            .started
            .seed
            .derive(Purpose::Child, order.work.scheduled);
        crate::handle::starting::uuid_of(&seed)
    };
    // Input may be a text, or JSON, or left out.
    let input = match parameters.get("Input") {
        None | Some(Value::Null) => Payload::empty_object(),
        Some(Value::String(text)) => Payload::parse(text.as_str()).map_err(|problem| {
            let cause = format!("Invalid State Machine Execution Input: {}", problem.message);
            let error = "StepFunctions.InvalidExecutionInputException";
            ChildError::Failed(Failure::new(error, cause))
        })?,
        Some(other) => Payload::from_value(other),
    };
    Ok(StartExecution {
        state_machine,
        name: Some(text("Name").unwrap_or_else(derived)),
        input: Some(input),
        traceparent: order.started.traceparent.as_deref().map(str::to_owned),
    })
}

fn child_error(error: EngineError) -> ChildError {
    let name = match &error {
        EngineError::Unavailable(_) | EngineError::ShuttingDown | EngineError::Internal(_) => {
            return ChildError::Later;
        }
        EngineError::NotFound { .. } => "StepFunctions.StateMachineDoesNotExistException",
        EngineError::NameTaken { .. } => "StepFunctions.ExecutionAlreadyExistsException",
        _ => "StepFunctions.InvalidExecutionInputException",
    };
    ChildError::Failed(Failure::new(name, error.to_string()))
}

/// What a parent learns of its child's end, in the words of `DescribeExecution`.
///
/// `Input` and `Output` are texts for `.sync` and JSON for `.sync:2`; which of the two is
/// for the parent's side to say, so both are given as JSON here.
pub(crate) fn describe_end(
    started: &ExecutionStarted,
    started_at: Timestamp,
    end: &End,
) -> Payload {
    let mut described = json!({
        "ExecutionArn": &*started.execution_arn,
        "Input": started.input.to_value(),
        "InputDetails": { "Included": true },
        "Name": &*started.execution_name,
    });
    if let Some(output) = &end.output {
        described["Output"] = output.to_value();
        described["OutputDetails"] = json!({ "Included": true });
    }
    if let Some(failure) = &end.failure {
        described["Error"] = failure.error.as_deref().into();
        described["Cause"] = failure.cause.as_deref().into();
    }
    described["StartDate"] = started_at.as_ms().into();
    described["StateMachineArn"] = (&*started.state_machine_arn).into();
    described["Status"] = crate::model::status_word(end.status).into();
    described["StopDate"] = end.at.as_ms().into();
    Payload::from_value(&described)
}
