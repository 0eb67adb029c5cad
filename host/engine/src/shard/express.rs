//! Express executions in a shard: they begin, and somebody hears of their end.

use std::sync::Arc;

use stepwell_decider::{EventKind, Execution, ExecutionStarted, HistoryEvent, Input};
use stepwell_store::{
    AuditEntry, Created, ExecutionKey, ExpressStartRow, Store, StoreError, TenantId,
};

use crate::definitions::Revision;
use crate::error::EngineError;
use crate::express::{ExpressRun, Place, Waits};
use crate::model::{Billing, SyncExecution, Tenant};
use crate::shard::hot::{Hot, Waiting};
use crate::shard::{Message, Shard};

/// An express execution that is to run.
pub(crate) struct ExpressOrder {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) revision: Arc<Revision>,
    pub(crate) started: Arc<ExecutionStarted>,
    pub(crate) place: Place,
    /// What the audit log is told of who starts it; none where it is taken up again.
    pub(crate) audit: Option<AuditEntry>,
    pub(crate) waits: Waits,
}

impl Shard {
    /// Begins an express execution. If somebody waits for its start, nothing outside happens
    /// before that is durable.
    pub(super) fn start_express(&mut self, order: ExpressOrder) {
        if self.stopping.is_some() {
            return refuse(order.waits, EngineError::ShuttingDown);
        }
        let key = ExecutionKey(order.started.key);
        let mut hot = Hot::new(order.tenant, order.revision);
        hot.volatile = true;
        let now = self.shared.config.clock.now();
        let trace_id = order.started.trace().trace_id();
        let Some(events) = hot.begin(order.started, now) else {
            tracing::error!(execution = key.0, %trace_id, "an execution could not be started");
            let message = "the execution could not be started; see the host's log".to_owned();
            return refuse(order.waits, EngineError::Internal(message));
        };
        let (told, row) = match order.waits {
            Waits::ForEnd(told) => (Some(told), None),
            Waits::AfterCrash => (None, None),
            Waits::ForStart(reply) => {
                let row = start_row(&hot, key, &events);
                if let Some(batch) = &mut hot.committing {
                    batch.started = Some(reply);
                }
                (None, row)
            }
        };
        hot.express = Some(ExpressRun {
            place: order.place,
            told,
        });
        hot.record(&events);
        self.hot.insert(key, hot);
        let shard = self.shared.shards.of(key).clone();
        let begun = move |result: Result<(), StoreError>| {
            let result = result.map(|()| Created::New);
            shard.send(Message::Committed { key, result });
        };
        match row {
            Some(row) => {
                let store = &self.shared.store;
                store.put_express_start(row, order.audit, Box::new(begun));
            }
            None => {
                // Kept in memory alone, like what it tells of: nobody waits for the disk.
                if let Some(entry) = order.audit {
                    self.shared.audit.append(entry);
                }
                begun(Ok(()));
            }
        }
    }

    /// Tells of an express execution's end, and gives its place free.
    pub(super) fn express_ended(&mut self, key: ExecutionKey) {
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        let Some(ExpressRun { place, told }) = hot.express.take() else {
            return;
        };
        // First, so that whoever hears of the end finds the place free.
        drop(place);
        match told {
            None => remove_start(&self.shared.store, key),
            Some(told) => {
                let ended = sync_execution(&hot.execution).ok_or_else(|| {
                    EngineError::Internal("an execution ended without an end".to_owned())
                });
                // Who asked may have gone.
                drop(told.send(ended));
            }
        }
    }

    /// Watches the time of an execution that is in memory alone.
    pub(super) fn keep_timer(&mut self, key: ExecutionKey) {
        if let Some(hot) = self.hot.get_mut(&key) {
            let due = hot.execution.next_due();
            if due != hot.kept_due {
                self.shared.timers.keep(key, hot.kept_due, due);
                hot.kept_due = due;
            }
        }
    }
}

impl Hot {
    /// Takes room for what an express execution has recorded; without any, it fails.
    pub(super) fn record(&mut self, events: &[HistoryEvent]) {
        let Some(run) = &mut self.express else { return };
        if self.execution.end().is_some() {
            return;
        }
        if let Err(failure) = run.place.grow(events) {
            let give_up = Waiting::unattended(Input::GiveUp(failure));
            self.queue.push_front(give_up);
        }
    }
}

/// Removes the start of an execution that has ended. If that fails, the next start of the
/// host removes it, or runs the execution again: it promised at least once.
pub(crate) fn remove_start(store: &Store, key: ExecutionKey) {
    let done = Box::new(move |result: Result<(), StoreError>| {
        if let Err(error) = result {
            tracing::warn!(execution = key.0, %error, "the start of an ended execution stays");
        }
    });
    store.remove_express_start(key, done);
}

fn refuse(waits: Waits, error: EngineError) {
    match waits {
        Waits::ForEnd(told) => drop(told.send(Err(error))),
        Waits::ForStart(reply) => drop(reply.send(Err(error))),
        // Its row is there for the next start of the host.
        Waits::AfterCrash => {}
    }
}

fn start_row(hot: &Hot, key: ExecutionKey, events: &[HistoryEvent]) -> Option<ExpressStartRow> {
    let is_start = |event: &&HistoryEvent| matches!(event.kind, EventKind::ExecutionStarted(_));
    Some(ExpressStartRow {
        key,
        tenant: TenantId(hot.tenant.id),
        machine: hot.revision.machine,
        revision: hot.revision.number,
        started: events.iter().find(is_start)?.clone(),
    })
}

fn sync_execution(execution: &Execution) -> Option<SyncExecution> {
    let (started, end) = execution.started().zip(execution.end())?;
    let started_at = execution.started_at();
    let memory_bytes = execution.usage().memory_peak_bytes;
    Some(SyncExecution {
        arn: started.execution_arn.to_string(),
        name: started.execution_name.to_string(),
        state_machine_arn: started.state_machine_arn.to_string(),
        state_machine: started.state_machine_name.to_string(),
        started_at,
        stopped_at: end.at,
        status: end.status,
        input: started.input.clone(),
        output: end.output.clone(),
        failure: end.failure.clone(),
        billing: Billing::of(started_at, end.at, memory_bytes),
    })
}
