//! The context object that a request gives: its members, and what they hold.

use serde_json::{Map, Value};
use stepwell_states::{Pattern, State, StateKind};

use crate::sfn::ApiFault;

/// What a member holds.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Integer,
    Anything,
}

use Kind::{Anything, Integer, Text};

/// Parts of the context object, and their members.
const PARTS: [(&str, &[(&str, Kind)]); 4] = [
    (
        "Execution",
        &[
            ("Id", Text),
            ("Input", Anything),
            ("Name", Text),
            ("RoleArn", Text),
            ("StartTime", Text),
            ("RedriveCount", Integer),
            ("RedriveTime", Text),
        ],
    ),
    (
        "State",
        &[
            ("EnteredTime", Text),
            ("Name", Text),
            ("RetryCount", Integer),
        ],
    ),
    ("StateMachine", &[("Id", Text), ("Name", Text)]),
    ("Task", &[("Token", Text)]),
];

/// A context object without a mock.
pub(crate) fn needs_mock() -> ApiFault {
    refused("A Context object is only supported when a mock is specified")
}

/// Reads a context object for a state.
///
/// # Errors
/// It is no JSON, or has what no context object of this state has.
pub(crate) fn read(text: &str, state: &State) -> Result<Value, ApiFault> {
    let given: Value =
        serde_json::from_str(text).map_err(|_problem| invalid("must be valid JSON"))?;
    let parts = given
        .as_object()
        .ok_or_else(|| invalid("must be an object"))?;
    for (part, members) in parts {
        if part == "Map" {
            return Err(invalid(
                "'Map' field is not supported when mocking a Context object",
            ));
        }
        let known = PARTS.iter().find(|(known, _)| known == part);
        let (_, known) = known.ok_or_else(|| not_allowed(part))?;
        let members = members
            .as_object()
            .ok_or_else(|| invalid(&format!("{part} must be an object")))?;
        check_members(part, members, known)?;
    }
    if parts.contains_key("Task") && !has_token(state) {
        return Err(refused(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or \
             '.waitForTaskToken' service integration pattern",
        ));
    }
    Ok(given)
}

fn check_members(
    part: &str,
    members: &Map<String, Value>,
    known: &[(&str, Kind)],
) -> Result<(), ApiFault> {
    for (member, value) in members {
        let kind = known.iter().find(|(known, _)| known == member);
        let (_, kind) = kind.ok_or_else(|| not_allowed(member))?;
        let (fits, wanted) = match kind {
            Text => (value.is_string(), "a string"),
            Integer => (value.is_i64() || value.is_u64(), "an integer"),
            Anything => (true, ""),
        };
        if !fits {
            return Err(invalid(&format!("{part}.{member} must be {wanted}")));
        }
    }
    Ok(())
}

fn has_token(state: &State) -> bool {
    match &state.kind {
        StateKind::Task(task) => task.resource.pattern != Pattern::RequestResponse,
        _ => false,
    }
}

fn not_allowed(member: &str) -> ApiFault {
    invalid(&format!("Field '{member}' is not allowed"))
}

fn invalid(reason: &str) -> ApiFault {
    refused(&format!("Invalid Context object provided: {reason}"))
}

fn refused(message: &str) -> ApiFault {
    ApiFault::new("ValidationException", message)
}
