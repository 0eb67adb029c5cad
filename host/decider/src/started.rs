//! How an execution started: what its first event says.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_states::{Payload, ScopeId, Timestamp};

use crate::event::EventNumber;
use crate::map_run::MapChild;
use crate::people::People;
use crate::seed::Seed;

/// Details of [`EventKind::ExecutionStarted`](crate::EventKind::ExecutionStarted): all that a decision may ever need to
/// know about the execution as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionStarted {
    /// Key of the execution in the store; part of its task tokens.
    pub key: i64,
    /// The execution's input.
    pub input: Payload,
    /// Name of the tenant.
    pub tenant: Arc<str>,
    /// ARN of the execution.
    pub execution_arn: Arc<str>,
    /// Name of the execution.
    pub execution_name: Arc<str>,
    /// ARN of the state machine.
    pub state_machine_arn: Arc<str>,
    /// Name of the state machine.
    pub state_machine_name: Arc<str>,
    /// ARN of the version that was named at the start, if one was.
    pub version_arn: Option<Arc<str>>,
    /// ARN of the alias that was named at the start, if one was.
    pub alias_arn: Option<Arc<str>>,
    /// ARN of the role. Kept for AWS's tools; Stepwell grants by other means.
    pub role_arn: Arc<str>,
    /// Region in the ARNs.
    pub region: Arc<str>,
    /// The origin of every derived id and random number. Secret.
    pub seed: Seed,
    /// When the execution times out.
    pub deadline: Option<Timestamp>,
    /// The task that waits for this execution, if another execution started it.
    pub parent: Option<ParentLink>,
    /// W3C trace context that it was started with: the caller's, or one that was made for it.
    pub traceparent: Option<Arc<str>>,
    /// Who started it, as the server knows them.
    pub principal: Option<Arc<str>>,
    /// The most bytes of JSON text that an input or output may have.
    pub payload_max_bytes: u32,
    /// The most events that the history may have on the wire; none for no limit.
    #[serde(default)]
    pub history_events_max: Option<u64>,
    /// The states that it runs: the whole machine's, or a Map's processor.
    #[serde(default = "whole_machine")]
    pub scope: ScopeId,
    /// The Map Run whose child it is, if it is one.
    #[serde(default)]
    pub map_child: Option<MapChild>,
    /// What the caller's trace context says beside, for vendors of tracing.
    #[serde(default)]
    pub tracestate: Option<Arc<str>>,
    /// The people whom whoever started it acts for, where that is a task or Map Run of another
    /// execution. None: this was not written down yet.
    #[serde(default)]
    pub acting_for: Option<People>,
}

fn whole_machine() -> ScopeId {
    ScopeId(0)
}

/// The task of another execution that waits for this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentLink {
    /// Key of the parent execution in the store.
    pub execution: i64,
    /// The parent's `TaskScheduled` event.
    pub scheduled: EventNumber,
}
