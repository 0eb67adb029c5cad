//! Fields whose name their object has already.
//!
//! Step Functions takes such a definition and keeps the last field, unless it is a
//! state. Twice the same variable or parameter is let through here too, with a warning;
//! twice the same field of a state is an error: what stands first would be lost.

use std::collections::BTreeMap;

use super::json::Duplicate;
use super::node::{Node, NodeKind, Position};
use super::report::{Place, Report, escape};
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

/// Reports fields, in one walk over the definition however many they are.
pub(super) fn report(root: &Node, duplicates: &[Duplicate], report: &mut Report) {
    if duplicates.is_empty() {
        return;
    }
    let mut by_first: BTreeMap<Position, Vec<&Duplicate>> = BTreeMap::new();
    for duplicate in duplicates {
        by_first.entry(duplicate.first).or_default().push(duplicate);
    }
    walk(root, &by_first, &mut Vec::new(), report);
}

/// Goes through a value whose field or index names lead to it.
fn walk<'a>(
    node: &'a Node,
    by_first: &BTreeMap<Position, Vec<&Duplicate>>,
    path: &mut Vec<Step<'a>>,
    report: &mut Report,
) {
    match &node.kind {
        NodeKind::Object(fields) => {
            for (name, field) in fields {
                path.push(Step::Field(name));
                for duplicate in by_first.get(&field.position).into_iter().flatten() {
                    report_one(path, duplicate, report);
                }
                walk(&field.value, by_first, path, report);
                path.pop();
            }
        }
        NodeKind::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                path.push(Step::Element(index));
                walk(element, by_first, path, report);
                path.pop();
            }
        }
        _ => {}
    }
}

/// A step on the way to a value.
enum Step<'a> {
    Field(&'a str),
    Element(usize),
}

fn report_one(path: &[Step<'_>], duplicate: &Duplicate, report: &mut Report) {
    let name = &duplicate.name;
    let (severity, code, message) = match role(path) {
        Role::Value => (
            Severity::Warning,
            "DUPLICATE_FIELD",
            format!("Duplicate field '{name}'"),
        ),
        Role::State => (
            Severity::Error,
            "DUPLICATE_STATE_NAME",
            format!("Duplicate State name: {name}"),
        ),
        Role::Field => (
            Severity::Error,
            "DUPLICATE_FIELD",
            format!("Duplicate field '{name}'"),
        ),
    };
    let hint = format!(
        "the field stands in line {} already; the last one counts",
        duplicate.first.line
    );
    let place = Place {
        pointer: path.iter().map(Step::pointer).collect::<String>().into(),
        location: path.iter().map(Step::location).collect::<String>().into(),
        position: duplicate.position,
    };
    report.add(severity, code, &place, message, Some(hint));
}

impl Step<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Field(name) => format!("/{}", escape(name)),
            Self::Element(index) => format!("/{index}"),
        }
    }

    fn location(&self) -> String {
        match self {
            Self::Field(name) => format!("/{name}"),
            Self::Element(index) => format!("[{index}]"),
        }
    }
}

/// What a field is to the definition.
enum Role {
    /// It stands inside a field of [`VALUES`].
    Value,
    State,
    /// A field of the language.
    Field,
}

fn role(path: &[Step<'_>]) -> Role {
    let mut steps = path.iter();
    while let Some(step) = steps.next() {
        let Step::Field(name) = step else { continue };
        if *name == "States" {
            // A state's name says nothing about what it holds.
            let is_state = steps.next().is_some() && steps.len() == 0;
            if is_state {
                return Role::State;
            }
        } else if VALUES.contains(name) && steps.len() > 0 {
            return Role::Value;
        }
    }
    Role::Field
}
