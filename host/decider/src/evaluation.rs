//! Builds the surroundings in which a state's fields are evaluated.

use serde_json::Value;
use stepwell_states::{
    Env, EvalFailure, EvalLimits, MapPlan, Payload, State, StateMachine, Timestamp, Variables,
    effective_input, map_plan,
};

use crate::context;
use crate::event::{EventNumber, FrameId};
use crate::execution::Execution;
use crate::seed::Purpose;
use crate::trial::Surroundings;

/// When, and for which item, fields are evaluated.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Timestamp,
    /// What random-looking values derive from.
    pub(crate) event: EventNumber,
    pub(crate) item: Option<context::Item<'a>>,
    /// The surroundings of a state that is only tried.
    pub(crate) trial: Option<&'a Surroundings<'a>>,
}

/// Evaluates fields of the state that a frame is in.
pub(crate) fn evaluate<R>(
    definition: &StateMachine,
    execution: &Execution,
    frame: FrameId,
    moment: Moment<'_>,
    evaluation: impl FnOnce(&State, &Env<'_>) -> Result<R, EvalFailure>,
) -> Result<R, EvalFailure> {
    let held = execution
        .frames
        .get(&frame)
        .expect("a step is only taken in a frame that exists");
    let active = held
        .active
        .as_ref()
        .expect("a step is only taken in a frame within a state");
    let started = execution
        .started
        .as_ref()
        .expect("a started execution has its start");
    let build = || match moment.trial {
        Some(trial) => trial.context(definition, execution, frame, moment.event, moment.item),
        None => context::build(definition, execution, frame, moment.event, moment.item),
    };
    let env = Env {
        input: &active.input,
        context: &build,
        variables: &Scope { execution, frame },
        seed: started.seed.derive(Purpose::Evaluation, moment.event),
        now: moment.now,
        limits: EvalLimits {
            payload_bytes: started.payload_max_bytes as usize,
            ..EvalLimits::default()
        },
        observer: moment.trial.map(Surroundings::observer),
    };
    evaluation(definition.state(active.state), &env)
}

/// Evaluates what the Map state that a frame is in is going to do.
///
/// Always as of the state's entry, so that the items are the same whenever they are
/// evaluated again after a replay.
pub(crate) fn evaluate_plan(
    definition: &StateMachine,
    execution: &Execution,
    frame: FrameId,
    trial: Option<&Surroundings<'_>>,
) -> Result<MapPlan, EvalFailure> {
    let active = execution
        .frames
        .get(&frame)
        .and_then(|held| held.active.as_ref());
    let active = active.expect("a plan is only made in a frame within a state");
    let moment = Moment {
        now: active.entered_at,
        event: active.entered,
        item: None,
        trial,
    };
    evaluate(definition, execution, frame, moment, |state, env| {
        let input = effective_input(state, env)?;
        map_plan(state, env, &input)
    })
}

/// Variables as a frame sees them.
struct Scope<'a> {
    execution: &'a Execution,
    frame: FrameId,
}

impl Variables for Scope<'_> {
    fn variable(&self, name: &str) -> Option<Value> {
        self.execution
            .variable(self.frame, name)
            .map(Payload::to_value)
    }
}
