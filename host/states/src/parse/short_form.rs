//! The short form: definitions as people write them by hand, lowered to the Amazon
//! States Language.
//!
//! Its keys are the language's fields in snake case, plus a few that say more with
//! less (`when`, `retry: {attempts: 3}`, `timeout: 5m`). docs/short-form.md names
//! every key. Lowered nodes remember their place in the short form, so what is wrong
//! is shown where the author wrote it.

mod duration;
mod errors;
mod grants;
mod kinds;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::fields::Object;
use super::node::{Field, Fields, Node, NodeKind, Position};
use super::report::{Place, Report};
use crate::definition::QueryLanguage;

/// What lowering knows while it goes through a definition.
pub(super) struct Lowering<'a> {
    report: &'a mut Report,
    language: QueryLanguage,
}

/// Says whether a definition is in the short form.
pub(super) fn is_short(root: &Node) -> bool {
    let has = |name: &str| root.get(name).is_some();
    has("workflow") || (!has("States") && (has("states") || has("start_at")))
}

/// Lowers a definition; returns its name, too.
pub(super) fn lower(root: &Node, report: &mut Report) -> (Node, Option<String>) {
    let mut lowering = Lowering {
        report,
        language: QueryLanguage::JsonPath,
    };
    let place = Place::root(root);
    let empty = Fields::new();
    let top = Object {
        fields: root.as_object().unwrap_or(&empty),
        place: place.clone(),
    };
    let workflow = match top.get("workflow") {
        None => Some(top),
        Some((node, place)) => {
            lowering.only(&top, &["workflow"]);
            Object::of(node, place, lowering.report)
        }
    };
    match workflow {
        Some(workflow) => lowering.machine(&workflow, root.position),
        None => (
            Node::new(NodeKind::Object(Fields::new()), root.position),
            None,
        ),
    }
}

/// An object of the language while it is put together.
pub(super) struct Lowered {
    fields: Fields,
    position: Position,
    origin: Arc<str>,
}

impl Lowered {
    /// Starts an object that stands for a node of the short form.
    fn of(place: &Place) -> Self {
        Self {
            fields: Fields::new(),
            position: place.position,
            origin: place.pointer.clone(),
        }
    }

    /// Sets a field to a node of the short form.
    fn copy(&mut self, name: &str, node: &Node, place: &Place) {
        let mut value = node.clone();
        value.origin = Some(place.pointer.clone());
        self.set(name, value);
    }

    /// Sets a field to a value that some node of the short form stands for.
    fn make(&mut self, name: &str, kind: NodeKind, place: &Place) {
        let value = Node {
            kind,
            position: place.position,
            origin: Some(place.pointer.clone()),
        };
        self.set(name, value);
    }

    /// Sets a field to a text.
    fn text(&mut self, name: &str, text: &str, place: &Place) {
        self.make(name, NodeKind::String(text.to_owned()), place);
    }

    fn set(&mut self, name: &str, value: Node) {
        let position = value.position;
        self.fields
            .insert(name.to_owned(), Field { position, value });
    }

    fn into_node(self) -> Node {
        Node {
            kind: NodeKind::Object(self.fields),
            position: self.position,
            origin: Some(self.origin),
        }
    }
}

impl Lowering<'_> {
    fn machine(&mut self, workflow: &Object<'_>, position: Position) -> (Node, Option<String>) {
        let allowed = [
            "name",
            "comment",
            "version",
            "query_language",
            "timeout",
            "start_at",
            "states",
        ];
        self.only(workflow, &allowed);
        let name = workflow.owned_string("name", self.report);
        if let Some(name) = &name {
            self.check_name(name, &workflow.place_of("name"));
        }
        let mut machine = Lowered::of(&workflow.place);
        machine.position = position;
        self.copy_if_there(&mut machine, workflow, "comment", "Comment");
        if let Some(language) = workflow.string("query_language", self.report) {
            let place = workflow.place_of("query_language");
            match language.to_ascii_lowercase().as_str() {
                "jsonpath" => {}
                "jsonata" => {
                    self.language = QueryLanguage::Jsonata;
                    machine.text("QueryLanguage", "JSONata", &place);
                }
                _ => self.report.schema(
                    &place,
                    "Value should be one of the following: [jsonpath, jsonata]",
                ),
            }
        }
        if let Some((node, place)) = workflow.get("timeout")
            && let Some(seconds) = duration::seconds(node, &place, self.report)
        {
            machine.make("TimeoutSeconds", NodeKind::Number(seconds.into()), &place);
        }
        self.scope_into(&mut machine, workflow);
        (machine.into_node(), name)
    }

    /// Names of definitions follow the rules of state machines' names.
    fn check_name(&mut self, name: &str, place: &Place) {
        let is_bad = |c: char| {
            c.is_whitespace() || c.is_control() || r##"<>{}[]?*"#%\^|~`$&,;:/"##.contains(c)
        };
        let length = name.chars().count();
        if length == 0 || length > 80 || name.chars().any(is_bad) {
            self.report.schema_hint(
                place,
                format!("Invalid name '{name}'"),
                "use 1 to 80 letters, digits, '-', '_' and '.'",
            );
        }
    }

    /// Lowers the states of an object that has `states`, and `start_at` unless it
    /// starts with the first of them.
    fn scope_into(&mut self, target: &mut Lowered, object: &Object<'_>) {
        let Some(states) = object.object("states", self.report) else {
            if !object.has("states") {
                self.report
                    .schema(&object.place, "The key 'states' is missing");
            }
            return;
        };
        match (object.get("start_at"), states.fields.get_index(0)) {
            (Some((node, place)), _) => target.copy("StartAt", node, &place),
            (None, Some((first, _))) => target.text("StartAt", first, &states.place),
            (None, None) => {}
        }
        let mut lowered = Lowered::of(&states.place);
        for (name, field) in states.fields {
            let place = states.place.field(name, &field.value);
            let state = match Object::of(&field.value, place, self.report) {
                Some(object) => self.state(name, &object).into_node(),
                None => continue,
            };
            let field = Field {
                position: field.position,
                value: state,
            };
            lowered.fields.insert(name.clone(), field);
        }
        target.set("States", lowered.into_node());
    }

    /// Lowers an object that is a branch of its own.
    fn branch(&mut self, object: &Object<'_>) -> Lowered {
        self.only(object, &["comment", "start_at", "states"]);
        let mut branch = Lowered::of(&object.place);
        self.copy_if_there(&mut branch, object, "comment", "Comment");
        self.scope_into(&mut branch, object);
        branch
    }

    fn copy_if_there(&mut self, target: &mut Lowered, object: &Object<'_>, key: &str, field: &str) {
        if let Some((node, place)) = object.get(key) {
            target.copy(field, node, &place);
        }
    }

    /// Reports keys that have no meaning in an object.
    fn only(&mut self, object: &Object<'_>, allowed: &[&str]) {
        for (name, field) in object.fields {
            if !allowed.contains(&name.as_str()) {
                self.report.schema_hint(
                    &object.place.at(field.position),
                    format!("Key '{name}' is not supported"),
                    format!("the keys here are: {}", allowed.join(", ")),
                );
            }
        }
    }
}

/// Turns `input_path` into `InputPath`.
fn pascal_case(key: &str) -> String {
    key.split('_')
        .map(|word| {
            let mut chars = word.chars();
            let first = chars.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(chars).collect::<String>()
        })
        .collect()
}
