//! The transitions of a definition, read off its tree.
//!
//! The tree is there also if the definition has errors, so that states to which
//! nothing leads are reported together with everything else.

use super::node::{Node, NodeKind, Position};
use super::report::{Place, Report};
use super::state::TYPES;
use crate::definition::StateRef;
use crate::diagnostic::Severity;

/// All scopes, in the order in which their text begins: as the parser numbers them.
pub(super) struct Graph<'a> {
    scopes: Vec<Scope<'a>>,
}

/// The states of one `States` object.
struct Scope<'a> {
    /// Of the object that has `States`.
    place: Place,
    start: Option<usize>,
    states: Vec<State<'a>>,
}

/// A state, as far as the tree tells.
struct State<'a> {
    name: &'a str,
    /// Where its name stands.
    position: Position,
    node: &'a Node,
    place: Place,
    /// Indexes of the states that it may go on to.
    targets: Vec<usize>,
    is_end: bool,
    /// Whether its type is known, and it says where it leads.
    is_sound: bool,
}

impl<'a> Graph<'a> {
    /// Reads the transitions of a definition in the Amazon States Language.
    pub(super) fn of(root: &'a Node) -> Self {
        let mut graph = Self { scopes: Vec::new() };
        graph.scope(root, Place::root(root));
        graph
    }

    fn scope(&mut self, node: &'a Node, place: Place) {
        let Some(states) = node.get("States") else {
            return;
        };
        let Some(fields) = states.as_object() else {
            return;
        };
        let states_place = place.field("States", states);
        let index_of = |name: Option<&Node>| fields.get_index_of(name?.as_str()?);
        let mut scope = Scope {
            place,
            start: index_of(node.get("StartAt")),
            states: Vec::with_capacity(fields.len()),
        };
        for (name, field) in fields {
            let kind = field.value.get("Type").and_then(Node::as_str);
            let has = |name| field.value.get(name).is_some();
            let decides_itself = matches!(kind, Some("Succeed" | "Fail" | "Choice"));
            let says_end = matches!(field.value.get("End"), Some(end) if matches!(end.kind, NodeKind::Bool(true)));
            scope.states.push(State {
                name,
                position: field.position,
                node: &field.value,
                place: states_place.field(name, &field.value),
                targets: targets(&field.value)
                    .filter_map(|name| index_of(Some(name)))
                    .collect(),
                is_end: says_end || matches!(kind, Some("Succeed" | "Fail")),
                is_sound: kind.is_some_and(|kind| TYPES.contains(&kind))
                    && (decides_itself || has("Next") || has("End")),
            });
        }
        let inner: Vec<(&Node, Place)> = scope.states.iter().flat_map(inner_scopes).collect();
        self.scopes.push(scope);
        for (node, place) in inner {
            self.scope(node, place);
        }
    }

    /// Returns the node of a state, and its place.
    pub(super) fn state(&self, state: StateRef) -> Option<(&'a Node, &Place)> {
        let scope = self.scopes.get(state.scope.0 as usize)?;
        let state = scope.states.get(state.index as usize)?;
        Some((state.node, &state.place))
    }

    /// Returns the place of a state's field, or of its name if it has no such field.
    pub(super) fn place(&self, state: StateRef, steps: &[Step<'_>]) -> Option<Place> {
        let scope = self.scopes.get(state.scope.0 as usize)?;
        let state = scope.states.get(state.index as usize)?;
        let (mut node, mut place) = (state.node, state.place.at(state.position));
        for step in steps {
            let below = match step {
                Step::Field(name) => node
                    .get(name)
                    .map(|below| (below, place.field(name, below))),
                Step::Element(index) => node
                    .as_array()
                    .and_then(|elements| elements.get(*index))
                    .map(|below| (below, place.element(*index, below))),
            };
            let Some(below) = below else { break };
            (node, place) = below;
        }
        Some(place)
    }

    /// Reports scopes that never end, and states to which nothing leads.
    pub(super) fn check(&self, report: &mut Report) {
        for scope in &self.scopes {
            if scope.states.is_empty() || !scope.states.iter().all(|state| state.is_sound) {
                continue;
            }
            if scope.states.iter().any(|state| state.is_end) {
                scope.report_unreachable(report);
            } else {
                report.add(
                    Severity::Error,
                    "MISSING_END_STATE",
                    &scope.place,
                    "Workflow has no terminal state".to_owned(),
                    Some("end somewhere: with 'End': true, Succeed or Fail".to_owned()),
                );
            }
        }
    }
}

/// A step from a state to one of its fields.
pub(super) enum Step<'a> {
    Field(&'a str),
    Element(usize),
}

impl Scope<'_> {
    fn report_unreachable(&self, report: &mut Report) {
        let mut named = vec![false; self.states.len()];
        let all = self.states.iter().flat_map(|state| &state.targets);
        for target in all.chain(&self.start) {
            if let Some(named) = named.get_mut(*target) {
                *named = true;
            }
        }
        // Without a start, only what nothing names is known to be out of reach.
        let reached = self.start.map(|start| self.reach(start));
        for (index, state) in self.states.iter().enumerate() {
            let is_named = named.get(index) == Some(&true);
            let is_reached = reached
                .as_ref()
                .map_or(is_named, |reached| reached.get(index) == Some(&true));
            let place = state.place.at(state.position);
            if !is_reached {
                report.add(
                    Severity::Warning,
                    "UNREACHABLE_STATE",
                    &place,
                    format!("Nothing leads to state '{}'", state.name),
                    Some("let some state lead to it, or remove it".to_owned()),
                );
            }
            if !is_named {
                let message = format!("State \"{}\" is not reachable.", state.name);
                report.foreign("MISSING_TRANSITION_TARGET", &place, message);
            }
        }
    }

    /// Says which states can be reached from one.
    fn reach(&self, start: usize) -> Vec<bool> {
        let mut reached = vec![false; self.states.len()];
        let mut open = vec![start];
        while let Some(index) = open.pop() {
            let (Some(seen), Some(state)) = (reached.get_mut(index), self.states.get(index)) else {
                continue;
            };
            if !std::mem::replace(seen, true) {
                open.extend(&state.targets);
            }
        }
        reached
    }
}

/// Goes through the names that a state's transitions hold.
fn targets(state: &Node) -> impl Iterator<Item = &Node> {
    let own = [state.get("Next"), state.get("Default")]
        .into_iter()
        .flatten();
    let listed = ["Choices", "Catch"].into_iter().flat_map(|list| {
        let entries = state.get(list).and_then(Node::as_array).unwrap_or_default();
        entries.iter().filter_map(|entry| entry.get("Next"))
    });
    own.chain(listed)
}

/// Returns the branches of a Parallel and the processor of a Map.
fn inner_scopes<'a>(state: &State<'a>) -> Vec<(&'a Node, Place)> {
    match state.node.get("Type").and_then(Node::as_str) {
        Some("Parallel") => {
            let Some(branches) = state.node.get("Branches") else {
                return Vec::new();
            };
            let place = state.place.field("Branches", branches);
            let elements = branches.as_array().unwrap_or_default().iter().enumerate();
            elements
                .map(|(index, branch)| (branch, place.element(index, branch)))
                .collect()
        }
        Some("Map") => ["ItemProcessor", "Iterator"]
            .into_iter()
            .find_map(|name| Some((state.node.get(name)?, name)))
            .map(|(node, name)| (node, state.place.field(name, node)))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}
