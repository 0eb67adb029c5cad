//! Fields whose name their object has already.
//!
//! Step Functions takes such a definition and keeps the last field. Twice the same
//! variable or parameter is let through here too, with a warning; twice the same state
//! or the same field of a state is an error: what stands first would be lost.

use super::json::Duplicate;
use super::node::{Node, NodeKind, Position};
use super::report::{Place, Report, SCHEMA, escape};
use crate::diagnostic::Severity;

/// Fields of states, catchers and rules that hold values of the workflow's author.
const VALUES: [&str; 8] = [
    "Arguments",
    "Assign",
    "BatchInput",
    "ItemSelector",
    "Output",
    "Parameters",
    "Result",
    "ResultSelector",
];

/// Reports a field.
pub(super) fn report(root: &Node, duplicate: &Duplicate, report: &mut Report) {
    let Duplicate {
        name,
        position,
        first,
    } = duplicate;
    let pointer = pointer_to(root, *first).unwrap_or_default();
    let severity = if is_in_value(&pointer) {
        Severity::Warning
    } else {
        Severity::Error
    };
    let place = Place {
        location: pointer.clone().into(),
        pointer: pointer.into(),
        position: *position,
    };
    report.add(
        severity,
        SCHEMA,
        &place,
        format!("Duplicate field '{name}'"),
        Some(format!(
            "the field stands in line {} already; the last one counts",
            first.line
        )),
    );
}

/// Finds the pointer to the field whose name stands at a place.
fn pointer_to(node: &Node, position: Position) -> Option<String> {
    match &node.kind {
        NodeKind::Object(fields) => fields.iter().find_map(|(name, field)| {
            let step = format!("/{}", escape(name));
            if field.position == position {
                return Some(step);
            }
            pointer_to(&field.value, position).map(|rest| step + &rest)
        }),
        NodeKind::Array(elements) => elements.iter().enumerate().find_map(|(index, element)| {
            pointer_to(element, position).map(|rest| format!("/{index}{rest}"))
        }),
        _ => None,
    }
}

/// Says whether a pointer leads inside a field of [`VALUES`].
fn is_in_value(pointer: &str) -> bool {
    let mut steps = pointer.split('/').skip(1);
    while let Some(step) = steps.next() {
        if step == "States" {
            // A state's name says nothing.
            steps.next();
        } else if VALUES.contains(&step) {
            return steps.next().is_some();
        }
    }
    false
}
