//! What the decider may be told.

use std::sync::Arc;

use stepwell_states::{Payload, Timestamp};

use crate::approval::ApprovalInput;
use crate::event::{EventNumber, ReceivedEvent, Usage};
use crate::failure::Failure;
use crate::intervention::Intervene;
use crate::redrive::Redrive;
use crate::started::ExecutionStarted;
use crate::token::TaskToken;

/// One thing that happened outside, or that somebody asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Somebody started the execution.
    Start(Arc<ExecutionStarted>),
    /// The last decision stopped at its limit of events; go on.
    Continue,
    /// Some timer is due at `now`.
    TimersDue,
    /// A task's work ended.
    TaskFinished {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// When the work began.
        started_at: Timestamp,
        /// How it ended. An error named `States.Timeout` or
        /// `States.HeartbeatTimeout` is recorded as a time-out.
        result: Result<Payload, Failure>,
        /// What it cost, where it ran in the sandbox.
        usage: Option<Usage>,
    },
    /// A task's work was handed over and will be reported later.
    TaskSubmitted {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// When the hand-over began.
        started_at: Timestamp,
        /// What the called service answered.
        output: Payload,
    },
    /// There is nobody who could ever do a task's work: its activity does not exist.
    TaskNotScheduled {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// Why.
        failure: Failure,
    },
    /// A worker took an activity's task.
    TaskTaken {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// The worker's name, if it gave one.
        worker: Option<Arc<str>>,
        /// Who took it, as the server knows them.
        principal: Option<Arc<str>>,
    },
    /// Somebody reported on a task by its token.
    TokenReported {
        /// The token.
        token: TaskToken,
        /// What they reported.
        report: TokenReport,
        /// Who reports, as the server knows them.
        principal: Option<Arc<str>>,
    },
    /// An execution that this one waits for has ended.
    ChildFinished {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// How it ended.
        result: Result<Payload, Failure>,
    },
    /// A Map Run has ended: with the result of its Map state, or with how it failed.
    MapRunFinished {
        /// The `MapRunStarted` event.
        run: EventNumber,
        /// How it ended.
        result: Result<Payload, Failure>,
    },
    /// Somebody posted an event.
    EventPosted(ReceivedEvent),
    /// The host cannot keep the execution any longer: it fails, whatever it is in.
    GiveUp(Failure),
    /// Somebody asks to stop the execution.
    Stop {
        /// The error and cause that they gave.
        failure: Failure,
        /// Who asks, as the server knows them.
        principal: Option<Arc<str>>,
    },
    /// Something happened to an approval.
    Approval(ApprovalInput),
    /// Somebody asks to go on with an execution that did not succeed.
    Redrive(Box<Redrive>),
    /// An operator does something to a state.
    Intervene(Intervene),
    /// Somebody asks that nothing new begins. What is paused stays so.
    Pause {
        /// Why, in their words.
        reason: Option<Arc<str>>,
        /// Who asks, as the server knows them.
        principal: Option<Arc<str>>,
    },
    /// Somebody asks to go on with a paused execution. What is not paused runs on.
    Resume {
        /// Who asks, as the server knows them.
        principal: Option<Arc<str>>,
    },
}

/// What was reported by a task token.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenReport {
    /// The task is done.
    Success(Payload),
    /// The task failed.
    Failure(Failure),
    /// The task is alive.
    Heartbeat,
}
