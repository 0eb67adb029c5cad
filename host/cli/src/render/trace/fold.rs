//! Folds the facts of a history into the rows of a trace.
//!
//! Some rows need the fact after theirs: which state a Choice chose, where a caught error
//! goes on. They are held until that fact comes, which is at once: one decision makes both.

use std::collections::BTreeMap;
use std::time::Duration;

use anstyle::Style;
use stepwell_engine::Timestamp;
use stepwell_server::wire::{
    ExecutionStatus, Extras, FailureDetails, HistoryEvent, TotalUsage, Usage,
};

use crate::console::{BAD, DIM, GOOD, NOTICE, PLAIN, POINTER};
use crate::render::time::between;
use crate::render::units;

use super::fact::Fact;
use super::failure_text;
use super::row::{Row, Step};

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct End {
    /// How.
    pub(super) status: ExecutionStatus,
    /// When.
    pub(super) at: Timestamp,
    /// With which error.
    pub(super) failure: Option<FailureDetails>,
}

/// What is known of an execution after some of its events.
#[derive(Debug, Default)]
pub(super) struct Fold {
    started_at: Option<Timestamp>,
    end: Option<End>,
    usage: TotalUsage,
    frames: BTreeMap<u32, Frame>,
    /// Parallel states by the id of the event that began their branches: the frame that they
    /// are in, and how many branches were seen.
    parallels: BTreeMap<u64, (u32, u32)>,
}

/// A line of execution.
#[derive(Debug, Default)]
struct Frame {
    depth: usize,
    /// Which branch or iteration; empty for the root.
    branch: String,
    visit: Option<Visit>,
    /// What waits for the next state to be entered.
    held: Option<Held>,
}

/// A stay in a state.
#[derive(Debug)]
struct Visit {
    name: String,
    state_type: String,
    entered_at: Timestamp,
    /// Since when the current attempt is under way.
    attempt_at: Timestamp,
    /// The event that the task waits for.
    event: Option<String>,
    /// What the state waits for now, if it does.
    waits: Option<Waits>,
    /// Whether the last attempt failed and is not tried again.
    failed: bool,
}

/// What a state waits for.
#[derive(Debug)]
struct Waits {
    /// In a trace's words.
    what: String,
    since: Timestamp,
    due: Option<Timestamp>,
}

/// A row or note that wants to name the next state.
#[derive(Debug)]
enum Held {
    Choice(Step),
    Caught,
}

/// The event that a row is made of.
#[derive(Clone, Copy)]
struct Moment<'a> {
    event: &'a HistoryEvent,
    extras: &'a Extras,
}

impl Moment<'_> {
    fn at(&self) -> Timestamp {
        self.event.timestamp.0
    }
}

impl Fold {
    /// Takes one event and returns the rows that it completes. A live trace also shows
    /// that something begins to wait.
    pub(super) fn take(&mut self, event: &HistoryEvent, live: bool) -> Vec<Row> {
        let none = Extras::default();
        let extras = event.stepwell.as_ref().unwrap_or(&none);
        let moment = Moment { event, extras };
        if let Some(usage) = extras.usage {
            self.add_usage(usage);
        }
        let mut rows = Vec::new();
        self.fold(moment, Fact::of(event, extras), live, &mut rows);
        rows
    }

    /// Rows on what has not ended: what each frame waits for.
    pub(super) fn open_rows(&self, now: Timestamp) -> Vec<Row> {
        if self.end.is_some() {
            return Vec::new();
        }
        self.frames
            .values()
            .filter_map(|frame| self.open_row(frame, now))
            .collect()
    }

    /// How the execution ended, if it did.
    pub(super) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// What the tasks used.
    pub(super) fn usage(&self) -> TotalUsage {
        self.usage
    }

    /// Time since the start.
    pub(super) fn since_start(&self, at: Timestamp) -> Duration {
        self.started_at
            .map_or(Duration::ZERO, |started| between(started, at))
    }

    fn add_usage(&mut self, usage: Usage) {
        let total = &mut self.usage;
        total.calls += 1;
        total.fuel = total.fuel.saturating_add(usage.fuel);
        total.duration_us = total.duration_us.saturating_add(usage.duration_us);
        total.memory_peak_bytes = total.memory_peak_bytes.max(usage.memory_peak_bytes);
    }

    fn fold(&mut self, moment: Moment<'_>, fact: Fact<'_>, live: bool, rows: &mut Vec<Row>) {
        let frame = moment.extras.frame;
        match fact {
            Fact::Started => self.started_at = Some(moment.at()),
            Fact::Ended(status, failure) => {
                self.end = Some(End {
                    status,
                    at: moment.at(),
                    failure,
                });
            }
            Fact::Entered { name, state_type } => self.enter(moment, name, state_type, rows),
            Fact::Exited => self.exit(moment, rows),
            Fact::GivenUp => self.give_up(moment, rows),
            Fact::Scheduled { waits_for_event } => {
                self.schedule(moment, waits_for_event, live, rows);
            }
            Fact::OfferedToWorkers => {
                self.begin_attempt(moment, None);
                self.wait(moment, "waits for a worker", None, live, rows);
            }
            Fact::Submitted => self.wait(moment, "waits for its report", None, live, rows),
            Fact::Succeeded => self.succeed(moment, rows),
            Fact::Failed(failure) => self.fail(moment, "task failed", &failure, rows),
            Fact::TimedOut(failure) => self.fail(moment, "task timed out", &failure, rows),
            Fact::WaitStarted => {
                let due = moment.extras.due.map(|due| due.0);
                let length = due.map_or(Duration::ZERO, |due| between(moment.at(), due));
                let what = format!("waits {}", units::duration(length));
                self.wait(moment, &what, due, live, rows);
            }
            Fact::RetryScheduled(failure) => self.retry(moment, &failure, rows),
            Fact::ParallelStarted => {
                self.clear_waits(moment);
                self.parallels.insert(moment.event.id, (frame, 0));
                self.row(moment, "parallel", PLAIN, rows);
            }
            Fact::MapStarted { length } => {
                self.clear_waits(moment);
                let items = units::count(u64::from(length), "item", "items");
                self.row(moment, &format!("map of {items}"), PLAIN, rows);
            }
            Fact::ChildrenSucceeded => self.children_succeeded(moment, rows),
            Fact::ChildrenFailed => self.children_failed(moment, rows),
            Fact::IterationStarted {
                index,
                frame: child,
            } => self.add_frame(child, frame, index),
            // Large Map states have many: what has ended is forgotten.
            Fact::ChildEnded => drop(self.frames.remove(&frame)),
            Fact::EvaluationFailed { failure, location } => {
                self.evaluation_failed(moment, &failure, location, rows);
            }
            Fact::EventReceived { name, principal } => {
                let by = principal
                    .map(|by| format!(", from {by}"))
                    .unwrap_or_default();
                let mut row = self.step(moment, &format!("received{by}"), POINTER);
                row.state = format!("event {name}");
                rows.push(Row::Step(row));
            }
            Fact::Other => {}
        }
    }

    fn enter(&mut self, moment: Moment<'_>, name: &str, state_type: &str, rows: &mut Vec<Row>) {
        let id = moment.extras.frame;
        if !self.frames.contains_key(&id)
            && let Some((parent, seen)) = self.parallels.get_mut(&moment.event.previous_event_id)
        {
            let (parent, index) = (*parent, *seen);
            *seen += 1;
            self.add_frame(id, parent, index);
        }
        let frame = self.frames.entry(id).or_default();
        match frame.held.take() {
            Some(Held::Choice(mut step)) => {
                step.event = format!("choice → {name}");
                rows.push(Row::Step(step));
            }
            Some(Held::Caught) => rows.push(Row::Note {
                depth: frame.depth,
                text: format!("caught; goes on at {name}"),
                style: NOTICE,
            }),
            None => {}
        }
        frame.visit = Some(Visit {
            name: name.to_owned(),
            state_type: state_type.to_owned(),
            entered_at: moment.at(),
            attempt_at: moment.at(),
            event: None,
            waits: None,
            failed: false,
        });
        // A Fail state is never left: it ends its frame.
        if state_type == "Fail" {
            self.row(moment, "fail", BAD, rows);
        }
    }

    fn exit(&mut self, moment: Moment<'_>, rows: &mut Vec<Row>) {
        let Some((state_type, failed, entered_at)) = self
            .visit(moment)
            .map(|visit| (visit.state_type.clone(), visit.failed, visit.entered_at))
        else {
            return;
        };
        match state_type.as_str() {
            _ if failed => self.hold(moment, Held::Caught),
            "Choice" => {
                let step = self.step(moment, "choice", PLAIN);
                self.hold(moment, Held::Choice(step));
            }
            "Pass" => self.row(moment, "pass", PLAIN, rows),
            "Succeed" => self.row(moment, "succeed", GOOD, rows),
            "Wait" => {
                let mut step = self.step(moment, "waited", GOOD);
                step.took = Some(between(entered_at, moment.at()));
                rows.push(Row::Step(step));
            }
            // What Task, Parallel and Map states do has rows already.
            _ => {}
        }
        if let Some(frame) = self.frames.get_mut(&moment.extras.frame) {
            frame.visit = None;
        }
    }

    fn give_up(&mut self, moment: Moment<'_>, rows: &mut Vec<Row>) {
        if self.visit(moment).is_some() {
            self.row(moment, "given up", NOTICE, rows);
        }
        if let Some(frame) = self.frames.get_mut(&moment.extras.frame) {
            frame.visit = None;
        }
    }

    fn schedule(
        &mut self,
        moment: Moment<'_>,
        waits_for_event: Option<&str>,
        live: bool,
        rows: &mut Vec<Row>,
    ) {
        self.begin_attempt(moment, waits_for_event);
        match waits_for_event {
            Some(name) => self.wait(moment, &format!("waits for event {name}"), None, live, rows),
            None => self.set_waits(moment, "runs", None),
        }
    }

    fn wait(
        &mut self,
        moment: Moment<'_>,
        what: &str,
        due: Option<Timestamp>,
        live: bool,
        rows: &mut Vec<Row>,
    ) {
        self.set_waits(moment, what, due);
        if live {
            self.row(moment, what, POINTER, rows);
        }
    }

    fn begin_attempt(&mut self, moment: Moment<'_>, event: Option<&str>) {
        if let Some(visit) = self.visit_mut(moment) {
            visit.attempt_at = moment.at();
            visit.event = event.map(str::to_owned);
        }
    }

    fn set_waits(&mut self, moment: Moment<'_>, what: &str, due: Option<Timestamp>) {
        if let Some(visit) = self.visit_mut(moment) {
            visit.waits = Some(Waits {
                what: what.to_owned(),
                since: moment.at(),
                due,
            });
        }
    }

    fn clear_waits(&mut self, moment: Moment<'_>) {
        if let Some(visit) = self.visit_mut(moment) {
            visit.waits = None;
        }
    }

    fn succeed(&mut self, moment: Moment<'_>, rows: &mut Vec<Row>) {
        let by_event = self
            .visit(moment)
            .is_some_and(|visit| visit.event.is_some());
        let word = if by_event { "event taken" } else { "task ok" };
        let mut step = self.task_step(moment, word, GOOD);
        if by_event {
            step.attempt = None;
        }
        rows.push(Row::Step(step));
        self.clear_waits(moment);
    }

    fn fail(
        &mut self,
        moment: Moment<'_>,
        word: &str,
        failure: &FailureDetails,
        rows: &mut Vec<Row>,
    ) {
        rows.push(Row::Step(self.task_step(moment, word, BAD)));
        rows.push(self.failure_note(moment, failure));
        if let Some(visit) = self.visit_mut(moment) {
            visit.waits = None;
            visit.failed = true;
        }
    }

    fn retry(&mut self, moment: Moment<'_>, failure: &FailureDetails, rows: &mut Vec<Row>) {
        // Parallel and Map states have no event of their own for a failure that is retried.
        if self.visit(moment).is_some_and(|visit| !visit.failed) {
            self.children_failed(moment, rows);
            rows.push(self.failure_note(moment, failure));
        }
        let due = moment.extras.due.map_or(moment.at(), |due| due.0);
        let text = format!(
            "tried again in {}",
            units::duration(between(moment.at(), due))
        );
        rows.push(Row::Note {
            depth: self.depth(moment),
            text,
            style: NOTICE,
        });
        self.set_waits(moment, "waits for its next attempt", Some(due));
        if let Some(visit) = self.visit_mut(moment) {
            visit.failed = false;
        }
    }

    fn children_succeeded(&mut self, moment: Moment<'_>, rows: &mut Vec<Row>) {
        let mut step = self.step(moment, "", GOOD);
        if let Some(visit) = self.visit(moment) {
            step.event = format!("{} ok", visit.state_type.to_lowercase());
            step.took = Some(between(visit.entered_at, moment.at()));
        }
        rows.push(Row::Step(step));
    }

    fn children_failed(&mut self, moment: Moment<'_>, rows: &mut Vec<Row>) {
        let mut step = self.step(moment, "", BAD);
        let Some(visit) = self.visit_mut(moment) else {
            return;
        };
        step.event = format!("{} failed", visit.state_type.to_lowercase());
        step.took = Some(between(visit.entered_at, moment.at()));
        visit.failed = true;
        rows.push(Row::Step(step));
    }

    fn evaluation_failed(
        &mut self,
        moment: Moment<'_>,
        failure: &FailureDetails,
        location: Option<&str>,
        rows: &mut Vec<Row>,
    ) {
        self.row(moment, "evaluation failed", BAD, rows);
        if let Some(location) = location {
            let text = format!("in {location}");
            rows.push(Row::Note {
                depth: self.depth(moment),
                text,
                style: DIM,
            });
        }
        rows.push(self.failure_note(moment, failure));
        if let Some(visit) = self.visit_mut(moment) {
            visit.failed = true;
        }
    }

    fn failure_note(&self, moment: Moment<'_>, failure: &FailureDetails) -> Row {
        let text = failure_text(failure.error.as_deref(), failure.cause.as_deref());
        Row::Note {
            depth: self.depth(moment),
            text,
            style: BAD,
        }
    }

    fn open_row(&self, frame: &Frame, now: Timestamp) -> Option<Row> {
        let visit = frame.visit.as_ref()?;
        let Waits { what, since, due } = visit.waits.as_ref()?;
        let event = match due {
            Some(due) => format!("{what}, {} left", units::duration(between(now, *due))),
            None => what.clone(),
        };
        Some(Row::Step(Step {
            id: 0,
            at: self.since_start(*since),
            depth: frame.depth,
            branch: frame.branch.clone(),
            state: visit.name.clone(),
            event,
            style: POINTER,
            attempt: None,
            took: None,
            usage: None,
        }))
    }

    fn add_frame(&mut self, id: u32, parent: u32, index: u32) {
        let (depth, branch) = match self.frames.get(&parent) {
            Some(parent) if parent.branch.is_empty() => (parent.depth + 1, index.to_string()),
            Some(parent) => (parent.depth + 1, format!("{}.{index}", parent.branch)),
            None => (1, index.to_string()),
        };
        let frame = Frame {
            depth,
            branch,
            visit: None,
            held: None,
        };
        self.frames.insert(id, frame);
    }

    fn hold(&mut self, moment: Moment<'_>, held: Held) {
        if let Some(frame) = self.frames.get_mut(&moment.extras.frame) {
            frame.held = Some(held);
        }
    }

    fn visit(&self, moment: Moment<'_>) -> Option<&Visit> {
        self.frames.get(&moment.extras.frame)?.visit.as_ref()
    }

    fn visit_mut(&mut self, moment: Moment<'_>) -> Option<&mut Visit> {
        self.frames.get_mut(&moment.extras.frame)?.visit.as_mut()
    }

    fn depth(&self, moment: Moment<'_>) -> usize {
        self.frames
            .get(&moment.extras.frame)
            .map_or(0, |frame| frame.depth)
    }

    fn row(&self, moment: Moment<'_>, event: &str, style: Style, rows: &mut Vec<Row>) {
        rows.push(Row::Step(self.step(moment, event, style)));
    }

    /// The row of a task's end: which attempt, how long, at what cost.
    fn task_step(&self, moment: Moment<'_>, event: &str, style: Style) -> Step {
        let mut step = self.step(moment, event, style);
        step.attempt = moment.extras.attempt;
        step.usage = moment.extras.usage;
        step.took = match moment.extras.usage {
            Some(usage) => Some(Duration::from_micros(usage.duration_us)),
            None => self
                .visit(moment)
                .map(|visit| between(visit.attempt_at, moment.at())),
        };
        step
    }

    fn step(&self, moment: Moment<'_>, event: &str, style: Style) -> Step {
        let frame = self.frames.get(&moment.extras.frame);
        let visit = frame.and_then(|frame| frame.visit.as_ref());
        Step {
            id: moment.event.id,
            at: self.since_start(moment.at()),
            depth: frame.map_or(0, |frame| frame.depth),
            branch: frame.map(|frame| frame.branch.clone()).unwrap_or_default(),
            state: visit.map(|visit| visit.name.clone()).unwrap_or_default(),
            event: event.to_owned(),
            style,
            attempt: None,
            took: None,
            usage: None,
        }
    }
}
