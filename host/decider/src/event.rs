//! The history: one persisted fact after the other, in the event model of AWS.
//!
//! An event has two numbers. Its [`EventNumber`] counts every event and is what
//! replay, fencing and derived ids go by; its wire id counts only the events that
//! `GetExecutionHistory` shows, since a few facts (a posted event, a planned retry)
//! have no counterpart there.

mod principal;
mod size;
mod state_type;
mod task;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_states::{Payload, ScopeId, StateRef, Timestamp};

use crate::approval::{ApprovalDecided, ApprovalOutcome, ApprovalRequested};
use crate::failure::Failure;
use crate::intervention::Intervened;
use crate::map_run::MapRunStarted;
use crate::redrive::{ExecutionRedriven, MapRunRedriven};
use crate::started::ExecutionStarted;

pub use state_type::StateType;
pub use task::{TaskFamily, TaskScheduled, Usage, Work};

/// Position of an event in its execution's history, counted from 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EventNumber(pub u64);

impl fmt::Display for EventNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One line of execution within an execution: the root, a Parallel branch or a Map
/// iteration. Numbered in the order of creation; the root is 0.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct FrameId(pub u32);

impl FrameId {
    /// The frame in which an execution starts and ends.
    pub const ROOT: Self = Self(0);
}

/// One persisted fact about an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// Position in the history, without gaps.
    pub number: EventNumber,
    /// The id that the wire shows, without gaps; 0 for a fact that it hides.
    pub id: u64,
    /// The wire id of the event that led to this one; 0 for none.
    pub previous_id: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Where it happened.
    pub frame: FrameId,
    /// What happened.
    pub kind: EventKind,
    /// Who caused it, as the server knows them, where the kind does not say so itself: who
    /// took an activity's task, reported on a task by its token, intervened, paused or resumed.
    #[serde(default)]
    pub reported_by: Option<Arc<str>>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// The execution exists.
    ExecutionStarted(Arc<ExecutionStarted>),
    /// The execution ended well.
    ExecutionSucceeded {
        /// Output of the execution.
        output: Payload,
    },
    /// The execution ended with an error that nothing caught.
    ExecutionFailed(Failure),
    /// The execution's own time was up.
    ExecutionTimedOut(Failure),
    /// Somebody stopped the execution.
    ExecutionAborted {
        /// The error and cause that the caller gave.
        failure: Failure,
        /// Who asked, as the server knows them.
        principal: Option<Arc<str>>,
    },
    /// A frame entered a state.
    StateEntered(StateEntered),
    /// A frame left a state.
    StateExited(StateExited),
    /// A Wait state knows how long it waits. Hidden on the wire.
    WaitStarted {
        /// Until when.
        due: Timestamp,
    },
    /// A state was given up because a sibling failed.
    StateAborted {
        /// Which state.
        state: StateRef,
        /// Its type, for the wire's event name.
        state_type: StateType,
    },
    /// A Task state asked for work.
    TaskScheduled(Arc<TaskScheduled>),
    /// The work began.
    TaskStarted {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// Name of the worker that took an activity task.
        worker: Option<Arc<str>>,
    },
    /// The work was handed over; its end is reported later.
    TaskSubmitted {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// What the called service answered.
        output: Payload,
        /// What it cost, where it ran in the sandbox.
        usage: Option<Usage>,
    },
    /// The work is done.
    TaskSucceeded {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// The result.
        output: Payload,
        /// What it cost, where it ran in the sandbox.
        usage: Option<Usage>,
    },
    /// The work failed.
    TaskFailed {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// How.
        failure: Failure,
        /// What it cost, where it ran in the sandbox.
        usage: Option<Usage>,
    },
    /// The work could not be handed over.
    TaskSubmitFailed {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// How.
        failure: Failure,
    },
    /// The work took longer than it may, or gave no sign of life.
    TaskTimedOut {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// `States.Timeout` or `States.HeartbeatTimeout`.
        failure: Failure,
        /// What it cost, where it ran in the sandbox.
        usage: Option<Usage>,
    },
    /// A waiting task gave a sign of life. Hidden on the wire.
    TaskHeartbeat {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// When the next one is due.
        due: Option<Timestamp>,
    },
    /// A failed state is tried again later. Hidden on the wire.
    RetryScheduled {
        /// Index of the retrier in the state's `Retry`.
        retrier: u32,
        /// When.
        due: Timestamp,
        /// What is retried.
        failure: Failure,
    },
    /// The branches of a Parallel state began.
    ParallelStateStarted {
        /// The scopes that run, one frame each, in the order of `Branches`.
        branches: Vec<ScopeId>,
        /// What each of them is given.
        input: Payload,
    },
    /// All branches succeeded.
    ParallelStateSucceeded,
    /// A branch failed.
    ParallelStateFailed,
    /// A branch of a Parallel state reached its end. Hidden on the wire.
    BranchSucceeded {
        /// Output of the branch.
        output: Payload,
    },
    /// A branch of a Parallel state failed. Hidden on the wire.
    BranchFailed(Failure),
    /// The items of a Map state are known.
    MapStateStarted {
        /// How many.
        length: u32,
    },
    /// All iterations succeeded.
    MapStateSucceeded,
    /// The Map state failed.
    MapStateFailed,
    /// An iteration began, in a frame of its own.
    MapIterationStarted(MapIteration),
    /// An iteration reached its end.
    MapIterationSucceeded {
        /// Which one.
        iteration: MapIteration,
        /// Its output.
        output: Payload,
    },
    /// An iteration failed.
    MapIterationFailed {
        /// Which one.
        iteration: MapIteration,
        /// How.
        failure: Failure,
    },
    /// An iteration was given up because another one failed.
    MapIterationAborted(MapIteration),
    /// An expression could not be evaluated.
    EvaluationFailed {
        /// The error and cause.
        failure: Failure,
        /// The field that holds the expression.
        location: Option<Arc<str>>,
        /// The state that holds the field.
        state: StateRef,
    },
    /// Somebody posted an event to the execution. Hidden on the wire.
    EventReceived(ReceivedEvent),
    /// A waiting state took a posted event. Hidden on the wire.
    EventTaken {
        /// The `EventReceived` event.
        received: EventNumber,
    },
    /// A distributed Map began to run its items as child executions.
    MapRunStarted(Arc<MapRunStarted>),
    /// A Map Run ended well.
    MapRunSucceeded {
        /// The `MapRunStarted` event.
        run: EventNumber,
    },
    /// A Map Run failed.
    MapRunFailed {
        /// The `MapRunStarted` event.
        run: EventNumber,
        /// How.
        failure: Failure,
    },
    /// The execution that a task waits for ended before it was known to be started.
    /// Hidden on the wire: the task's end follows its `TaskSubmitted`.
    ChildEnded {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// How it ended.
        result: Result<Payload, Failure>,
    },
    /// An execution that did not succeed goes on: the only event that follows an end.
    ExecutionRedriven(Box<ExecutionRedriven>),
    /// A state that was not left is taken up again by a redrive. Hidden on the wire.
    StateRedriven {
        /// Which state.
        state: StateRef,
    },
    /// A Map Run goes on with the children that did not succeed.
    MapRunRedriven(MapRunRedriven),
    /// A Map Run was given up with its execution, or with the state that it was part of.
    MapRunAborted {
        /// The `MapRunStarted` event.
        run: EventNumber,
    },
    /// People are asked to decide. Hidden on the wire.
    ApprovalRequested(Arc<ApprovalRequested>),
    /// Somebody decided. Hidden on the wire.
    ApprovalDecided(Arc<ApprovalDecided>),
    /// Others may decide too from now on. Hidden on the wire.
    ApprovalEscalated {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// How many escalations there have been, with this one.
        escalation: u32,
    },
    /// An approval ended. Hidden on the wire: the task's end follows it.
    ApprovalClosed {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// How.
        outcome: ApprovalOutcome,
    },
    /// An operator did something to a state. Hidden on the wire: what follows from it is
    /// recorded as ever.
    Intervened(Arc<Intervened>),
    /// Nothing new begins until the execution is resumed. Hidden on the wire.
    ExecutionPaused {
        /// Why, in the words of who asked.
        reason: Option<Arc<str>>,
    },
    /// A paused execution goes on. Hidden on the wire.
    ExecutionResumed {
        /// When the execution times out: its time stood still meanwhile.
        deadline: Option<Timestamp>,
    },
}

/// Details of [`EventKind::StateEntered`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateEntered {
    /// Which state.
    pub state: StateRef,
    /// Its type, for the wire's event name.
    pub state_type: StateType,
    /// Its name.
    pub name: Arc<str>,
    /// Its raw input.
    pub input: Payload,
}

/// Details of [`EventKind::StateExited`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateExited {
    /// Which state.
    pub state: StateRef,
    /// Its type, for the wire's event name.
    pub state_type: StateType,
    /// Its name.
    pub name: Arc<str>,
    /// Its output.
    pub output: Payload,
    /// Variables that it assigned.
    pub assigned: Vec<(String, Payload)>,
    /// Where the frame goes; at its end, nowhere.
    pub next: Option<StateRef>,
}

/// Which iteration of a Map state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapIteration {
    /// Name of the Map state.
    pub name: Arc<str>,
    /// Index of the item, counted from 0.
    pub index: u32,
    /// The frame of the iteration.
    pub frame: FrameId,
    /// What the iteration runs.
    pub scope: ScopeId,
    /// The iteration's input; only in `MapIterationStarted`.
    pub input: Option<Payload>,
}

/// An event that somebody posted to the execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedEvent {
    /// The name that waiting states go by.
    pub name: Arc<str>,
    /// The sender's id of the event; the same id is taken once.
    pub event_id: Option<Arc<str>>,
    /// The event's data.
    pub data: Payload,
    /// Who posted it, as the server knows them.
    pub principal: Option<Arc<str>>,
}

impl EventKind {
    /// Returns whether the wire hides this fact.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        matches!(
            self,
            Self::WaitStarted { .. }
                | Self::TaskHeartbeat { .. }
                | Self::RetryScheduled { .. }
                | Self::BranchSucceeded { .. }
                | Self::BranchFailed(_)
                | Self::EventReceived(_)
                | Self::EventTaken { .. }
                | Self::ChildEnded { .. }
                | Self::StateRedriven { .. }
                | Self::ApprovalRequested(_)
                | Self::ApprovalDecided(_)
                | Self::ApprovalEscalated { .. }
                | Self::ApprovalClosed { .. }
                | Self::Intervened(_)
                | Self::ExecutionPaused { .. }
                | Self::ExecutionResumed { .. }
        )
    }

    /// Returns whether this fact ends the execution.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(
            self,
            Self::ExecutionSucceeded { .. }
                | Self::ExecutionFailed(_)
                | Self::ExecutionTimedOut(_)
                | Self::ExecutionAborted { .. }
        )
    }
}
