//! Parses and validates definitions and evaluates their data flow.
//!
//! ```text
//!   text ── parse ──> StateMachine + diagnostics          (once per definition)
//!                          │
//!   Env ───────────────────┴─> effective_input, arguments, complete, choose, …
//!                              (once or a few times per visit of a state)
//! ```
//!
//! Everything here is a pure function of its arguments: no clock, no randomness,
//! no I/O. Time and the seed of all random-looking values come in with [`Env`].
//! Start reading at [`parse`](parse()) and [`data_flow`].

mod approval;
pub mod aws;
mod choice;
pub mod data_flow;
mod definition;
mod diagnostic;
pub mod diagram;
mod express;
mod intrinsic;
mod jsonata;
mod number;
mod parse;
mod path;
mod payload;
mod retry;
mod rules;
mod template;
mod timestamp;

pub use approval::{
    APPROVAL_TEXT_MAX_CHARS, ApprovalField, ApprovalFieldType, ApprovalTerms, CommentRequired,
    Deciders, Escalation, FieldProblem, canonical_json,
};
pub use data_flow::{
    Batches, arguments, batches, catch, check_parameters, choose, complete, credentials,
    effective_input, fail_details, map_item_input, map_plan, pass_result, reader_arguments,
    reader_max_items, task_times, wait_until, writer_arguments,
};
pub use data_flow::{
    Chosen, Completion, Env, EvalFailure, EvalLimits, MapItem, MapPlan, NoVariables, Observer,
    Stage, TaskTimes, Variables,
};
pub use definition::*;
pub use diagnostic::{Diagnostic, Severity};
pub use express::check_type;
#[doc(hidden)]
pub use jsonata::evaluate_over_document;
pub use parse::{Format, parse};
pub use payload::{Payload, PayloadError};
pub use retry::{Backoff, Catcher, Jitter, Retrier};
pub use rules::{RULES, Rule, rule};
pub use timestamp::{Timestamp, TimestampError};
