//! Texts that look as if they were computed, and are not. JSONPath only.

use super::super::node::{Node, NodeKind};
use super::super::report::{Place, Report};
use super::Subject;
use crate::definition::{QueryLanguage, State, StateKind};
use crate::diagnostic::Severity;
use crate::intrinsic::Call;
use crate::path::Path;

/// Fields that hold templates.
const TEMPLATES: [&str; 5] = [
    "Assign",
    "BatchInput",
    "ItemSelector",
    "Parameters",
    "ResultSelector",
];

/// Looks at the states whose language is JSONPath.
pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    for (reference, state) in subject.machine.states() {
        if state.query_language != QueryLanguage::JsonPath {
            continue;
        }
        if let Some((node, place)) = subject.graph.state(reference) {
            check_state(state, node, place, report);
        }
    }
}

fn check_state(state: &State, node: &Node, place: &Place, report: &mut Report) {
    templates_of(node, place, report);
    let mut entries = |list: &str| {
        let Some(node) = node.get(list) else { return };
        let place = place.field(list, node);
        for (index, entry) in node.as_array().unwrap_or_default().iter().enumerate() {
            let place = place.element(index, entry);
            templates_of(entry, &place, report);
            if list == "Choices" {
                rule(entry, &place, report);
            }
        }
    };
    entries("Catch");
    match &state.kind {
        StateKind::Choice(_) => entries("Choices"),
        StateKind::Pass(_) => {
            if let Some(result) = node.get("Result") {
                result_of_pass(result, &place.field("Result", result), report);
            }
        }
        StateKind::Fail(_) => {
            for name in ["Error", "Cause"] {
                text_for_path(node, name, place, report);
            }
        }
        StateKind::Map(_) => {
            if let Some(batcher) = node.get("ItemBatcher") {
                templates_of(batcher, &place.field("ItemBatcher", batcher), report);
            }
        }
        _ => {}
    }
}

/// Looks at the templates among an object's fields.
fn templates_of(node: &Node, place: &Place, report: &mut Report) {
    for name in TEMPLATES {
        if let Some(template) = node.get(name) {
            static_texts(template, &place.field(name, template), report);
        }
    }
}

/// Warns of fields of a template that hold a path or function and are not computed.
fn static_texts(node: &Node, place: &Place, report: &mut Report) {
    match &node.kind {
        NodeKind::Object(fields) => {
            for (name, field) in fields {
                let place = place.field(name, &field.value);
                match field.value.as_str() {
                    Some(text) if !name.ends_with(".$") && looks_computed(text) => warn(
                        "NO_DOLLAR",
                        &place,
                        "No .$ on a field that appears to be a JSONPath or Intrinsic Function",
                        format!("write '{name}.$' to have it computed"),
                        report,
                    ),
                    Some(_) => {}
                    None => static_texts(&field.value, &place, report),
                }
            }
        }
        NodeKind::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                static_texts(element, &place.element(index, element), report);
            }
        }
        _ => {}
    }
}

/// Warns of the first path in a Pass state's result.
fn result_of_pass(node: &Node, place: &Place, report: &mut Report) {
    if let Some(place) = first_computed(node, place) {
        warn(
            "PASS_RESULT_IS_STATIC",
            &place,
            "Attempt to use a path in the result of a pass state",
            "use 'Parameters' instead of 'Result' to have it computed".to_owned(),
            report,
        );
    }
}

fn first_computed(node: &Node, place: &Place) -> Option<Place> {
    match &node.kind {
        NodeKind::String(text) => looks_computed(text).then(|| place.clone()),
        NodeKind::Array(elements) => elements
            .iter()
            .enumerate()
            .find_map(|(index, element)| first_computed(element, &place.element(index, element))),
        NodeKind::Object(fields) => fields.iter().find_map(|(name, field)| {
            first_computed(&field.value, &place.field(name, &field.value))
        }),
        _ => None,
    }
}

/// Warns of a rule of a Choice that compares with a path's text.
fn rule(node: &Node, place: &Place, report: &mut Report) {
    for name in ["And", "Or"] {
        let Some(parts) = node.get(name) else {
            continue;
        };
        let place = place.field(name, parts);
        for (index, part) in parts.as_array().unwrap_or_default().iter().enumerate() {
            rule(part, &place.element(index, part), report);
        }
    }
    if let Some(inner) = node.get("Not") {
        rule(inner, &place.field("Not", inner), report);
    }
    for (name, _) in node.as_object().into_iter().flatten() {
        if name.starts_with("String") && name != "StringMatches" && !name.ends_with("Path") {
            text_for_path(node, name, place, report);
        }
    }
}

/// Warns of a path in a field that takes text, where another takes a path.
fn text_for_path(node: &Node, name: &str, place: &Place, report: &mut Report) {
    let Some(field) = node.get(name) else { return };
    if field.as_str().is_some_and(looks_computed) {
        warn(
            "NO_PATH",
            &place.field(name, field),
            "Field value looks like a path, but field name does not end with 'Path'",
            format!("write '{name}Path' to have it looked up"),
            report,
        );
    }
}

fn warn(code: &str, place: &Place, message: &str, hint: String, report: &mut Report) {
    report.add(
        Severity::Warning,
        code,
        place,
        message.to_owned(),
        Some(hint),
    );
}

/// Says whether a text is a path with names in it, or a call of an intrinsic function.
fn looks_computed(text: &str) -> bool {
    let named = ["$.", "$$.", "$['", "$[\""].iter().any(|start| {
        text.strip_prefix(start)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_alphabetic() || c == '_'))
    });
    (named && Path::parse(text).is_ok())
        || (text.starts_with("States.") && text.ends_with(')') && Call::parse(text).is_ok())
}
