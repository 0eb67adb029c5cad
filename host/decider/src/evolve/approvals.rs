//! Approvals that wait for people.

use crate::approval::OpenApproval;
use crate::event::{EventKind, HistoryEvent};
use crate::evolve::{refresh_task_timer, with_task};
use crate::execution::Execution;

pub(super) fn apply(execution: &mut Execution, event: &HistoryEvent) {
    match &event.kind {
        EventKind::ApprovalRequested(requested) => {
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
        // How it ended stands in the end of its task.
        _ => {}
    }
}
