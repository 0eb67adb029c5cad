//! What the engine asks of whoever runs tasks: the sandbox, or a script in tests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use stepwell_decider::{EventNumber, ExecutionStarted, Failure, TaskScheduled, Usage};
use stepwell_sandbox::{CancelToken, ComponentDigest};
use stepwell_states::{Payload, Timestamp};

use crate::task_grant::TaskGrant;

/// One call of a component, to be made now.
#[derive(Debug, Clone)]
pub struct TaskOrder {
    /// The component.
    pub component: ComponentDigest,
    /// The execution that the task belongs to.
    pub execution: Arc<ExecutionStarted>,
    /// When the execution started.
    pub execution_started_at: Timestamp,
    /// The `TaskScheduled` event.
    pub scheduled: EventNumber,
    /// What that event says.
    pub task: Arc<TaskScheduled>,
    /// The guest's input.
    pub input: Payload,
    /// How long the call may take.
    pub timeout: Duration,
    /// How long it may stay silent.
    pub heartbeat: Option<Duration>,
    /// What the call may use.
    pub grant: TaskGrant,
    /// Ends the call early.
    pub cancel: CancelToken,
}

impl TaskOrder {
    /// Bytes that the output may have.
    pub(crate) fn output_max_bytes(&self) -> usize {
        self.execution.payload_max_bytes as usize
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskEnd {
    /// How.
    pub result: TaskResult,
    /// What it used.
    pub usage: Usage,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskResult {
    /// With an output.
    Completed(Payload),
    /// With an error that the definition may handle.
    Failed(Failure),
    /// It was ended by its cancel token; nobody waits for it.
    Cancelled,
    /// This host could not make the call now; it is to be made again.
    Unavailable(String),
}

/// A component that was checked and is ready to run.
#[derive(Debug, Clone)]
pub struct CheckedComponent {
    /// Digest of `wasm`.
    pub digest: ComponentDigest,
    /// The bytes to keep: a core module has become a component.
    pub wasm: Vec<u8>,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it says of itself, as JSON.
    pub description: Option<serde_json::Value>,
}

/// A component that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedComponent {
    /// Stable code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// A call that is being made.
pub type RunningTask = Pin<Box<dyn Future<Output = TaskEnd> + Send>>;

/// Runs tasks.
pub trait TaskRunner: Send + Sync + 'static {
    /// Makes one call. The future never blocks its thread for long.
    fn run(&self, order: TaskOrder) -> RunningTask;

    /// Checks and compiles a component; may block for seconds.
    ///
    /// # Errors
    ///
    /// The component is refused.
    fn check(&self, wasm: &[u8]) -> Result<CheckedComponent, RefusedComponent>;
}
