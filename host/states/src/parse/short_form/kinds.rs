//! The types of states of the short form.

use serde_json::Value;

use super::super::fields::Object;
use super::super::node::{Node, NodeKind};
use super::super::report::Place;
use super::{Lowered, Lowering, duration, pascal_case};
use crate::definition::QueryLanguage;
use crate::jsonata;

/// Seconds that a task may take where the definition does not say.
const TASK_TIMEOUT_SECONDS: u64 = 300;

/// Seconds that people and other systems have where the definition does not say:
/// 30 days.
const EVENT_TIMEOUT_SECONDS: u64 = 30 * 86_400;

/// Where an approval's decision goes where the definition does not say.
const APPROVAL_PATH: &str = "$.approval";

/// Keys that all types have.
const COMMON: [&str; 9] = [
    "type",
    "comment",
    "query_language",
    "next",
    "end",
    "input_path",
    "output_path",
    "output",
    "assign",
];

/// Keys of states that have work done.
const WORK: [&str; 7] = [
    "parameters",
    "arguments",
    "result_selector",
    "result_path",
    "retry",
    "catch",
    "timeout",
];

/// A type: its name in the language, and its keys besides those in common.
fn kind(name: &str) -> Option<(&'static str, Vec<&'static str>)> {
    let work = |more: &[&'static str]| [&WORK, more].concat();
    let task_times = [
        "timeout_seconds_path",
        "heartbeat",
        "heartbeat_seconds_path",
    ];
    Some(match name {
        "task" => (
            "Task",
            work(&[&["resource", "credentials", "grants"], &task_times[..]].concat()),
        ),
        "wait_for_event" => ("Task", work(&[&["event"], &task_times[..]].concat())),
        "approval" => ("Task", work(&task_times)),
        "choice" => ("Choice", vec!["when", "choices", "default"]),
        "wait" => (
            "Wait",
            vec![
                "seconds",
                "for",
                "until",
                "seconds_path",
                "timestamp",
                "timestamp_path",
            ],
        ),
        "pass" => ("Pass", vec!["result", "result_path", "parameters"]),
        "succeed" => ("Succeed", vec![]),
        "fail" => ("Fail", vec!["error", "cause", "error_path", "cause_path"]),
        "parallel" => ("Parallel", work(&["branches"])),
        "map" => (
            "Map",
            work(&[
                "items",
                "each",
                "item",
                "concurrency",
                "max_concurrency_path",
                "tolerate",
                "mode",
                "execution_type",
                "label",
                "item_reader",
                "item_batcher",
                "result_writer",
            ]),
        ),
        _ => return None,
    })
}

const KINDS: &str =
    "task, wait_for_event, approval, choice, wait, pass, succeed, fail, parallel, map";

impl Lowering<'_> {
    /// Lowers a state.
    pub(super) fn state(&mut self, name: &str, object: &Object<'_>) -> Lowered {
        let mut state = Lowered::of(&object.place);
        let kind_name = match object.get("type") {
            Some(_) => object.string("type", self.report),
            // A state that says nothing about its type has work done.
            None => Some("task"),
        };
        let Some(kind_name) = kind_name else {
            return state;
        };
        let Some((asl_type, keys)) = kind(kind_name) else {
            self.report.schema(
                &object.place_of("type"),
                format!("The key 'type' should have one of these values: [{KINDS}]"),
            );
            return state;
        };
        state.text("Type", asl_type, &object.place_of("type"));
        let allowed = [&COMMON[..], &keys].concat();
        self.only(object, &allowed);
        let language = self.language;
        self.state_language(&mut state, object);
        for (key, field) in object.fields {
            let place = object.place.field(key, &field.value);
            if allowed.contains(&key.as_str()) {
                self.key(&mut state, key, &field.value, &place, kind_name);
            }
        }
        self.defaults(&mut state, name, kind_name, object);
        self.language = language;
        state
    }

    /// Lowers `query_language`, on which the meaning of other keys depends.
    fn state_language(&mut self, state: &mut Lowered, object: &Object<'_>) {
        let Some(language) = object.string("query_language", self.report) else {
            return;
        };
        let place = object.place_of("query_language");
        match language.to_ascii_lowercase().as_str() {
            "jsonpath" => {
                self.language = QueryLanguage::JsonPath;
                state.text("QueryLanguage", "JSONPath", &place);
            }
            "jsonata" => {
                self.language = QueryLanguage::Jsonata;
                state.text("QueryLanguage", "JSONata", &place);
            }
            _ => self.report.schema(
                &place,
                "Value should be one of the following: [jsonpath, jsonata]",
            ),
        }
    }

    /// Lowers one key of a state.
    fn key(&mut self, state: &mut Lowered, key: &str, node: &Node, place: &Place, kind: &str) {
        match (kind, key) {
            (_, "type" | "query_language") => {}
            (_, "retry") => self.retry(state, node, place),
            (_, "catch") => self.catch(state, node, place),
            ("parallel" | "map", "timeout") => self.report.schema_hint(
                place,
                "Key 'timeout' is not supported",
                "give the states inside a timeout, or the workflow as a whole",
            ),
            (_, "timeout") => self.duration(state, "TimeoutSeconds", node, place),
            (_, "heartbeat") => self.duration(state, "HeartbeatSeconds", node, place),
            ("wait_for_event", "event") => match node.as_str() {
                Some(event) => {
                    state.text("Resource", &format!("stepwell:event:{event}"), place);
                }
                None => self.report.schema(place, "Expected value of type [STRING]"),
            },
            ("task", "resource") => self.resource(state, node, place),
            ("task", "grants") => self.grants(state, node, place),
            ("choice", "when") => self.when(state, node, place),
            ("choice", "choices") => self.choices(state, node, place),
            ("wait", "for") => self.duration(state, "Seconds", node, place),
            ("wait", "seconds") => path_or(state, ("SecondsPath", "Seconds"), node, place),
            ("wait", "until") => path_or(state, ("TimestampPath", "Timestamp"), node, place),
            ("parallel", "branches") => self.branches(state, node, place),
            ("map", "items") => path_or(state, ("ItemsPath", "Items"), node, place),
            ("map", "item") => state.copy("ItemSelector", node, place),
            ("map", "concurrency") => state.copy("MaxConcurrency", node, place),
            ("map", "tolerate") => self.tolerate(state, node, place),
            // Read together, in `defaults`.
            ("map", "each" | "mode" | "execution_type") => {}
            (_, key) => state.copy(&pascal_case(key), node, place),
        }
    }

    /// Adds what a type has although the definition does not say it.
    fn defaults(&mut self, state: &mut Lowered, name: &str, kind: &str, object: &Object<'_>) {
        let place = &object.place;
        let has_timeout = object.has("timeout") || object.has("timeout_seconds_path");
        let mut timeout = |seconds: u64| {
            if !has_timeout {
                state.make("TimeoutSeconds", NodeKind::Number(seconds.into()), place);
            }
        };
        match kind {
            "task" => {
                timeout(TASK_TIMEOUT_SECONDS);
                if !object.has("resource") {
                    state.text("Resource", &format!("task:{name}"), place);
                }
            }
            "wait_for_event" => {
                timeout(EVENT_TIMEOUT_SECONDS);
                if !object.has("event") {
                    state.text("Resource", "stepwell:event", place);
                }
            }
            "approval" => {
                timeout(EVENT_TIMEOUT_SECONDS);
                state.text("Resource", "stepwell:approval", place);
                if !object.has("result_path") && self.language == QueryLanguage::JsonPath {
                    state.text("ResultPath", APPROVAL_PATH, place);
                }
            }
            "map" => self.processor(state, object),
            _ => {}
        }
    }

    fn duration(&mut self, state: &mut Lowered, field: &str, node: &Node, place: &Place) {
        if node.as_str().is_some_and(jsonata::is_expression) {
            state.copy(field, node, place);
        } else if let Some(seconds) = duration::seconds(node, place, self.report) {
            state.make(field, NodeKind::Number(seconds.into()), place);
        }
    }

    /// Takes a resource as it is, or the bare name of a component.
    fn resource(&mut self, state: &mut Lowered, node: &Node, place: &Place) {
        match node.as_str() {
            Some(text) if !text.contains(':') => {
                state.text("Resource", &format!("task:{text}"), place);
            }
            _ => state.copy("Resource", node, place),
        }
    }

    /// Lowers `when`: fields that are true, or texts that a field may have.
    fn when(&mut self, state: &mut Lowered, node: &Node, place: &Place) {
        let Some(fields) = node.as_object() else {
            self.report.schema_hint(
                place,
                "Expected value of type [OBJECT]",
                "write 'when: {FIELD: STATE}'",
            );
            return;
        };
        let mut rules = Vec::new();
        for (key, field) in fields {
            let place = place.field(key, &field.value);
            match field.value.as_object() {
                None => rules.push(self.rule(key, None, &field.value, &place)),
                Some(values) => {
                    for (text, target) in values {
                        let place = place.field(text, &target.value);
                        rules.push(self.rule(key, Some(text), &target.value, &place));
                    }
                }
            }
        }
        state.make("Choices", NodeKind::Array(rules), place);
    }

    /// A rule that holds if the field is there and is true, or is that text.
    fn rule(&self, key: &str, text: Option<&str>, target: &Node, place: &Place) -> Node {
        let path = field_path(key);
        let mut rule = Lowered::of(place);
        if self.language == QueryLanguage::Jsonata {
            let field = path.strip_prefix('$').unwrap_or(&path);
            let wanted = text.map_or("true".to_owned(), |text| Value::from(text).to_string());
            let condition = format!(
                "{{% $exists($states.input{field}) and $states.input{field} = {wanted} %}}"
            );
            rule.text("Condition", &condition, place);
            rule.copy("Next", target, place);
            return rule.into_node();
        }
        let test = |operator: &str, kind: NodeKind| {
            let mut test = Lowered::of(place);
            test.text("Variable", &path, place);
            test.make(operator, kind, place);
            test.into_node()
        };
        let compared = match text {
            None => test("BooleanEquals", NodeKind::Bool(true)),
            Some(text) => test("StringEquals", NodeKind::String(text.to_owned())),
        };
        let tests = vec![test("IsPresent", NodeKind::Bool(true)), compared];
        rule.make("And", NodeKind::Array(tests), place);
        rule.copy("Next", target, place);
        rule.into_node()
    }

    /// Lowers `choices`: the language's rules with their names in snake case.
    fn choices(&mut self, state: &mut Lowered, node: &Node, place: &Place) {
        let Some(rules) = node.as_array() else {
            self.report.schema(place, "Expected value of type [ARRAY]");
            return;
        };
        let rules = rules
            .iter()
            .enumerate()
            .map(|(index, rule)| choice_rule(rule, &place.element(index, rule)))
            .collect();
        state.make("Choices", NodeKind::Array(rules), place);
    }

    /// Lowers `branches`: a list, or a mapping whose keys are only for people.
    fn branches(&mut self, state: &mut Lowered, node: &Node, place: &Place) {
        let branches: Vec<(&Node, Place)> = match &node.kind {
            NodeKind::Array(elements) => elements
                .iter()
                .enumerate()
                .map(|(index, element)| (element, place.element(index, element)))
                .collect(),
            NodeKind::Object(fields) => fields
                .iter()
                .map(|(name, field)| (&field.value, place.field(name, &field.value)))
                .collect(),
            _ => {
                self.report.schema(place, "Expected value of type [ARRAY]");
                return;
            }
        };
        let mut lowered = Vec::with_capacity(branches.len());
        for (branch, place) in branches {
            if let Some(object) = Object::of(branch, place, self.report) {
                lowered.push(self.branch(&object).into_node());
            }
        }
        state.make("Branches", NodeKind::Array(lowered), place);
    }

    /// Lowers `each`, `mode` and `execution_type` to `ItemProcessor`.
    fn processor(&mut self, state: &mut Lowered, object: &Object<'_>) {
        let Some(each) = object.object("each", self.report) else {
            if !object.has("each") {
                self.report
                    .schema(&object.place, "The key 'each' is missing");
            }
            return;
        };
        let mut processor = self.branch(&each);
        let mode = object.word("mode", &["inline", "distributed"], self.report);
        if mode == Some("distributed") {
            let place = object.place_of("mode");
            let mut config = Lowered::of(&place);
            config.text("Mode", "DISTRIBUTED", &place);
            let execution_type =
                object.word("execution_type", &["standard", "express"], self.report);
            let execution_type = execution_type.unwrap_or("standard").to_ascii_uppercase();
            config.text("ExecutionType", &execution_type, &place);
            processor.set("ProcessorConfig", config.into_node());
        }
        state.set("ItemProcessor", processor.into_node());
    }

    /// Lowers `tolerate: {count: 3}` or `tolerate: {percentage: 5}`.
    fn tolerate(&mut self, state: &mut Lowered, node: &Node, place: &Place) {
        let Some(object) = Object::of(node, place.clone(), self.report) else {
            return;
        };
        self.only(&object, &["count", "percentage"]);
        for (key, field) in [
            ("count", "ToleratedFailureCount"),
            ("percentage", "ToleratedFailurePercentage"),
        ] {
            self.copy_if_there(state, &object, key, field);
        }
    }
}

/// Copies a value to one field if it is a path, and to another if not.
fn path_or(state: &mut Lowered, (path, other): (&str, &str), node: &Node, place: &Place) {
    let is_path = node.as_str().is_some_and(|text| text.starts_with('$'));
    state.copy(if is_path { path } else { other }, node, place);
}

/// Turns a key of `when` into a path: `order.urgent` into `$.order.urgent`.
fn field_path(key: &str) -> String {
    if key.starts_with('$') {
        return key.to_owned();
    }
    format!("$.{key}")
}

/// Turns the names of a rule, and of the rules in it, into the language's.
fn choice_rule(node: &Node, place: &Place) -> Node {
    let Some(fields) = node.as_object() else {
        return node.clone();
    };
    let mut rule = Lowered::of(place);
    for (key, field) in fields {
        let place = place.field(key, &field.value);
        let name = pascal_case(key);
        let elements = field.value.as_array();
        match (key.as_str(), elements) {
            ("and" | "or", Some(elements)) => {
                let rules = elements
                    .iter()
                    .enumerate()
                    .map(|(index, rule)| choice_rule(rule, &place.element(index, rule)))
                    .collect();
                rule.make(&name, NodeKind::Array(rules), &place);
            }
            ("not", _) => rule.set(&name, choice_rule(&field.value, &place)),
            _ => rule.copy(&name, &field.value, &place),
        }
    }
    rule.into_node()
}
