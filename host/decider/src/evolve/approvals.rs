//! Approvals that wait for people.

use std::sync::Arc;

use crate::approval::{ApprovalOutcome, Given, OpenApproval, line, work_of};
use crate::event::{EventKind, EventNumber, FrameId, HistoryEvent};
use crate::evolve::{refresh_task_timer, with_task};
use crate::execution::Execution;

pub(super) fn apply(execution: &mut Execution, event: &HistoryEvent) {
    match &event.kind {
        EventKind::ApprovalRequested(requested) => {
            forget_given(execution, event.frame, requested.scheduled);
            with_task(execution, requested.scheduled, |task| {
                let before = task.approval.take();
                // Decisions on what it showed before do not count any more.
                task.approval = Some(Box::new(OpenApproval {
                    requested: requested.clone(),
                    requested_at: before
                        .as_ref()
                        .map_or(event.at, |before| before.requested_at),
                    decisions: Vec::new(),
                    escalated: before.map_or(0, |before| before.escalated),
                }));
            });
            execution.approvals.insert(requested.scheduled);
            refresh_task_timer(execution, event.frame);
        }
        EventKind::ApprovalDecided(decided) => {
            with_task(execution, decided.scheduled, |task| {
                if let Some(open) = &mut task.approval {
                    open.decisions.push(decided.clone());
                }
            });
        }
        EventKind::ApprovalEscalated {
            scheduled,
            escalation,
        } => {
            with_task(execution, *scheduled, |task| {
                if let Some(open) = &mut task.approval {
                    open.escalated = *escalation;
                }
            });
            refresh_task_timer(execution, event.frame);
        }
        EventKind::ApprovalClosed {
            scheduled,
            outcome: ApprovalOutcome::Approved,
        } => keep_given(execution, event, *scheduled),
        // How it ended stands in the end of its task.
        _ => {}
    }
}

/// What was approved binds whoever would change it, until the same is asked for anew.
fn keep_given(execution: &mut Execution, event: &HistoryEvent, scheduled: EventNumber) {
    let Some(task) = execution.open_task(scheduled) else {
        return;
    };
    let Some(open) = &task.approval else {
        return;
    };
    let given = Given {
        id: Arc::clone(&open.requested.id),
        state: Arc::clone(&task.order.state_name),
        at: event.at,
        number: event.number,
        work: work_of(&open.requested.content),
        line: line(execution, event.frame),
    };
    execution.given.push(given);
}

fn forget_given(execution: &mut Execution, frame: FrameId, scheduled: EventNumber) {
    let Some(task) = execution.open_task(scheduled) else {
        return;
    };
    let state = Arc::clone(&task.order.state_name);
    let is_same = |given: &Given| given.state == state && given.line.last() == Some(&frame);
    execution.given.retain(|given| !is_same(given));
}
