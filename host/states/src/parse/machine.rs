//! The definition as a whole, and the scopes in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::fields::{NUMBER_MAX, Object};
use super::names::{self, ScopeNames};
use super::node::{Field, Node};
use super::report::{Place, Report};
use super::state;
use crate::definition::{QueryLanguage, Scope, ScopeId, State, StateMachine, StateRef};
use crate::diagnostic::Severity;

/// Most states of one definition; far more than fit into its size in practice.
const STATES_MAX: usize = 20_000;

/// Everything that is known while a definition is read.
pub(crate) struct Builder {
    pub(crate) report: Report,
    /// Language of states that name none, wherever they are.
    pub(crate) language: QueryLanguage,
    scopes: Vec<Option<Scope>>,
    /// States so far.
    count: usize,
    /// All names so far.
    names: BTreeSet<String>,
}

/// A definition read.
pub(crate) struct Built {
    /// None if something essential is missing.
    pub(crate) machine: Option<StateMachine>,
    pub(crate) report: Report,
}

/// Reads a definition in the Amazon States Language.
pub(crate) fn build(root: &Node, name: Option<String>, report: Report) -> Built {
    let mut builder = Builder {
        report,
        language: QueryLanguage::JsonPath,
        scopes: Vec::new(),
        count: 0,
        names: BTreeSet::new(),
    };
    let machine = builder.machine(root, name);
    Built {
        machine,
        report: builder.report,
    }
}

impl Builder {
    fn machine(&mut self, root: &Node, name: Option<String>) -> Option<StateMachine> {
        let object = Object::of(root, Place::root(root), &mut self.report)?;
        object.only(
            &[
                "Comment",
                "QueryLanguage",
                "StartAt",
                "States",
                "TimeoutSeconds",
                "Version",
            ],
            &mut self.report,
        );
        let comment = object.owned_string("Comment", &mut self.report);
        let version = object
            .word("Version", &["1.0"], &mut self.report)
            .unwrap_or("1.0");
        let timeout_seconds = object
            .integer("TimeoutSeconds", 0, NUMBER_MAX, &mut self.report)
            .filter(|s| *s > 0);
        self.language = state::query_language(&object, QueryLanguage::JsonPath, &mut self.report);
        self.scope(&object, None);
        let scopes: Option<Vec<Scope>> = std::mem::take(&mut self.scopes).into_iter().collect();
        Some(StateMachine {
            comment,
            name,
            version: version.to_owned(),
            timeout_seconds,
            query_language: self.language,
            scopes: scopes?,
            asl: Arc::new(root.to_value()),
        })
    }

    /// Reads the states of an object that has `StartAt` and `States`. Scopes are
    /// numbered in the order in which their text begins.
    pub(crate) fn scope(&mut self, object: &Object<'_>, parent: Option<StateRef>) -> ScopeId {
        let id = ScopeId(u32::try_from(self.scopes.len()).unwrap_or(u32::MAX));
        self.scopes.push(None);
        object.require(&["States", "StartAt"], &mut self.report);
        let states = object.object("States", &mut self.report);
        let scope_names = ScopeNames {
            id,
            states: states.as_ref().map(|states| states.fields),
        };
        let start_at = object
            .get("StartAt")
            .and_then(|(node, place)| scope_names.target(node, &place, &mut self.report));
        let comment = match parent {
            // The machine's comment belongs to the machine.
            None => None,
            Some(_) => object.owned_string("Comment", &mut self.report),
        };
        let Some(states) = states else { return id };
        if states.fields.is_empty() {
            self.report
                .schema(&states.place, "The field 'States' should be non-empty");
        }
        let mut read = Vec::with_capacity(states.fields.len());
        for (index, (name, field)) in (0..).zip(states.fields) {
            let reference = StateRef { scope: id, index };
            read.extend(self.state(name, field, &states.place, reference, scope_names));
        }
        if let (Some(start_at), true) = (start_at, read.len() == states.fields.len()) {
            let slot = self.scopes.get_mut(id.0 as usize);
            if let Some(slot) = slot {
                *slot = Some(Scope {
                    start_at,
                    states: read,
                    parent,
                    comment,
                });
            }
        }
        id
    }

    fn state(
        &mut self,
        name: &str,
        field: &Field,
        states: &Place,
        reference: StateRef,
        names: ScopeNames<'_>,
    ) -> Option<State> {
        let place = states.field(name, &field.value);
        self.count += 1;
        if self.count > STATES_MAX {
            if self.count == STATES_MAX + 1 {
                let message = format!("A definition has at most {STATES_MAX} states");
                self.report.schema(&place, message);
            }
            return None;
        }
        names::check(name, &place.at(field.position), &mut self.report);
        if !self.names.insert(name.to_owned()) {
            self.report.add(
                Severity::Error,
                "DUPLICATE_STATE_NAME",
                &place.at(field.position),
                format!("Duplicate State name: {name}"),
                Some("a name is used once in the whole definition, branches included".to_owned()),
            );
        }
        let object = Object::of(&field.value, place, &mut self.report)?;
        state::read(self, name, object, reference, names)
    }
}
