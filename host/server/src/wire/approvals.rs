//! Approvals, and the decisions on them.

use serde::{Deserialize, Serialize};
use stepwell_engine::{
    ApprovalDecided, ApprovalDescription, ApprovalStatus as EngineStatus,
    ApprovalSummary as EngineSummary, CommentRequired as EngineRequired, Verdict,
};
use utoipa::ToSchema;

use super::{JsonText, Time};

/// How an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApprovalStatus {
    /// It waits for people.
    Pending,
    /// Enough people approved.
    Approved,
    /// Somebody rejected it.
    Rejected,
    /// Its deadline passed.
    Expired,
    /// A newer execution has reached the same approval.
    Superseded,
    /// Its execution ended, or gave it up.
    Withdrawn,
}

/// Which decisions need a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum CommentRequired {
    /// None.
    Never,
    /// Rejections.
    OnRejection,
    /// All.
    Always,
}

/// What somebody decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalVerdict {
    /// Go on.
    Approve,
    /// Do not.
    Reject,
}

/// An approval's line in lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalSummary {
    /// Its id.
    pub approval_id: String,
    /// How it stands.
    pub status: ApprovalStatus,
    /// What is to be decided, in a line.
    pub title: String,
    /// The hash of what it shows: what a decision names.
    pub hash: String,
    /// ARN of the execution that waits for it.
    pub execution_arn: String,
    /// Name of the state machine.
    pub state_machine: String,
    /// Name of the state.
    pub state: String,
    /// When it was asked for.
    pub requested_at: Time,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Time>,
    /// Groups that may decide now: names of roles. With neither groups nor people, whoever
    /// has the permission `approvals:decide`.
    pub groups: Vec<String>,
    /// Principals who may decide now.
    pub people: Vec<String>,
    /// How many have to approve.
    pub minimum_count: u32,
    /// Principals who have approved what it shows now.
    pub approved_by: Vec<String>,
    /// How many escalations there have been.
    pub escalated: u32,
}

/// Answer to `GET /v1/approvals`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalList {
    /// A page of approvals, newest first. Of those that are yours to decide, a page may have
    /// fewer than its limit though there are more.
    pub approvals: Vec<ApprovalSummary>,
    /// What asks for the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// An approval, with all that it shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Its line in lists.
    pub summary: ApprovalSummary,
    /// What is to be decided, at length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it shows: the text that the hash is made of, which is JSON in canonical form.
    pub content: JsonText,
    /// Whether who started the execution, or deployed its definition, may approve.
    pub allow_self_approval: bool,
    /// Principals who may not approve, for that reason.
    pub barred: Vec<String>,
    /// Which decisions need a comment.
    pub comment_required: CommentRequired,
    /// When others are asked, too, in time to come.
    pub escalations: Vec<Time>,
    /// Decisions on what it shows now, oldest first.
    pub decisions: Vec<ApprovalDecision>,
    /// ARN of the execution that superseded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
}

/// One person's decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalDecision {
    /// What they decided.
    pub decision: ApprovalVerdict,
    /// Who, as the server knows them.
    pub principal: String,
    /// What people call them, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The group that let them decide, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// When.
    pub at: Time,
    /// The hash of what they saw.
    pub hash: String,
    /// Their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What they filled in, with the defaults.
    pub inputs: JsonText,
}

/// Body of `POST /v1/approvals/{approval}/approve`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApproveRequest {
    /// The hash of what you saw.
    pub hash: String,
    /// Your words; 4,096 characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What you fill in: an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<JsonText>,
}

/// Body of `POST /v1/approvals/{approval}/reject`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RejectRequest {
    /// The hash of what you saw.
    pub hash: String,
    /// Your words; 4,096 characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl From<EngineStatus> for ApprovalStatus {
    fn from(status: EngineStatus) -> Self {
        match status {
            EngineStatus::Pending => Self::Pending,
            EngineStatus::Approved => Self::Approved,
            EngineStatus::Rejected => Self::Rejected,
            EngineStatus::Expired => Self::Expired,
            EngineStatus::Superseded => Self::Superseded,
            EngineStatus::Withdrawn => Self::Withdrawn,
        }
    }
}

impl From<ApprovalStatus> for EngineStatus {
    fn from(status: ApprovalStatus) -> Self {
        match status {
            ApprovalStatus::Pending => Self::Pending,
            ApprovalStatus::Approved => Self::Approved,
            ApprovalStatus::Rejected => Self::Rejected,
            ApprovalStatus::Expired => Self::Expired,
            ApprovalStatus::Superseded => Self::Superseded,
            ApprovalStatus::Withdrawn => Self::Withdrawn,
        }
    }
}

impl From<EngineRequired> for CommentRequired {
    fn from(required: EngineRequired) -> Self {
        match required {
            EngineRequired::Never => Self::Never,
            EngineRequired::OnRejection => Self::OnRejection,
            EngineRequired::Always => Self::Always,
        }
    }
}

impl From<Verdict> for ApprovalVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Approve => Self::Approve,
            Verdict::Reject => Self::Reject,
        }
    }
}

impl From<EngineSummary> for ApprovalSummary {
    fn from(summary: EngineSummary) -> Self {
        Self {
            approval_id: summary.id,
            status: summary.status.into(),
            title: summary.title,
            hash: summary.hash,
            execution_arn: summary.execution_arn,
            state_machine: summary.state_machine,
            state: summary.state,
            requested_at: summary.requested_at.into(),
            deadline: summary.deadline.map(Time),
            closed_at: summary.closed_at.map(Time),
            groups: summary.groups,
            people: summary.people,
            minimum_count: summary.minimum_count,
            approved_by: summary.approved_by,
            escalated: summary.escalated,
        }
    }
}

impl From<ApprovalDescription> for Approval {
    fn from(approval: ApprovalDescription) -> Self {
        let decisions = approval.decisions.iter();
        Self {
            summary: approval.summary.into(),
            description: approval.description,
            content: (&approval.content).into(),
            allow_self_approval: approval.allow_self_approval,
            barred: approval.barred,
            comment_required: approval.comment_required.into(),
            escalations: approval.escalations.into_iter().map(Time).collect(),
            decisions: decisions.map(|decided| (&**decided).into()).collect(),
            superseded_by: approval.superseded_by,
        }
    }
}

impl From<&ApprovalDecided> for ApprovalDecision {
    fn from(decided: &ApprovalDecided) -> Self {
        let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
        Self {
            decision: decided.verdict.into(),
            principal: decided.principal.to_string(),
            name: text(&decided.name),
            group: text(&decided.group),
            at: decided.at.into(),
            hash: decided.hash.to_string(),
            comment: text(&decided.comment),
            inputs: (&decided.inputs).into(),
        }
    }
}
