//! What of an execution is to be logged: gathered when it is decided, written when it is
//! durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_decider::{EventKind, Execution, HistoryEvent, TaskScheduled};
use stepwell_store::ExecutionKey;

use crate::execution_log::{Entries, Logging, answered_task, is_logged};
use crate::shard::Shard;
use crate::shard::hot::Hot;

/// The tasks of an execution that have no end: their later events say what they are of by
/// a number alone.
pub(crate) struct Trail {
    logging: Arc<Logging>,
    tasks: BTreeMap<u64, Arc<TaskScheduled>>,
}

/// Events to be logged, and the tasks that they answer.
#[derive(Default)]
pub(crate) struct Logged {
    events: Vec<HistoryEvent>,
    tasks: BTreeMap<u64, Arc<TaskScheduled>>,
}

impl Trail {
    pub(crate) fn new(logging: Arc<Logging>) -> Self {
        Self {
            logging,
            tasks: BTreeMap::new(),
        }
    }

    /// Goes on with an execution that was read from the database.
    pub(crate) fn resume(&mut self, execution: &Execution) {
        let orders = execution.open_orders();
        self.tasks = orders
            .map(|(number, order)| (number.0, Arc::clone(order)))
            .collect();
    }

    /// Takes in what was decided; returns what of it is to be logged.
    pub(crate) fn follow(&mut self, events: &[HistoryEvent]) -> Option<Logged> {
        let mut logged = Logged::default();
        for event in events {
            if let EventKind::TaskScheduled(order) = &event.kind {
                self.tasks.insert(event.number.0, Arc::clone(order));
            }
            let answered = answered_task(&event.kind);
            if is_logged(&event.kind, self.logging.level) {
                if let Some((number, _)) = answered
                    && let Some(order) = self.tasks.get(&number)
                {
                    logged.tasks.insert(number, Arc::clone(order));
                }
                logged.events.push(event.clone());
            }
            if let Some((number, true)) = answered {
                self.tasks.remove(&number);
            }
        }
        (!logged.events.is_empty()).then_some(logged)
    }
}

impl Hot {
    /// Makes entries of what is to be logged.
    fn entries(&self, logged: Logged) -> Option<Entries> {
        let logging = self.revision.logging.as_ref()?;
        let started = self.execution.started()?;
        Some(Entries {
            tenant: self.tenant.id,
            region: Arc::clone(&self.tenant.region),
            logging: Arc::clone(logging),
            execution_arn: Arc::clone(&started.execution_arn),
            redrive_count: self.execution.redrive_count(),
            definition: Arc::clone(&self.revision.definition),
            tasks: logged.tasks,
            events: logged.events,
        })
    }

    /// Makes entries of the events that a Map Run has decided for its child.
    pub(crate) fn entries_at_birth(&mut self, events: &[HistoryEvent]) -> Option<Entries> {
        let logged = self.trail.as_mut()?.follow(events)?;
        self.entries(logged)
    }
}

impl Shard {
    /// Has durable events logged.
    pub(super) fn log(&self, key: ExecutionKey, logged: Logged) {
        let entries = self.hot.get(&key).and_then(|hot| hot.entries(logged));
        if let Some(entries) = entries {
            self.shared.log.write(entries);
        }
    }
}
