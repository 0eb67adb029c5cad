//! The work of a tried task, done for real: its component run, its request sent, its call
//! made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use stepwell_decider::{Failure, PendingWork, Work};
use stepwell_egress::{Answer as Answered, EgressError, Request};
use stepwell_sandbox::{CancelToken, ComponentDigest};
use stepwell_states::{Grants, Payload, Timestamp};
use stepwell_store::ExecutionKey;
use tokio::sync::oneshot;

use super::inspection::{HttpAnswer, HttpRequest};
use super::{Done, Prepared};
use crate::children::{self, ChildOrder};
use crate::definitions::{ComponentLookup, Resolved};
use crate::dispatch::{Job, Told};
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::http;
use crate::lambda::{Answer, Invocation, dry_run_answer, function_not_found, invocation};
use crate::model::Caller;
use crate::outbound::OutboundError;
use crate::permissions::Permission;
use crate::runner::TaskOrder;
use crate::services::{self, Actor, CallError, ServiceOrder};
use crate::sfn::ApiError;
use crate::task_grant::{TaskGrant, grants_of};

/// How long a tried state may take, as on AWS.
pub(super) const TIME_MAX: Duration = Duration::from_secs(300);

/// Lets a caller through who may have the work done: a trial is no way around what it takes
/// to deploy a state with grants, or to start an execution. What the host's own operations
/// take is asked when they are called.
///
/// # Errors
/// [`EngineError::Forbidden`].
pub(super) fn authorize(
    caller: &Caller,
    prepared: &Prepared,
    work: &PendingWork,
) -> Result<(), EngineError> {
    if !grants_of(&prepared.subject.definition, work.order.state).is_empty() {
        caller.require(Permission::WriteDefinitions)?;
    }
    match work.order.work {
        Work::StartExecution => caller.require(Permission::StartExecutions),
        _ => Ok(()),
    }
}

/// Does a task's work.
///
/// # Errors
/// The host cannot do it now.
pub(super) async fn perform(
    engine: &EngineHandle,
    caller: &Caller,
    prepared: &Prepared,
    work: PendingWork,
) -> Result<Done, ApiError> {
    let at = engine.now();
    let timeout = work.order.timeout_seconds.map(Duration::from_secs);
    let timeout = timeout.map_or(TIME_MAX, |timeout| timeout.min(TIME_MAX));
    let order = ServiceOrder {
        key: ExecutionKey(prepared.started.key),
        tenant: Arc::clone(&caller.tenant),
        started: Arc::clone(&prepared.started),
        actor: Actor::of_trial(caller),
        work,
        timeout,
        repeated: false,
        cancel: CancelToken::new(),
    };
    let grants = grants_of(&prepared.subject.definition, order.work.order.state);
    // Who gives up asking gives up the call.
    let _given_up = GivenUp(order.cancel.clone());
    let mut sent = None;
    let result = match services::within(&order, done(engine, &order, &grants, at, &mut sent)).await
    {
        Some(Ok(output)) => Ok(output),
        Some(Err(CallError::Failed(failure))) => Err(failure),
        Some(Err(CallError::Later)) | None => {
            let reason = "the task could not be run now; try again".to_owned();
            return Err(ApiError::Host(EngineError::Unavailable(reason)));
        }
    };
    Ok(Done {
        result,
        http: sent,
        at: engine.now(),
    })
}

/// Ends a call that nobody waits for any more.
struct GivenUp(CancelToken);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

async fn done(
    engine: &EngineHandle,
    order: &ServiceOrder,
    grants: &Arc<Grants>,
    at: Timestamp,
    sent: &mut Option<(HttpRequest, Option<HttpAnswer>)>,
) -> Result<Payload, CallError> {
    let work = &order.work.order.work;
    match work {
        Work::RunComponent { .. } | Work::RunBound { .. } => {
            let input = order.work.order.parameters.clone();
            run(engine, order, grants, input, at).await
        }
        Work::InvokeFunction { .. } => match invocation(&order.work.order.parameters) {
            Invocation::Run(input) => run(engine, order, grants, input, at).await,
            Invocation::DryRun => Ok(dry_run_answer()),
            Invocation::Refused(failure) => Err(CallError::Failed(failure)),
        },
        Work::CallOwnApi(action) => services::call_own(engine, action, order).await,
        Work::CallHttp => call_http(engine, order, sent).await,
        Work::StartExecution => {
            let child = ChildOrder {
                parent: order.key,
                tenant: Arc::clone(&order.tenant),
                started: Arc::clone(&order.started),
                actor: order.actor.clone(),
                work: order.work.clone(),
            };
            children::start(&engine.0.starter, child).await
        }
        Work::AskApproval | Work::AwaitEvent(_) | Work::AwaitWorker(_) => {
            let cause = "a task that waits for somebody is tried with a mock alone";
            Err(CallError::Failed(Failure::new(
                "Stepwell.NotSupported",
                cause,
            )))
        }
    }
}

/// Runs the component that a task's work names.
async fn run(
    engine: &EngineHandle,
    order: &ServiceOrder,
    grants: &Arc<Grants>,
    input: Payload,
    at: Timestamp,
) -> Result<Payload, CallError> {
    let component = find(engine, order).await?;
    let work = &order.work;
    let (tell, told) = oneshot::channel();
    engine.0.dispatcher.submit(Job {
        tenant: order.tenant.id,
        order: TaskOrder {
            component,
            execution: Arc::clone(&order.started),
            execution_started_at: at,
            scheduled: work.scheduled,
            input,
            timeout: order.timeout,
            heartbeat: work.order.heartbeat_seconds.map(Duration::from_secs),
            task: Arc::clone(&work.order),
            grant: TaskGrant::new(
                Arc::clone(grants),
                order.sender(),
                Arc::clone(&engine.0.outbound),
            ),
            cancel: order.cancel.clone(),
        },
        told: Told::Caller(tell),
        answer: Answer::of(work, &order.started),
        waits_for_fuel: false,
    });
    match told.await {
        Ok(Some(result)) => result.map_err(CallError::Failed),
        Ok(None) | Err(_) => Err(CallError::Later),
    }
}

/// Finds the component as it is now: nothing is pinned for a state that is only tried.
async fn find(engine: &EngineHandle, order: &ServiceOrder) -> Result<ComponentDigest, CallError> {
    let (store, definitions) = (engine.0.store.clone(), Arc::clone(&engine.0.definitions));
    let (tenant, work) = (Arc::clone(&order.tenant), order.work.clone());
    let answer = Answer::of(&order.work, &order.started);
    let found = blocking(move || {
        let pins = BTreeMap::new();
        match &work.order.work {
            Work::RunBound { service, action } => {
                definitions.bound(&store, &pins, tenant.id, service, action)
            }
            Work::RunComponent { name, version } | Work::InvokeFunction { name, version } => {
                let lookup = ComponentLookup {
                    name,
                    version: version.as_deref(),
                };
                let found = definitions.component(&store, &pins, tenant.id, lookup)?;
                Ok(match (found, &answer) {
                    (
                        Resolved::Missing(_),
                        Answer::Function { request_id } | Answer::Invocation { request_id, .. },
                    ) => Resolved::Missing(function_not_found(&tenant, lookup, request_id)),
                    (found, _) => found,
                })
            }
            _ => Ok(Resolved::Missing(Failure::named("Stepwell.NotSupported"))),
        }
    });
    let found = found.await.and_then(|found| found.map_err(from_store));
    match found {
        Ok(Resolved::Component(digest)) => Ok(digest),
        Ok(Resolved::Missing(failure)) => Err(CallError::Failed(failure)),
        Err(_) => Err(CallError::Later),
    }
}

/// Sends the task's request, and keeps what was sent and answered.
async fn call_http(
    engine: &EngineHandle,
    order: &ServiceOrder,
    sent: &mut Option<(HttpRequest, Option<HttpAnswer>)>,
) -> Result<Payload, CallError> {
    let parameters = order.work.order.parameters.to_value();
    let request = http::request_of(&parameters).map_err(CallError::Failed)?;
    let shown = shown_request(&request);
    let protocol = shown.protocol.clone();
    *sent = Some((shown, None));
    let outbound = Arc::clone(&engine.0.outbound);
    let (sender, timeout) = (order.sender(), order.timeout);
    let sending = outbound
        .on_a_thread(move |outbound| services::send_http(outbound, &sender, request, timeout));
    let answer = match sending.await {
        Some(Ok(answer)) => answer,
        Some(Err(OutboundError::Store(_))) => return Err(CallError::Later),
        Some(Err(OutboundError::Egress(error))) => {
            if matches!(error, EgressError::Invalid(_) | EgressError::Denied(_)) {
                // Nothing was sent.
                *sent = None;
            }
            return Err(CallError::Failed(http::failure_of(&error)));
        }
        None => return Err(CallError::Later),
    };
    if let Some((_, answered)) = sent {
        *answered = Some(shown_answer(protocol, &answer));
    }
    http::result_of(answer).map_err(CallError::Failed)
}

fn shown_request(request: &Request) -> HttpRequest {
    let protocol = request.url.split("://").next().unwrap_or_default();
    HttpRequest {
        protocol: protocol.to_ascii_lowercase(),
        method: request.method.clone(),
        url: request.url.clone(),
        headers: request.headers.clone(),
        body: request
            .body
            .as_deref()
            .map(|body| String::from_utf8_lossy(body).into_owned()),
    }
}

fn shown_answer(protocol: String, answer: &Answered) -> HttpAnswer {
    HttpAnswer {
        protocol,
        status: answer.status,
        reason: answer.reason.to_owned(),
        headers: answer.headers.clone(),
        body: String::from_utf8_lossy(&answer.body).into_owned(),
    }
}

/// Headers as AWS shows them: an object of lists of texts, or of texts, as JSON.
pub(crate) fn headers_json(headers: &[(String, String)]) -> Value {
    let mut shown = serde_json::Map::new();
    for (name, value) in headers {
        let values = shown
            .entry(name.clone())
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = values {
            values.push(value.as_str().into());
        }
    }
    Value::Object(shown)
}
