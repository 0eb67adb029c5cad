//! What is to be drawn: boxes and edges, scope by scope, without places.

use super::condition;
use crate::definition::{
    FailText, Limit, MapMode, ResourceKind, Scope, ScopeId, State, StateKind, StateMachine,
    Transition, WaitUntil,
};

/// The states of a scope, with their edges.
pub(super) struct Frame<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) edges: Vec<Edge>,
}

/// A box.
pub(super) enum Node<'a> {
    /// Where an execution begins.
    Start,
    /// Where it ends well.
    End,
    State(StateNode<'a>),
}

/// A state's box.
pub(super) struct StateNode<'a> {
    pub(super) state: &'a State,
    /// What it does, in a few words.
    pub(super) subtitle: String,
    /// The branches of a Parallel; the processor of a Map.
    pub(super) inner: Vec<Frame<'a>>,
}

/// A transition.
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) kind: EdgeKind,
    /// Conditions or error names; several if several transitions lead to one state.
    pub(super) labels: Vec<String>,
}

/// Why a transition is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EdgeKind {
    Next,
    Choice,
    Catch,
}

impl<'a> Frame<'a> {
    /// Returns the scene of a whole definition, with its start and end.
    pub(super) fn of(machine: &'a StateMachine) -> Self {
        let scope = machine.scope(machine.root());
        let mut frame = Self::scope(machine, machine.root());
        let start = frame.nodes.len();
        frame.nodes.push(Node::Start);
        let first = scope.start_at.index as usize;
        frame.connect(start, first, EdgeKind::Next, None);
        let ends: Vec<usize> = scope
            .states
            .iter()
            .enumerate()
            .filter(|(_, state)| ends(state))
            .map(|(index, _)| index)
            .collect();
        if !ends.is_empty() {
            let end = frame.nodes.len();
            frame.nodes.push(Node::End);
            for index in ends {
                frame.connect(index, end, EdgeKind::Next, None);
            }
        }
        frame
    }

    fn scope(machine: &'a StateMachine, id: ScopeId) -> Self {
        let scope: &Scope = machine.scope(id);
        let nodes = scope.states.iter().map(|state| {
            let inner: Vec<ScopeId> = match &state.kind {
                StateKind::Parallel(parallel) => parallel.branches.clone(),
                StateKind::Map(map) => vec![map.processor],
                _ => Vec::new(),
            };
            Node::State(StateNode {
                state,
                subtitle: subtitle(&state.kind),
                inner: inner
                    .into_iter()
                    .map(|scope| Self::scope(machine, scope))
                    .collect(),
            })
        });
        let mut frame = Self {
            nodes: nodes.collect(),
            edges: Vec::new(),
        };
        for (index, state) in scope.states.iter().enumerate() {
            frame.transitions(index, state);
        }
        frame
    }

    fn transitions(&mut self, from: usize, state: &State) {
        if let StateKind::Choice(choice) = &state.kind {
            for rule in &choice.rules {
                let label = condition::words(&rule.condition);
                self.connect(
                    from,
                    rule.next.index as usize,
                    EdgeKind::Choice,
                    Some(label),
                );
            }
            if let Some(default) = choice.default {
                let label = Some("otherwise".to_owned());
                self.connect(from, default.index as usize, EdgeKind::Choice, label);
            }
        }
        if let Transition::Next(next) = state.transition {
            self.connect(from, next.index as usize, EdgeKind::Next, None);
        }
        for catcher in &state.catch {
            let label = Some(catcher.error_equals.join(", "));
            self.connect(from, catcher.next.index as usize, EdgeKind::Catch, label);
        }
    }

    /// Adds an edge, or a label to the one that is there.
    fn connect(&mut self, from: usize, to: usize, kind: EdgeKind, label: Option<String>) {
        let same = |edge: &&mut Edge| edge.from == from && edge.to == to && edge.kind == kind;
        match self
            .edges
            .iter_mut()
            .rev()
            .take_while(|edge| edge.from == from)
            .find(same)
        {
            Some(edge) => edge.labels.extend(label),
            None => self.edges.push(Edge {
                from,
                to,
                kind,
                labels: label.into_iter().collect(),
            }),
        }
    }
}

/// Says whether the scope ends well with a state.
fn ends(state: &State) -> bool {
    matches!(state.transition, Transition::End) || matches!(state.kind, StateKind::Succeed)
}

/// Says what a state does.
fn subtitle(kind: &StateKind) -> String {
    let name = kind.type_name();
    let detail = match kind {
        StateKind::Task(task) => match &task.resource.kind {
            ResourceKind::Component { name, .. } | ResourceKind::LambdaFunction { name, .. } => {
                name.clone()
            }
            ResourceKind::Approval => "approval".to_owned(),
            ResourceKind::Event { name } => format!("event {name}"),
            ResourceKind::Activity { arn } => arn.rsplit(':').next().unwrap_or_default().to_owned(),
            _ => {
                let resource = &task.resource;
                format!("{}:{}", resource.resource_type(), resource.resource_name())
            }
        },
        StateKind::Wait(wait) => match &wait.until {
            WaitUntil::Seconds(seconds) => format!("{seconds} s"),
            WaitUntil::SecondsPath(path) => format!("{path} s"),
            WaitUntil::SecondsJsonata(expression) => format!("{} s", expression.text()),
            WaitUntil::Timestamp(timestamp) => format!("until {timestamp}"),
            WaitUntil::TimestampPath(path) => format!("until {path}"),
            WaitUntil::TimestampJsonata(expression) => format!("until {}", expression.text()),
        },
        StateKind::Fail(fail) => match &fail.error {
            FailText::Literal(text) | FailText::Template(_, text) => text.clone(),
            FailText::Jsonata(expression) => expression.text().to_owned(),
            FailText::None => String::new(),
        },
        StateKind::Map(map) => {
            let mode = match map.mode {
                MapMode::Inline => "each item",
                MapMode::Distributed { .. } => "each item, distributed",
            };
            match map.max_concurrency {
                Limit::Value(limit) if limit > 0.0 => format!("{mode}, {limit} at a time"),
                _ => mode.to_owned(),
            }
        }
        StateKind::Pass(_) | StateKind::Choice(_) | StateKind::Succeed | StateKind::Parallel(_) => {
            String::new()
        }
    };
    if detail.is_empty() {
        return name.to_owned();
    }
    format!("{name} · {detail}")
}
