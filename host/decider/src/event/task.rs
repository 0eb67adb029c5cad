//! What a task is asked to do, and what it used.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_states::{Payload, StateRef};

/// Which of the three families of task events the wire shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskFamily {
    /// `Task…`: service integrations, and Stepwell's own resources.
    Task,
    /// `LambdaFunction…`: a function's ARN as the resource.
    LambdaFunction,
    /// `Activity…`: an activity's ARN as the resource.
    Activity,
}

/// Details of [`EventKind::TaskScheduled`](super::EventKind::TaskScheduled): the order for one attempt of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskScheduled {
    /// The Task state.
    pub state: StateRef,
    /// Its name.
    pub state_name: Arc<str>,
    /// The family of the event's name.
    pub family: TaskFamily,
    /// What is called, in the wire's words: `lambda`, `states`, `task`, ….
    pub resource_type: Arc<str>,
    /// What is called, in the wire's words: `invoke`, `startExecution.sync:2`, ….
    pub resource: Arc<str>,
    /// What it is called with.
    pub parameters: Payload,
    /// Number of the attempt, counted from 1.
    pub attempt: u32,
    /// The task's own limit, in seconds.
    pub timeout_seconds: Option<u64>,
    /// The longest time between two signs of life, in seconds.
    pub heartbeat_seconds: Option<u64>,
    /// What the host has to do for it.
    pub work: Work,
    /// Whether the task is over only when somebody reports its end: by its token, by
    /// an event, by a worker, or by the end of another execution.
    pub waits_for_report: bool,
    /// Stays the same over all attempts of the task.
    pub idempotency_key: Arc<str>,
}

/// What the host has to do for a scheduled task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Nothing: somebody will report, or post an event of this name.
    AwaitEvent(Arc<str>),
    /// Nothing: a worker will ask for the task of this activity.
    AwaitWorker(Arc<str>),
    /// Run a component.
    RunComponent {
        /// Its name within the tenant.
        name: Arc<str>,
        /// Its version; without one, what the definition pins.
        version: Option<Arc<str>>,
    },
    /// Run the component that the parameter `FunctionName` names, with `Payload`.
    InvokeFunction {
        /// Name of the function.
        name: Arc<str>,
        /// Version of the component, if the call names one.
        #[serde(default)]
        version: Option<Arc<str>>,
    },
    /// Start an execution, and wait for its end if `waits_for_report`.
    StartExecution,
    /// Call an operation of Stepwell's own Step Functions API.
    CallOwnApi(Arc<str>),
    /// Call an HTTP endpoint.
    CallHttp,
    /// Ask people.
    AskApproval,
    /// Run the component that the tenant bound to a service's action.
    RunBound {
        /// The service.
        service: Arc<str>,
        /// The action.
        action: Arc<str>,
    },
}

/// What one call in the sandbox used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Fuel, in wasmtime's units.
    pub fuel: u64,
    /// Peak of all linear memories, in bytes.
    pub memory_peak_bytes: u64,
    /// Wall time, in microseconds.
    pub duration_us: u64,
}
