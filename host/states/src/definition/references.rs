//! Which variables a state refers to.

use std::collections::{BTreeMap, BTreeSet};

use super::{FailText, Flow, Limit, Map, State, StateKind, StateMachine, Template, WaitUntil};
use crate::data_flow::flow::Selection;
use crate::path::{Path, Root};
use crate::template::Reference;

impl StateMachine {
    /// Returns the variables that each state refers to, as Step Functions shows them:
    /// sorted by name, states that refer to none left out.
    pub fn variable_references(&self) -> BTreeMap<String, Vec<String>> {
        let mut references = BTreeMap::new();
        for (_, state) in self.states() {
            let names = state.variables();
            if !names.is_empty() {
                references.insert(state.name.to_string(), names.into_iter().collect());
            }
        }
        references
    }
}

impl State {
    /// Returns the names of the variables that the state refers to.
    pub fn variables(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.visit(&mut |reference| match reference {
            Reference::Path(path) => {
                if let Root::Variable(name) = path.root() {
                    names.insert(name.to_string());
                }
            }
            Reference::Jsonata(expression) => {
                names.extend(expression.variables().iter().cloned());
            }
        });
        names
    }

    /// Returns the names of the variables that the state may assign.
    pub fn assigned_variables(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut add = |template: &Option<Template>| {
            names.extend(
                template
                    .iter()
                    .flat_map(Template::field_names)
                    .map(str::to_owned),
            );
        };
        match &self.flow {
            Flow::JsonPath(flow) => add(&flow.assign),
            Flow::Jsonata(flow) => add(&flow.assign),
        }
        self.catch.iter().for_each(|catcher| add(&catcher.assign));
        if let StateKind::Choice(choice) = &self.kind {
            choice.rules.iter().for_each(|rule| add(&rule.assign));
        }
        names
    }

    /// Goes through all paths and expressions of the state's own fields.
    pub(crate) fn visit(&self, visitor: &mut dyn FnMut(Reference<'_>)) {
        let mut template = |template: &Option<Template>| {
            if let Some(template) = template {
                template.visit(visitor);
            }
        };
        match &self.flow {
            Flow::JsonPath(flow) => {
                template(&flow.parameters);
                template(&flow.result_selector);
                template(&flow.assign);
                for selection in [&flow.input_path, &flow.output_path] {
                    if let Selection::Part(path) = selection {
                        visitor(Reference::Path(path));
                    }
                }
            }
            Flow::Jsonata(flow) => {
                template(&flow.arguments);
                template(&flow.output);
                template(&flow.assign);
            }
        }
        for catcher in &self.catch {
            for template in [&catcher.output, &catcher.assign].into_iter().flatten() {
                template.visit(visitor);
            }
        }
        self.visit_kind(visitor);
    }

    fn visit_kind(&self, visitor: &mut dyn FnMut(Reference<'_>)) {
        match &self.kind {
            StateKind::Task(task) => {
                limit(&task.timeout, visitor);
                limit(&task.heartbeat, visitor);
                if let Some(credentials) = &task.credentials {
                    credentials.visit(visitor);
                }
            }
            StateKind::Choice(choice) => {
                for rule in &choice.rules {
                    rule.condition.visit(visitor);
                    for template in [&rule.assign, &rule.output].into_iter().flatten() {
                        template.visit(visitor);
                    }
                }
            }
            StateKind::Wait(wait) => match &wait.until {
                WaitUntil::SecondsPath(path) | WaitUntil::TimestampPath(path) => {
                    visitor(Reference::Path(path));
                }
                WaitUntil::SecondsJsonata(expression) | WaitUntil::TimestampJsonata(expression) => {
                    visitor(Reference::Jsonata(expression));
                }
                WaitUntil::Seconds(_) | WaitUntil::Timestamp(_) => {}
            },
            StateKind::Fail(fail) => {
                for text in [&fail.error, &fail.cause] {
                    match text {
                        FailText::Template(template, _) => template.visit(visitor),
                        FailText::Jsonata(expression) => visitor(Reference::Jsonata(expression)),
                        FailText::None | FailText::Literal(_) => {}
                    }
                }
            }
            StateKind::Map(map) => visit_map(map, visitor),
            StateKind::Pass(_) | StateKind::Succeed | StateKind::Parallel(_) => {}
        }
    }
}

fn visit_map(map: &Map, visitor: &mut dyn FnMut(Reference<'_>)) {
    path(map.items_path.as_ref(), visitor);
    let mut templates = vec![&map.items, &map.item_selector];
    for each in [
        &map.max_concurrency,
        &map.tolerated_failure_count,
        &map.tolerated_failure_percentage,
    ] {
        limit(each, visitor);
    }
    if let Some(reader) = &map.item_reader {
        templates.push(&reader.arguments);
        limit(&reader.max_items, visitor);
    }
    if let Some(batcher) = &map.item_batcher {
        templates.push(&batcher.batch_input);
        limit(&batcher.max_items_per_batch, visitor);
        limit(&batcher.max_input_bytes_per_batch, visitor);
    }
    if let Some(writer) = &map.result_writer {
        templates.push(&writer.arguments);
    }
    for template in templates.into_iter().flatten() {
        template.visit(visitor);
    }
}

fn path(path: Option<&Path>, visitor: &mut dyn FnMut(Reference<'_>)) {
    if let Some(path) = path {
        visitor(Reference::Path(path));
    }
}

fn limit(limit: &Limit, visitor: &mut dyn FnMut(Reference<'_>)) {
    match limit {
        Limit::Path(path) => visitor(Reference::Path(path)),
        Limit::Jsonata(expression) => visitor(Reference::Jsonata(expression)),
        Limit::None | Limit::Value(_) => {}
    }
}
