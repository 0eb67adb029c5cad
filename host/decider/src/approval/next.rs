//! What a decision leads to: the states behind an approval.

use std::collections::BTreeSet;

use stepwell_states::{ResourceKind, State, StateKind, StateMachine, StateRef, Transition};

/// Returns where an approval leads: the state behind it if it is approved (none for the end of
/// its scope), and those that catch its failures.
#[must_use]
pub(crate) fn states_after(
    definition: &StateMachine,
    approval: StateRef,
) -> (Option<StateRef>, Vec<StateRef>) {
    let state = definition.state(approval);
    let approved = match state.transition {
        Transition::Next(next) => Some(next),
        Transition::End | Transition::Terminal => None,
    };
    let mut otherwise = Vec::new();
    for catcher in &state.catch {
        if !otherwise.contains(&catcher.next) {
            otherwise.push(catcher.next);
        }
    }
    (approved, otherwise)
}

/// Returns all Task states that may run behind an approval without another approval in
/// between, in the order of the definition. Approvals that are reached are among them.
#[must_use]
pub fn tasks_after(definition: &StateMachine, approval: StateRef) -> Vec<StateRef> {
    let seen = ahead(definition, targets(definition, approval));
    let is_task = |state: &StateRef| matches!(definition.state(*state).kind, StateKind::Task(_));
    seen.into_iter().filter(is_task).collect()
}

/// Returns some states and all that may run behind them without an approval in between.
/// Approvals that are reached are among them.
pub(super) fn ahead(
    definition: &StateMachine,
    from: impl IntoIterator<Item = StateRef>,
) -> BTreeSet<StateRef> {
    let mut seen = BTreeSet::new();
    let mut ahead: Vec<StateRef> = from.into_iter().collect();
    while let Some(next) = ahead.pop() {
        if seen.insert(next) && !is_approval(definition.state(next)) {
            ahead.extend(targets(definition, next));
        }
    }
    seen
}

/// Returns where the result of a state goes; nothing where the execution ends with it.
pub(super) fn next_of(definition: &StateMachine, of: StateRef) -> Vec<StateRef> {
    if let Transition::Next(next) = definition.state(of).transition {
        return vec![next];
    }
    let around = definition.scope(of.scope).parent;
    around.map_or_else(Vec::new, |around| next_of(definition, around))
}

pub(crate) fn is_approval(state: &State) -> bool {
    matches!(&state.kind, StateKind::Task(task) if task.resource.kind == ResourceKind::Approval)
}

/// Where a state may lead: to the next ones, into its own branches, and out of its scope.
pub(super) fn targets(definition: &StateMachine, of: StateRef) -> Vec<StateRef> {
    let state = definition.state(of);
    let mut found: Vec<StateRef> = state.catch.iter().map(|catcher| catcher.next).collect();
    match &state.kind {
        StateKind::Choice(choice) => {
            found.extend(choice.rules.iter().map(|rule| rule.next));
            found.extend(choice.default);
        }
        StateKind::Parallel(parallel) => {
            let starts = parallel.branches.iter();
            found.extend(starts.map(|branch| definition.scope(*branch).start_at));
        }
        StateKind::Map(map) => found.push(definition.scope(map.processor).start_at),
        _ => {}
    }
    if let Transition::Next(next) = state.transition {
        found.push(next);
    }
    // A branch may end here, or fail: what is around it goes on.
    if let Some(parent) = definition.scope(of.scope).parent {
        found.extend(behind(definition, parent));
    }
    found
}

/// Where a Parallel or Map leads once its branches have ended, and those around it too.
fn behind(definition: &StateMachine, around: StateRef) -> Vec<StateRef> {
    let state = definition.state(around);
    let mut found: Vec<StateRef> = state.catch.iter().map(|catcher| catcher.next).collect();
    if let Transition::Next(next) = state.transition {
        found.push(next);
    }
    if let Some(parent) = definition.scope(around.scope).parent {
        found.extend(behind(definition, parent));
    }
    found
}
