//! Redrives with another definition: whether the states that an execution stands in are in
//! it, and which ones they are there.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_states::{MapMode, ScopeId, StateKind, StateMachine, StateRef};

use crate::approval::is_approval;
use crate::draft::state_type;
use crate::evaluation::evaluate_plan;
use crate::evolve::redefine;
use crate::execution::{Active, Execution, Frame, ParentFrame, Phase};

/// Another definition to go on with.
#[derive(Debug, Clone)]
pub struct NewDefinition {
    /// The revision that the execution has run so far.
    pub from: u64,
    /// The revision that this is.
    pub to: u64,
    /// What it says.
    pub machine: Arc<StateMachine>,
    /// The components that are others there.
    pub components: Vec<ChangedComponent>,
}

impl PartialEq for NewDefinition {
    /// Revisions never change, so their numbers tell.
    fn eq(&self, other: &Self) -> bool {
        (self.from, self.to, &self.components) == (other.from, other.to, &other.components)
    }
}

impl Eq for NewDefinition {}

/// A component that is another one in another revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedComponent {
    /// Its name, as definitions have it.
    pub name: Arc<str>,
    /// Its digest so far, if it was pinned.
    pub before: Option<Arc<str>>,
    /// Its digest from now on, if it is pinned.
    pub after: Option<Arc<str>>,
}

/// With what an execution goes on instead of what it was running, in
/// [`ExecutionRedriven`](crate::ExecutionRedriven).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redefined {
    /// The revision so far.
    pub from: u64,
    /// The revision from now on.
    pub to: u64,
    /// The components that are others there.
    pub components: Vec<ChangedComponent>,
    /// Groups of states that the execution stands in, and which ones they are from now on.
    pub scopes: Vec<(ScopeId, ScopeId)>,
    /// States that the execution stands in, and which ones they are from now on.
    pub states: Vec<(StateRef, StateRef)>,
}

/// Why a definition cannot be gone on with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("revision {revision} has other states than the execution stands in: {}", reasons.join("; "))]
pub struct Misfit {
    /// The revision.
    pub revision: u64,
    /// What is different, state by state.
    pub reasons: Vec<String>,
}

/// Finds the states of an execution that has ended in another definition.
pub(crate) fn fit(
    definition: &StateMachine,
    execution: &Execution,
    new: &NewDefinition,
) -> Result<Redefined, Misfit> {
    let mut fitting = Fitting {
        old: definition,
        new: &new.machine,
        execution,
        scopes: BTreeMap::new(),
        states: BTreeMap::new(),
        reasons: Vec::new(),
    };
    for frame in execution.frames.values() {
        fitting.frame(frame);
    }
    let redefined = Redefined {
        from: new.from,
        to: new.to,
        components: new.components.clone(),
        scopes: fitting.scopes.into_iter().collect(),
        states: fitting.states.into_iter().collect(),
    };
    let mut reasons = fitting.reasons;
    if reasons.is_empty() {
        reasons = other_items(definition, &new.machine, execution, &redefined);
    }
    if reasons.is_empty() {
        return Ok(redefined);
    }
    // Many iterations of one Map stand in the same states.
    reasons.dedup();
    Err(Misfit {
        revision: new.to,
        reasons,
    })
}

struct Fitting<'a> {
    old: &'a StateMachine,
    new: &'a StateMachine,
    execution: &'a Execution,
    scopes: BTreeMap<ScopeId, ScopeId>,
    states: BTreeMap<StateRef, StateRef>,
    reasons: Vec<String>,
}

impl Fitting<'_> {
    /// Parents come before their children, since they are older.
    fn frame(&mut self, frame: &Frame) {
        let scope = match frame.parent {
            None => Some(frame.scope),
            Some(parent) => self.child_scope(parent),
        };
        // What is around it does not fit, which is said already.
        let Some(scope) = scope else { return };
        self.scopes.insert(frame.scope, scope);
        if let Some(next) = frame.next.as_ref().and_then(|next| next.state) {
            let name = &self.old.state(next).name;
            match self.new.find(scope, name) {
                Some(there) => drop(self.states.insert(next, there)),
                None => self.reasons.push(format!("state {name:?} is not in it")),
            }
        }
        if let Some(active) = &frame.active {
            self.active(active, scope);
        }
    }

    fn child_scope(&self, parent: ParentFrame) -> Option<ScopeId> {
        let state = self
            .execution
            .frames
            .get(&parent.frame)?
            .active
            .as_ref()?
            .state;
        match &self.new.state(*self.states.get(&state)?).kind {
            StateKind::Parallel(parallel) => parallel.branches.get(parent.index as usize).copied(),
            StateKind::Map(map) => Some(map.processor),
            _ => None,
        }
    }

    fn active(&mut self, active: &Active, scope: ScopeId) {
        let name = &active.name;
        let Some(there) = self.new.find(scope, name) else {
            let reason = format!("state {name:?} is not in it, or not at that place");
            return self.reasons.push(reason);
        };
        let (before, after) = (active.state_type, state_type(self.new.state(there)));
        if before != after {
            let (before, after) = (before.as_str(), after.as_str());
            let reason = format!("state {name:?} is of type {after} there, and was {before}");
            return self.reasons.push(reason);
        }
        if is_approval(self.old.state(active.state)) && !is_approval(self.new.state(there)) {
            let reason = format!("state {name:?} asks for no approval there, and did so");
            return self.reasons.push(reason);
        }
        if !active.starts_over(self.execution.was_too_large())
            && let Some(reason) = self.kept(active, there)
        {
            return self.reasons.push(reason);
        }
        self.states.insert(active.state, there);
    }

    /// Why a state cannot go on there with what it has done.
    fn kept(&self, active: &Active, there: StateRef) -> Option<String> {
        let name = &active.name;
        match (&active.phase, &self.new.state(there).kind) {
            (Phase::MapRun(_), _) => Some(format!(
                "the Map Run of state {name:?} goes on with the definition that it was begun with"
            )),
            (Phase::Children(children), StateKind::Parallel(parallel)) => {
                let (before, after) = (children.outputs.len(), parallel.branches.len());
                (before != after)
                    .then(|| format!("state {name:?} has {after} branches there, and had {before}"))
            }
            (Phase::Children(_), StateKind::Map(map)) => {
                let is_inline = map.mode == MapMode::Inline;
                (!is_inline).then(|| format!("state {name:?} is a distributed Map there"))
            }
            _ => None,
        }
    }
}

/// Maps of which iterations are kept must have the items that these were begun for.
fn other_items(
    old: &StateMachine,
    new: &StateMachine,
    execution: &Execution,
    redefined: &Redefined,
) -> Vec<String> {
    let mut moved = execution.clone();
    redefine(&mut moved, redefined);
    let mut reasons = Vec::new();
    for (id, frame) in &execution.frames {
        let Some(active) = &frame.active else {
            continue;
        };
        let is_map = matches!(old.state(active.state).kind, StateKind::Map(_));
        if !is_map
            || active.starts_over(execution.was_too_large())
            || !matches!(active.phase, Phase::Children(_))
        {
            continue;
        }
        let name = &active.name;
        let before = evaluate_plan(old, execution, *id, None);
        match evaluate_plan(new, &moved, *id, None) {
            Ok(after)
                if before
                    .as_ref()
                    .is_ok_and(|before| before.items == after.items) => {}
            Ok(_) => reasons.push(format!("state {name:?} has other items there")),
            Err(failure) => reasons.push(format!(
                "the items of state {name:?} cannot be evaluated there: {}",
                failure.cause
            )),
        }
    }
    reasons
}
