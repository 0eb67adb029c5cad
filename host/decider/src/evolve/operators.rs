//! What operators do to an execution: interventions, pauses.

use crate::event::{EventKind, HistoryEvent};
use crate::evolve::{set_phase, set_timer};
use crate::execution::{Execution, Phase};
use crate::intervention::Intervention;

pub(super) fn apply(execution: &mut Execution, event: &HistoryEvent) {
    match &event.kind {
        EventKind::Intervened(intervened) => match intervened.intervention {
            // The state does its work again, or goes on, with the events that follow.
            Intervention::RetryNow | Intervention::EndWait => {
                set_phase(execution, event.frame, Phase::Entered);
                set_timer(execution, event.frame, None);
            }
            Intervention::FailTask(_) | Intervention::SkipTask(_) => {
                execution.intervened_by.extend(event.reported_by.clone());
                if intervened.scheduled.is_none() {
                    set_phase(execution, event.frame, Phase::Entered);
                    set_timer(execution, event.frame, None);
                }
            }
        },
        EventKind::ExecutionPaused { reason } => {
            execution.paused_at = Some(event.at);
            execution.paused_by.clone_from(&event.reported_by);
            execution.pause_reason.clone_from(reason);
        }
        EventKind::ExecutionResumed { deadline } => {
            execution.paused_at = None;
            execution.paused_by = None;
            execution.pause_reason = None;
            execution.moved_deadline = *deadline;
        }
        // All other kinds are handled before.
        _ => {}
    }
}
