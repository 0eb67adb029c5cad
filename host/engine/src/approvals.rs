//! Approvals between the history and the database: what a decision of the decider changes
//! about the rows that people's lists are made of.

pub(crate) mod elsewhere;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_decider::{
    ApprovalDecided, ApprovalOutcome, ApprovalRequested, EventKind, EventNumber, Execution,
    HistoryEvent, OpenApproval, TaskScheduled, Verdict,
};
use stepwell_states::{ApprovalTerms, CommentRequired, Payload, Timestamp};
use stepwell_store::{
    ApprovalChanges, ApprovalEnd, ApprovalStatus, ApprovalWrite, AuditDetails, MachineId, TenantId,
};

use crate::audit::action;

/// Stands for whoever may decide approvals at all.
pub(crate) const ANYBODY: &str = "*";

/// What lists tell of an approval, as the database has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) title: String,
    pub(crate) hash: String,
    pub(crate) groups: Vec<String>,
    pub(crate) people: Vec<String>,
    pub(crate) minimum_count: u32,
    /// Principals who have approved what it shows now.
    pub(crate) approved_by: Vec<String>,
    /// Principals who may not approve.
    pub(crate) barred: Vec<String>,
    /// How many escalations there have been.
    #[serde(default)]
    pub(crate) escalated: u32,
}

/// What an approval shows and who decided, as the database has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Details {
    /// The arguments that it was asked with.
    pub(crate) parameters: Payload,
    pub(crate) requested: Arc<ApprovalRequested>,
    pub(crate) decisions: Vec<Arc<ApprovalDecided>>,
    /// The execution that superseded it.
    #[serde(default)]
    pub(crate) superseded_by: Option<Arc<str>>,
}

/// What a decision changes about approvals.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    pub(crate) rows: ApprovalChanges,
    /// What happened to them without anybody's decision.
    pub(crate) notes: Vec<Note>,
}

/// Something that happened to an approval without anybody's decision.
#[derive(Debug)]
pub(crate) struct Note {
    /// What, in the words of the audit log.
    pub(crate) action: &'static str,
    pub(crate) details: AuditDetails,
}

impl Note {
    fn new(action: &'static str, order: &TaskScheduled, open: &OpenApproval) -> Self {
        let details = AuditDetails::default()
            .text("approval", &open.requested.id)
            .text("state", &order.state_name)
            .text("hash", &open.requested.hash);
        Self { action, details }
    }

    /// How an approval ended; none for what somebody decided, which has an entry of its own.
    fn of_end(
        order: &TaskScheduled,
        open: &OpenApproval,
        end: &ApprovalEnd,
        events: &[HistoryEvent],
    ) -> Option<Self> {
        let action = match end.status {
            ApprovalStatus::Expired => action::APPROVAL_EXPIRE,
            ApprovalStatus::Superseded => action::APPROVAL_SUPERSEDE,
            ApprovalStatus::Withdrawn => action::APPROVAL_WITHDRAW,
            ApprovalStatus::Pending | ApprovalStatus::Approved | ApprovalStatus::Rejected => {
                return None;
            }
        };
        let by = events.iter().find_map(|event| match &event.kind {
            EventKind::ApprovalClosed {
                scheduled,
                outcome: ApprovalOutcome::Superseded { by },
            } if *scheduled == end.scheduled => Some(by),
            _ => None,
        });
        let mut note = Self::new(action, order, open);
        note.details = note.details.maybe("by", by);
        Some(note)
    }
}

/// The approvals that waited before a decision.
#[derive(Default)]
pub(crate) struct Before(BTreeMap<EventNumber, (Arc<TaskScheduled>, OpenApproval)>);

impl Before {
    pub(crate) fn of(execution: &Execution) -> Self {
        let open = execution.open_approvals();
        Self(
            open.map(|(number, order, open)| (number, (Arc::clone(order), open.clone())))
                .collect(),
        )
    }

    /// Compares with the execution after the decision.
    pub(crate) fn changes(
        mut self,
        execution: &Execution,
        of: (TenantId, MachineId),
        events: &[HistoryEvent],
    ) -> Changed {
        let mut changes = ApprovalChanges::default();
        let mut notes = self.escalations(events);
        for (number, order, open) in execution.open_approvals() {
            let is_same = match self.0.remove(&number) {
                Some((_, before)) => before == *open,
                None => false,
            };
            if !is_same {
                changes.written.push(written(number, order, open));
            }
        }
        for (number, (order, open)) in self.0 {
            let end = ended(number, &order, open.clone(), events);
            notes.extend(Note::of_end(&order, &open, &end, events));
            changes.ended.push(end);
        }
        if !changes.written.is_empty() || !changes.ended.is_empty() {
            changes.of = Some(of);
        }
        Changed {
            rows: changes,
            notes,
        }
    }

    /// Escalations of those that waited; nobody asked for them.
    fn escalations(&self, events: &[HistoryEvent]) -> Vec<Note> {
        let note = |event: &HistoryEvent| {
            let EventKind::ApprovalEscalated {
                scheduled,
                escalation,
            } = event.kind
            else {
                return None;
            };
            let (order, open) = self.0.get(&scheduled)?;
            let mut note = Note::new(action::APPROVAL_ESCALATE, order, open);
            note.details = note.details.number("escalation", escalation);
            Some(note)
        };
        events.iter().filter_map(note).collect()
    }
}

/// What was asked with can be read, since it was when the task was scheduled.
fn terms_of(order: &TaskScheduled) -> ApprovalTerms {
    ApprovalTerms::read(&order.parameters).unwrap_or_default()
}

fn written(number: EventNumber, order: &TaskScheduled, open: &OpenApproval) -> ApprovalWrite {
    let terms = terms_of(order);
    let summary = summary(order, &terms, open);
    let groups = summary.groups.iter().map(|group| format!("g:{group}"));
    let people = summary.people.iter().map(|person| format!("p:{person}"));
    let mut deciders: Vec<String> = groups.chain(people).collect();
    if deciders.is_empty() {
        deciders.push(ANYBODY.to_owned());
    }
    ApprovalWrite {
        scheduled: number,
        id: open.requested.id.to_string(),
        state: order.state_name.to_string(),
        requested_at: open.requested_at,
        due_at: open.requested.deadline,
        supersede_key: terms.supersede_key,
        deciders,
        summary: text_of(&summary),
        details: text_of(&details(order, open, None)),
    }
}

fn ended(
    number: EventNumber,
    order: &TaskScheduled,
    mut open: OpenApproval,
    events: &[HistoryEvent],
) -> ApprovalEnd {
    let mut status = ApprovalStatus::Withdrawn;
    let mut closed_at = events.last().map_or(open.requested_at, |last| last.at);
    let mut superseded_by = None;
    for event in events {
        match &event.kind {
            EventKind::ApprovalRequested(requested) if requested.scheduled == number => {
                open.requested = Arc::clone(requested);
                open.decisions.clear();
            }
            EventKind::ApprovalDecided(decided) if decided.scheduled == number => {
                open.decisions.push(Arc::clone(decided));
            }
            EventKind::ApprovalClosed { scheduled, outcome } if *scheduled == number => {
                status = status_of(outcome);
                closed_at = event.at;
                if let ApprovalOutcome::Superseded { by } = outcome {
                    superseded_by = Some(Arc::clone(by));
                }
            }
            _ => {}
        }
    }
    let summary = summary(order, &terms_of(order), &open);
    ApprovalEnd {
        scheduled: number,
        status,
        closed_at,
        summary: text_of(&summary),
        details: text_of(&details(order, &open, superseded_by)),
    }
}

fn status_of(outcome: &ApprovalOutcome) -> ApprovalStatus {
    match outcome {
        ApprovalOutcome::Approved => ApprovalStatus::Approved,
        ApprovalOutcome::Rejected => ApprovalStatus::Rejected,
        ApprovalOutcome::Expired => ApprovalStatus::Expired,
        ApprovalOutcome::Superseded { .. } => ApprovalStatus::Superseded,
    }
}

fn summary(order: &TaskScheduled, terms: &ApprovalTerms, open: &OpenApproval) -> Summary {
    let deciders = terms.deciders_after(open.escalated as usize);
    let approvals = open
        .decisions
        .iter()
        .filter(|decided| decided.verdict == Verdict::Approve);
    let barred = open.requested.barred.iter();
    Summary {
        title: match &terms.title {
            Some(title) => title.clone(),
            None => order.state_name.to_string(),
        },
        hash: open.requested.hash.to_string(),
        groups: deciders.groups,
        people: deciders.people,
        minimum_count: terms.minimum_count,
        approved_by: approvals
            .map(|decided| decided.principal.to_string())
            .collect(),
        barred: barred.map(|principal| principal.to_string()).collect(),
        escalated: open.escalated,
    }
}

fn details(order: &TaskScheduled, open: &OpenApproval, superseded_by: Option<Arc<str>>) -> Details {
    Details {
        parameters: order.parameters.clone(),
        requested: Arc::clone(&open.requested),
        decisions: open.decisions.clone(),
        superseded_by,
    }
}

fn text_of(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("structs of texts and numbers have a JSON text")
}

/// An approval, for whoever looks at it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalDescription {
    /// Its line in lists.
    pub summary: ApprovalSummary,
    /// The description that the definition gives.
    pub description: Option<String>,
    /// What it shows: canonical JSON, which the hash is made of.
    pub content: Payload,
    /// Whether who started the execution, or deployed its definition, may approve.
    pub allow_self_approval: bool,
    /// Who may not approve.
    pub barred: Vec<String>,
    /// Which decisions need a comment.
    pub comment_required: CommentRequired,
    /// When others are asked too, in time to come.
    pub escalations: Vec<Timestamp>,
    /// Who has decided on what it shows now.
    pub decisions: Vec<Arc<ApprovalDecided>>,
    /// ARN of the execution that superseded it.
    pub superseded_by: Option<String>,
}

/// An approval's line in lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalSummary {
    /// Its id.
    pub id: String,
    /// How it stands.
    pub status: ApprovalStatus,
    /// What is to be decided, in a line.
    pub title: String,
    /// The hash of what it shows, which a decision names.
    pub hash: String,
    /// ARN of the execution that waits for it.
    pub execution_arn: String,
    /// Name of the state machine.
    pub state_machine: String,
    /// Name of the state.
    pub state: String,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it expires.
    pub deadline: Option<Timestamp>,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// Groups that may decide now. With neither groups nor people, whoever may decide
    /// approvals at all.
    pub groups: Vec<String>,
    /// Principals who may decide now.
    pub people: Vec<String>,
    /// How many have to approve.
    pub minimum_count: u32,
    /// Principals who have.
    pub approved_by: Vec<String>,
    /// How many escalations there have been.
    pub escalated: u32,
}
