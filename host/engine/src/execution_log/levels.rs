//! Which events belong to which level, by the table in AWS's developer guide.

use stepwell_decider::{EventKind, StateType};

use crate::model::LogLevel;

/// Whether an event is logged at a level.
pub(crate) fn is_logged(kind: &EventKind, level: LogLevel) -> bool {
    match level {
        LogLevel::All => !kind.is_hidden(),
        LogLevel::Error => is_fatal(kind) || is_error(kind),
        LogLevel::Fatal => is_fatal(kind),
        LogLevel::Off => false,
    }
}

/// What ends an execution badly.
fn is_fatal(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::ExecutionFailed(_)
            | EventKind::ExecutionTimedOut(_)
            | EventKind::ExecutionAborted { .. }
    )
}

/// What goes wrong, also where a state deals with it.
fn is_error(kind: &EventKind) -> bool {
    match kind {
        EventKind::StateEntered(entered) => entered.state_type == StateType::Fail,
        kind => matches!(
            kind,
            EventKind::StateAborted { .. }
                | EventKind::TaskFailed { .. }
                | EventKind::TaskSubmitFailed { .. }
                | EventKind::TaskTimedOut { .. }
                | EventKind::ParallelStateFailed
                | EventKind::MapStateFailed
                | EventKind::MapIterationFailed { .. }
                | EventKind::MapIterationAborted(_)
                | EventKind::MapRunFailed { .. }
                | EventKind::EvaluationFailed { .. }
        ),
    }
}

/// The `TaskScheduled` event that an event answers, and whether it ends the task.
pub(crate) fn answered_task(kind: &EventKind) -> Option<(u64, bool)> {
    match kind {
        EventKind::TaskStarted { scheduled, .. } | EventKind::TaskSubmitted { scheduled, .. } => {
            Some((scheduled.0, false))
        }
        EventKind::TaskSucceeded { scheduled, .. }
        | EventKind::TaskFailed { scheduled, .. }
        | EventKind::TaskSubmitFailed { scheduled, .. }
        | EventKind::TaskTimedOut { scheduled, .. } => Some((scheduled.0, true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use stepwell_decider::{EventNumber, Failure};
    use stepwell_states::Payload;

    use super::*;

    #[test]
    fn each_level_has_what_the_one_below_has() {
        let scheduled = EventNumber(1);
        let output = Payload::null();
        let ended = EventKind::ExecutionFailed(Failure::default());
        let failed = EventKind::TaskFailed {
            scheduled,
            failure: Failure::default(),
            usage: None,
        };
        let fine = EventKind::ExecutionSucceeded { output };
        let hidden = EventKind::EventTaken {
            received: scheduled,
        };
        let at = |kind: &EventKind| {
            [
                LogLevel::All,
                LogLevel::Error,
                LogLevel::Fatal,
                LogLevel::Off,
            ]
            .map(|level| is_logged(kind, level))
        };
        assert_eq!(at(&ended), [true, true, true, false]);
        assert_eq!(at(&failed), [true, true, false, false]);
        assert_eq!(at(&fine), [true, false, false, false]);
        assert_eq!(at(&hidden), [false; 4]);
    }
}
