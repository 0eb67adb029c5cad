//! Folds the facts of a history into the rows of a trace.
//!
//! Some rows need the fact after theirs: which state a Choice chose, where a caught error
//! goes on. They are held until that fact comes, which is at once: one decision makes both.

mod people;

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

use super::asked::Terms;
use super::fact::Fact;
use super::failure_text;
use super::frames::{Frame, Frames, Held, Visit, Waits};
use super::moment::Moment;
use super::row::{Row, Step};
use people::without_cause;

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
    frames: Frames,
    /// Parallel states by the id of the event that began their branches: the frame that they
    /// are in, and how many branches were seen.
    parallels: BTreeMap<u64, (u32, u32)>,
    /// Whether nothing new begins.
    paused: bool,
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
            .all()
            .filter_map(|frame| self.open_row(frame, now))
            .collect()
    }

    /// How the execution ended, if it did.
    pub(super) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Whether it is paused.
    pub(super) fn is_paused(&self) -> bool {
        self.paused && self.end.is_none()
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
        let frame = moment.frame();
        match fact {
            Fact::Started => self.started_at = Some(moment.at()),
            Fact::Ended(status, failure) => self.end_with(moment, status, failure, rows),
            Fact::Entered { name, state_type } => self.enter(moment, name, state_type, rows),
            Fact::Exited => self.exit(moment, rows),
            Fact::GivenUp => self.give_up(moment, rows),
            Fact::Scheduled {
                waits_for_event,
                approval,
            } => self.schedule(moment, (waits_for_event, approval), live, rows),
            Fact::OfferedToWorkers => self.offer(moment, live, rows),
            Fact::TakenByWorker(worker) => self.taken(moment, worker, rows),
            Fact::Asked(asked) => self.asked(moment, asked, rows),
            Fact::Submitted => self.submitted(moment, rows),
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
                self.frames.wait_no_more(frame);
                self.parallels.insert(moment.event.id, (frame, 0));
                self.row(moment, "parallel", PLAIN, rows);
            }
            Fact::MapStarted { length } => {
                self.frames.wait_no_more(frame);
                let items = units::count(u64::from(length), "item", "items");
                self.row(moment, &format!("map of {items}"), PLAIN, rows);
            }
            Fact::ChildrenSucceeded => self.children_succeeded(moment, rows),
            Fact::ChildrenFailed => self.children_failed(moment, rows),
            Fact::IterationStarted {
                index,
                frame: child,
            } => self.frames.add(child, frame, index),
            // Large Map states have many: what has ended is forgotten.
            Fact::ChildSucceeded => self.frames.forget(frame),
            Fact::ChildFailed => self.frames.halt(frame),
            Fact::Operated(what) => self.operated(moment, what, rows),
            Fact::TakenUp => self.frames.take_up(frame, moment.at()),
            Fact::EvaluationFailed { failure, location } => {
                self.evaluation_failed(moment, &failure, location, rows);
            }
            Fact::EventReceived { name, principal } => {
                rows.push(Row::Step(self.received(moment, name, principal)));
            }
            Fact::Other => {}
        }
    }

    fn enter(&mut self, moment: Moment<'_>, name: &str, state_type: &str, rows: &mut Vec<Row>) {
        let id = moment.extras.frame;
        if !self.frames.has(id)
            && let Some((parent, seen)) = self.parallels.get_mut(&moment.event.previous_event_id)
        {
            let (parent, index) = (*parent, *seen);
            *seen += 1;
            self.frames.add(id, parent, index);
        }
        let frame = self.frames.get_or_root(id);
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
        frame.visit = Some(Visit::new(name, state_type, moment.at()));
        frame.halted = false;
        // A Fail state is never left: it ends its frame.
        if state_type == "Fail" {
            self.row(moment, "fail", BAD, rows);
        }
    }

    fn exit(&mut self, moment: Moment<'_>, rows: &mut Vec<Row>) {
        let Some((state_type, failed, entered_at)) = self
            .frames
            .visit(moment.frame())
            .map(|visit| (visit.state_type.clone(), visit.failed, visit.entered_at))
        else {
            return;
        };
        match state_type.as_str() {
            _ if failed => self.frames.hold(moment.frame(), Held::Caught),
            "Choice" => {
                let step = self.step(moment, "choice", PLAIN);
                self.frames.hold(moment.frame(), Held::Choice(step));
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
        self.frames.leave(moment.frame());
    }

    fn give_up(&mut self, moment: Moment<'_>, rows: &mut Vec<Row>) {
        let frame = self.frames.get(moment.frame());
        if frame.is_some_and(|frame| frame.visit.is_some() && !frame.halted) {
            self.row(moment, "given up", NOTICE, rows);
        }
        self.frames.halt(moment.frame());
    }

    /// The end of an execution ends what still waits in it; and where nothing waits and no
    /// row told of it, the execution ended right there.
    fn close_visits(&self, moment: Moment<'_>, rows: &mut Vec<Row>) {
        for frame in self.frames.all() {
            let Some(visit) = &frame.visit else { continue };
            if frame.halted {
                continue;
            }
            let (event, style) = match &visit.waits {
                Some(waits) => (format!("given up; {}", waits.what), NOTICE),
                None if visit.failed || visit.state_type == "Fail" => continue,
                None => ("failed".to_owned(), BAD),
            };
            let id = moment.event.id;
            let step = self.step_in(frame, visit, id, moment.at(), event, style);
            rows.push(Row::Step(step));
        }
    }

    fn end_with(
        &mut self,
        moment: Moment<'_>,
        status: ExecutionStatus,
        failure: Option<FailureDetails>,
        rows: &mut Vec<Row>,
    ) {
        self.stopped(moment, status, rows);
        self.close_visits(moment, rows);
        self.end = Some(End {
            status,
            at: moment.at(),
            failure,
        });
    }

    fn schedule(
        &mut self,
        moment: Moment<'_>,
        (waits_for_event, approval): (Option<&str>, Option<Terms>),
        live: bool,
        rows: &mut Vec<Row>,
    ) {
        if let Some(visit) = self.frames.visit_mut(moment.frame()) {
            visit.begin_attempt(moment.at(), waits_for_event);
            visit.approval = approval;
        }
        match waits_for_event {
            Some(name) => self.wait(moment, &format!("waits for event {name}"), None, live, rows),
            None => self.frames.wait(moment.frame(), "runs", moment.at(), None),
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
        self.frames.wait(moment.frame(), what, moment.at(), due);
        if live {
            self.row(moment, what, POINTER, rows);
        }
    }

    fn succeed(&mut self, moment: Moment<'_>, rows: &mut Vec<Row>) {
        let by_event = self
            .frames
            .visit(moment.frame())
            .is_some_and(|visit| visit.event.is_some());
        let word = if by_event { "event taken" } else { "task ok" };
        let mut step = self.task_step(moment, word, GOOD);
        if by_event {
            step.attempt = None;
        }
        rows.push(Row::Step(step));
        self.frames.wait_no_more(moment.frame());
    }

    fn fail(
        &mut self,
        moment: Moment<'_>,
        word: &str,
        failure: &FailureDetails,
        rows: &mut Vec<Row>,
    ) {
        rows.push(Row::Step(self.task_step(moment, word, BAD)));
        match self.told_already(moment.frame(), failure) {
            true => rows.push(self.failure_note(moment, &without_cause(failure))),
            false => rows.push(self.failure_note(moment, failure)),
        }
        if let Some(visit) = self.frames.visit_mut(moment.frame()) {
            visit.waits = None;
            visit.failed = true;
        }
    }

    fn retry(&mut self, moment: Moment<'_>, failure: &FailureDetails, rows: &mut Vec<Row>) {
        // Parallel and Map states have no event of their own for a failure that is retried.
        if self
            .frames
            .visit(moment.frame())
            .is_some_and(|visit| !visit.failed)
        {
            self.children_failed(moment, rows);
            rows.push(self.failure_note(moment, failure));
        }
        let due = moment.extras.due.map_or(moment.at(), |due| due.0);
        let text = format!(
            "tried again in {}",
            units::duration(between(moment.at(), due))
        );
        rows.push(Row::Note {
            depth: self.frames.depth(moment.frame()),
            text,
            style: NOTICE,
        });
        let what = "waits for its next attempt";
        self.frames
            .wait(moment.frame(), what, moment.at(), Some(due));
        if let Some(visit) = self.frames.visit_mut(moment.frame()) {
            visit.failed = false;
        }
    }

    fn children_succeeded(&mut self, moment: Moment<'_>, rows: &mut Vec<Row>) {
        let mut step = self.step(moment, "", GOOD);
        if let Some(visit) = self.frames.visit(moment.frame()) {
            step.event = format!("{} ok", visit.state_type.to_lowercase());
            step.took = Some(between(visit.entered_at, moment.at()));
        }
        rows.push(Row::Step(step));
    }

    fn children_failed(&mut self, moment: Moment<'_>, rows: &mut Vec<Row>) {
        let mut step = self.step(moment, "", BAD);
        let Some(visit) = self.frames.visit_mut(moment.frame()) else {
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
                depth: self.frames.depth(moment.frame()),
                text,
                style: DIM,
            });
        }
        rows.push(self.failure_note(moment, failure));
        if let Some(visit) = self.frames.visit_mut(moment.frame()) {
            visit.failed = true;
        }
    }

    fn failure_note(&self, moment: Moment<'_>, failure: &FailureDetails) -> Row {
        let text = failure_text(failure.error.as_deref(), failure.cause.as_deref());
        Row::Note {
            depth: self.frames.depth(moment.frame()),
            text,
            style: BAD,
        }
    }

    fn open_row(&self, frame: &Frame, now: Timestamp) -> Option<Row> {
        let visit = frame.visit.as_ref().filter(|_| !frame.halted)?;
        let Waits { what, since, due } = visit.waits.as_ref()?;
        let event = match due {
            Some(due) => format!("{what}, {} left", units::duration(between(now, *due))),
            None => what.clone(),
        };
        Some(Row::Step(
            self.step_in(frame, visit, 0, *since, event, POINTER),
        ))
    }

    fn step_in(
        &self,
        frame: &Frame,
        visit: &Visit,
        id: u64,
        at: Timestamp,
        event: String,
        style: Style,
    ) -> Step {
        Step {
            id,
            at: self.since_start(at),
            depth: frame.depth,
            branch: frame.branch.clone(),
            state: visit.name.clone(),
            event,
            style,
            attempt: None,
            took: None,
            usage: None,
        }
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
                .frames
                .visit(moment.frame())
                .map(|visit| between(visit.attempt_at, moment.at())),
        };
        step
    }

    fn step(&self, moment: Moment<'_>, event: &str, style: Style) -> Step {
        let frame = self.frames.get(moment.frame());
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
