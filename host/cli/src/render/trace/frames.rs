//! Where an execution is: its lines of execution, and the state that each of them is in.

use std::collections::BTreeMap;

use stepwell_engine::Timestamp;

use super::asked::Terms;
use super::row::Step;

/// The lines of execution by their number; the root is 0.
#[derive(Debug, Default)]
pub(super) struct Frames(BTreeMap<u32, Frame>);

/// A line of execution.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// How many Parallel and Map states it is within.
    pub(super) depth: usize,
    /// Which branch or iteration; empty for the root.
    pub(super) branch: String,
    /// The state that it is in.
    pub(super) visit: Option<Visit>,
    /// What waits for the next state to be entered.
    pub(super) held: Option<Held>,
    /// Whether it failed or was given up: it is here for a redrive to go on with.
    pub(super) halted: bool,
}

/// A stay in a state.
#[derive(Debug)]
pub(super) struct Visit {
    /// The state's name.
    pub(super) name: String,
    /// Its type, as definitions write it.
    pub(super) state_type: String,
    /// Since when.
    pub(super) entered_at: Timestamp,
    /// Since when the current attempt is under way.
    pub(super) attempt_at: Timestamp,
    /// The event that the task waits for.
    pub(super) event: Option<String>,
    /// Where people are asked: who they are.
    pub(super) approval: Option<Terms>,
    /// Whether they have been asked.
    pub(super) is_asked: bool,
    /// What the state waits for now, if it does.
    pub(super) waits: Option<Waits>,
    /// Whether the last attempt failed and is not tried again.
    pub(super) failed: bool,
}

/// What a state waits for.
#[derive(Debug)]
pub(super) struct Waits {
    /// In a trace's words.
    pub(super) what: String,
    /// Since when.
    pub(super) since: Timestamp,
    /// Until when, where that is known.
    pub(super) due: Option<Timestamp>,
}

/// A row or note that wants to name the next state.
#[derive(Debug)]
pub(super) enum Held {
    /// What a Choice chose.
    Choice(Step),
    /// Where a caught error goes on.
    Caught,
}

impl Visit {
    /// A stay that begins now.
    pub(super) fn new(name: &str, state_type: &str, at: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            state_type: state_type.to_owned(),
            entered_at: at,
            attempt_at: at,
            event: None,
            approval: None,
            is_asked: false,
            waits: None,
            failed: false,
        }
    }

    /// A task begins, or begins again; perhaps one that waits for an event.
    pub(super) fn begin_attempt(&mut self, at: Timestamp, event: Option<&str>) {
        self.attempt_at = at;
        self.event = event.map(str::to_owned);
        self.approval = None;
        self.is_asked = false;
    }
}

impl Frames {
    /// Adds a branch or iteration of the state that `parent` is in.
    pub(super) fn add(&mut self, id: u32, parent: u32, index: u32) {
        let (depth, branch) = match self.0.get(&parent) {
            Some(parent) if parent.branch.is_empty() => (parent.depth + 1, index.to_string()),
            Some(parent) => (parent.depth + 1, format!("{}.{index}", parent.branch)),
            None => (1, index.to_string()),
        };
        let frame = Frame {
            depth,
            branch,
            visit: None,
            held: None,
            halted: false,
        };
        self.0.insert(id, frame);
    }

    /// Forgets a line that has ended.
    pub(super) fn forget(&mut self, id: u32) {
        self.0.remove(&id);
    }

    /// A line failed, or was given up.
    pub(super) fn halt(&mut self, id: u32) {
        if let Some(frame) = self.0.get_mut(&id) {
            frame.halted = true;
            frame.held = None;
        }
    }

    /// A line goes on in the state that it did not leave.
    pub(super) fn take_up(&mut self, id: u32, at: Timestamp) {
        if let Some(frame) = self.0.get_mut(&id) {
            frame.halted = false;
            if let Some(visit) = &mut frame.visit {
                visit.begin_attempt(at, None);
                visit.waits = None;
                visit.failed = false;
            }
        }
    }

    /// Whether the line is known.
    pub(super) fn has(&self, id: u32) -> bool {
        self.0.contains_key(&id)
    }

    /// All lines, in the order in which they began.
    pub(super) fn all(&self) -> impl Iterator<Item = &Frame> {
        self.0.values()
    }

    /// A line, if it is known.
    pub(super) fn get(&self, id: u32) -> Option<&Frame> {
        self.0.get(&id)
    }

    /// A line; one that nobody announced is taken for a root.
    pub(super) fn get_or_root(&mut self, id: u32) -> &mut Frame {
        self.0.entry(id).or_default()
    }

    /// How deep a line is nested.
    pub(super) fn depth(&self, id: u32) -> usize {
        self.0.get(&id).map_or(0, |frame| frame.depth)
    }

    /// The stay that a line is at.
    pub(super) fn visit(&self, id: u32) -> Option<&Visit> {
        self.0.get(&id)?.visit.as_ref()
    }

    /// The same, to change it.
    pub(super) fn visit_mut(&mut self, id: u32) -> Option<&mut Visit> {
        self.0.get_mut(&id)?.visit.as_mut()
    }

    /// Ends a line's stay.
    pub(super) fn leave(&mut self, id: u32) {
        if let Some(frame) = self.0.get_mut(&id) {
            frame.visit = None;
        }
    }

    /// Holds a row back until the next state is entered.
    pub(super) fn hold(&mut self, id: u32, held: Held) {
        if let Some(frame) = self.0.get_mut(&id) {
            frame.held = Some(held);
        }
    }

    /// A line begins to wait.
    pub(super) fn wait(&mut self, id: u32, what: &str, since: Timestamp, due: Option<Timestamp>) {
        if let Some(visit) = self.visit_mut(id) {
            visit.waits = Some(Waits {
                what: what.to_owned(),
                since,
                due,
            });
        }
    }

    /// A line waits no more.
    pub(super) fn wait_no_more(&mut self, id: u32) {
        if let Some(visit) = self.visit_mut(id) {
            visit.waits = None;
        }
    }
}
