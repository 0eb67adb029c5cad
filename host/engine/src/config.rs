//! The engine's settings.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stepwell_egress::{Egress, Rates};
use stepwell_vault::Vault;

use crate::audit::AuditConfig;
use crate::clock::{Clock, SystemClock};
use crate::notifier::NotificationConfig;
use crate::quotas::Limits;
use crate::retention::RetentionConfig;
use crate::sfn::EventShape;

/// Where the execution log goes.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The folder, which is made where there is none.
    pub folder: PathBuf,
    /// Bytes that a log group of a tenant may have; the oldest entries go.
    pub group_max_bytes: u64,
    /// How events are written.
    pub shape: Arc<dyn EventShape>,
}

/// The engine's settings.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Loops that own the executions. More than the machine has cores gains nothing.
    pub shards: usize,
    /// Threads that guests of one tenant may use at a time, beside those that serve requests.
    /// There are as many again for the others.
    pub guest_threads: usize,
    /// Calls that run at once; what is over waits in its tenant's queue. One tenant has four
    /// of five places at most.
    pub tasks_at_once: usize,
    /// Executions that are kept in memory because something runs for them. What is over
    /// stays in the database until there is room.
    pub executions_in_memory_max: usize,
    /// Express executions that run at once; one more is refused.
    pub express_executions_max: usize,
    /// Bytes that they may hold, by what they record: one more is refused, and one that
    /// grows beyond fails. A single one may hold an eighth of it.
    pub express_memory_max_bytes: usize,
    /// How the audit log is signed.
    pub audit: AuditConfig,
    /// Where backups go; without, none are made.
    pub backups: Option<PathBuf>,
    /// How long executions are kept where no rule of a tenant says it.
    pub retention: RetentionConfig,
    /// Where the execution log goes; without, nothing is logged.
    pub log: Option<LogConfig>,
    /// Bytes that an input or output may have.
    pub payload_max_bytes: u32,
    /// Events that a history may have on the wire; the execution fails with the one that
    /// reaches it. None for no limit; Step Functions' own is 25,000.
    pub history_events_max: Option<u64>,
    /// Bytes that a component may have.
    pub component_max_bytes: usize,
    /// Bytes that a data set may have.
    pub data_set_max_bytes: u64,
    /// How long a task may run that names no timeout.
    pub default_task_timeout: Duration,
    /// How long running tasks get to finish when the host shuts down.
    pub shutdown_grace: Duration,
    /// How long to wait before a commit that the database refused is tried again.
    pub retry_delay: Duration,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Quotas of tenants that have none of their own.
    pub quotas: Limits,
    /// Where tasks may send requests: nowhere, unless the operator says so. A tenant's policy
    /// and a state's grants narrow it further.
    pub egress: Egress,
    /// The master keys: without one, there are no secrets.
    pub vault: Arc<Vault>,
    /// How many requests each tenant's tasks may send.
    pub egress_rates: Rates,
    /// What notifications need of the host's operator.
    pub notifications: NotificationConfig,
}

impl Default for EngineConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            shards: cores.clamp(1, 8),
            guest_threads: cores.max(1),
            tasks_at_once: 160,
            executions_in_memory_max: 20_000,
            express_executions_max: 4_096,
            express_memory_max_bytes: 512 << 20,
            audit: AuditConfig::default(),
            backups: None,
            retention: RetentionConfig::default(),
            log: None,
            payload_max_bytes: 262_144,
            history_events_max: None,
            component_max_bytes: 32 << 20,
            data_set_max_bytes: 1 << 30,
            // As long as a Lambda function may run, which definitions without a
            // timeout were written for.
            default_task_timeout: Duration::from_secs(900),
            shutdown_grace: Duration::from_secs(10),
            retry_delay: Duration::from_millis(200),
            clock: Arc::new(SystemClock),
            quotas: Limits::default(),
            egress: Egress::default(),
            vault: Arc::default(),
            egress_rates: Rates::default(),
            notifications: NotificationConfig::default(),
        }
    }
}
