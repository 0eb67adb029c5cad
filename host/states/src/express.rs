//! What express executions cannot do: they wait for nobody, and they are kept in memory.
//!
//! The executions of an `EXPRESS` state machine are express, and so are the children of a
//! distributed Map whose `ExecutionType` says so. The texts are those of Step Functions.

use crate::definition::{
    ExecutionType, MapMode, Pattern, Resource, ResourceKind, ScopeId, State, StateKind,
    StateMachine,
};
use crate::diagnostic::{Diagnostic, Severity};
use crate::parse::report::SCHEMA;

/// A state that cannot be part of an express execution.
pub(crate) struct Refusal<'a> {
    pub(crate) state: &'a State,
    /// The field that is wrong.
    pub(crate) field: &'static str,
    pub(crate) message: String,
    hint: &'static str,
}

/// Lists what a definition holds that executions of its kind cannot do, with the places.
pub fn check_type(machine: &StateMachine, kind: ExecutionType) -> Vec<Diagnostic> {
    let refusals = refusals(machine, kind);
    let diagnostics = refusals.into_iter().map(|refusal| Diagnostic {
        severity: Severity::Error,
        code: SCHEMA.to_owned(),
        message: refusal.message,
        pointer: refusal.state.place.pointer.to_string(),
        location: format!("{}/{}", refusal.state.place.location, refusal.field),
        line: refusal.state.place.line,
        column: refusal.state.place.column,
        hint: Some(refusal.hint.to_owned()),
    });
    diagnostics.collect()
}

/// Finds the states that express executions cannot have.
pub(crate) fn refusals(machine: &StateMachine, kind: ExecutionType) -> Vec<Refusal<'_>> {
    let mut found = Vec::new();
    let mut kinds: Vec<ExecutionType> = Vec::new();
    for (id, scope) in machine.scopes() {
        // A scope's parent is in a scope of a lower number.
        let kind = scope.parent.map_or(kind, |parent| {
            let around = kinds.get(parent.scope.0 as usize).copied().unwrap_or(kind);
            inner_kind(&machine.state(parent).kind, id, around)
        });
        kinds.push(kind);
        if kind == ExecutionType::Express {
            found.extend(scope.states.iter().filter_map(refusal));
        }
    }
    found
}

fn refusal(state: &State) -> Option<Refusal<'_>> {
    let refuse = |field, message: &str, hint| Refusal {
        state,
        field,
        message: format!("Express state machine does not support {message}"),
        hint,
    };
    match &state.kind {
        StateKind::Task(task) => {
            let hint = "express executions wait for nobody: use the request-response form, or a \
                        STANDARD state machine";
            let message = waits_for(&task.resource)?;
            Some(refuse("Resource", message, hint))
        }
        StateKind::Map(map) if matches!(map.mode, MapMode::Distributed { .. }) => Some(refuse(
            "ItemProcessor/ProcessorConfig/Mode",
            "Map state in 'DISTRIBUTED' mode",
            "use the mode INLINE, or a STANDARD state machine",
        )),
        _ => None,
    }
}

/// What Step Functions calls that which a task waits for, if it waits.
fn waits_for(resource: &Resource) -> Option<&'static str> {
    match (&resource.kind, resource.pattern) {
        (ResourceKind::Activity { .. }, _) => Some("Activity ARN"),
        (ResourceKind::Approval, _) => Some("'stepwell:approval' service integration"),
        (ResourceKind::Event { .. }, _) => Some("'stepwell:event' service integration"),
        // The blank at the end is Step Functions' own.
        (_, Pattern::WaitForTaskToken) => Some("'.waitForTaskToken' service integration "),
        (_, Pattern::Sync | Pattern::Sync2) => Some("'.sync' service integration"),
        (_, Pattern::RequestResponse) => None,
    }
}

/// Returns the kind of the executions that run a scope.
fn inner_kind(parent: &StateKind, scope: ScopeId, around: ExecutionType) -> ExecutionType {
    match parent {
        StateKind::Map(map) if map.processor == scope => match map.mode {
            MapMode::Distributed { execution_type } => execution_type,
            MapMode::Inline => around,
        },
        _ => around,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn found(state: &str, kind: ExecutionType) -> Vec<String> {
        let text = format!(r#"{{"StartAt":"A","States":{{"A":{state}}}}}"#);
        let (machine, _) = parse(&text, None).unwrap();
        let found = check_type(&machine, kind);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_express_machine_has_no_task_that_waits_for_somebody() {
        for (resource, what) in [
            (
                "arn:aws:states:::states:startExecution.sync:2",
                "'.sync' service integration",
            ),
            (
                "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "'.waitForTaskToken' service integration ",
            ),
            (
                "arn:aws:states:us-east-1:000000000000:activity:review",
                "Activity ARN",
            ),
            (
                "stepwell:event:paid",
                "'stepwell:event' service integration",
            ),
        ] {
            let task = format!(
                r#"{{"Type":"Task","Resource":"{resource}","End":true,
                     "Parameters":{{"StateMachineArn":"m","Token.$":"$$.Task.Token"}}}}"#
            );
            assert_eq!(
                found(&task, ExecutionType::Express),
                [format!(
                    "SCHEMA_VALIDATION_FAILED: Express state machine does not support {what} at \
                     /States/A/Resource"
                )]
            );
            assert_eq!(found(&task, ExecutionType::Standard), [""; 0]);
        }
    }

    #[test]
    fn an_express_machine_has_no_distributed_map() {
        let map = |mode: &str| {
            format!(
                r#"{{"Type":"Map","End":true,"ItemProcessor":{{"ProcessorConfig":{mode},
                     "StartAt":"I","States":{{"I":{{"Type":"Pass","End":true}}}}}}}}"#
            )
        };
        let distributed = map(r#"{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"}"#);
        assert_eq!(found(&distributed, ExecutionType::Express).len(), 1);
        assert_eq!(found(&distributed, ExecutionType::Standard), [""; 0]);
        let inline = map(r#"{"Mode":"INLINE"}"#);
        assert_eq!(found(&inline, ExecutionType::Express), [""; 0]);
    }
}
