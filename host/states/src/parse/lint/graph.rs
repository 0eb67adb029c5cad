//! Where transitions lead: states that nothing leads to, ways that do not end, loops.

use std::collections::BTreeSet;

use super::super::node::Node;
use super::super::report::{Place, Report};
use super::{Subject, waits};
use crate::definition::{Scope, ScopeId, State, StateKind, StateRef, Transition};
use crate::diagnostic::Severity;

/// Looks at the graph of each scope.
pub(super) fn check(subject: &Subject<'_>, root: &Node, report: &mut Report) {
    for (id, scope) in subject.machine.scopes() {
        if !scope.states.iter().any(is_end) {
            let place = match scope.parent.and_then(|parent| subject.places.get(&parent)) {
                Some(place) => place.clone(),
                None => Place::root(root),
            };
            report.add(
                Severity::Error,
                "MISSING_END_STATE",
                &place,
                "Workflow has no terminal state".to_owned(),
                Some("end somewhere: with 'End': true, Succeed or Fail".to_owned()),
            );
            continue;
        }
        unreachable(subject, id, scope, report);
        loops(subject, id, scope, report);
    }
}

fn is_end(state: &State) -> bool {
    matches!(state.transition, Transition::End)
        || matches!(state.kind, StateKind::Succeed | StateKind::Fail(_))
}

/// Returns the indexes of the states that a state may go on to.
fn successors(state: &State) -> Vec<u32> {
    let mut next: Vec<StateRef> = state.catch.iter().map(|catcher| catcher.next).collect();
    if let Transition::Next(state) = state.transition {
        next.push(state);
    }
    if let StateKind::Choice(choice) = &state.kind {
        next.extend(choice.rules.iter().map(|rule| rule.next));
        next.extend(choice.default);
    }
    next.into_iter().map(|state| state.index).collect()
}

/// Returns the states that can be reached from some, themselves included.
fn reach(scope: &Scope, from: Vec<u32>, through: impl Fn(&State) -> bool) -> BTreeSet<u32> {
    let mut reached: BTreeSet<u32> = from.iter().copied().collect();
    let mut open = from;
    while let Some(index) = open.pop() {
        let Some(state) = scope.states.get(index as usize) else {
            continue;
        };
        if !through(state) {
            continue;
        }
        for next in successors(state) {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    reached
}

fn unreachable(subject: &Subject<'_>, id: ScopeId, scope: &Scope, report: &mut Report) {
    let reached = reach(scope, vec![scope.start_at.index], |_| true);
    for (index, state) in (0..).zip(&scope.states) {
        if !reached.contains(&index) {
            subject.warn(
                StateRef { scope: id, index },
                "MISSING_TRANSITION_TARGET",
                format!("State \"{}\" is not reachable.", state.name),
                "let some state lead to it, or remove it",
                report,
            );
        }
    }
}

/// Warns of the first state of each loop in which no time passes.
fn loops(subject: &Subject<'_>, id: ScopeId, scope: &Scope, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for (index, state) in (0..).zip(&scope.states) {
        if seen.contains(&index) || waits(state) {
            continue;
        }
        let ahead = reach(scope, successors(state), |state| !waits(state));
        if !ahead.contains(&index) {
            continue;
        }
        // Everything on the loop comes back here: it is reported once.
        seen.extend(ahead.iter().copied());
        subject.warn(
            StateRef { scope: id, index },
            "LOOP_WITHOUT_WAIT",
            format!(
                "A loop through '{}' has no Wait: it may turn very fast",
                state.name
            ),
            "put a Wait into the loop",
            report,
        );
    }
}
