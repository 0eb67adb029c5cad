//! A state that an execution is in, as people see it.

use stepwell_states::{StateRef, Timestamp};

use super::{Active, Phase};
use crate::event::{EventNumber, FrameId, StateType, Work};

/// What resources end with whose tasks are completed by their token.
const TOKEN_SUFFIX: &str = ".waitForTaskToken";

/// One state that an execution is in.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveState<'a> {
    /// The frame that is in it.
    pub frame: FrameId,
    /// The state.
    pub state: StateRef,
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub state_type: StateType,
    /// Since when.
    pub entered_at: Timestamp,
    /// Number of the current attempt, counted from 1.
    pub attempt: u32,
    /// When something happens by itself.
    pub due: Option<Timestamp>,
    /// Id of the event that entered it, as histories show it.
    pub event: u64,
    /// What it waits for, in a few words.
    pub waits_for: String,
    /// The task whose token it waits for, if it does.
    pub waits_for_token: Option<EventNumber>,
}

impl Active {
    /// Whether a redrive runs the state from its beginning, and keeps nothing of what it did.
    pub(crate) fn starts_over(&self, was_too_large: bool) -> bool {
        match &self.phase {
            // What all succeeded is too large together: none of it is of use.
            Phase::Children(children) => was_too_large && children.all_succeeded(),
            Phase::MapRun(run) => !run.is_redrivable(),
            Phase::Entered | Phase::Waiting | Phase::Task(_) | Phase::Retrying => true,
        }
    }

    /// How often the state was retried in this visit.
    pub(crate) fn retry_count(&self) -> u32 {
        self.attempt.saturating_sub(1)
    }

    /// A task is completed by its token where its definition says so, and nothing of the
    /// host's own will complete it.
    pub(super) fn waits_for_token(&self) -> Option<EventNumber> {
        let Phase::Task(task) = &self.phase else {
            return None;
        };
        let by_token = task.order.resource.ends_with(TOKEN_SUFFIX)
            || matches!(task.order.work, Work::AwaitWorker(_));
        by_token.then_some(task.number)
    }

    pub(super) fn waits_for(&self) -> String {
        let by_token = self.waits_for_token().is_some();
        match &self.phase {
            Phase::Entered => "its turn".to_owned(),
            Phase::Waiting => "its time".to_owned(),
            Phase::Retrying => "the next attempt".to_owned(),
            Phase::MapRun(_) => "its Map Run".to_owned(),
            Phase::Children(children) => {
                format!("{} of {} done", children.succeeded, children.outputs.len())
            }
            Phase::Task(task) => match &task.order.work {
                Work::AwaitEvent(name) => format!("event {name}"),
                Work::AwaitWorker(_) if task.started => "the worker's report".to_owned(),
                Work::AwaitWorker(activity) => format!("a worker of {activity}"),
                Work::AskApproval => match &task.approval {
                    Some(approval) => format!("approval {}", approval.requested.id),
                    None => "approval".to_owned(),
                },
                Work::StartExecution if task.submitted && !by_token => {
                    "another execution".to_owned()
                }
                _ if task.submitted => "its task token".to_owned(),
                _ => "the running task".to_owned(),
            },
        }
    }
}
