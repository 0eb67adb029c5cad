//! What an approval shows, as one canonical text.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stepwell_states::{
    ApprovalField, ApprovalTerms, Payload, StateKind, StateMachine, StateRef, canonical_json,
};

use super::{ApprovalFacts, NextComponent, states_after, tasks_after};

/// Form of the content.
const VERSION: u32 = 1;

/// What is asked, and where.
pub(crate) struct Asked<'a> {
    pub(crate) definition: &'a StateMachine,
    pub(crate) execution_arn: &'a str,
    pub(crate) state: StateRef,
    pub(crate) id: &'a str,
    /// The raw input of the state.
    pub(crate) input: &'a Payload,
    pub(crate) terms: &'a ApprovalTerms,
    pub(crate) facts: &'a ApprovalFacts,
}

/// Returns all that a decision is bound to.
pub(crate) fn content(asked: &Asked<'_>) -> Payload {
    let Asked {
        definition, terms, ..
    } = asked;
    let name = |state: StateRef| definition.state(state).name.to_string();
    let (approved, otherwise) = states_after(definition, asked.state);
    let work = tasks_after(definition, asked.state);
    let mut content = json!({
        "approval": asked.id,
        "definition": hash_of(&canonical_json(definition.to_asl())),
        "execution": asked.execution_arn,
        "input": asked.input.to_value(),
        "inputs": terms.fields.iter().map(field).collect::<Vec<_>>(),
        "next": {
            "approved": approved.map(name),
            "otherwise": otherwise.into_iter().map(name).collect::<Vec<_>>(),
        },
        "state": name(asked.state),
        "title": title(definition, asked.state, terms),
        "v": VERSION,
        "work": work
            .into_iter()
            .map(|state| task(definition, &asked.facts.components, state))
            .collect::<Vec<_>>(),
    });
    if let Some(description) = &terms.description {
        content["description"] = Value::from(description.as_str());
    }
    if let Some(show) = &terms.show {
        content["show"] = show.to_value();
    }
    Payload::from_trusted(canonical_json(&content))
}

/// What is to be decided, in a line.
pub(crate) fn title(definition: &StateMachine, state: StateRef, terms: &ApprovalTerms) -> String {
    match &terms.title {
        Some(title) => title.clone(),
        None => definition.state(state).name.to_string(),
    }
}

/// Returns `sha256:` and the hash of a text, in hexadecimal digits.
pub(crate) fn hash_of(text: &str) -> Arc<str> {
    let mut shown = String::from("sha256:");
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(shown, "{byte:02x}");
    }
    shown.into()
}

fn field(field: &ApprovalField) -> Value {
    let mut shown = json!({
        "name": field.name,
        "type": field.field_type.as_str(),
        "required": field.required,
    });
    if let Some(description) = &field.description {
        shown["description"] = Value::from(description.as_str());
    }
    if let Some(default) = &field.default {
        shown["default"] = default.to_value();
    }
    if !field.allowed_values.is_empty() {
        let values = field.allowed_values.iter().map(Payload::to_value);
        shown["allowedValues"] = values.collect();
    }
    if let Some(pattern) = &field.pattern {
        shown["pattern"] = Value::from(pattern.as_str());
    }
    shown
}

/// A task that may run behind the approval, with what it may do.
pub(super) fn task(
    definition: &StateMachine,
    components: &[NextComponent],
    state: StateRef,
) -> Value {
    let named = definition.state(state);
    let StateKind::Task(task) = &named.kind else {
        return Value::Null;
    };
    let mut shown = json!({
        "state": &*named.name,
        "resource": task.resource.text,
    });
    let mut components = components.iter();
    if let Some((_, digest)) = components.find(|(of, _)| *of == state) {
        shown["component"] = digest.as_deref().map_or(Value::Null, Value::from);
    }
    if !task.grants.is_empty() {
        shown["grants"] = task.grants.to_value();
    }
    shown
}
