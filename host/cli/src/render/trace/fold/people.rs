//! What people and workers do in an execution: they decide, take its work and stop it.

use stepwell_server::wire::{ExecutionStatus, FailureDetails};

use super::super::asked::Asked;
use super::super::moment::Moment;
use super::super::operated::{Deed, Operated};
use super::super::row::{Row, Step};
use super::Fold;
use crate::console::{NOTICE, PLAIN, POINTER};

impl Fold {
    /// Whether a line waits for people.
    pub(super) fn is_approval(&self, frame: u32) -> bool {
        let visit = self.frames.visit(frame);
        visit.is_some_and(|visit| visit.approval.is_some())
    }

    /// People are asked, or one of them decided.
    pub(super) fn asked(&mut self, moment: Moment<'_>, asked: Asked<'_>, rows: &mut Vec<Row>) {
        let frame = moment.frame();
        let visit = self.frames.visit(frame);
        let terms = visit.and_then(|visit| visit.approval.as_ref());
        let is_again = visit.is_some_and(|visit| visit.is_asked);
        let principal = moment.extras.principal.as_deref();
        if let Some((words, style)) = asked.words(terms, principal, is_again) {
            self.row(moment, &words, style, rows);
        }
        if let Asked::Requested { id } = asked {
            let due = moment.extras.due.map(|due| due.0);
            if !is_again {
                let what = format!("waits for approval {id}");
                self.frames.wait(frame, &what, moment.at(), due);
            }
            if let Some(visit) = self.frames.visit_mut(frame) {
                visit.is_asked = true;
            }
        }
    }

    /// The work was handed over. An approval is told of when people are asked.
    pub(super) fn submitted(&mut self, moment: Moment<'_>, rows: &mut Vec<Row>) {
        if self.is_approval(moment.frame()) {
            return;
        }
        rows.push(Row::Step(self.task_step(moment, "handed over", PLAIN)));
        self.wait(moment, "waits for its report", None, false, rows);
    }

    /// A worker is to take a task.
    pub(super) fn offer(&mut self, moment: Moment<'_>, live: bool, rows: &mut Vec<Row>) {
        if let Some(visit) = self.frames.visit_mut(moment.frame()) {
            visit.begin_attempt(moment.at(), None);
        }
        self.wait(moment, "waits for a worker", None, live, rows);
    }

    /// A worker took a task.
    pub(super) fn taken(&mut self, moment: Moment<'_>, worker: Option<&str>, rows: &mut Vec<Row>) {
        let by = match (worker, moment.extras.principal.as_deref()) {
            (Some(worker), Some(principal)) => format!("worker {worker} ({principal})"),
            (Some(worker), None) => format!("worker {worker}"),
            (None, Some(principal)) => principal.to_owned(),
            (None, None) => "a worker".to_owned(),
        };
        self.row(moment, &format!("taken by {by}"), POINTER, rows);
        let what = format!("waits for the report of {by}");
        self.frames.wait(moment.frame(), &what, moment.at(), None);
    }

    /// Somebody stopped the execution.
    pub(super) fn stopped(&self, moment: Moment<'_>, status: ExecutionStatus, rows: &mut Vec<Row>) {
        let principal = moment.extras.principal.as_deref();
        let (ExecutionStatus::Aborted, Some(by)) = (status, principal) else {
            return;
        };
        let mut step = self.step(moment, &format!("stopped, by {by}"), NOTICE);
        step.state = "stop".to_owned();
        rows.push(Row::Step(step));
    }

    /// Somebody posted an event.
    pub(super) fn received(&self, moment: Moment<'_>, name: &str, principal: Option<&str>) -> Step {
        let by = principal
            .map(|by| format!(", from {by}"))
            .unwrap_or_default();
        let mut step = self.step(moment, &format!("received{by}"), POINTER);
        step.state = format!("event {name}");
        step
    }

    /// Somebody redrove, paused or resumed it, or did something to a state.
    pub(super) fn operated(&mut self, moment: Moment<'_>, what: Operated<'_>, rows: &mut Vec<Row>) {
        match what.deed {
            Deed::Redrive(..) => self.end = None,
            Deed::Pause(_) => self.paused = true,
            Deed::Resumption => self.paused = false,
            Deed::Intervention(_) => {}
        }
        what.rows(self.step(moment, "", NOTICE), rows);
    }

    /// Whether rows on an approval have told already why its task failed.
    pub(super) fn told_already(&self, frame: u32, failure: &FailureDetails) -> bool {
        let error = failure.error.as_deref();
        self.is_approval(frame) && matches!(error, Some("Approval.Rejected" | "Approval.Expired"))
    }
}

/// The name of a failure alone.
pub(super) fn without_cause(failure: &FailureDetails) -> FailureDetails {
    FailureDetails {
        error: failure.error.clone(),
        cause: None,
    }
}
