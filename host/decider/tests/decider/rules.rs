//! The rules of the language that implementers miss, one test each, through the
//! decider's public functions. Where AWS records otherwise than it documents, the
//! recording counts: see `docs/decisions`.

mod context;
mod errors;
mod histories;
mod limits;
mod variables;

use serde_json::Value;
use stepwell_decider::{EventKind, Failure, HistoryEvent, PendingWork, Status};
use stepwell_states::Payload;

use crate::driver::{Policy, Run, machine};

/// Does what the task's parameters say: fails with `Error`, or succeeds with them.
pub(crate) fn as_told(work: &PendingWork) -> Result<Payload, Failure> {
    let parameters = work.order.parameters.to_value();
    match parameters["Error"].as_str() {
        Some(error) => Err(Failure::new(error, "as told")),
        None => Ok(work.order.parameters.clone()),
    }
}

/// Runs a definition to its end.
pub(crate) fn run(definition: &str, input: &str, policy: Policy) -> Run {
    let machine = machine(definition);
    let mut run = Run::start(&machine, input);
    assert!(run.finish(&machine, policy), "no end in sight");
    run
}

/// Runs a definition whose execution succeeds, and returns its output.
pub(crate) fn output(definition: &str, input: &str) -> Value {
    let run = run(definition, input, as_told);
    let end = run.execution.end().unwrap();
    assert_eq!(end.status, Status::Succeeded, "{end:?}");
    end.output.as_ref().unwrap().to_value()
}

/// Runs a definition whose execution fails, and returns its error.
pub(crate) fn error(definition: &str, input: &str) -> String {
    let run = run(definition, input, as_told);
    let end = run.execution.end().unwrap();
    assert_eq!(end.status, Status::Failed, "{end:?}");
    end.failure.as_ref().unwrap().error_name().to_owned()
}

/// Wire ids, predecessors and names of the events that the wire shows.
pub(crate) fn outline(events: &[HistoryEvent]) -> Vec<String> {
    let shown = events.iter().filter(|event| event.id != 0);
    shown
        .map(|event| format!("{} {} {}", event.id, event.previous_id, name(&event.kind)))
        .collect()
}

fn name(kind: &EventKind) -> String {
    match kind {
        EventKind::StateEntered(entered) => {
            format!(
                "{}StateEntered {}",
                entered.state_type.as_str(),
                entered.name
            )
        }
        EventKind::StateExited(exited) => {
            format!("{}StateExited {}", exited.state_type.as_str(), exited.name)
        }
        EventKind::StateAborted { state_type, .. } => {
            format!("{}StateAborted", state_type.as_str())
        }
        EventKind::MapIterationStarted(iteration) => {
            format!("MapIterationStarted {}", iteration.index)
        }
        EventKind::MapIterationFailed { iteration, .. } => {
            format!("MapIterationFailed {}", iteration.index)
        }
        EventKind::MapIterationAborted(iteration) => {
            format!("MapIterationAborted {}", iteration.index)
        }
        other => {
            let text = format!("{other:?}");
            text.split([' ', '(', '{'])
                .next()
                .unwrap_or_default()
                .to_owned()
        }
    }
}
