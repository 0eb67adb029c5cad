//! Loops in which no time passes.
//!
//! A loop is a strongly connected component of a scope's states, without those that
//! wait. Found in linear time and without recursion: a definition may be one chain of
//! thousands of states.

use super::super::report::Report;
use super::{Subject, waits};
use crate::definition::{Scope, State, StateKind, StateRef, Transition};

/// Warns of the first state of each loop.
pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let waiting = waiting_scopes(subject);
    for (id, scope) in subject.machine.scopes() {
        let graph: Vec<Vec<usize>> = scope
            .states
            .iter()
            .map(|state| match lets_time_pass(state, &waiting) {
                true => Vec::new(),
                false => successors(state),
            })
            .collect();
        for first in loops(&graph) {
            let (Some(state), Ok(index)) = (scope.states.get(first), u32::try_from(first)) else {
                continue;
            };
            subject.warn(
                (StateRef { scope: id, index }, &[]),
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
}

/// Says of each scope whether some state in it, or deeper, waits.
fn waiting_scopes(subject: &Subject<'_>) -> Vec<bool> {
    let scopes: Vec<&Scope> = subject.machine.scopes().map(|(_, scope)| scope).collect();
    let mut waiting = vec![false; scopes.len()];
    // Inner scopes have the higher numbers.
    for (index, scope) in scopes.iter().enumerate().rev() {
        let waits = scope
            .states
            .iter()
            .any(|state| lets_time_pass(state, &waiting));
        if let Some(slot) = waiting.get_mut(index) {
            *slot = waits;
        }
    }
    waiting
}

fn lets_time_pass(state: &State, waiting: &[bool]) -> bool {
    let inside = |scope: &crate::definition::ScopeId| waiting.get(scope.0 as usize) == Some(&true);
    match &state.kind {
        StateKind::Parallel(parallel) => parallel.branches.iter().any(inside),
        StateKind::Map(map) => inside(&map.processor),
        _ => waits(state),
    }
}

/// Returns the indexes of the states that a state may go on to.
fn successors(state: &State) -> Vec<usize> {
    let mut next: Vec<StateRef> = state.catch.iter().map(|catcher| catcher.next).collect();
    if let Transition::Next(state) = state.transition {
        next.push(state);
    }
    if let StateKind::Choice(choice) = &state.kind {
        next.extend(choice.rules.iter().map(|rule| rule.next));
        next.extend(choice.default);
    }
    next.into_iter().map(|state| state.index as usize).collect()
}

/// Returns the least member of each loop, in order (Tarjan's algorithm).
fn loops(graph: &[Vec<usize>]) -> Vec<usize> {
    let mut search = Search {
        graph,
        numbers: vec![None; graph.len()],
        low: vec![0; graph.len()],
        on_stack: vec![false; graph.len()],
        stack: Vec::new(),
        found: Vec::new(),
        next: 0,
    };
    for node in 0..graph.len() {
        search.run(node);
    }
    search.found.sort_unstable();
    search.found
}

struct Search<'a> {
    graph: &'a [Vec<usize>],
    numbers: Vec<Option<usize>>,
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    found: Vec<usize>,
    next: usize,
}

#[expect(
    clippy::indexing_slicing,
    reason = "every vector is as long as the graph, and nodes are indexes into it"
)]
impl Search<'_> {
    fn run(&mut self, root: usize) {
        if self.numbers[root].is_some() {
            return;
        }
        // A node, and how many of its successors have been looked at.
        let mut open = vec![(root, 0)];
        self.enter(root);
        while let Some((node, at)) = open.last_mut() {
            let node = *node;
            if let Some(next) = self.graph[node].get(*at).copied() {
                *at += 1;
                match self.numbers[next] {
                    None => {
                        self.enter(next);
                        open.push((next, 0));
                    }
                    Some(number) if self.on_stack[next] => {
                        self.low[node] = self.low[node].min(number);
                    }
                    Some(_) => {}
                }
            } else {
                open.pop();
                self.leave(node);
                if let Some((parent, _)) = open.last() {
                    self.low[*parent] = self.low[*parent].min(self.low[node]);
                }
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.numbers[node] = Some(self.next);
        self.low[node] = self.next;
        self.next += 1;
        self.stack.push(node);
        self.on_stack[node] = true;
    }

    /// Takes a component off the stack if the node is its root.
    fn leave(&mut self, node: usize) {
        if self.numbers[node] != Some(self.low[node]) {
            return;
        }
        let mut component = Vec::new();
        while let Some(member) = self.stack.pop() {
            self.on_stack[member] = false;
            component.push(member);
            if member == node {
                break;
            }
        }
        let is_loop = component.len() > 1 || self.graph[node].contains(&node);
        if is_loop {
            self.found.extend(component.iter().min());
        }
    }
}
