//! Variables: who may assign and read them.
//!
//! A branch or iteration reads the variables of the scopes around it and may not
//! assign them. A distributed Map's iterations are executions of their own and see
//! none of them.

use std::collections::BTreeSet;

use super::super::graph::Step;
use super::super::report::Report;
use super::Subject;
use crate::definition::{MapMode, Scope, ScopeId, State, StateKind};
use crate::diagnostic::Severity;
use crate::jsonata;

/// Looks at the variables of each scope.
pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let assigned: Vec<BTreeSet<String>> = subject
        .machine
        .scopes()
        .map(|(_, scope)| {
            scope
                .states
                .iter()
                .flat_map(State::assigned_variables)
                .collect()
        })
        .collect();
    for (id, scope) in subject.machine.scopes() {
        let around = enclosing(subject, scope);
        let outer: BTreeSet<&String> = around
            .iter()
            .filter_map(|id| assigned.get(id.0 as usize))
            .flatten()
            .collect();
        let own = assigned.get(id.0 as usize);
        for (index, state) in (0..).zip(&scope.states) {
            let reference = crate::definition::StateRef { scope: id, index };
            for name in state.assigned_variables() {
                if !outer.contains(&name) {
                    continue;
                }
                if let Some(place) = subject.graph.place(reference, &[Step::Field("Assign")]) {
                    report.add(
                        Severity::Error,
                        super::super::report::SCHEMA,
                        &place,
                        format!("Variable '{name}' is assigned in an outer scope"),
                        Some("use another name: inner scopes read outer variables only".to_owned()),
                    );
                }
            }
            for name in state.variables() {
                let is_known = own.is_some_and(|own| own.contains(&name)) || outer.contains(&name);
                // A function may stand where a value does: `$map(items, $string)`.
                let is_known = is_known || jsonata::is_function(&name);
                if !is_known {
                    subject.warn(
                        (reference, &[]),
                        "VARIABLE_NEVER_ASSIGNED",
                        format!("No state that comes before can have assigned '${name}'"),
                        "assign it in this scope or around it; a distributed Map sees none of \
                         the variables around it",
                        report,
                    );
                }
            }
        }
    }
}

/// Returns the scopes around a scope whose variables it sees.
fn enclosing(subject: &Subject<'_>, scope: &Scope) -> Vec<ScopeId> {
    let mut around = Vec::new();
    let mut parent = scope.parent;
    while let Some(state) = parent {
        if let StateKind::Map(map) = &subject.machine.state(state).kind
            && map.mode != MapMode::Inline
        {
            break;
        }
        around.push(state.scope);
        parent = subject.machine.scope(state.scope).parent;
    }
    around
}
