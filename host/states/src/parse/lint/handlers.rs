//! Retriers and catchers that never get a chance.

use super::super::graph::Step;
use super::super::report::Report;
use super::Subject;
use crate::definition::{State, StateRef};
use crate::retry::matches;

/// All errors that the language itself names.
const STATES_ERRORS: [&str; 17] = [
    "States.ALL",
    "States.BranchFailed",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.ReferencePathConflict",
    "States.ResultPathMatchFailure",
    "States.ResultWriterFailed",
    "States.Runtime",
    "States.TaskFailed",
    "States.Timeout",
];

/// Looks at a state's `Retry` and `Catch`.
pub(super) fn check(
    subject: &Subject<'_>,
    reference: StateRef,
    state: &State,
    report: &mut Report,
) {
    let retry = state
        .retry
        .iter()
        .map(|retrier| &retrier.error_equals)
        .collect();
    let catch = state
        .catch
        .iter()
        .map(|catcher| &catcher.error_equals)
        .collect();
    entries(
        subject,
        reference,
        ("Retry", "RETRY_NEVER_MATCHES"),
        retry,
        report,
    );
    entries(
        subject,
        reference,
        ("Catch", "CATCH_NEVER_MATCHES"),
        catch,
        report,
    );
}

fn entries(
    subject: &Subject<'_>,
    reference: StateRef,
    (field, code): (&str, &str),
    entries: Vec<&Vec<String>>,
    report: &mut Report,
) {
    let mut before: Vec<String> = Vec::new();
    for (index, names) in entries.into_iter().enumerate() {
        let dead: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| is_dead(name, &before))
            .collect();
        if dead.len() == names.len() && !names.is_empty() {
            subject.warn(
                (reference, &[Step::Field(field), Step::Element(index)]),
                code,
                format!("{field}[{index}] never applies to {}", dead.join(", ")),
                "an entry before it takes these errors, or nothing raises or catches them",
                report,
            );
        }
        before.extend(names.iter().cloned());
    }
}

/// Says whether an error name can have no effect after those before it.
fn is_dead(name: &str, before: &[String]) -> bool {
    let is_unknown = name.starts_with("States.")
        && !STATES_ERRORS.contains(&name)
        && !name.starts_with("States.Http.");
    if name == "States.Runtime" || is_unknown {
        return true;
    }
    // A wildcard takes more than its own name: only the same or a wider one covers it.
    match name {
        "States.ALL" => before.iter().any(|other| other == name),
        "States.TaskFailed" => before
            .iter()
            .any(|other| matches!(other.as_str(), "States.TaskFailed" | "States.ALL")),
        name => matches(before, name),
    }
}
