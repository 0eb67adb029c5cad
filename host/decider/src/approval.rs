//! Approvals: what people are asked, what they decide, and what a decision is bound to.
//!
//! A task asks in two steps. Its order ([`TaskScheduled`](crate::TaskScheduled)) says whom and
//! what; the host then looks up what the decider cannot see (who deployed the definition, which
//! components the next states run), and [`ApprovalRequested`] puts all of it into one canonical
//! text, the *content*. A decision names the hash of the content that its author saw.

mod bound;
mod content;
mod next;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_states::{Payload, Timestamp};

use crate::event::EventNumber;

pub use bound::{ApprovalBound, ApprovedElsewhere, Given, NextComponent, covers};
pub(crate) use bound::{check_definition, check_input, check_result, line, work_of};
pub(crate) use content::{Asked, content, hash_of};
pub use next::tasks_after;
pub(crate) use next::{is_approval, states_after};

/// Name of the error of an approval that is rejected, by a person or by a newer execution.
pub const REJECTED: &str = "Approval.Rejected";
/// Name of the error of an approval whose deadline has passed.
pub const EXPIRED: &str = "Approval.Expired";

/// Details of `ApprovalRequested`: people are asked, or asked anew since what they are shown
/// has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequested {
    /// The `TaskScheduled` event.
    pub scheduled: EventNumber,
    /// The approval's id, which stays the same when it is asked for anew.
    pub id: Arc<str>,
    /// What is shown, as canonical JSON.
    pub content: Payload,
    /// `sha256:` and the hash of the content, in hexadecimal digits.
    pub hash: Arc<str>,
    /// When the approval expires.
    pub deadline: Option<Timestamp>,
    /// When others are asked too, in the order of the definition's escalations.
    pub escalations: Vec<Timestamp>,
    /// Principals who may not approve: who answers for the execution, or for one around it. With
    /// [`UNKNOWN`](crate::UNKNOWN) among them, nobody may.
    pub barred: Vec<Arc<str>>,
}

/// What somebody decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Go on.
    Approve,
    /// Do not.
    Reject,
}

impl Verdict {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
        }
    }
}

/// Details of `ApprovalDecided`: one person has decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalDecided {
    /// The `TaskScheduled` event.
    pub scheduled: EventNumber,
    /// The hash of what they saw.
    pub hash: Arc<str>,
    /// What they decided.
    pub verdict: Verdict,
    /// Their words.
    pub comment: Option<Arc<str>>,
    /// What they filled in, with the defaults: an object.
    pub inputs: Payload,
    /// Who, as the server knows them.
    pub principal: Arc<str>,
    /// What people call them, if that is known.
    pub name: Option<Arc<str>>,
    /// The group that let them decide; none where they were named, or where anybody may.
    pub group: Option<Arc<str>>,
    /// When.
    pub at: Timestamp,
}

/// How an approval ended. One that is given up with its state or execution has no such end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApprovalOutcome {
    /// Enough people approved.
    Approved,
    /// Somebody rejected it.
    Rejected,
    /// Its deadline passed.
    Expired,
    /// A newer execution has reached the same approval.
    Superseded {
        /// ARN of that execution.
        by: Arc<str>,
    },
}

/// What the host knows that an approval is to be asked with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApprovalFacts {
    /// Principals who answer for the execution beside those whom its history names: who
    /// deployed what it runs, and who answers for the executions around this one.
    pub answerable: Vec<Arc<str>>,
    /// The digests of the components that the states behind the approval run; none for one
    /// that is not there yet.
    pub components: Vec<NextComponent>,
}

/// What the decider may be told about an approval.
#[derive(Debug, Clone, PartialEq)]
pub enum ApprovalInput {
    /// What people are to be asked is known, as of now.
    Asked {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// What the host found out.
        facts: ApprovalFacts,
    },
    /// Somebody decides.
    Decided(Box<ApprovalDecision>),
    /// An execution that is newer has reached the same approval.
    Superseded {
        /// The `TaskScheduled` event.
        scheduled: EventNumber,
        /// ARN of that execution.
        by: Arc<str>,
    },
}

/// A decision that somebody makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalDecision {
    /// The `TaskScheduled` event.
    pub scheduled: EventNumber,
    /// The hash of what they saw.
    pub hash: Arc<str>,
    /// What they decide.
    pub verdict: Verdict,
    /// Their words.
    pub comment: Option<Arc<str>>,
    /// What they filled in: an object.
    pub inputs: Payload,
    /// Who, as the server knows them.
    pub principal: Arc<str>,
    /// What people call them, if that is known.
    pub name: Option<Arc<str>>,
    /// The groups that they are in.
    pub groups: Arc<[Arc<str>]>,
}

/// Why a decision is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalRefusal {
    /// The approval has ended.
    #[error("the approval is not pending any more")]
    Closed,
    /// Its time is over, which its history does not say yet.
    #[error("the approval's time is over")]
    Overdue {
        /// Whether it was the deadline that passed, and not the time limit of the task.
        expired: bool,
    },
    /// It shows something else now.
    #[error("what the approval shows has changed: look at it again; its hash is now {hash}")]
    Changed {
        /// The hash of what it shows now.
        hash: Arc<str>,
    },
    /// The same person has decided otherwise.
    #[error("you have decided already, and not the same: {verdict}", verdict = .0.as_str())]
    AlreadyDecided(Verdict),
    /// The decider answers for the execution.
    #[error(
        "who starts or redrives an execution, or deploys its definition, does not approve it, nor \
         does who failed or skipped a task in it; the same goes for executions around it"
    )]
    SelfApproval,
    /// It is not known who answers for the execution.
    #[error(
        "it is not known any more who answers for this execution, so that nobody can approve it: \
         reject it, and start it anew"
    )]
    Unanswered,
    /// The decider is not among those who are asked.
    #[error("this approval is for others: {asked}")]
    NotAsked {
        /// Who is asked.
        asked: String,
    },
    /// The decision needs a comment.
    #[error("comment: is missing; this decision needs one")]
    CommentMissing,
    /// An input is not as it has to be.
    #[error("inputs.{field}: {reason}")]
    Input {
        /// The input's name.
        field: String,
        /// What is wrong and what to do.
        reason: String,
    },
}

/// An approval that waits for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenApproval {
    /// What they are asked.
    pub requested: Arc<ApprovalRequested>,
    /// When they were asked at first.
    pub requested_at: Timestamp,
    /// Decisions on what it shows now, oldest first.
    pub decisions: Vec<Arc<ApprovalDecided>>,
    /// How many escalations there have been.
    pub escalated: u32,
}

impl OpenApproval {
    /// Returns when something happens by itself.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let next = self.requested.escalations.get(self.escalated as usize);
        match (next.copied(), self.requested.deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}
