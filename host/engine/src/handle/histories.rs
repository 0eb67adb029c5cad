//! Histories: read a part, wait for more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stepwell_decider::{EventKind, EventNumber, HistoryEvent, TaskScheduled, TraceContext};
use stepwell_states::StateMachine;
use stepwell_store::{ExecutionRow, Store, StoreError};
use tokio::time::{Instant, timeout_at};

use crate::definitions::{Definitions, Revision};
use crate::error::EngineError;
use crate::handle::{EngineHandle, machine_in_arn};
use crate::model::{Caller, HistoryPart, HistoryRange};
use crate::names;

/// Events of a part, at most.
const PART_MAX: u32 = 1_000;

impl EngineHandle {
    /// Reads a part of a history, hidden events too.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::Invalid`] for a limit that cannot be, or
    /// trouble of the host's own.
    pub async fn read_history(
        &self,
        caller: &Caller,
        execution: &str,
        range: HistoryRange,
    ) -> Result<HistoryPart, EngineError> {
        if range.limit == 0 || range.limit > PART_MAX {
            let reason = format!("is {}; give 1 to {PART_MAX}", range.limit);
            return Err(EngineError::Invalid {
                field: "limit",
                reason,
            });
        }
        let row = self.find(caller, execution).await?;
        let definitions = Arc::clone(&self.0.definitions);
        let (limit, after) = (range.limit as usize, range.after);
        let tenant = Arc::clone(&caller.tenant);
        let (slice, definitions, arn, summary, trace) = self
            .read(move |store| {
                let slice = if range.reverse {
                    let before = (after > 0).then_some(EventNumber(after));
                    store.events_before(row.key, before, limit)?
                } else {
                    store.events_after(row.key, EventNumber(after), limit)?
                };
                let (revision, earlier) = definitions_of(store, &definitions, &row)?;
                let machine = machine_in_arn(store, &revision.name, &row)?;
                let arn = names::execution_arn(&tenant, &machine, &row.name);
                let trace = trace_of(store, &row)?;
                Ok((slice, (revision, earlier), arn, row.summary, trace))
            })
            .await?;
        let (revision, earlier) = definitions;
        Ok(HistoryPart {
            earlier,
            events: slice.events,
            more: slice.more,
            status: crate::shard::decider_status(summary.status),
            paused: summary.paused_at.is_some(),
            definition: Arc::clone(&revision.definition),
            trace: trace.ok_or_else(|| {
                EngineError::Internal("a history does not begin with a start".to_owned())
            })?,
            execution_arn: arn.into(),
        })
    }

    /// Finds the `TaskScheduled` events that events answer: among them, or where they began
    /// before these, by reading that one event.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn answered_tasks(
        &self,
        caller: &Caller,
        execution: &str,
        events: &[HistoryEvent],
    ) -> Result<BTreeMap<u64, Arc<TaskScheduled>>, EngineError> {
        let mut tasks = BTreeMap::new();
        for event in events {
            if let EventKind::TaskScheduled(task) = &event.kind {
                tasks.insert(event.number.0, Arc::clone(task));
            }
        }
        for number in events.iter().filter_map(answered_task) {
            if tasks.contains_key(&number) {
                continue;
            }
            let range = HistoryRange {
                after: number.saturating_sub(1),
                limit: 1,
                reverse: false,
            };
            let read = self.read_history(caller, execution, range).await?;
            if let Some(EventKind::TaskScheduled(task)) =
                read.events.first().map(|event| &event.kind)
            {
                tasks.insert(number, Arc::clone(task));
            }
        }
        Ok(tasks)
    }

    /// Waits until the history has events after the number `after`, or the execution has
    /// ended, or `patience` is over.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn wait_for_events(
        &self,
        caller: &Caller,
        execution: &str,
        after: u64,
        patience: Duration,
    ) -> Result<(), EngineError> {
        let key = self.find_key(caller, execution).await?;
        let watch = self.0.watchers.watch(key.0);
        let deadline = Instant::now() + patience;
        let mut stop = self.shutting_down();
        loop {
            // Watched before looked at: an event between the two is not missed.
            let moved = watch.moved();
            tokio::pin!(moved);
            moved.as_mut().enable();
            let row = self
                .read(move |store| store.load_execution_row(key))
                .await?;
            let settled = row.is_none_or(|row| {
                row.version.0 > after || row.summary.status != stepwell_store::Status::Running
            });
            if settled {
                return Ok(());
            }
            let over = tokio::select! {
                moved = timeout_at(deadline, moved) => moved.is_err(),
                _ = stop.wait_for(|stopping| *stopping) => true,
            };
            // What rang may be a commit that the caller has seen: the bell comes after it.
            if over {
                return Ok(());
            }
        }
    }
}

/// Definitions until events of a history.
pub(crate) type Earlier = Vec<(EventNumber, Arc<StateMachine>)>;

/// Returns the revision that an execution runs, and the definitions that it ran before
/// redrives went on with others.
pub(crate) fn definitions_of(
    store: &Store,
    definitions: &Definitions,
    row: &ExecutionRow,
) -> Result<(Arc<Revision>, Earlier), StoreError> {
    let revision = definitions.revision(store, row.machine, row.revision)?;
    if row.summary.redrive_count == 0 {
        return Ok((revision, Vec::new()));
    }
    let earlier = store.earlier_revisions(row.key)?;
    let earlier = earlier.into_iter().map(|(before, number)| {
        let revision = definitions.revision(store, row.machine, number)?;
        Ok((before, Arc::clone(&revision.definition)))
    });
    let earlier = earlier.collect::<Result<_, StoreError>>()?;
    Ok((revision, earlier))
}

/// The trace context that an execution was started with: its row tells, or, where that was by
/// an earlier version, its first event.
fn trace_of(store: &Store, row: &ExecutionRow) -> Result<Option<TraceContext>, StoreError> {
    if row.trace.is_some() {
        return Ok(row.trace);
    }
    let first = store.events_after(row.key, EventNumber(0), 1)?;
    Ok(first.events.first().and_then(|event| match &event.kind {
        EventKind::ExecutionStarted(started) => Some(started.trace()),
        _ => None,
    }))
}

/// Returns the number of the `TaskScheduled` event that an event answers, if it does.
fn answered_task(event: &HistoryEvent) -> Option<u64> {
    match &event.kind {
        EventKind::TaskStarted { scheduled, .. }
        | EventKind::TaskSubmitFailed { scheduled, .. }
        | EventKind::TaskHeartbeat { scheduled, .. }
        | EventKind::TaskSubmitted { scheduled, .. }
        | EventKind::TaskSucceeded { scheduled, .. }
        | EventKind::TaskFailed { scheduled, .. }
        | EventKind::TaskTimedOut { scheduled, .. }
        | EventKind::ApprovalEscalated { scheduled, .. }
        | EventKind::ApprovalClosed { scheduled, .. } => Some(scheduled.0),
        EventKind::ApprovalRequested(requested) => Some(requested.scheduled.0),
        EventKind::ApprovalDecided(decided) => Some(decided.scheduled.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use stepwell_decider::Failure;
    use stepwell_store::{ExecutionKey, Store, StoreOptions};

    use super::*;
    use crate::config::EngineConfig;
    use crate::model::{DeployStateMachine, NewTenantOrder, PostEvent, StartExecution};
    use crate::runner::{
        CheckedComponent, RefusedComponent, RunningTask, TaskEnd, TaskOrder, TaskResult, TaskRunner,
    };

    struct NoTasks;

    impl TaskRunner for NoTasks {
        fn run(&self, _: TaskOrder) -> RunningTask {
            Box::pin(async {
                TaskEnd {
                    result: TaskResult::Failed(Failure::named("NoTasks")),
                    usage: stepwell_decider::Usage::default(),
                }
            })
        }

        fn check(&self, _: &[u8]) -> Result<CheckedComponent, RefusedComponent> {
            Err(RefusedComponent {
                code: "NotWasm",
                message: "no component is taken here".to_owned(),
            })
        }
    }

    const ASK: &str = r#"{"StartAt": "Ask", "States": {"Ask": {
        "Type": "Task", "Resource": "stepwell:event:answer", "End": true}}}"#;

    /// The bell of a commit rings after its events can be read.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_bell_of_what_was_seen_ends_no_wait() {
        let store = Store::open(StoreOptions::memory()).unwrap();
        let engine =
            crate::Engine::start(EngineConfig::default(), store, Arc::new(NoTasks)).unwrap();
        let handle = engine.handle();
        let tenant = NewTenantOrder {
            name: "dev".to_owned(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
        };
        handle.ensure_tenant(tenant).await.unwrap();
        let caller = handle.caller_for_tenant("dev", "test").await.unwrap();
        let order = DeployStateMachine {
            name: Some("ask".to_owned()),
            definition: ASK.to_owned(),
            ..DeployStateMachine::default()
        };
        handle.deploy_state_machine(&caller, order).await.unwrap();
        let start = StartExecution {
            state_machine: "ask".to_owned(),
            name: Some("one".to_owned()),
            input: None,
            ..StartExecution::default()
        };
        let arn = handle.start_execution(&caller, start).await.unwrap().arn;
        let ExecutionKey(key) = handle.find_key(&caller, &arn).await.unwrap();
        let newest = HistoryRange {
            after: 0,
            limit: 1,
            reverse: true,
        };
        let seen = handle.read_history(&caller, &arn, newest).await.unwrap();
        let after = seen.events[0].number.0;

        let patience = Duration::from_secs(600);
        let mut waiting = std::pin::pin!(handle.wait_for_events(&caller, &arn, after, patience));
        for _ in 0..50 {
            // Reads as the waiting does, so that it comes to listen between two bells.
            let rings = async {
                handle.read_history(&caller, &arn, newest).await.unwrap();
                handle.0.watchers.wake(key, false);
            };
            tokio::select! {
                biased;
                _ = &mut waiting => panic!("there is nothing new yet"),
                () = rings => {}
            }
        }
        let event = PostEvent {
            name: "answer".to_owned(),
            event_id: None,
            data: None,
        };
        handle.post_event(&caller, &arn, event).await.unwrap();
        waiting.await.unwrap();
        drop(engine);
    }
}
