//! What the doors may ask: the one way into the engine.

mod access;
mod access_keys;
mod activities;
mod aliases;
mod api_tokens;
mod approvals;
mod backups;
mod bindings;
mod bulk;
mod checking;
mod components;
mod config_values;
pub(crate) mod data_sets;
mod executions;
mod express;
mod failures;
pub(crate) mod histories;
mod identities;
mod known_access;
mod logs;
mod machine_orders;
mod map_runs;
mod notifications;
mod operating;
mod page_secret;
mod policies;
mod quotas;
mod redrive;
mod retention;
mod roles;
mod search;
mod secrets;
pub(crate) mod starting;
mod state_machines;
pub(crate) mod tags;
mod tasks;
mod tenants;
mod versions;
mod waiting;

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

use stepwell_states::Timestamp;
use stepwell_store::{
    AuditDetails, AuditEntry, ExecutionKey, ExecutionRow, Store, StoreError, TenantId,
};
use tokio::sync::watch;

use crate::audit::{Auditor, Signer};
use crate::bulk::Bulk;
use crate::definitions::Definitions;
use crate::deletions::Deletions;
use crate::dispatch::Dispatcher;
use crate::error::{EngineError, from_store};
use crate::execution_log::ExecutionLog;
use crate::health::Health;
use crate::map_runs::MapRuns;
use crate::metrics::Counters;
use crate::model::{Caller, EngineMetrics, Readiness};
use crate::names;
use crate::notifier::Notifier;
use crate::outbound::{DenialListener, Outbound};
use crate::retention::Sweeper;
use crate::runner::TaskRunner;
use crate::sfn::EventShape;
use crate::wakeup::Watchers;
use crate::workers::Workers;
use starting::Starter;

pub use access::AccessOrder;
pub use access_keys::{AccessKeyDescription, NewAccessKey};
pub use api_tokens::ApiTokenDescription;
pub use approvals::{
    COMMENT_MAX_CHARS, DecideApproval, ListApprovals, status_word as approval_status_word,
};
pub(crate) use backups::Backups;
pub use backups::{BackupDescription, BackupList, EndedBackup, RunningBackup};
pub(crate) use bulk::narrowed;
pub use config_values::ConfigValue;
pub use failures::given_failure;
pub use identities::IdentityOrder;
pub(crate) use known_access::KnownAccess;
pub use notifications::{
    DeliveriesQuery, DeliveryDescription, DeliveryState, NotificationDescription, NotificationOrder,
};
pub use policies::TenantPolicy;
pub use quotas::TenantQuotas;
pub(crate) use redrive::is_orphan;
pub use retention::{RetentionOrder, RetentionRule, RetentionRules};
pub use roles::{RoleDescription, RoleOrder};
pub(crate) use search::filter_within;
pub use secrets::{SecretDescription, SecretVersionDescription};
pub use tenants::TenantDescription;
pub use waiting::EndWatch;

/// What a request body may have beside a payload or component, in bytes.
const ENVELOPE_BYTES: usize = 64 * 1_024;
/// Bytes of a definition, at most: AWS's limit.
pub(crate) const DEFINITION_MAX_BYTES: usize = 1_048_576;

/// A way into the engine; cheap to clone.
#[derive(Clone)]
pub struct EngineHandle(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) starter: Arc<Starter>,
    pub(crate) store: Store,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) runner: Arc<dyn TaskRunner>,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) health: Arc<Health>,
    pub(crate) deletions: Arc<Deletions>,
    pub(crate) map_runs: MapRuns,
    pub(crate) bulk: Bulk,
    pub(crate) known_access: Arc<KnownAccess>,
    pub(crate) log: Arc<ExecutionLog>,
    pub(crate) audit: Arc<Auditor>,
    pub(crate) signer: Arc<Signer>,
    pub(crate) outbound: Arc<Outbound>,
    pub(crate) backups: Arc<Backups>,
    pub(crate) sweeper: Sweeper,
    pub(crate) notifier: Arc<Notifier>,
    pub(crate) shutting_down: watch::Sender<bool>,
    pub(crate) event_shape: OnceLock<Arc<dyn EventShape>>,
    /// What page tokens are sealed with, once that was read.
    pub(crate) page_secret: OnceLock<Arc<[u8]>>,
}

impl fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineHandle(..)")
    }
}

impl EngineHandle {
    /// The largest request body that can hold a payload or component, in bytes.
    #[must_use]
    pub fn body_max_bytes(&self) -> usize {
        let config = &self.0.starter.config;
        let payload = config.payload_max_bytes as usize;
        // A payload may be escaped as text in the body, which doubles what is quoted.
        let largest = (2 * payload)
            .max(config.component_max_bytes)
            .max(2 * DEFINITION_MAX_BYTES);
        largest.saturating_add(ENVELOPE_BYTES)
    }

    /// Returns the numbers for `/metrics`.
    #[must_use]
    pub fn metrics(&self) -> EngineMetrics {
        let counters = &self.0.counters;
        let (running, queued) = self.0.dispatcher.load();
        let store = self.0.store.stats();
        EngineMetrics {
            executions_started: counters.executions_started.load(Relaxed),
            executions_ended: [0, 1, 2, 3].map(|end| counters.executions_ended[end].load(Relaxed)),
            task_calls: [
                counters.tasks_completed.load(Relaxed),
                counters.tasks_failed.load(Relaxed),
            ],
            fuel: counters.fuel.load(Relaxed),
            tasks_running: running as u64,
            tasks_queued: queued as u64,
            executions_in_memory: counters.in_memory(),
            express_running: self.express_running(),
            log_entries: [
                self.0.log.tally.written.load(Relaxed),
                self.0.log.tally.dropped.load(Relaxed),
            ],
            commits: counters.commits.load(Relaxed),
            transactions: store.commits,
            events_written: counters.events_written.load(Relaxed),
            history_bytes: store.history_bytes,
            swept: self.0.sweeper.swept().read(),
            backups: [
                self.0.backups.made.load(Relaxed),
                self.0.backups.failed.load(Relaxed),
            ],
        }
    }

    /// Returns whether the host can take work.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        if *self.0.shutting_down.borrow() {
            return Readiness {
                ready: false,
                reason: Some("shutting down".to_owned()),
            };
        }
        let reason = self.0.health.trouble();
        Readiness {
            ready: reason.is_none(),
            reason,
        }
    }

    /// Returns the time of the engine's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.starter.now()
    }

    /// Tells `listener` of everything that tasks are denied from now on.
    pub fn listen_for_denials(&self, listener: DenialListener) {
        self.0.outbound.listen(listener);
    }

    /// Returns a receiver that changes when the host begins to shut down.
    #[must_use]
    pub fn shutting_down(&self) -> watch::Receiver<bool> {
        self.0.shutting_down.subscribe()
    }

    /// Makes the entry of what a caller is about to change.
    pub(crate) fn entry(
        &self,
        caller: &Caller,
        action: &'static str,
        resource: impl Into<String>,
        details: Option<AuditDetails>,
    ) -> AuditEntry {
        self.0.audit.entry(caller, action, resource, details)
    }

    pub(crate) fn require_running(&self) -> Result<(), EngineError> {
        if *self.0.shutting_down.borrow() {
            Err(EngineError::ShuttingDown)
        } else {
            Ok(())
        }
    }

    /// Reads from the store, off the threads that serve requests.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let store = self.0.store.clone();
        let result = blocking(move || read(&store)).await?;
        result.map_err(|error| {
            self.0.health.failed(&error);
            from_store(error)
        })
    }

    /// Finds the execution that a request names.
    pub(crate) async fn find(
        &self,
        caller: &Caller,
        given: &str,
    ) -> Result<ExecutionRow, EngineError> {
        if names::is_express_arn(given) {
            let reason = "an express execution is not kept: what it did stands in the log that \
                          its state machine's logging configuration names"
                .to_owned();
            return Err(EngineError::Invalid {
                field: "execution",
                reason,
            });
        }
        let not_found = || EngineError::NotFound {
            kind: "execution",
            name: given.to_owned(),
        };
        let name = names::execution_name(&caller.tenant, given).ok_or_else(not_found)?;
        let (machine, execution) = (name.machine.to_owned(), name.execution.to_owned());
        let tenant = TenantId(caller.tenant.id);
        let definitions = Arc::clone(&self.0.definitions);
        let row = self.read(move |store| match machine.split_once('/') {
            Some((machine, label)) => {
                let row = find_map_child(store, &definitions, machine, label, &execution)?;
                Ok(row.filter(|row| row.tenant == tenant))
            }
            None => store.find_execution_by_names(tenant, &machine, &execution),
        });
        row.await?.ok_or_else(not_found)
    }

    /// ARN of an execution.
    pub(crate) async fn arn_of_row(
        &self,
        caller: &Caller,
        row: &ExecutionRow,
    ) -> Result<String, EngineError> {
        let (row, tenant) = (row.clone(), Arc::clone(&caller.tenant));
        let definitions = Arc::clone(&self.0.definitions);
        self.read(move |store| {
            let revision = definitions.revision(store, row.machine, row.revision)?;
            let machine = machine_in_arn(store, &revision.name, &row)?;
            Ok(names::execution_arn(&tenant, &machine, &row.name))
        })
        .await
    }

    /// The same, where only its key is needed.
    pub(crate) async fn find_key(
        &self,
        caller: &Caller,
        given: &str,
    ) -> Result<ExecutionKey, EngineError> {
        Ok(self.find(caller, given).await?.key)
    }
}

/// Finds a Map Run's child: its name says where it is, the rest has to fit.
pub(crate) fn find_map_child(
    store: &Store,
    definitions: &Definitions,
    machine: &str,
    label: &str,
    name: &str,
) -> Result<Option<ExecutionRow>, StoreError> {
    let Some(key) = stepwell_decider::child_key(name).map(ExecutionKey) else {
        return Ok(None);
    };
    let Some(row) = store.load_execution_row(key)? else {
        return Ok(None);
    };
    let Some(run) = row.map_run.filter(|_| row.name == name) else {
        return Ok(None);
    };
    let revision = definitions.revision(store, row.machine, row.revision)?;
    let run = store.load_map_run(run)?;
    let fits = *revision.name == *machine && run.is_some_and(|run| run.label == label);
    Ok(fits.then_some(row))
}

/// Name of an execution's machine as its ARN has it: a Map Run's child names the run's label
/// behind it.
pub(crate) fn machine_in_arn(
    store: &Store,
    machine: &str,
    row: &ExecutionRow,
) -> Result<String, StoreError> {
    let Some(run) = row.map_run else {
        return Ok(machine.to_owned());
    };
    Ok(match store.load_map_run(run)? {
        Some(run) => format!("{machine}/{}", run.label),
        None => machine.to_owned(),
    })
}

/// Runs what may block off the threads that serve requests.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| EngineError::Internal(format!("a request's work ended early: {error}")))
}
