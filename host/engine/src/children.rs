//! Executions that a task of another execution starts.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use serde_json::{Map, Value, json};
use stepwell_decider::{
    End, EventNumber, ExecutionStarted, Failure, Input, ParentLink, PendingWork, Purpose,
};
use stepwell_sandbox::CancelToken;
use stepwell_states::{Pattern, Payload, Timestamp};
use stepwell_store::ExecutionKey;
use tokio::runtime::Handle;

use crate::aws_words::{BodyOf, request_id, v1_cause, with_metadata};
use crate::error::EngineError;
use crate::handle::blocking;
use crate::handle::starting::{NewStart, Starter};
use crate::model::{StartExecution, Tenant};
use crate::quotas::Quota;
use crate::services::{Actor, CallError, workflow_caller};
use crate::sfn::{ApiError, TimeForm, read_input, start_fault};
use crate::shard::trace_of;
use crate::shard::{Message, ShardSender};

/// A task that asks for an execution.
pub(crate) struct ChildOrder {
    pub(crate) parent: ExecutionKey,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) started: Arc<ExecutionStarted>,
    pub(crate) actor: Actor,
    pub(crate) work: PendingWork,
}

/// Starts executions that tasks ask for.
pub(crate) struct Children {
    pub(crate) runtime: Handle,
    /// Not a strong one: the starter holds the shards, which hold this.
    starter: Weak<Starter>,
}

impl Children {
    /// Starts children through a starter, on a runtime's threads.
    pub(crate) fn of(runtime: &Handle, starter: &Arc<Starter>) -> Self {
        Self {
            runtime: runtime.clone(),
            starter: Arc::downgrade(starter),
        }
    }

    /// Starts a child and reports to the parent's shard how that went. Made again after a
    /// crash, it finds the child that it made before.
    pub(crate) fn start(&self, order: ChildOrder, cancel: CancelToken, shard: ShardSender) {
        let Some(starter) = self.starter.upgrade() else {
            return;
        };
        self.runtime.spawn(async move {
            let key = order.parent;
            let scheduled = order.work.scheduled;
            let waits = order.work.order.waits_for_report;
            let started_at = starter.now();
            let result = start(&starter, order).await;
            if cancel.is_cancelled() {
                // Given up meanwhile: what was looked through then did not hold the child.
                let link = ParentLink {
                    execution: key.0,
                    scheduled,
                };
                stop_child(&starter, link).await;
            }
            let input = match result {
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
                Err(CallError::Failed(failure)) => {
                    let result = Err(failure);
                    Input::TaskFinished {
                        scheduled,
                        started_at,
                        result,
                        usage: None,
                    }
                }
                Err(CallError::Later) => {
                    shard.send(Message::TryAgain { key, scheduled });
                    return;
                }
            };
            shard.send(Message::Input {
                key,
                input,
                told_child: None,
                asked: None,
            });
        });
    }
}

impl Children {
    /// Stops the running executions that tasks of `parent` wait for no more: those that
    /// are not in `open`. A host that crashes before it has done so lets them run on, as
    /// Step Functions may.
    pub(crate) fn stop_unwanted(
        &self,
        parent: ExecutionKey,
        open: BTreeSet<EventNumber>,
        principal: Arc<str>,
    ) {
        let Some(starter) = self.starter.upgrade() else {
            return;
        };
        self.runtime.spawn_blocking(move || {
            let children = match starter.store.children(parent) {
                Ok(children) => children,
                Err(error) => {
                    tracing::warn!(execution = parent.0, trace_id = %trace_of(&starter.store, parent), %error, "its children run on");
                    return;
                }
            };
            for child in children {
                let wanted = child
                    .parent
                    .as_ref()
                    .is_some_and(|link| open.contains(&link.scheduled));
                // One that was redriven by itself is waited for by nobody: it runs on its own.
                let own = child.summary.redrive_count > 0;
                if !wanted && !own && child.summary.status == stepwell_store::Status::Running {
                    stop(&starter, child.key, Arc::clone(&principal));
                }
            }
        });
    }
}

/// Stops the execution that a task has started, if it has.
async fn stop_child(starter: &Starter, link: ParentLink) {
    let (store, parent) = (starter.store.clone(), link.execution);
    if let Ok(Ok(Some(child))) = blocking(move || store.find_child(&link)).await {
        stop(starter, child.key, format!("execution:{parent}").into());
    }
}

fn stop(starter: &Starter, key: ExecutionKey, principal: Arc<str>) {
    let cause = "the execution that waited for this one has given it up";
    let input = Input::Stop {
        failure: Failure::from_parts(None, Some(cause)),
        principal: Some(principal),
    };
    starter.shards.of(key).send(Message::Input {
        key,
        input,
        told_child: None,
        asked: None,
    });
}

/// Starts an execution that a task asks for.
pub(crate) async fn start(starter: &Starter, order: ChildOrder) -> Result<Payload, CallError> {
    let parameters = order.work.order.parameters.to_value();
    let scheduled = order.work.scheduled;
    let wanted = requested(&order, &parameters)?;
    // With a token, it is the token's holder who ends the task, and not the child.
    let parent = waits_for_end(&order.work).then_some(ParentLink {
        execution: order.parent.0,
        scheduled,
    });
    let start = NewStart {
        order: wanted.clone(),
        by: workflow_caller(&order.tenant, &order.started, &order.actor, &order.work),
        parent,
        seed: Some(order.started.seed.derive(Purpose::Child, scheduled)),
    };
    let ours = start.parent.clone();
    let child = starter
        .start(&order.tenant, start, |_| ())
        .await
        .map_err(|error| child_error(error, &order, &wanted))?;
    if child.existed && !is_child(starter, ours).await? {
        let taken = EngineError::NameTaken { name: child.name };
        return Err(child_error(taken, &order, &wanted));
    }
    let started_at = TimeForm::Seconds.write(child.started_at);
    let body = json!({ "executionArn": child.arn, "startDate": started_at });
    let mut answer = Map::new();
    answer.insert("ExecutionArn".to_owned(), child.arn.into());
    answer.insert("StartDate".to_owned(), child.started_at.as_ms().into());
    let body = BodyOf {
        bytes: body.to_string().len(),
        content_type: "application/x-amz-json-1.0",
    };
    let id = request_id(&order.started.seed, scheduled);
    Ok(with_metadata(answer, &[], &body, &id, child.started_at))
}

/// Whether the end of the execution is the end of the task.
fn waits_for_end(work: &PendingWork) -> bool {
    let resource = &work.order.resource;
    resource.ends_with(Pattern::Sync.suffix()) || resource.ends_with(Pattern::Sync2.suffix())
}

/// Whether an execution that existed is the one that this task started before a crash. One
/// that nobody waits for is as good as started; one that is waited for must be ours, or
/// its end would be told to somebody else.
async fn is_child(starter: &Starter, ours: Option<ParentLink>) -> Result<bool, CallError> {
    let Some(link) = ours else { return Ok(true) };
    let store = starter.store.clone();
    match blocking(move || store.find_child(&link)).await {
        Ok(Ok(child)) => Ok(child.is_some()),
        _ => Err(CallError::Later),
    }
}

/// What the parameters of `startExecution` ask for.
fn requested(order: &ChildOrder, parameters: &Value) -> Result<StartExecution, CallError> {
    let text = |field: &str| {
        parameters
            .get(field)
            .and_then(Value::as_str)
            .map(str::to_owned)
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
        Some(Value::String(text)) => {
            read_input(text).map_err(|fault| refused(ApiError::Fault(fault), order))?
        }
        Some(other) => Payload::from_value(other),
    };
    Ok(StartExecution {
        state_machine: text("StateMachineArn").unwrap_or_default(),
        name: Some(text("Name").unwrap_or_else(derived)),
        input: Some(input),
        traceparent: Some(
            order
                .started
                .trace_of_task(order.work.scheduled)
                .to_string(),
        ),
        tracestate: order.started.tracestate.as_deref().map(str::to_owned),
        tags: Vec::new(),
    })
}

fn child_error(error: EngineError, order: &ChildOrder, wanted: &StartExecution) -> CallError {
    // A rate that is exceeded passes by itself: the task waits for its turn.
    if let EngineError::QuotaExceeded {
        quota: Quota::StartsPerSecond,
        after_ms: Some(_),
        ..
    } = &error
    {
        return CallError::Later;
    }
    let (machine, name) = (&wanted.state_machine, wanted.name.as_deref());
    refused(start_fault(error, &order.tenant, machine, name), order)
}

fn refused(error: ApiError, order: &ChildOrder) -> CallError {
    let fault = match error {
        ApiError::Fault(fault) => fault,
        ApiError::Host(_) | ApiError::NotSupported(_) => return CallError::Later,
    };
    let code = fault.code.strip_suffix("Exception").unwrap_or(fault.code);
    let id = request_id(&order.started.seed, order.work.scheduled);
    let cause = v1_cause(&fault.message, "AWSStepFunctions", 400, fault.code, &id);
    CallError::Failed(Failure::new(
        format!("StepFunctions.{code}Exception"),
        cause,
    ))
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
    let mut described = Map::new();
    let mut put = |field: &str, value: Value| described.insert(field.to_owned(), value);
    if let Some(failure) = &end.failure {
        put("Cause", failure.cause.as_deref().into());
        put("Error", failure.error.as_deref().into());
    }
    put("ExecutionArn", (&*started.execution_arn).into());
    put("Input", started.input.to_value());
    put("InputDetails", json!({ "Included": true }));
    put("Name", (&*started.execution_name).into());
    if let Some(output) = &end.output {
        put("Output", output.to_value());
        put("OutputDetails", json!({ "Included": true }));
    }
    put("StartDate", started_at.as_ms().into());
    put("StateMachineArn", (&*started.state_machine_arn).into());
    put("Status", crate::model::status_word(end.status).into());
    put("StopDate", end.at.as_ms().into());
    Payload::from_value(&Value::Object(described))
}
