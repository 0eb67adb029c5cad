//! `retry` and `catch` of the short form.

use super::super::fields::Object;
use super::super::node::{Node, NodeKind};
use super::super::report::Place;
use super::{Lowered, Lowering, duration};
use crate::definition::QueryLanguage;

/// Where a caught error goes unless the catcher says otherwise: the input stays.
const ERROR_PATH: &str = "$.error";

impl Lowering<'_> {
    /// Lowers `retry`: one policy, or a list of them.
    pub(super) fn retry(&mut self, state: &mut Lowered, node: &Node, place: &Place) {
        let entries: Vec<(&Node, Place)> = match node.as_array() {
            Some(entries) => entries
                .iter()
                .enumerate()
                .map(|(index, entry)| (entry, place.element(index, entry)))
                .collect(),
            None => vec![(node, place.clone())],
        };
        let mut retriers = Vec::with_capacity(entries.len());
        for (entry, place) in entries {
            if let Some(object) = Object::of(entry, place, self.report) {
                retriers.push(self.retrier(&object).into_node());
            }
        }
        state.make("Retry", NodeKind::Array(retriers), place);
    }

    fn retrier(&mut self, object: &Object<'_>) -> Lowered {
        self.only(
            object,
            &[
                "errors",
                "attempts",
                "backoff",
                "rate",
                "interval",
                "max_delay",
                "jitter",
                "comment",
            ],
        );
        let mut retrier = Lowered::of(&object.place);
        self.errors(&mut retrier, object);
        self.copy_if_there(&mut retrier, object, "comment", "Comment");
        self.copy_if_there(&mut retrier, object, "attempts", "MaxAttempts");
        for (key, field) in [
            ("interval", "IntervalSeconds"),
            ("max_delay", "MaxDelaySeconds"),
        ] {
            if let Some((node, place)) = object.get(key)
                && let Some(seconds) = duration::seconds(node, &place, self.report)
            {
                retrier.make(field, NodeKind::Number(seconds.into()), &place);
            }
        }
        match object.word("backoff", &["exponential", "linear", "fixed"], self.report) {
            Some("linear") => {
                retrier.text("BackoffStrategy", "LINEAR", &object.place_of("backoff"));
            }
            Some("fixed") => {
                let place = object.place_of("backoff");
                retrier.make("BackoffRate", NodeKind::Number(1.into()), &place);
            }
            _ => {}
        }
        self.copy_if_there(&mut retrier, object, "rate", "BackoffRate");
        if object.boolean("jitter", self.report) == Some(true) {
            retrier.text("JitterStrategy", "FULL", &object.place_of("jitter"));
        }
        retrier
    }

    /// Lowers `errors`: one name, a list, or every error where it is left out.
    fn errors(&mut self, target: &mut Lowered, object: &Object<'_>) {
        match object.get("errors") {
            Some((node, place)) if node.as_str().is_some() => {
                let mut name = node.clone();
                name.origin = Some(place.pointer.clone());
                target.make("ErrorEquals", NodeKind::Array(vec![name]), &place);
            }
            Some((node, place)) => target.copy("ErrorEquals", node, &place),
            None => {
                let all = Node::new(
                    NodeKind::String("States.ALL".to_owned()),
                    object.place.position,
                );
                target.make("ErrorEquals", NodeKind::Array(vec![all]), &object.place);
            }
        }
    }

    /// Lowers `catch`: a mapping from errors to states, or a list of catchers.
    pub(super) fn catch(&mut self, state: &mut Lowered, node: &Node, place: &Place) {
        let mut catchers = Vec::new();
        match &node.kind {
            NodeKind::Object(fields) => {
                for (error, field) in fields {
                    let place = place.field(error, &field.value);
                    let mut catcher = Lowered::of(&place);
                    let name = Node::new(NodeKind::String(error.clone()), field.position);
                    catcher.make("ErrorEquals", NodeKind::Array(vec![name]), &place);
                    catcher.copy("Next", &field.value, &place);
                    self.default_error_path(&mut catcher, &place);
                    catchers.push(catcher.into_node());
                }
            }
            NodeKind::Array(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    let place = place.element(index, entry);
                    if let Some(object) = Object::of(entry, place, self.report) {
                        catchers.push(self.catcher(&object).into_node());
                    }
                }
            }
            _ => self.report.schema_hint(
                place,
                "Expected value of type [OBJECT]",
                "write 'catch: {ERROR: STATE}', or a list of 'errors' and 'next'",
            ),
        }
        state.make("Catch", NodeKind::Array(catchers), place);
    }

    fn catcher(&mut self, object: &Object<'_>) -> Lowered {
        self.only(
            object,
            &[
                "errors",
                "next",
                "result_path",
                "output",
                "assign",
                "comment",
            ],
        );
        let mut catcher = Lowered::of(&object.place);
        self.errors(&mut catcher, object);
        for (key, field) in [
            ("next", "Next"),
            ("result_path", "ResultPath"),
            ("output", "Output"),
            ("assign", "Assign"),
            ("comment", "Comment"),
        ] {
            self.copy_if_there(&mut catcher, object, key, field);
        }
        if !object.has("result_path") {
            self.default_error_path(&mut catcher, &object.place);
        }
        catcher
    }

    fn default_error_path(&self, catcher: &mut Lowered, place: &Place) {
        if self.language == QueryLanguage::JsonPath {
            catcher.text("ResultPath", ERROR_PATH, place);
        }
    }
}
