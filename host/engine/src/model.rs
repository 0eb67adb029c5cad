//! What the doors ask of the engine, and what it answers.

mod bulk;
mod executions;
mod express;
mod logging;
mod machines;
mod operating;

use std::sync::Arc;

use crate::audit::Origin;
use crate::error::EngineError;
use crate::permissions::{Permission, Permissions};
use serde_json::Value;
use stepwell_decider::{EventNumber, HistoryEvent, People, Status, TraceContext, people_behind};
use stepwell_states::{Payload, StateMachine, Timestamp};

pub use bulk::{BulkAction, BulkCount, BulkDescription, BulkOrder, BulkPreview, BulkStatus};
pub use executions::*;
pub use express::{Billing, SyncExecution};
pub use logging::{LogDestination, LogGroup, LogLevel, LogPage, LogQuery, LoggingConfiguration};

pub use machines::*;
pub use operating::*;

/// The tenant that a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Key in the store.
    pub id: i64,
    /// Its name.
    pub name: Arc<str>,
    /// Twelve digits: the account in its ARNs.
    pub account: Arc<str>,
    /// The region in its ARNs.
    pub region: Arc<str>,
}

/// Who asks, for whom: every call carries one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant whose things are meant.
    pub tenant: Arc<Tenant>,
    /// The caller's name, as the server knows it: `token:admin`, `dev`, ….
    pub principal: Arc<str>,
    /// What people call them, if that is known. Anybody may have the same.
    pub name: Option<Arc<str>>,
    /// The caller's role, for messages: what it lets them do is in `permissions`.
    pub role: Arc<str>,
    /// The groups that the caller is in, for approvals: the names of all their roles.
    pub groups: Arc<[Arc<str>]>,
    /// What the caller may do. Whatever is not among it is refused.
    pub permissions: Permissions,
    /// What the server knows of the request; none for what the host does by itself.
    pub origin: Option<Arc<Origin>>,
    /// The people whom the caller acts for, beside itself: those behind an execution whose
    /// task asks, and nobody for a person. None: they were not written down.
    pub acting_for: Option<People>,
    /// When the token or key that the caller showed ceases to be good, if it does.
    pub until: Option<Timestamp>,
    /// Whether another token has taken the place of the one that the caller showed.
    pub outgoing: bool,
}

impl Caller {
    /// Returns the people who answer for what the caller does; none if that is not known.
    #[must_use]
    pub fn people(&self) -> Option<People> {
        people_behind(Some(&self.principal), self.acting_for.as_ref())
    }

    /// Lets a caller through who may do this.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`].
    pub fn require(&self, permission: Permission) -> Result<(), EngineError> {
        if self.permissions.allow(permission) {
            return Ok(());
        }
        Err(EngineError::Forbidden {
            principal: self.principal.to_string(),
            role: self.role.to_string(),
            missing: permission.name(),
        })
    }
}

/// A tenant that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTenantOrder {
    /// Its name.
    pub name: String,
    /// Twelve digits: the account in its ARNs.
    pub account: String,
    /// The region in its ARNs.
    pub region: String,
}

/// Returns a status in the words of AWS: `RUNNING`, `SUCCEEDED`, ….
#[must_use]
pub fn status_word(status: Status) -> &'static str {
    match status {
        Status::Running => "RUNNING",
        Status::Succeeded => "SUCCEEDED",
        Status::Failed => "FAILED",
        Status::TimedOut => "TIMED_OUT",
        Status::Aborted => "ABORTED",
    }
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct PageOf<T> {
    /// The lines.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next_page_token: Option<String>,
}

/// Which part of a history to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryRange {
    /// Events after this number only (before it, in reverse); 0 for all.
    pub after: u64,
    /// Events at most.
    pub limit: u32,
    /// Newest first.
    pub reverse: bool,
}

/// A part of a history. Events that the wire hides are among them.
#[derive(Debug, Clone)]
pub struct HistoryPart {
    /// The events.
    pub events: Vec<HistoryEvent>,
    /// Whether there are more in this direction.
    pub more: bool,
    /// Status of the execution when the events were read.
    pub status: Status,
    /// Whether it was paused then.
    pub paused: bool,
    /// The definition that names the states of the events, but those before.
    pub definition: Arc<StateMachine>,
    /// Definitions before redrives with others, oldest first: each names the states of the
    /// events before a number.
    pub earlier: Vec<(EventNumber, Arc<StateMachine>)>,
    /// W3C trace context that the execution was started with: all of its events belong to it.
    pub trace: TraceContext,
    /// ARN of the execution.
    pub execution_arn: Arc<str>,
}

impl HistoryPart {
    /// Returns the definition that names the states of an event.
    #[must_use]
    pub fn definition_of(&self, event: EventNumber) -> &StateMachine {
        let mut earlier = self.earlier.iter();
        let found = earlier.find(|(before, _)| event < *before);
        found.map_or(&self.definition, |(_, definition)| definition)
    }
}

/// An event for an execution that waits for it, or will.
#[derive(Debug, Clone)]
pub struct PostEvent {
    /// Name of the event: what the waiting state names.
    pub name: String,
    /// The sender's id; an event with an id that was seen is taken once.
    pub event_id: Option<String>,
    /// Its data; without any, `{}`.
    pub data: Option<Payload>,
}

/// A report on a task that waits for its token.
#[derive(Debug, Clone)]
pub enum TaskReport {
    /// It is done, with this output.
    Success(Payload),
    /// It failed.
    Failure {
        /// Error name.
        error: Option<String>,
        /// Cause.
        cause: Option<String>,
    },
    /// It is alive.
    Heartbeat,
}

/// An activity: work that workers ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A task that a worker has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityTask {
    /// What reports on it.
    pub task_token: String,
    /// Its input.
    pub input: Payload,
    /// Its time limit, in seconds, counted from now on.
    pub timeout_seconds: Option<u64>,
    /// The longest time between two signs of life, in seconds.
    pub heartbeat_seconds: Option<u64>,
    /// Stays the same over all attempts of the task.
    pub idempotency_key: Arc<str>,
}

/// An order to bind a component to an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBinding {
    /// `SERVICE:ACTION`, or `SERVICE:*` for all that have no binding of their own.
    pub integration: String,
    /// Name of the component.
    pub component: String,
    /// Its version; without one, the newest at each deployment.
    pub version: Option<u32>,
}

/// Which component stands for an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// `SERVICE:ACTION`, or `SERVICE:*`.
    pub integration: String,
    /// Name of the component.
    pub component: String,
    /// Its version, if the binding names one.
    pub version: Option<u32>,
    /// When it was bound.
    pub created_at: Timestamp,
    /// Who bound it.
    pub created_by: String,
}

/// A component and one of its versions.
#[derive(Debug, Clone)]
pub struct ComponentDescription {
    /// Its name.
    pub name: String,
    /// Version, counted from 1.
    pub version: u64,
    /// Digest of its bytes: `sha256:…`.
    pub digest: String,
    /// Size, in bytes.
    pub bytes: u64,
    /// When it was pushed.
    pub pushed_at: Timestamp,
    /// Who pushed it.
    pub pushed_by: String,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it says of itself (`name`, `version`, `summary`, `inputSchema`,
    /// `outputSchema`, `errors`), if it does.
    pub description: Option<Value>,
}

/// A pushed component.
#[derive(Debug, Clone)]
pub struct PushedComponent {
    /// The version.
    pub component: ComponentDescription,
    /// Whether this made a new version; the same bytes again do not.
    pub changed: bool,
}

/// Numbers for `/metrics`.
#[derive(Debug, Clone, Default)]
pub struct EngineMetrics {
    /// Executions started since the host started.
    pub executions_started: u64,
    /// Executions ended since then, by status: succeeded, failed, timed out, aborted.
    pub executions_ended: [u64; 4],
    /// Task calls since then, by how they ended: completed, failed.
    pub task_calls: [u64; 2],
    /// Fuel of all task calls.
    pub fuel: u64,
    /// Task calls that run now.
    pub tasks_running: u64,
    /// Tasks that wait for a free place.
    pub tasks_queued: u64,
    /// Executions in memory.
    pub executions_in_memory: u64,
    /// Express executions that run.
    pub express_running: u64,
    /// Entries of the execution log since the host started: written, dropped.
    pub log_entries: [u64; 2],
    /// Decisions committed.
    pub commits: u64,
    /// Physical transactions that held them.
    pub transactions: u64,
    /// Events written.
    pub events_written: u64,
    /// Bytes of history written.
    pub history_bytes: u64,
    /// What was past its time and removed since the host started: executions, their rows,
    /// details of audit entries.
    pub swept: [u64; 3],
    /// Backups since the host started: made, failed.
    pub backups: [u64; 2],
}

/// Whether the host can take work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Whether it can.
    pub ready: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// A data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSetDescription {
    /// Its number; one that replaces another has a new one.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// When it was put.
    pub created_at: Timestamp,
    /// Who put it.
    pub created_by: String,
}

/// A Map Run.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRunDescription {
    /// Its ARN.
    pub arn: String,
    /// ARN of the execution that it belongs to.
    pub execution_arn: String,
    /// ARN of the state machine, with the Map Run's label behind it.
    pub state_machine_arn: String,
    /// Its status.
    pub status: Status,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When that was last.
    pub redriven_at: Option<Timestamp>,
    /// Its settings.
    pub settings: MapRunSettings,
    /// Counts of the items.
    pub items: MapRunCounts,
    /// Counts of the child executions.
    pub executions: MapRunCounts,
}

/// What may be changed while a Map Run runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapRunSettings {
    /// Child executions at a time; 0 for no limit.
    pub max_concurrency: u32,
    /// Items that may fail; 0 for none.
    pub tolerated_failure_count: u64,
    /// Percentage of the items that may fail, from 0 to 100; 0 for none.
    pub tolerated_failure_percentage: f64,
}

/// Counts of a Map Run, as `DescribeMapRun` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MapRunCounts {
    /// Not started.
    pub pending: u64,
    /// Started and not ended.
    pub running: u64,
    /// Ended well.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
    /// Ended because their time was up.
    pub timed_out: u64,
    /// Stopped.
    pub aborted: u64,
    /// All that are known of.
    pub total: u64,
    /// Those whose results a `ResultWriter` has written.
    pub results_written: u64,
    /// Failed, timed out or aborted, and never to be redriven.
    pub failures_not_redrivable: u64,
    /// Failed, timed out or aborted before, and waiting to be redriven.
    pub pending_redrive: u64,
}

/// A change of a Map Run's settings; what is not given stays.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct UpdateMapRun {
    /// Child executions at a time; 0 for no limit.
    pub max_concurrency: Option<u32>,
    /// Items that may fail.
    pub tolerated_failure_count: Option<u64>,
    /// Percentage of the items that may fail, from 0 to 100.
    pub tolerated_failure_percentage: Option<f64>,
}
