//! What an approval that was given is bound to: the states behind it run with the data that it
//! led to and as it showed them, or not at all under it.
//!
//! A state is *covered* by an approval that was given if it may run behind it without another
//! approval in between. Nobody changes what covered states are given or what they run: whoever
//! wants that starts another execution, where people are asked anew.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_states::{Payload, ScopeId, StateKind, StateMachine, StateRef, Timestamp, Transition};

use super::content::task;
use super::next::{ahead, is_approval, next_of, targets};
use crate::event::{EventNumber, FrameId};
use crate::execution::Execution;

/// A state, and the digest of the component that it would run; none for one that is not there.
pub type NextComponent = (StateRef, Option<Arc<str>>);

/// An approval that was given, as long as it is not asked for anew in the same place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Its id.
    pub id: Arc<str>,
    /// Name of the state that asked.
    pub state: Arc<str>,
    /// When it was given.
    pub at: Timestamp,
    /// The event that says so.
    pub number: EventNumber,
    /// The member `work` of what it showed.
    pub work: Payload,
    /// The frame that asked and those around it, outermost first; none where another execution
    /// asked.
    pub line: Vec<FrameId>,
}

impl Given {
    /// Returns an approval that a child of one of the execution's Map Runs was given.
    #[must_use]
    pub fn below(id: &str, state: &str, at: Timestamp, content: &Payload) -> Self {
        Self {
            id: id.into(),
            state: state.into(),
            at,
            number: EventNumber(0),
            work: work_of(content),
            line: Vec::new(),
        }
    }
}

/// The member `work` of what an approval showed.
pub(crate) fn work_of(content: &Payload) -> Payload {
    let content = content.to_value();
    Payload::from_value(content.get("work").unwrap_or(&Value::Null))
}

/// What the host knows of approvals that an execution's own history does not tell of, for
/// whoever changes what the execution is given or runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApprovedElsewhere {
    /// An approval of an execution around this one which covers the task that started it.
    pub around: Option<Given>,
    /// Approvals of children of its Map Runs: states behind the Map are covered by them, too.
    pub below: Vec<Given>,
    /// The components that the states of the definition so far run.
    pub components_before: Vec<NextComponent>,
    /// The components that the states of the definition to go on with would run.
    pub components_after: Vec<NextComponent>,
}

/// Why something is not changed: an approval was given on it as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("approval {approval} of state {asked:?} covers state {covered:?}{because}: {advice}")]
pub struct ApprovalBound {
    /// The approval's id.
    pub approval: Arc<str>,
    /// Name of the state that asked.
    pub asked: Arc<str>,
    /// Name of a state that it covers.
    pub covered: Arc<str>,
    /// What would be different, where that is not plain.
    because: String,
    /// What to do instead.
    advice: &'static str,
}

const NO_INPUT: &str = "redrive without another input, or start a new execution, which asks anew";
const NO_DEFINITION: &str =
    "redrive without another definition, or start a new execution, which asks anew";
const NO_RESULT: &str =
    "let the task end by itself or fail it, or start a new execution, which asks anew";

/// Returns whether a state may run behind an approval without another one in between. Both are
/// named as the definition names them; a state that is not known might.
#[must_use]
pub fn covers(definition: &StateMachine, approval: &str, state: Option<&str>) -> bool {
    let Some(asked) = named(definition, approval) else {
        return false;
    };
    let mut covered = ahead(definition, targets(definition, asked)).into_iter();
    state.is_none_or(|state| covered.any(|covered| *definition.state(covered).name == *state))
}

/// Checks that a state may run again with another input.
pub(crate) fn check_input(
    definition: &StateMachine,
    execution: &Execution,
    elsewhere: &ApprovedElsewhere,
    (frame, state): (FrameId, StateRef),
) -> Result<(), ApprovalBound> {
    let ahead = ahead(definition, [state]);
    check_data(definition, execution, elsewhere, frame, &ahead, NO_INPUT)
}

/// Checks that a task may be done with a result that it did not give.
pub(crate) fn check_result(
    definition: &StateMachine,
    execution: &Execution,
    elsewhere: &ApprovedElsewhere,
    (frame, state): (FrameId, StateRef),
) -> Result<(), ApprovalBound> {
    let next = next_of(definition, state);
    let goes_out = next.is_empty();
    let ahead = ahead(definition, next);
    check_data(definition, execution, elsewhere, frame, &ahead, NO_RESULT)?;
    match &elsewhere.around {
        // The result is the execution's, and goes to the state that waits for it.
        Some(given) if goes_out => Err(bound(definition, given, state, NO_RESULT)),
        _ => Ok(()),
    }
}

/// Checks that data of somebody's own comes to no state that an approval covers.
fn check_data(
    definition: &StateMachine,
    execution: &Execution,
    elsewhere: &ApprovedElsewhere,
    frame: FrameId,
    ahead: &BTreeSet<StateRef>,
    advice: &'static str,
) -> Result<(), ApprovalBound> {
    let does_work = |state: &&StateRef| does_work(definition, **state);
    for given in execution.given.iter().chain(&elsewhere.below) {
        let covered = covered(definition, given, execution, frame);
        if let Some(state) = ahead.intersection(&covered).find(does_work) {
            return Err(bound(definition, given, *state, advice));
        }
    }
    let Some(given) = &elsewhere.around else {
        return Ok(());
    };
    // What comes out of it goes to whoever waits for it, who is covered, too.
    let root = execution.started.as_ref().map(|started| started.scope);
    let ends = |state: &StateRef| Some(state.scope) == root && ends_its_scope(definition, *state);
    let reached = ahead
        .iter()
        .find(|state| does_work(state) || (ends(state) && !is_approval(definition.state(**state))));
    match reached {
        Some(state) => Err(bound(definition, given, *state, advice)),
        None => Ok(()),
    }
}

/// Checks that all covered states that may still run are the same in another definition.
pub(crate) fn check_definition(
    old: &StateMachine,
    execution: &Execution,
    new: &StateMachine,
    elsewhere: &ApprovedElsewhere,
) -> Result<(), ApprovalBound> {
    let own = execution.given.iter().chain(&elsewhere.below);
    for given in own {
        for (frame, stands) in standing(old, execution) {
            let covered = covered(old, given, execution, frame);
            let mut ahead = ahead(old, [stands]);
            ahead.retain(|state| covered.contains(state));
            let shown = |state: StateRef| shown_of(&given.work, &old.state(state).name);
            unchanged(
                (old, new),
                given,
                &ahead,
                &elsewhere.components_after,
                shown,
            )?;
        }
    }
    if let Some(given) = &elsewhere.around {
        for (_, stands) in standing(old, execution) {
            let before = &elsewhere.components_before;
            let so_far = |state: StateRef| Some(task(old, before, state));
            let ahead = ahead(old, [stands]);
            unchanged(
                (old, new),
                given,
                &ahead,
                &elsewhere.components_after,
                so_far,
            )?;
        }
    }
    Ok(())
}

fn unchanged(
    (old, new): (&StateMachine, &StateMachine),
    given: &Given,
    states: &BTreeSet<StateRef>,
    components: &[NextComponent],
    shown: impl Fn(StateRef) -> Option<Value>,
) -> Result<(), ApprovalBound> {
    for state in states {
        let refused = |because: &str| ApprovalBound {
            because: because.to_owned(),
            ..bound(old, given, *state, NO_DEFINITION)
        };
        let Some(there) = place(old, new, *state) else {
            return Err(refused(", which is not there in the other definition"));
        };
        let asks = is_approval(old.state(*state));
        if asks && is_approval(new.state(there)) {
            continue;
        }
        let around = |from: &StateMachine, state: StateRef| {
            let outermost = enclosing(from, state).last().unwrap_or(state);
            text_of(from, outermost).cloned()
        };
        let same_language = old.state(*state).query_language == new.state(there).query_language;
        if !same_language || around(old, *state) != around(new, there) {
            return Err(refused(", which is another one in the other definition"));
        }
        let is_task = matches!(old.state(*state).kind, StateKind::Task(_));
        if is_task && shown(*state) != Some(task(new, components, there)) {
            return Err(refused(", whose component is another one by then"));
        }
    }
    Ok(())
}

/// What an approval showed of a task behind it.
fn shown_of(work: &Payload, state: &str) -> Option<Value> {
    let Value::Array(work) = work.to_value() else {
        return None;
    };
    work.into_iter().find(|shown| shown["state"] == state)
}

/// The states in which the frames of an execution stand, or which they are about to enter.
fn standing(
    definition: &StateMachine,
    execution: &Execution,
) -> impl Iterator<Item = (FrameId, StateRef)> {
    execution.frames.iter().map(|(id, frame)| {
        let next = || frame.next.as_ref().and_then(|next| next.state);
        let stands = frame.active.as_ref().map(|active| active.state);
        let start = definition.scope(frame.scope).start_at;
        (*id, stands.or_else(next).unwrap_or(start))
    })
}

/// The states that an approval covers, as seen from a frame: branches and iterations beside the
/// one that asked run the same states without being covered by it.
fn covered(
    definition: &StateMachine,
    given: &Given,
    execution: &Execution,
    frame: FrameId,
) -> BTreeSet<StateRef> {
    let Some(asked) = named(definition, &given.state) else {
        return BTreeSet::new();
    };
    let mut covered = ahead(definition, targets(definition, asked));
    let line = line(execution, frame);
    let parts = line.iter().zip(&given.line).position(|(a, b)| a != b);
    if let Some(parts) = parts {
        let above = given.line.len().saturating_sub(parts + 1);
        let around = enclosing(definition, asked).map(|state| state.scope);
        let own = [asked.scope].into_iter().chain(around).nth(above);
        covered.retain(|state| own.is_none_or(|own| !is_within(definition, *state, own)));
    }
    covered
}

/// A frame and those around it, outermost first.
pub(crate) fn line(execution: &Execution, frame: FrameId) -> Vec<FrameId> {
    let parent = |id: &FrameId| Some(execution.frames.get(id)?.parent?.frame);
    let mut line: Vec<FrameId> = std::iter::successors(Some(frame), parent).collect();
    line.reverse();
    line
}

/// The Parallel and Map states around a state, innermost first.
fn enclosing(definition: &StateMachine, state: StateRef) -> impl Iterator<Item = StateRef> {
    let parent = |state: StateRef| definition.scope(state.scope).parent;
    std::iter::successors(parent(state), move |around| parent(*around))
}

fn is_within(definition: &StateMachine, state: StateRef, scope: ScopeId) -> bool {
    state.scope == scope || enclosing(definition, state).any(|around| around.scope == scope)
}

fn named(definition: &StateMachine, name: &str) -> Option<StateRef> {
    let mut states = definition.states();
    states.find_map(|(state, found)| (*found.name == *name).then_some(state))
}

/// Whether a state does something outside, and is no approval.
fn does_work(definition: &StateMachine, state: StateRef) -> bool {
    let state = definition.state(state);
    matches!(state.kind, StateKind::Task(_)) && !is_approval(state)
}

fn ends_its_scope(definition: &StateMachine, state: StateRef) -> bool {
    let state = definition.state(state);
    matches!(state.transition, Transition::End) || matches!(state.kind, StateKind::Succeed)
}

/// Where a state of a definition is in another one: by names, and by the places of branches.
fn place(old: &StateMachine, new: &StateMachine, state: StateRef) -> Option<StateRef> {
    let scope = match old.scope(state.scope).parent {
        None => new.root(),
        Some(parent) => {
            let around = place(old, new, parent)?;
            match (&old.state(parent).kind, &new.state(around).kind) {
                (StateKind::Parallel(before), StateKind::Parallel(after)) => {
                    let mut branches = before.branches.iter();
                    let index = branches.position(|branch| *branch == state.scope)?;
                    *after.branches.get(index)?
                }
                (StateKind::Map(_), StateKind::Map(after)) => after.processor,
                _ => return None,
            }
        }
    };
    new.find(scope, &old.state(state).name)
}

/// What a definition says of a state.
fn text_of(definition: &StateMachine, state: StateRef) -> Option<&Value> {
    let within = match definition.scope(state.scope).parent {
        None => definition.to_asl(),
        Some(parent) => {
            let around = text_of(definition, parent)?;
            match &definition.state(parent).kind {
                StateKind::Parallel(parallel) => {
                    let mut branches = parallel.branches.iter();
                    let index = branches.position(|branch| *branch == state.scope)?;
                    around.get("Branches")?.get(index)?
                }
                _ => around
                    .get("ItemProcessor")
                    .or_else(|| around.get("Iterator"))?,
            }
        }
    };
    within.get("States")?.get(&*definition.state(state).name)
}

fn bound(
    definition: &StateMachine,
    given: &Given,
    covered: StateRef,
    advice: &'static str,
) -> ApprovalBound {
    ApprovalBound {
        approval: Arc::clone(&given.id),
        asked: Arc::clone(&given.state),
        covered: (&*definition.state(covered).name).into(),
        because: String::new(),
        advice,
    }
}
