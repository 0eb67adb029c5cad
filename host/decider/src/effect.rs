//! Names the outside work that a history asks for.

use std::sync::Arc;

use crate::event::{EventKind, EventNumber, HistoryEvent, TaskScheduled, Work};
use crate::execution::{Execution, PendingWork, Status};
use crate::started::ParentLink;

/// Something to be done outside, once the event that asks for it is durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Do the work of a task, and report how it ended.
    DoWork(PendingWork),
    /// A task waits for a worker of this activity.
    OfferToWorkers {
        /// The activity's ARN.
        activity: Arc<str>,
        /// The task.
        work: PendingWork,
    },
    /// Run the items of a Map state as child executions.
    RunMap {
        /// The `MapRunStarted` event.
        run: EventNumber,
    },
    /// Tell another execution that this one has ended.
    TellParent {
        /// Who waits.
        parent: ParentLink,
        /// The status that this one ended with.
        status: Status,
    },
}

/// Names the outside work that an event stands for, if any.
///
/// `execution` is the one that the event was applied to.
#[must_use]
pub fn effects_of(execution: &Execution, event: &HistoryEvent) -> Option<Effect> {
    match &event.kind {
        EventKind::TaskScheduled(order) => task_effect(event.number, order),
        EventKind::MapRunStarted(_) => Some(Effect::RunMap { run: event.number }),
        EventKind::MapRunRedriven(redriven) => Some(Effect::RunMap { run: redriven.run }),
        kind if kind.is_end() => tell_parent(execution),
        _ => None,
    }
}

/// Names all outside work that an execution still asks for: what
/// [`effects_of`] its events named, less what has been reported since. A paused one asks for
/// nothing.
#[must_use]
pub fn outstanding_effects(execution: &Execution) -> Vec<Effect> {
    if execution.end().is_some() {
        return tell_parent(execution).into_iter().collect();
    }
    // Nothing begins; what Map Runs have under way is for their rows to tell.
    if execution.paused_at().is_some() {
        return Vec::new();
    }
    let offers = execution.waiting_for_workers();
    let found = execution.pending_work().chain(offers);
    let runs = execution.open_map_runs().map(|run| Effect::RunMap { run });
    found
        .filter_map(|work| task_effect(work.scheduled, &work.order))
        .chain(runs)
        .collect()
}

fn task_effect(scheduled: EventNumber, order: &Arc<TaskScheduled>) -> Option<Effect> {
    let work = PendingWork {
        scheduled,
        order: Arc::clone(order),
    };
    match &order.work {
        Work::AwaitEvent(_) => None,
        Work::AwaitWorker(activity) => Some(Effect::OfferToWorkers {
            activity: Arc::clone(activity),
            work,
        }),
        _ => Some(Effect::DoWork(work)),
    }
}

fn tell_parent(execution: &Execution) -> Option<Effect> {
    let parent = execution.started()?.parent.clone()?;
    Some(Effect::TellParent {
        parent,
        status: execution.status(),
    })
}
