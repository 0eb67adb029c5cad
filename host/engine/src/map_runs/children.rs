//! Starts a Map Run's children: decides their first events.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use stepwell_decider::{
    Execution, ExecutionStarted, Failure, Input, MapChild, MapResultForm, MapScope, People,
    decide_within,
};
use stepwell_states::{ExecutionType, Timestamp};
use stepwell_store::{Digest, ExecutionKey, MapRunKey, NewExecution, TenantId};

use crate::definitions::Revision;
use crate::execution_log::Entries;
use crate::express::LASTS_MAX_MS;
use crate::map_runs::changes::{self, Before};
use crate::map_runs::feed::Portion;
use crate::model::Tenant;
use crate::shard::hot::Hot;

/// What the children of a run have in common.
pub(crate) struct Nursery {
    pub(crate) run: MapRunKey,
    pub(crate) scope: MapScope,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) revision: Arc<Revision>,
    pub(crate) form: MapResultForm,
    /// The people whom the execution around it acts for.
    pub(crate) people: Option<People>,
}

/// A child whose first events are decided.
pub(crate) struct Born {
    pub(crate) new: NewExecution,
    /// Where it stands after them.
    pub(crate) hot: Hot,
    pub(crate) end: Option<stepwell_store::ChildEnd>,
    /// What of its first events is to be logged, once they are durable.
    pub(crate) logged: Option<Entries>,
}

impl Nursery {
    /// Decides the start of a child.
    pub(crate) fn start(
        &self,
        keys: &AtomicI64,
        index: u64,
        portion: Portion,
        now: Timestamp,
    ) -> Result<Born, Failure> {
        let key = keys.fetch_add(1, Ordering::Relaxed);
        let started = Arc::new(self.described(key, index, portion, now));
        let mut execution = Execution::default();
        let before = Before::of(&execution);
        let input = Input::Start(Arc::clone(&started));
        let definition = &self.revision.definition;
        let decided = catch_unwind(AssertUnwindSafe(|| {
            self.revision.pace.keep(|evaluated_max| {
                decide_within(definition, &mut execution, input, now, evaluated_max)
            })
        }));
        let Ok(Ok(decision)) = decided else {
            let cause = "a child execution could not be started; see the host's log";
            return Err(Failure::new("States.Runtime", cause));
        };
        let mut hot = Hot::new(Arc::clone(&self.tenant), Arc::clone(&self.revision));
        hot.execution = execution;
        hot.volatile = self.is_express();
        let logged = hot.entries_at_birth(&decision.events);
        let mut map = before.changes(&hot.execution);
        // What starts and ends in one step is counted with the step.
        map.child_end = None;
        let new = NewExecution {
            key: ExecutionKey(key),
            tenant: TenantId(self.tenant.id),
            machine: self.revision.machine,
            revision: self.revision.number,
            name: started.execution_name.to_string(),
            input_digest: Digest::of(started.input.as_str().as_bytes()),
            started_at: hot.execution.started_at(),
            worker_tasks: hot.worker_tasks(&decision.events),
            events: decision.events,
            summary: hot.summary(),
            parent: None,
            map_run: Some(self.run),
            // Lists by version and alias are of the machine's own executions.
            machine_version: None,
            machine_alias: None,
            trace: Some(started.trace()),
            tags: Vec::new(),
            map,
            audit: None,
        };
        let end = changes::child_end(&hot.execution);
        Ok(Born {
            new,
            hot,
            end,
            logged,
        })
    }

    /// Whether children are kept in memory, and leave their counts and results alone.
    pub(crate) fn is_express(&self) -> bool {
        self.scope.order().execution_type == ExecutionType::Express
    }

    fn described(
        &self,
        key: i64,
        index: u64,
        portion: Portion,
        now: Timestamp,
    ) -> ExecutionStarted {
        let parent = self.scope.parent();
        let order = self.scope.order();
        let name = self.scope.child_name(key, index);
        let machine = format!("{}/{}", self.revision.name, order.label);
        ExecutionStarted {
            key,
            input: portion.input,
            tenant: Arc::clone(&parent.tenant),
            execution_arn: crate::names::execution_arn(&self.tenant, &machine, &name).into(),
            execution_name: name.into(),
            state_machine_arn: crate::names::machine_arn(&self.tenant, &machine).into(),
            state_machine_name: Arc::clone(&parent.state_machine_name),
            version_arn: parent.version_arn.clone(),
            alias_arn: parent.alias_arn.clone(),
            role_arn: Arc::clone(&parent.role_arn),
            region: Arc::clone(&parent.region),
            seed: self.scope.child_seed(index),
            deadline: self.is_express().then(|| now.plus_ms(LASTS_MAX_MS)),
            parent: None,
            traceparent: Some(self.scope.trace().to_string().into()),
            tracestate: parent.tracestate.clone(),
            principal: Some(format!("map-run:{}", order.arn).into()),
            payload_max_bytes: parent.payload_max_bytes,
            history_events_max: parent.history_events_max,
            scope: order.processor,
            acting_for: self.people.clone(),
            map_child: Some(MapChild {
                run: self.run.0,
                run_arn: Arc::clone(&order.arn),
                index,
                items: portion.items,
                execution_type: order.execution_type,
                result: self.form,
            }),
        }
    }
}
