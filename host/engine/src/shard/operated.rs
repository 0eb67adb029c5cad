//! What operators do to an execution in memory: redrives with another revision, pauses.

use std::collections::BTreeSet;
use std::sync::Arc;

use stepwell_decider::{
    ChangedComponent, DecideError, Decision, Effect, EventKind, HistoryEvent, Input, NewDefinition,
    Work,
};
use stepwell_states::Timestamp;
use stepwell_store::WorkerTasks;

use crate::definitions::{Revision, component_digest};
use crate::names;
use crate::shard::hot::{Batch, Broken, Hot, Waiting};
use crate::shard::trail::Trail;

impl Hot {
    /// Decides on an input, and goes on with the revision that it may bring.
    pub(super) fn decide_on(
        &mut self,
        waiting: &mut Waiting,
        now: Timestamp,
    ) -> Result<Result<Decision, DecideError>, Broken> {
        self.complete_redrive(waiting);
        let decided = self.decide(waiting.input.clone(), now)?;
        if let Ok(decision) = &decided {
            self.follow_redrive(waiting, decision);
        }
        Ok(decided)
    }

    /// Says in an order to redrive with another revision what that changes. With the one that
    /// the execution runs already, it changes nothing.
    fn complete_redrive(&self, waiting: &mut Waiting) {
        let asked = waiting.asked.as_ref();
        let Some(revision) = asked.and_then(|asked| asked.revision.as_ref()) else {
            return;
        };
        if let Input::Redrive(order) = &mut waiting.input
            && revision.number != self.revision.number
        {
            order.definition = Some(Box::new(NewDefinition {
                from: self.revision.number.unsigned_abs(),
                to: revision.number.unsigned_abs(),
                machine: Arc::clone(&revision.definition),
                components: changed_components(&self.revision, revision),
            }));
        }
    }

    /// Goes on with the revision that a decision went on with.
    fn follow_redrive(&mut self, waiting: &Waiting, decision: &Decision) {
        let asked = waiting.asked.as_ref();
        let Some(revision) = asked.and_then(|asked| asked.revision.as_ref()) else {
            return;
        };
        let goes_on_with_it = decision.events.iter().any(|event| match &event.kind {
            EventKind::ExecutionRedriven(redriven) => redriven.definition.is_some(),
            _ => false,
        });
        if !goes_on_with_it {
            return;
        }
        self.revision = Arc::clone(revision);
        self.trail = revision.logging.as_ref().map(|logging| {
            let mut trail = Trail::new(Arc::clone(logging));
            trail.resume(&self.execution);
            Box::new(trail)
        });
    }

    /// Begins nothing that was decided on before a pause, and everything that is open after
    /// its end.
    pub(super) fn follow_pause(&self, events: &[HistoryEvent], batch: &mut Batch) {
        let is = |event: &HistoryEvent, paused: bool| match event.kind {
            EventKind::ExecutionPaused { .. } => paused,
            EventKind::ExecutionResumed { .. } => !paused,
            _ => false,
        };
        if self.execution.paused_at().is_some() {
            batch.paused = events.iter().any(|event| is(event, true));
            batch.effects.retain(|effect| match effect {
                Effect::DoWork(_) | Effect::OfferToWorkers { .. } => false,
                Effect::RunMap { .. } | Effect::TellParent { .. } => true,
            });
        } else if batch.ended.is_none() && events.iter().any(|event| is(event, false)) {
            batch.effects = self.outstanding();
        }
    }

    /// Takes the tasks that wait for a worker back as long as the execution is paused.
    pub(super) fn hold_worker_tasks(&self, events: &[HistoryEvent], tasks: &mut WorkerTasks) {
        if self.execution.paused_at().is_some() {
            tasks.all_withdrawn = true;
            tasks.offered.clear();
            return;
        }
        let resumed =
            |event: &HistoryEvent| matches!(event.kind, EventKind::ExecutionResumed { .. });
        if !events.iter().any(resumed) {
            return;
        }
        for waiting in self.execution.waiting_for_workers() {
            if let Work::AwaitWorker(activity) = &waiting.order.work
                && let Some(name) = names::activity_name(&self.tenant, activity)
            {
                tasks.offered.push((name.to_owned(), waiting.scheduled));
            }
        }
    }
}

/// The components that two revisions have pinned otherwise.
fn changed_components(before: &Revision, after: &Revision) -> Vec<ChangedComponent> {
    let names: BTreeSet<&String> = before.pins.keys().chain(after.pins.keys()).collect();
    let digest = |revision: &Revision, name: &str| {
        let pinned = revision.pins.get(name)?;
        Some(component_digest(*pinned).to_string().into())
    };
    names
        .into_iter()
        .map(|name| ChangedComponent {
            name: name.as_str().into(),
            before: digest(before, name),
            after: digest(after, name),
        })
        .filter(|component| component.before != component.after)
        .collect()
}
