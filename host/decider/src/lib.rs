//! Given an execution's history and one input, decides the next events.
//!
//! ```text
//!            Input, now                      HistoryEvent
//!                │                                │
//!   Execution ─ decide ──> Decision { events } ─ evolve ──> Execution
//!                                │
//!                            effects_of ──> Effect (work for the host)
//! ```
//!
//! Sees no clock, no randomness, no storage and no sandbox: the same arguments give
//! the same decision. [`evolve()`] is the only function that changes an [`Execution`],
//! live and in replay alike. Start reading at [`decide()`]; what happens at each kind of
//! state is in `steps/`, one file each.

mod approval;
mod context;
mod decide;
mod draft;
mod effect;
mod evaluation;
mod event;
mod evolve;
mod execution;
mod failure;
mod input;
mod intervention;
mod map_run;
mod map_scope;
mod people;
mod redefine;
mod redrive;
mod seed;
mod started;
mod steps;
mod target;
mod token;
mod trace;
mod trial;

pub use approval::{
    ApprovalBound, ApprovalDecided, ApprovalDecision, ApprovalFacts, ApprovalInput,
    ApprovalOutcome, ApprovalRefusal, ApprovalRequested, ApprovedElsewhere, EXPIRED, Given,
    NextComponent, OpenApproval, REJECTED, Verdict, covers, tasks_after,
};
pub use decide::{
    DecideError, Decision, EVENTS_KEPT_MAX, EVENTS_KEPT_MAX_BYTES, decide, decide_within,
};
pub use effect::{Effect, effects_of, outstanding_effects};
pub use event::{
    EventKind, EventNumber, FrameId, HistoryEvent, MapIteration, ReceivedEvent, StateEntered,
    StateExited, StateType, TaskFamily, TaskScheduled, Usage, Work,
};
pub use evolve::evolve;
pub use execution::{ActiveState, End, Execution, PendingWork, Status, TotalUsage};
pub use failure::Failure;
pub use input::{Input, TokenReport};
pub use intervention::{Intervene, Intervened, Intervention, NotIntervened};
pub use map_run::{MapChild, MapReader, MapResultForm, MapRunStarted, MapWriter, Percentage};
pub use map_scope::{MapScope, Numbered, child_key};
pub use people::{PEOPLE_MAX, People, UNKNOWN, answers_for_itself, people, people_behind};
pub use redefine::{ChangedComponent, Misfit, NewDefinition, Redefined};
pub use redrive::{
    EditedInput, ExecutionRedriven, MapRunRedriven, NewInput, NotRedrivable, Redrive, Redriven,
};
pub use seed::{Purpose, Seed};
pub use started::{ExecutionStarted, ParentLink};
pub use target::{Candidate, Target, TargetError};
pub use token::{MalformedToken, TaskToken};
pub use trace::{MalformedTraceId, TraceContext, TraceId, is_tracestate};
pub use trial::{Trial, TrialEnd, TrialOrder, TrialOutcome};
