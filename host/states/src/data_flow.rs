//! Evaluates the data flow of a state: input, arguments, result, output, variables.
//!
//! Every function here takes a state, an [`Env`] and payloads, and returns payloads.
//! Nothing is parsed unless a field of the state looks inside.

mod accepted;
pub(crate) mod evaluation;
pub(crate) mod flow;
mod map;
mod observer;
mod output;
mod timing;

#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

use crate::definition::StateRef;
use crate::payload::Payload;
use crate::timestamp::Timestamp;

pub use accepted::check_parameters;
pub use map::{
    Batches, batches, map_item_input, map_plan, reader_arguments, reader_max_items,
    writer_arguments,
};
pub use observer::{Observer, Stage};
pub use output::{
    arguments, catch, choose, complete, credentials, effective_input, fail_details, pass_result,
};
pub use timing::{task_times, wait_until};

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
    /// Who is told what each field made of the data.
    pub observer: Option<&'a dyn Observer>,
}

impl Env<'_> {
    /// Tells the observer, if there is one, what a field made of the data.
    pub(crate) fn tell(&self, stage: Stage, data: &Payload) {
        if let Some(observer) = self.observer {
            observer.reached(stage, data);
        }
    }
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

/// Longest cause that Step Functions takes, less what names state and event.
const CAUSE_MAX_CHARS: usize = 32_000;

impl EvalFailure {
    /// A failure whose cause names state and event.
    pub(crate) fn new(error: &'static str, mut cause: String) -> Self {
        if let Some((at, _)) = cause.char_indices().nth(CAUSE_MAX_CHARS) {
            cause.truncate(at);
        }
        Self {
            error,
            cause,
            location: None,
            names_state: true,
        }
    }

    /// A `States.Runtime` failure.
    pub(crate) fn runtime(cause: String) -> Self {
        Self::new("States.Runtime", cause)
    }

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
    /// The next state; none fails the execution (`States.Runtime`).
    pub next: Option<StateRef>,
    /// The Choice's output and variables.
    pub completion: Completion,
}

/// What a Map is going to do.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MapPlan {
    /// One iteration each.
    pub items: Vec<MapItem>,
    /// Iterations at a time; 0 for no limit.
    pub max_concurrency: u32,
    /// Iterations that may fail, if given.
    pub tolerated_failure_count: Option<u64>,
    /// Percentage of the iterations that may fail, if given.
    pub tolerated_failure_percentage: Option<f64>,
    /// Why a tolerance could not be read. The state fails with it once it has
    /// started, which is when Step Functions looks at tolerances.
    pub tolerance_failure: Option<EvalFailure>,
}

/// One item of a Map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapItem {
    /// Its key, where the items are the fields of an object.
    pub key: Option<String>,
    /// Its value.
    pub value: Payload,
}
