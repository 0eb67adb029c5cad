//! An execution as its history makes it: the fold of its events.
//!
//! Nothing here decides or changes anything; [`crate::evolve()`] is what changes it.

mod active;
mod answerable;
mod end;
mod usage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_states::{ExecutionType, MapPlan, Payload, ScopeId, StateRef, Timestamp};

use crate::approval::{Given, OpenApproval};
use crate::event::{
    EventNumber, FrameId, HistoryEvent, ReceivedEvent, StateType, TaskScheduled, Work,
};
use crate::evolve::evolve;
use crate::failure::{DATA_LIMIT, Failure, RUNTIME};

use crate::map_run::MapRunStarted;
use crate::redrive::Redriven;
use crate::started::ExecutionStarted;
pub use active::ActiveState;
pub use end::{End, Status};
pub use usage::TotalUsage;

/// Where an execution stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Execution {
    pub(crate) started: Option<Arc<ExecutionStarted>>,
    pub(crate) started_at: Timestamp,
    pub(crate) end: Option<End>,
    /// Number of the last event.
    pub(crate) version: EventNumber,
    /// When the last event happened.
    pub(crate) last_at: Timestamp,
    /// Wire id of the last event that the wire shows.
    pub(crate) last_id: u64,
    pub(crate) frames: BTreeMap<FrameId, Frame>,
    pub(crate) next_frame: u32,
    /// Frames that have a state to enter.
    pub(crate) ready: BTreeSet<FrameId>,
    /// Each frame's next due time.
    pub(crate) timers: BTreeSet<(Timestamp, FrameId)>,
    /// Tasks without an end, and the frame that waits for each.
    pub(crate) tasks: BTreeMap<EventNumber, FrameId>,
    /// Those of them that the host has to do something for.
    pub(crate) to_run: BTreeSet<EventNumber>,
    /// Map Runs without an end, and the frame that waits for each.
    pub(crate) map_runs: BTreeMap<EventNumber, FrameId>,
    /// Posted events that no state has taken.
    pub(crate) inbox: BTreeMap<EventNumber, ReceivedEvent>,
    /// Senders' ids of all posted events.
    pub(crate) seen_events: BTreeSet<Arc<str>>,
    pub(crate) usage: TotalUsage,
    /// Bytes of the variables of all frames.
    #[serde(default)]
    pub(crate) variables_bytes: u64,
    /// Redrives so far.
    #[serde(default)]
    pub(crate) redrives: Vec<Redriven>,
    /// Tasks that wait for people: the approvals that these were asked for.
    #[serde(default)]
    pub(crate) approvals: BTreeSet<EventNumber>,
    /// Since when nothing new begins.
    #[serde(default)]
    pub(crate) paused_at: Option<Timestamp>,
    /// When the execution times out, where a pause has moved that.
    #[serde(default)]
    pub(crate) moved_deadline: Option<Timestamp>,
    /// Operators who put a result or a failure in the place of a task's.
    #[serde(default)]
    pub(crate) intervened_by: BTreeSet<Arc<str>>,
    /// Revisions that it ran before redrives went on with others.
    #[serde(default)]
    pub(crate) revisions_before: BTreeSet<u64>,
    /// Who paused it, and why.
    #[serde(default)]
    pub(crate) paused_by: Option<Arc<str>>,
    #[serde(default)]
    pub(crate) pause_reason: Option<Arc<str>>,
    /// Approvals that were given, oldest first.
    #[serde(default)]
    pub(crate) given: Vec<Given>,
    /// Items of running Map states. A cache of what the definition says: it is
    /// filled by decisions, and takes no part in equality or storage.
    #[serde(skip)]
    pub(crate) plans: PlanCache,
}

/// One line of execution: the root, a Parallel branch or a Map iteration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) parent: Option<ParentFrame>,
    pub(crate) scope: ScopeId,
    /// Wire id of the event that the next one of this frame follows.
    pub(crate) cursor: u64,
    pub(crate) next: Option<Next>,
    pub(crate) active: Option<Active>,
    /// Variables assigned in this frame; a name that it lacks is looked up in its parent.
    pub(crate) variables: BTreeMap<String, Payload>,
    /// Key of this frame in the timers.
    pub(crate) due: Option<Timestamp>,
    /// Whether it was given up: nothing of it happens any more, unless the execution ends so
    /// and is redriven.
    #[serde(default)]
    pub(crate) halted: bool,
}

/// Whose branch or iteration a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ParentFrame {
    pub(crate) frame: FrameId,
    /// Index of the branch or item.
    pub(crate) index: u32,
}

/// The state that a frame enters next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Next {
    /// Without one: where the frame's scope starts.
    pub(crate) state: Option<StateRef>,
    pub(crate) input: Payload,
}

/// The state that a frame is in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Active {
    pub(crate) state: StateRef,
    pub(crate) state_type: StateType,
    pub(crate) name: Arc<str>,
    pub(crate) entered: EventNumber,
    /// Wire id of the `…StateEntered` event.
    pub(crate) entered_id: u64,
    /// Wire id of the event before it.
    pub(crate) entered_previous_id: u64,
    pub(crate) entered_at: Timestamp,
    pub(crate) input: Payload,
    /// How often each retrier was used in this visit, by its index.
    pub(crate) retries: BTreeMap<u32, u32>,
    /// Number of the current attempt, counted from 1.
    pub(crate) attempt: u32,
    pub(crate) phase: Phase,
    /// The redrive that gave it another input, if one did.
    #[serde(default)]
    pub(crate) edited_by: Option<EventNumber>,
}

/// How far a frame is with its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Nothing was recorded but the entry.
    Entered,
    /// A Wait state, until `due`.
    Waiting,
    /// A task is scheduled.
    Task(OpenTask),
    /// A failed state is tried again when it is due.
    Retrying,
    /// Branches or iterations run.
    Children(Children),
    /// A distributed Map's items run as child executions.
    MapRun(OpenMapRun),
}

/// A Map Run that a Map state waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OpenMapRun {
    pub(crate) number: EventNumber,
    /// Wire id of the `MapRunStarted` event.
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    pub(crate) started: Arc<MapRunStarted>,
    /// How often it was redriven.
    #[serde(default)]
    pub(crate) redrives: u32,
    /// How it ended.
    #[serde(default)]
    pub(crate) ended: Option<Result<(), Failure>>,
}

impl OpenMapRun {
    /// Whether a redrive goes on with this run. It begins another one where the run did all
    /// that it had to do, or failed for what its definition says, as AWS has it; and where
    /// nothing is left of the children, or their results are written already.
    pub(crate) fn is_redrivable(&self) -> bool {
        let writer = self.started.writer.as_ref();
        let kept = self.started.execution_type == ExecutionType::Standard
            && writer.is_none_or(|writer| writer.resource.is_none());
        kept && match &self.ended {
            None => true,
            Some(Ok(())) => false,
            Some(Err(failure)) => !matches!(failure.error_name(), DATA_LIMIT | RUNTIME),
        }
    }
}

/// A scheduled task without an end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OpenTask {
    pub(crate) number: EventNumber,
    pub(crate) order: Arc<TaskScheduled>,
    pub(crate) started: bool,
    pub(crate) submitted: bool,
    pub(crate) times_out_at: Option<Timestamp>,
    pub(crate) heartbeat_due: Option<Timestamp>,
    /// How the execution that it waits for ended, where that was known before its start.
    #[serde(default)]
    pub(crate) child_end: Option<Result<Payload, Failure>>,
    /// What people are asked, once they are.
    #[serde(default)]
    pub(crate) approval: Option<Box<OpenApproval>>,
    /// Wire id of the `TaskScheduled` event.
    #[serde(default)]
    pub(crate) id: u64,
}

impl OpenTask {
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let approval = self.approval.as_ref().and_then(|approval| approval.due());
        [self.times_out_at, self.heartbeat_due, approval]
            .into_iter()
            .flatten()
            .min()
    }
}

/// The running branches of a Parallel state or iterations of a Map state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Children {
    /// Outputs so far, by index.
    pub(crate) outputs: Vec<Option<Payload>>,
    pub(crate) succeeded: u32,
    /// How many iterations have begun; of branches, all.
    pub(crate) begun: u32,
    /// Frames that run.
    pub(crate) running: BTreeSet<FrameId>,
    /// Frames that failed or were given up.
    #[serde(default)]
    pub(crate) lost: BTreeSet<FrameId>,
}

impl Children {
    pub(crate) fn all_succeeded(&self) -> bool {
        self.succeeded as usize == self.outputs.len()
    }
}

/// Items of running Map states, by frame.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlanCache(pub(crate) BTreeMap<FrameId, Arc<MapPlan>>);

impl PartialEq for PlanCache {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A task that the host has to do something for.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingWork {
    /// The `TaskScheduled` event.
    pub scheduled: EventNumber,
    /// What is to be done.
    pub order: Arc<TaskScheduled>,
}

impl Execution {
    /// Folds a history.
    #[must_use]
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a HistoryEvent>) -> Self {
        let mut execution = Self::default();
        for event in events {
            evolve(&mut execution, event);
        }
        execution
    }

    /// Returns what the first event says, once there is one.
    #[must_use]
    pub fn started(&self) -> Option<&Arc<ExecutionStarted>> {
        self.started.as_ref()
    }

    /// Returns when the execution started.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// Returns the number of the last event.
    #[must_use]
    pub fn version(&self) -> EventNumber {
        self.version
    }

    /// Returns how the execution ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.end.as_ref().map_or(Status::Running, |end| end.status)
    }

    /// Returns what its task calls have used.
    #[must_use]
    pub fn usage(&self) -> TotalUsage {
        self.usage
    }

    /// Returns the earliest time at which something is to happen by itself.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        if self.end.is_some() || self.paused_at.is_some() {
            return None;
        }
        let timer = self.timers.first().map(|(due, _)| *due);
        match (timer, self.deadline()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Returns whether something has to be done now: a task to run, a decision to go
    /// on with, a parent to be told of the end.
    #[must_use]
    pub fn has_work(&self) -> bool {
        match &self.end {
            Some(_) => self
                .started
                .as_ref()
                .is_some_and(|started| started.parent.is_some()),
            None if self.paused_at.is_some() => false,
            None => !self.to_run.is_empty() || !self.ready.is_empty(),
        }
    }

    /// Returns whether the last decision stopped at its limit of events.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.end.is_none() && self.paused_at.is_none() && !self.ready.is_empty()
    }

    /// Returns since when the execution is paused, if it is.
    #[must_use]
    pub fn paused_at(&self) -> Option<Timestamp> {
        self.paused_at
    }

    /// Returns whether a task still waits for its end.
    #[must_use]
    pub fn is_open(&self, scheduled: EventNumber) -> bool {
        self.end.is_none() && self.tasks.contains_key(&scheduled)
    }

    /// Returns the Map Runs that are waited for, by their `MapRunStarted` events.
    pub fn open_map_runs(&self) -> impl Iterator<Item = EventNumber> + '_ {
        self.map_runs.keys().copied()
    }

    /// Returns the tasks that wait for their end.
    pub fn open_tasks(&self) -> impl Iterator<Item = EventNumber> + '_ {
        self.tasks.keys().copied()
    }

    /// Returns the orders of the tasks that wait for their end.
    pub fn open_orders(&self) -> impl Iterator<Item = (EventNumber, &Arc<TaskScheduled>)> + '_ {
        let orders = self.tasks.keys();
        orders.filter_map(|number| Some((*number, &self.open_task(*number)?.order)))
    }

    /// Returns the tasks that the host has to do something for, oldest first.
    pub fn pending_work(&self) -> impl Iterator<Item = PendingWork> + '_ {
        self.to_run.iter().filter_map(|number| {
            let task = self.open_task(*number)?;
            Some(PendingWork {
                scheduled: *number,
                order: Arc::clone(&task.order),
            })
        })
    }

    /// Returns the approvals that wait for people: the `TaskScheduled` event, the order, and
    /// what they are asked.
    pub fn open_approvals(
        &self,
    ) -> impl Iterator<Item = (EventNumber, &Arc<TaskScheduled>, &OpenApproval)> + '_ {
        self.approvals.iter().filter_map(|number| {
            let task = self.open_task(*number)?;
            Some((*number, &task.order, &**task.approval.as_ref()?))
        })
    }

    /// Returns what activity tasks wait for a worker: the event, and the order.
    pub fn waiting_for_workers(&self) -> impl Iterator<Item = PendingWork> + '_ {
        self.tasks.keys().filter_map(|number| {
            let task = self.open_task(*number)?;
            (matches!(task.order.work, Work::AwaitWorker(_)) && !task.started).then(|| {
                PendingWork {
                    scheduled: *number,
                    order: Arc::clone(&task.order),
                }
            })
        })
    }

    /// Returns where the execution is: each active state, by frame.
    pub fn active_states(&self) -> impl Iterator<Item = ActiveState<'_>> + '_ {
        let runs = self.end.is_none();
        let live = self.frames.iter();
        live.filter(move |(_, held)| runs && !held.halted)
            .filter_map(|(frame, held)| {
                let active = held.active.as_ref()?;
                Some(ActiveState {
                    frame: *frame,
                    state: active.state,
                    name: &active.name,
                    state_type: active.state_type,
                    entered_at: active.entered_at,
                    attempt: active.attempt,
                    due: held.due,
                    waits_for: active.waits_for(),
                    event: active.entered_id,
                    waits_for_token: active.waits_for_token(),
                })
            })
    }

    pub(crate) fn open_task(&self, number: EventNumber) -> Option<&OpenTask> {
        let frame = self.frames.get(self.tasks.get(&number)?)?;
        match &frame.active.as_ref()?.phase {
            Phase::Task(task) if task.number == number => Some(task),
            _ => None,
        }
    }

    /// Returns the frame and everything below it, parents first; what was given up, too.
    pub(crate) fn subtree(&self, root: FrameId) -> Vec<FrameId> {
        let mut found = vec![root];
        let mut next = 0;
        while let Some(frame) = found.get(next).copied() {
            if let Some(children) = self.children_of(frame) {
                found.extend(children.running.iter().chain(&children.lost).copied());
            }
            next += 1;
        }
        found
    }

    pub(crate) fn map_run_of(&self, frame: FrameId) -> Option<&OpenMapRun> {
        match &self.frames.get(&frame)?.active.as_ref()?.phase {
            Phase::MapRun(run) => Some(run),
            _ => None,
        }
    }

    pub(crate) fn children_of(&self, frame: FrameId) -> Option<&Children> {
        match &self.frames.get(&frame)?.active.as_ref()?.phase {
            Phase::Children(children) => Some(children),
            _ => None,
        }
    }

    /// Returns all variables that a frame sees: its own, and those above it.
    pub(crate) fn variables_of(&self, frame: FrameId) -> BTreeMap<String, Payload> {
        let mut seen = BTreeMap::new();
        let mut at = Some(frame);
        while let Some(held) = at.and_then(|id| self.frames.get(&id)) {
            for (name, value) in &held.variables {
                seen.entry(name.clone()).or_insert_with(|| value.clone());
            }
            at = held.parent.map(|parent| parent.frame);
        }
        seen
    }

    /// Looks a variable up in a frame and those above it.
    pub(crate) fn variable(&self, frame: FrameId, name: &str) -> Option<&Payload> {
        let mut at = Some(frame);
        while let Some(held) = at.and_then(|id| self.frames.get(&id)) {
            if let Some(value) = held.variables.get(name) {
                return Some(value);
            }
            at = held.parent.map(|parent| parent.frame);
        }
        None
    }
}
