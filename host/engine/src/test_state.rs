//! `TestState`: one state, tried with an input, without an execution.
//!
//! ```text
//!   definition ── subject ──> the state ── Trial::enter ──> its end
//!                                              │   ▲
//!                              its work: mock ─┴───┘ or, without one, the task for real
//! ```
//!
//! The state goes through the decider's own steps ([`stepwell_decider::Trial`]), so what is
//! said here is what an execution does. Nothing is stored. A mock stands for the state's
//! work; without one, a Task runs its component, sends its request or makes its call. Wait
//! states do not wait.

mod context;
mod inspection;
mod map;
mod mock;
mod shapes;
mod subject;
mod work;

use std::sync::Arc;

use serde_json::Value;
use stepwell_decider::{
    ExecutionStarted, Failure, PendingWork, People, Purpose, Seed, Trial, TrialEnd, TrialOrder,
    TrialOutcome,
};
use stepwell_states::{MapItem, MapMode, Observer, Payload, Stage, StateKind, Timestamp};
use stepwell_store::Digest;

use crate::audit::{AuditDetails, action};
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::handle::starting::{draw_seed, uuid_of};
use crate::model::{Caller, Tenant};
use crate::sfn::{ApiError, ApiFault, fault_of, read_input};
use inspection::Recorder;
use subject::Subject;

pub use inspection::{HttpAnswer, HttpRequest, Inspection};
pub(crate) use work::headers_json;

pub use mock::{FieldValidation, Mock, MockError};

/// The error that nothing around a state sees.
const RUNTIME_ERROR: &str = "States.Runtime";

/// What to try, and how.
#[derive(Debug, Clone, Default)]
pub struct TestState {
    /// A definition, or that of one state.
    pub definition: String,
    /// Which state of the definition; none if `definition` is that of one state.
    pub state_name: Option<String>,
    /// ARN of the role that the context object shows. A Task without a mock needs one, as
    /// on AWS; what it may do is not the role's to say here.
    pub role_arn: Option<String>,
    /// The state's input, a JSON text; `{}` if none is given.
    pub input: Option<String>,
    /// Variables that were assigned before, a JSON text.
    pub variables: Option<String>,
    /// The context object, a JSON text; only with a mock.
    pub context: Option<String>,
    /// What the state's work gives, without it being done.
    pub mock: Option<Mock>,
    /// Whether secrets of HTTP requests are to be shown; not with a mock.
    pub reveal_secrets: bool,
    /// What else the state is to find.
    pub configuration: TestConfiguration,
}

/// What else a tried state is to find.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestConfiguration {
    /// How often the retrier that takes the mocked error was used before.
    pub retrier_retry_count: u32,
    /// The state within a Map or Parallel that the mocked error comes from.
    pub error_caused_by_state: Option<String>,
    /// How many iterations of a Map failed.
    pub map_iteration_failure_count: Option<u64>,
    /// What a Map's `ItemReader` reads, as its source holds it.
    pub map_item_reader_data: Option<String>,
}

/// How a tried state ended.
#[derive(Debug, Clone, PartialEq)]
pub struct TestedState {
    /// How.
    pub outcome: TrialOutcome,
    /// Its output, or what its catcher made of the error.
    pub output: Option<Payload>,
    /// Error and cause, of anything but a success.
    pub failure: Option<Failure>,
    /// Name of the state that comes next.
    pub next_state: Option<String>,
    /// How the data flowed.
    pub inspection: Inspection,
}

impl EngineHandle {
    /// Tries one state. Without a mock, a Task does its work for real.
    ///
    /// # Errors
    ///
    /// [`ApiError::Fault`] as AWS refuses such a request, or trouble of the host's own.
    pub async fn test_state(
        &self,
        caller: &Caller,
        request: TestState,
    ) -> Result<TestedState, ApiError> {
        let seed = draw_seed().map_err(ApiError::Host)?;
        let now = self.now();
        let payload_max_bytes = self.0.starter.config.payload_max_bytes;
        let (tenant, people) = (Arc::clone(&caller.tenant), caller.people());
        let host = |error: EngineError| fault_of(error, "");
        // Expressions may take their time: that of the tenant, as in executions.
        let (dispatcher, turn) = (&self.0.dispatcher, caller.tenant.id);
        let prepared = dispatcher.in_turn(turn, move || {
            let around = Around {
                tenant: &tenant,
                seed: Seed(seed),
                payload_max_bytes,
                now,
                people,
            };
            prepare(request, &around).map(Arc::new)
        });
        let prepared = prepared.await.map_err(host)??;
        let trying = Arc::clone(&prepared);
        let first = dispatcher.in_turn(turn, move || trying.run(None));
        let first = first.await.map_err(host)??;
        let work = match first {
            Step::Ended(tested) => return Ok(*tested),
            Step::NeedsWork(work) => work,
        };
        // From here on something outside may happen.
        work::authorize(caller, &prepared, &work).map_err(ApiError::Host)?;
        let arn = &*prepared.started.execution_arn;
        let tried = self.entry(caller, action::STATE_TEST, arn, Some(prepared.told(&work)));
        self.0.audit.append(tried);
        let done = work::perform(self, caller, &prepared, work).await?;
        // The same again, up to where the result is needed: a trial is a pure function.
        let second = dispatcher.in_turn(turn, move || prepared.run(Some(done)));
        match second.await.map_err(host)?? {
            Step::Ended(tested) => Ok(*tested),
            Step::NeedsWork(_) => {
                let reason = "the tried task did not end with its result".to_owned();
                Err(ApiError::Host(EngineError::Internal(reason)))
            }
        }
    }
}

/// Where a state is tried.
struct Around<'a> {
    tenant: &'a Tenant,
    seed: Seed,
    payload_max_bytes: u32,
    now: Timestamp,
    /// Who answers for it.
    people: Option<People>,
}

/// A request whose parts are known to be sound.
pub(crate) struct Prepared {
    subject: Subject,
    started: Arc<ExecutionStarted>,
    variables: Vec<(String, Payload)>,
    context: Option<Value>,
    /// The item of the Map that the state is within.
    item: Option<(MapItem, Option<String>)>,
    /// What the state's work gives.
    mock: Option<Result<Payload, Failure>>,
    configuration: TestConfiguration,
    now: Timestamp,
}

/// The work of a tried task, done.
pub(crate) struct Done {
    result: Result<Payload, Failure>,
    http: Option<(HttpRequest, Option<HttpAnswer>)>,
    at: Timestamp,
}

/// How far a trial came.
enum Step {
    Ended(Box<TestedState>),
    /// The task whose result is needed.
    NeedsWork(PendingWork),
}

fn prepare(request: TestState, around: &Around<'_>) -> Result<Prepared, ApiFault> {
    let subject = Subject::read(&request.definition, request.state_name.as_deref())?;
    let state = subject.state();
    let mock = match &request.mock {
        Some(mock) => Some(mock.check(&subject, request.reveal_secrets)?),
        None => {
            mock::check_without(state, request.role_arn.as_deref())?;
            None
        }
    };
    let context = match &request.context {
        Some(_) if mock.is_none() => return Err(context::needs_mock()),
        Some(text) => Some(context::read(text, state)?),
        None => None,
    };
    check_configuration(&request.configuration, &subject, request.mock.as_ref())?;
    let input = match request.input.as_deref() {
        Some(text) => read_input(text)?,
        None => Payload::empty_object(),
    };
    let variables = match request.variables.as_deref() {
        Some(text) => read_variables(text)?,
        None => Vec::new(),
    };
    let item = subject.item(&input);
    Ok(Prepared {
        started: Arc::new(started(&subject, &input, request.role_arn, around)),
        subject,
        variables,
        context,
        item,
        mock,
        configuration: request.configuration,
        now: around.now,
    })
}

fn read_variables(text: &str) -> Result<Vec<(String, Payload)>, ApiFault> {
    let refused = || {
        let message = "Invalid variables provided: must be a JSON object";
        ApiFault::new("ValidationException", message)
    };
    match Payload::parse(text).map(|payload| payload.to_value()) {
        Ok(Value::Object(fields)) => Ok(fields
            .into_iter()
            .map(|(name, value)| (name, Payload::from_value(&value)))
            .collect()),
        _ => Err(refused()),
    }
}

fn check_configuration(
    configuration: &TestConfiguration,
    subject: &Subject,
    mock: Option<&Mock>,
) -> Result<(), ApiFault> {
    let refused = |message: String| Err(ApiFault::new("ValidationException", message));
    if *configuration != TestConfiguration::default() && mock.is_none() {
        return refused("State configuration is only supported when a mock is specified".into());
    }
    let kind = &subject.state().kind;
    if !matches!(kind, StateKind::Map(_)) {
        let given = [
            (
                configuration.map_iteration_failure_count.is_some(),
                "mapIterationFailureCount",
            ),
            (
                configuration.map_item_reader_data.is_some(),
                "mapItemReaderData",
            ),
        ];
        if let Some((_, field)) = given.iter().find(|(given, _)| *given) {
            return refused(format!(
                "The field '{field}' is only supported for Map states"
            ));
        }
    }
    let Some(cause) = &configuration.error_caused_by_state else {
        return Ok(());
    };
    if mock.is_none_or(|mock| mock.error_output.is_none()) {
        return refused(
            "The field 'errorCausedByState' is only supported when an error is mocked".into(),
        );
    }
    if subject.holds(cause) {
        return Ok(());
    }
    refused(format!(
        "The state '{cause}' in 'errorCausedByState' is not within the tested Map or Parallel \
         state"
    ))
}

/// What the execution that the state seems to be in was started with: an express one.
fn started(
    subject: &Subject,
    input: &Payload,
    role_arn: Option<String>,
    around: &Around<'_>,
) -> ExecutionStarted {
    let Tenant {
        account, region, ..
    } = around.tenant;
    let derive = |purpose| {
        uuid_of(
            &around
                .seed
                .derive(purpose, stepwell_decider::EventNumber(0)),
        )
    };
    let (machine, execution) = (derive(Purpose::Child), derive(Purpose::MapRun));
    ExecutionStarted {
        key: 0,
        input: input.clone(),
        tenant: Arc::clone(&around.tenant.name),
        execution_arn: format!("arn:aws:states:{region}:{account}:express:{machine}:{execution}")
            .into(),
        execution_name: execution.into(),
        state_machine_arn: format!("arn:aws:states:{region}:{account}:stateMachine:{machine}")
            .into(),
        state_machine_name: machine.into(),
        version_arn: None,
        alias_arn: None,
        role_arn: role_arn.unwrap_or_default().into(),
        region: Arc::clone(region),
        seed: around.seed,
        deadline: None,
        parent: None,
        traceparent: None,
        principal: None,
        payload_max_bytes: around.payload_max_bytes,
        history_events_max: None,
        scope: subject.reference.scope,
        map_child: None,
        acting_for: around.people.clone(),
        tracestate: None,
    }
}

impl Prepared {
    /// What the audit log is told of a trial that does something.
    fn told(&self, work: &PendingWork) -> AuditDetails {
        let definition = &self.subject.definition;
        let digest = Digest::of(definition.to_asl().to_string().as_bytes());
        AuditDetails::default()
            .text("state", &*work.order.state_name)
            .text("task", &*work.order.resource)
            .text("definition_digest", digest.to_string())
    }

    /// Tries the state: to its end, or to where the result of a real task is needed.
    fn run(&self, done: Option<Done>) -> Result<Step, ApiFault> {
        let recorder = Recorder::default();
        let order = self.order(self.subject.reference, &recorder);
        let definition = &self.subject.definition;
        let mut trial = Trial::enter(definition, &order, self.now);
        let mut inspection = Inspection::default();
        if trial.end().is_none() {
            match (trial.open_task(), &self.mock, done) {
                (Some(_), Some(mock), _) => trial.finish(mock.clone(), self.now),
                (Some(_), None, Some(done)) => {
                    inspection.http = done.http;
                    trial.finish(done.result, done.at);
                }
                (Some(work), None, None) => return Ok(Step::NeedsWork(work)),
                (None, Some(mock), _) => {
                    map::rehearse(&mut trial, self, mock, &mut inspection)?;
                    trial.finish(mock.clone(), self.now);
                }
                (None, None, _) => {}
            }
        }
        let mut end = trial.end().unwrap_or_else(|| unfinished(&trial));
        if let Some(outside) = self.caught_outside(&end) {
            end = TrialEnd {
                variables: end.variables,
                ..outside
            };
        }
        inspection.fill(&recorder.stages(), self, &end);
        let next = end.next.map(|next| definition.state(next).name.to_string());
        Ok(Step::Ended(Box::new(TestedState {
            outcome: end.outcome,
            output: end.output,
            failure: end.failure,
            next_state: next,
            inspection,
        })))
    }

    fn order<'a>(
        &self,
        state: stepwell_states::StateRef,
        observer: &'a dyn Observer,
    ) -> TrialOrder<'a> {
        let started = ExecutionStarted {
            scope: state.scope,
            ..(*self.started).clone()
        };
        TrialOrder {
            state,
            started: Arc::new(started),
            variables: self.variables.clone(),
            context: self.context.clone(),
            item: self.item.clone(),
            retry_count: self.configuration.retrier_retry_count,
            observer,
        }
    }

    /// What the states around make of an error that the state itself does not take: a
    /// branch or iteration fails with its state, and the Parallel or Map around it may
    /// retry or catch that. A child execution of a distributed Map fails by itself.
    fn caught_outside(&self, end: &TrialEnd) -> Option<TrialEnd> {
        let failure = end.failure.as_ref()?;
        if end.outcome != TrialOutcome::Failed || failure.error_name() == RUNTIME_ERROR {
            return None;
        }
        let definition = &self.subject.definition;
        let mut at = self.subject.reference;
        while let Some(parent) = definition.scope(at.scope).parent {
            if let StateKind::Map(map) = &definition.state(parent).kind
                && map.mode != MapMode::Inline
            {
                return None;
            }
            let order = self.order(parent, &Unobserved);
            let mut trial = Trial::arrive(definition, &order, self.now);
            trial.fail(failure);
            let end = trial.end()?;
            if end.outcome != TrialOutcome::Failed {
                return Some(end);
            }
            at = parent;
        }
        None
    }
}

/// Nobody looks.
struct Unobserved;

impl Observer for Unobserved {
    fn reached(&self, _stage: Stage, _data: &Payload) {}
}

/// The end of a trial that came to none, which no definition should bring about.
fn unfinished(trial: &Trial<'_>) -> TrialEnd {
    let last = trial.events().last().map(|event| event.kind.clone());
    tracing::error!(?last, "a tried state came to no end");
    TrialEnd {
        outcome: TrialOutcome::Failed,
        output: None,
        next: None,
        failure: Some(Failure::new(RUNTIME_ERROR, "the state came to no end")),
        retrier: None,
        retry_delay_ms: None,
        catcher: None,
        variables: std::collections::BTreeMap::new(),
    }
}
