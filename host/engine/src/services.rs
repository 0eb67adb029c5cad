//! Work of tasks that the host itself does: calls of its own operations, HTTP requests.
//!
//! It is done on the guests' runtime, off the shards, and reported to the shard that owns
//! the execution. Made again after a crash, a call says so, and the operation sees to it
//! that what was done once is not a fault.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use serde_json::{Map, Value};
use stepwell_decider::{Execution, ExecutionStarted, Failure, Input, PendingWork, People};
use stepwell_egress::{Answer, Limits, Request};
use stepwell_sandbox::CancelToken;
use stepwell_states::{MemberKind, Payload, Timestamp, api_operation};
use stepwell_store::ExecutionKey;
use tokio::runtime::Handle;

use crate::audit::Origin;
use crate::aws_words::{request_id, v2_cause};
use crate::handle::{EngineHandle, Inner};
use crate::http;
use crate::model::{Caller, Tenant};
use crate::outbound::{Outbound, OutboundError, Sender};
use crate::permissions::{Permissions, WORKFLOW};
use crate::sfn::{ApiCall, ApiError, TimeForm};
use crate::shard::{Message, ShardSender};

/// The members of answers whose own members are names that people gave.
const MAPS_OF_NAMES: [&str; 1] = ["assignedVariables"];

/// A task whose work the host does.
pub(crate) struct ServiceOrder {
    pub(crate) key: ExecutionKey,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) started: Arc<ExecutionStarted>,
    pub(crate) actor: Actor,
    pub(crate) work: PendingWork,
    /// How long it may take.
    pub(crate) timeout: Duration,
    /// Whether it may have been done before.
    pub(crate) repeated: bool,
    pub(crate) cancel: CancelToken,
}

/// As whom a task acts that asks for something itself.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    /// The people behind it; none if that is not known.
    pub(crate) people: Option<People>,
    /// What it may do.
    pub(crate) permissions: Permissions,
}

impl Actor {
    /// Tasks of an execution do what developers may, for the people who answer for it.
    pub(crate) fn of_execution(execution: &Execution) -> Self {
        Self {
            people: execution.people(),
            permissions: WORKFLOW.permissions,
        }
    }

    /// A task that is only tried does so for its caller, and no more than the caller may.
    pub(crate) fn of_trial(caller: &Caller) -> Self {
        Self {
            people: caller.people(),
            permissions: WORKFLOW.permissions.only(caller.permissions),
        }
    }
}

/// How a call ended.
pub(crate) enum CallError {
    /// The task fails so.
    Failed(Failure),
    /// The database or the host cannot do it now.
    Later,
}

/// Does the work that is the host's own.
pub(crate) struct Services {
    pub(crate) runtime: Handle,
    /// Not a strong one: the engine holds the shards, which hold this.
    pub(crate) engine: OnceLock<Weak<Inner>>,
    /// The way out of all requests, of these and of guests.
    pub(crate) outbound: Arc<Outbound>,
}

impl Services {
    /// Calls an operation of the host's own, and reports to the task's shard how that went.
    pub(crate) fn call_own(&self, action: Arc<str>, order: ServiceOrder, shard: ShardSender) {
        let Some(engine) = self.engine.get().and_then(Weak::upgrade) else {
            return;
        };
        let engine = EngineHandle(engine);
        self.runtime.spawn(async move {
            let started_at = engine.0.starter.now();
            let call = call_own(&engine, &action, &order);
            let result = within(&order, call).await;
            report(&order, started_at, result, &shard);
        });
    }
}

impl Services {
    /// Sends a request, and reports to the task's shard what was answered.
    pub(crate) fn call_http(&self, order: ServiceOrder, shard: ShardSender) {
        let Some(engine) = self.engine.get().and_then(Weak::upgrade) else {
            return;
        };
        let outbound = Arc::clone(&self.outbound);
        self.runtime.spawn(async move {
            let started_at = engine.starter.now();
            let call = call_http(&order, &outbound);
            let result = within(&order, call).await;
            report(&order, started_at, result, &shard);
        });
    }
}

async fn call_http(order: &ServiceOrder, outbound: &Arc<Outbound>) -> Result<Payload, CallError> {
    let request = http::request_of(&order.work.order.parameters.to_value());
    let request = request.map_err(CallError::Failed)?;
    let (sender, timeout) = (order.sender(), order.timeout);
    let sending = outbound.on_a_thread(move |way| send_http(way, &sender, request, timeout));
    match sending.await {
        Some(Ok(answer)) => http::result_of(answer).map_err(CallError::Failed),
        Some(Err(OutboundError::Egress(error))) => Err(CallError::Failed(http::failure_of(&error))),
        Some(Err(OutboundError::Store(_))) | None => Err(CallError::Later),
    }
}

/// Sends the request of an `http:invoke`. Blocks.
pub(crate) fn send_http(
    outbound: &Outbound,
    sender: &Sender,
    request: Request,
    timeout: Duration,
) -> Result<Answer, OutboundError> {
    let limits = outbound.limits();
    let limits = Limits {
        time: limits.time.min(timeout),
        ..limits
    };
    outbound.send(sender, None, request, limits)
}

impl ServiceOrder {
    /// On whose behalf its requests are sent.
    pub(crate) fn sender(&self) -> Sender {
        Sender {
            tenant: Arc::clone(&self.tenant),
            execution: Arc::clone(&self.started.execution_arn),
            people: self.actor.people.clone(),
            state: Arc::clone(&self.work.order.state_name),
            trace: self.started.trace_of_task(self.work.scheduled),
            tracestate: self.started.tracestate.clone(),
        }
    }
}

/// Gives a call its time, and no more; and ends it when nobody waits for it.
pub(crate) async fn within(
    order: &ServiceOrder,
    call: impl Future<Output = Result<Payload, CallError>>,
) -> Option<Result<Payload, CallError>> {
    tokio::select! {
        result = tokio::time::timeout(order.timeout, call) => Some(result.unwrap_or_else(|_over| {
            Err(CallError::Failed(Failure::named("States.Timeout")))
        })),
        () = order.cancel.cancelled() => None,
    }
}

/// Tells the shard how a call ended; nothing, if it was given up.
pub(crate) fn report(
    order: &ServiceOrder,
    started_at: Timestamp,
    result: Option<Result<Payload, CallError>>,
    shard: &ShardSender,
) {
    let (key, scheduled) = (order.key, order.work.scheduled);
    let result = match result {
        None => return,
        Some(Ok(output)) => Ok(output),
        Some(Err(CallError::Failed(failure))) => Err(failure),
        Some(Err(CallError::Later)) => return shard.send(Message::TryAgain { key, scheduled }),
    };
    shard.send(Message::Input {
        key,
        input: Input::TaskFinished {
            scheduled,
            started_at,
            result,
            usage: None,
        },
        told_child: None,
        asked: None,
    });
}

/// Who asks when a task of an execution does.
pub(crate) fn workflow_caller(
    tenant: &Arc<Tenant>,
    started: &ExecutionStarted,
    actor: &Actor,
    work: &PendingWork,
) -> Caller {
    let trace = started.trace_of_task(work.scheduled);
    Caller {
        tenant: Arc::clone(tenant),
        principal: format!("execution:{}", started.execution_arn).into(),
        name: None,
        role: WORKFLOW.name.into(),
        groups: Arc::default(),
        permissions: actor.permissions,
        acting_for: actor.people.clone(),
        until: None,
        outgoing: false,
        origin: Some(Arc::new(Origin {
            traceparent: Some(trace.to_string().into()),
            ..Origin::default()
        })),
    }
}

pub(crate) async fn call_own(
    engine: &EngineHandle,
    action: &str,
    order: &ServiceOrder,
) -> Result<Payload, CallError> {
    let caller = workflow_caller(&order.tenant, &order.started, &order.actor, &order.work);
    let call = ApiCall {
        operation: action.to_owned(),
        request: named(
            action,
            order,
            request_of(action, order.work.order.parameters.to_value()),
        ),
        times: TimeForm::Text,
        repeated: order.repeated,
    };
    match engine.call_sfn(&caller, call).await {
        Ok(answer) => Ok(Payload::from_value(&in_capitals(answer))),
        Err(ApiError::Host(_)) => Err(CallError::Later),
        Err(ApiError::NotSupported(_)) => {
            let cause = format!("this version does not have the operation {action}");
            let failure = Failure::new("Stepwell.NotSupported", cause);
            Err(CallError::Failed(failure))
        }
        Err(ApiError::Fault(fault)) => {
            let code = fault.code.strip_suffix("Exception").unwrap_or(fault.code);
            let id = request_id(&order.started.seed, order.work.scheduled);
            let cause = v2_cause(&fault.message, "Sfn", 400, &id);
            let failure = Failure::new(format!("Sfn.{code}Exception"), cause);
            Err(CallError::Failed(failure))
        }
    }
}

/// The request that a task's parameters make: members begin with small letters, and JSON
/// where the wire has a text of it becomes that text.
fn request_of(action: &str, parameters: Value) -> Value {
    let Value::Object(fields) = parameters else {
        return Value::Object(Map::new());
    };
    let is_text = |member: &str| {
        api_operation(action).is_some_and(|operation| {
            let mut members = operation.members.iter();
            members.any(|known| known.name == member && known.kind == MemberKind::Json)
        })
    };
    let members = fields.into_iter().map(|(field, value)| {
        let member = with_first(&field, |first| first.to_ascii_lowercase());
        let value = match value {
            Value::String(_) | Value::Null => value,
            other if is_text(&member) => Value::String(other.to_string()),
            other => other,
        };
        (member, value)
    });
    Value::Object(members.collect())
}

/// The request with a name of its own, where the operation takes one: a call that is made
/// again after a crash is the same call, as an SDK of AWS's sees to it.
fn named(action: &str, order: &ServiceOrder, mut request: Value) -> Value {
    const MEMBER: &str = "clientToken";
    let takes_name = api_operation(action)
        .is_some_and(|operation| operation.members.iter().any(|known| known.name == MEMBER));
    if takes_name && request.get(MEMBER).is_none_or(Value::is_null) {
        request[MEMBER] = request_id(&order.started.seed, order.work.scheduled).into();
    }
    request
}

/// An answer as a task sees it: its members begin with capitals.
fn in_capitals(answer: Value) -> Value {
    match answer {
        Value::Object(members) => {
            let fields = members.into_iter().map(|(member, value)| {
                let value = if MAPS_OF_NAMES.contains(&member.as_str()) {
                    value
                } else {
                    in_capitals(value)
                };
                (
                    with_first(&member, |first| first.to_ascii_uppercase()),
                    value,
                )
            });
            Value::Object(fields.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(in_capitals).collect()),
        other => other,
    }
}

fn with_first(name: &str, change: impl Fn(char) -> char) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(change)
        .into_iter()
        .chain(letters)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_become_the_members_of_a_request() {
        let parameters = json!({"StateMachineArn": "m", "Input": {"a": [1]}, "Name": null});
        assert_eq!(
            request_of("startExecution", parameters),
            json!({"stateMachineArn": "m", "input": "{\"a\":[1]}", "name": null})
        );
    }

    #[test]
    fn answers_have_capitals_but_not_in_names_that_people_gave() {
        let answer = json!({"events": [{"details": {"assignedVariables": {"mine": "1"}}}]});
        assert_eq!(
            in_capitals(answer),
            json!({"Events": [{"Details": {"AssignedVariables": {"mine": "1"}}}]})
        );
    }
}
