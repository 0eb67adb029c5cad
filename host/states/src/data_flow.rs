//! Evaluates the data flow of a state: input, arguments, result, output, variables.
//!
//! Every function here takes a state, an [`Env`] and payloads, and returns payloads.
//! Nothing is parsed unless a field of the state looks inside.

pub(crate) mod flow;

use std::fmt;

use serde_json::Value;

use crate::definition::{State, StateRef};
use crate::payload::Payload;
use crate::timestamp::Timestamp;

pub use flow::ResultPath;

/// Where variables come from.
pub trait Variables {
    /// Returns the value of a variable that the state can see.
    fn variable(&self, name: &str) -> Option<Value>;
}

/// No variables at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoVariables;

impl Variables for NoVariables {
    fn variable(&self, _name: &str) -> Option<Value> {
        None
    }
}

/// What surrounds one evaluation.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The state's raw input.
    pub input: &'a Payload,
    /// Builds the context object. Called at most once in an evaluation, and only if
    /// something looks into it.
    pub context: &'a dyn Fn() -> Value,
    /// The variables as they were when the state was entered.
    pub variables: &'a dyn Variables,
    /// What all random-looking values derive from, together with their place.
    pub seed: [u8; 32],
    /// The time that this evaluation happens at.
    pub now: Timestamp,
    /// What an evaluation may cost.
    pub limits: EvalLimits,
}

impl fmt::Debug for Env<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("input", self.input)
            .field("now", &self.now)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What an evaluation may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvalLimits {
    /// Bytes of one input, argument, result or output.
    pub payload_bytes: usize,
    /// Bytes of one variable, and of all that one state assigns.
    pub assign_bytes: usize,
    /// Milliseconds of CPU for one JSONata expression.
    pub expression_ms: u64,
}

impl Default for EvalLimits {
    /// The limits of Step Functions: 256 KiB, and half a second an expression.
    fn default() -> Self {
        Self {
            payload_bytes: 262_144,
            assign_bytes: 262_144,
            expression_ms: 500,
        }
    }
}

/// An evaluation failed: an error of the workflow, which Retry and Catch may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalFailure {
    /// Name of the error: `States.Runtime`, `States.ParameterPathFailure`, …
    pub error: &'static str,
    /// What happened, without the words that name state and event; see
    /// [`full_cause`](Self::full_cause).
    pub cause: String,
    /// The field whose JSONata expression failed.
    pub location: Option<String>,
    pub(crate) names_state: bool,
}

impl EvalFailure {
    /// Returns the cause as the history words it.
    pub fn full_cause(&self, state: &str, entered_event_id: u64) -> String {
        if !self.names_state {
            return self.cause.clone();
        }
        format!(
            "An error occurred while executing the state '{state}' (entered at the event id \
             #{entered_event_id}). {}",
            self.cause
        )
    }
}

/// A state's output and the variables that it set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The state's output.
    pub output: Payload,
    /// Variables in the order of `Assign`.
    pub assigned: Vec<(String, Payload)>,
}

/// A task's time limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskTimes {
    /// How long the task may take.
    pub timeout_seconds: Option<u64>,
    /// How long it may stay silent.
    pub heartbeat_seconds: Option<u64>,
}

/// Where a Choice goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The next state; none is `States.NoChoiceMatched`.
    pub next: Option<StateRef>,
    /// The Choice's output and variables.
    pub completion: Completion,
}

/// What a Map is going to do.
#[derive(Debug, Clone, PartialEq)]
pub struct MapPlan {
    /// One iteration each.
    pub items: Vec<MapItem>,
    /// Iterations at a time; 0 for no limit.
    pub max_concurrency: u32,
    /// Iterations that may fail, if given.
    pub tolerated_failure_count: Option<u64>,
    /// Percentage of the iterations that may fail, if given.
    pub tolerated_failure_percentage: Option<f64>,
}

/// One item of a Map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapItem {
    /// Its key, where the items are the fields of an object.
    pub key: Option<String>,
    /// Its value.
    pub value: Payload,
}

fn unavailable<T>() -> Result<T, EvalFailure> {
    Err(EvalFailure {
        error: "States.Runtime",
        cause: "not evaluated".to_owned(),
        location: None,
        names_state: true,
    })
}

/// Returns the input that the state works on: its raw input through `InputPath`.
/// With JSONata, the raw input.
///
/// # Errors
/// The path finds nothing.
pub fn effective_input(_state: &State, _env: &Env<'_>) -> Result<Payload, EvalFailure> {
    unavailable()
}

/// Returns what a Task, Parallel or Map is given: `Parameters` or `Arguments`, and
/// without them the effective input.
///
/// # Errors
/// An expression cannot be evaluated, or the payload is too large.
pub fn arguments(
    _state: &State,
    _env: &Env<'_>,
    _effective_input: &Payload,
) -> Result<Payload, EvalFailure> {
    unavailable()
}

/// Returns a Task's time limits.
///
/// # Errors
/// A path or expression gives no positive integer.
pub fn task_times(
    _state: &State,
    _env: &Env<'_>,
    _effective_input: &Payload,
) -> Result<TaskTimes, EvalFailure> {
    unavailable()
}

/// Returns output and variables of a state that ended with `result`.
///
/// # Errors
/// A field cannot be evaluated, or the output is too large.
pub fn complete(
    _state: &State,
    _env: &Env<'_>,
    _effective_input: &Payload,
    _result: &Payload,
) -> Result<Completion, EvalFailure> {
    unavailable()
}

/// Returns a Pass's result: `Result`, `Parameters` or the effective input.
///
/// # Errors
/// An expression cannot be evaluated.
pub fn pass_result(
    _state: &State,
    _env: &Env<'_>,
    _effective_input: &Payload,
) -> Result<Payload, EvalFailure> {
    unavailable()
}

/// Returns output and variables of a state whose failure a catcher took.
///
/// # Errors
/// A field of the catcher cannot be evaluated.
pub fn catch(
    _state: &State,
    _catcher_index: usize,
    _env: &Env<'_>,
    _error: &str,
    _cause: &str,
) -> Result<Completion, EvalFailure> {
    unavailable()
}

/// Returns where a Choice goes.
///
/// # Errors
/// A rule cannot be evaluated.
pub fn choose(
    _state: &State,
    _env: &Env<'_>,
    _effective_input: &Payload,
) -> Result<Chosen, EvalFailure> {
    unavailable()
}

/// Returns the instant until which a Wait waits.
///
/// # Errors
/// A path or expression gives no time.
pub fn wait_until(
    _state: &State,
    _env: &Env<'_>,
    _effective_input: &Payload,
) -> Result<Timestamp, EvalFailure> {
    unavailable()
}

/// Returns `Error` and `Cause` of a Fail.
///
/// # Errors
/// A path or expression gives no string.
pub fn fail_details(
    _state: &State,
    _env: &Env<'_>,
) -> Result<(Option<String>, Option<String>), EvalFailure> {
    unavailable()
}

/// Returns what a Map is going to do.
///
/// # Errors
/// There are no items to be found, or a limit is no number.
pub fn map_plan(
    _state: &State,
    _env: &Env<'_>,
    _effective_input: &Payload,
) -> Result<MapPlan, EvalFailure> {
    unavailable()
}

/// Returns the input of one iteration: `ItemSelector` or the item. The context object
/// of `env` has `Map.Item`.
///
/// # Errors
/// An expression cannot be evaluated.
pub fn map_item_input(
    _state: &State,
    _env: &Env<'_>,
    _effective_input: &Payload,
    _item: &MapItem,
) -> Result<Payload, EvalFailure> {
    unavailable()
}
