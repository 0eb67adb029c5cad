//! What is told of approvals: who is asked, who decided what, and how it ended.

use anstyle::Style;
use stepwell_engine::Payload;
use stepwell_server::wire::{ApprovalExtras, HistoryEvent};
use stepwell_states::{ApprovalTerms, Deciders};

use super::CAUSE_COLUMNS;
use crate::console::{BAD, GOOD, NOTICE, POINTER};
use crate::render::text::safe_within;

/// Who is asked, as the order of a task says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms(Box<ApprovalTerms>);

/// What happened to an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// People are asked, or asked anew.
    Requested {
        /// The approval.
        id: &'a str,
    },
    /// One of them decided.
    Decided {
        /// Whether they approved.
        approved: bool,
        /// Their words.
        comment: Option<&'a str>,
    },
    /// Others are asked, too: how often that was.
    Escalated(u32),
    /// It ended: how, and by which newer execution.
    Closed(&'a str, Option<&'a str>),
}

impl Terms {
    /// Those of an approval; none for other tasks.
    pub(super) fn of(event: &HistoryEvent) -> Option<Self> {
        let details = event.task_scheduled_event_details.as_ref()?;
        if (&*details.resource_type, &*details.resource) != ("stepwell", "approval") {
            return None;
        }
        let parameters = Payload::parse(details.parameters.as_str()).ok()?;
        let terms = ApprovalTerms::read(&parameters).unwrap_or_default();
        Some(Self(Box::new(terms)))
    }

    /// Who is asked, and how many have to approve.
    fn who(&self) -> String {
        let who = names(&self.0.deciders).unwrap_or_else(|| "anybody who may".to_owned());
        match self.0.minimum_count {
            0 | 1 => who,
            count => format!("{who}; needs {count}"),
        }
    }

    /// Who is asked, too, since an escalation, counted from 1.
    fn escalated(&self, escalation: u32) -> String {
        let index = (escalation as usize).checked_sub(1);
        let escalation = index.and_then(|index| self.0.escalations.get(index));
        let who = escalation.and_then(|escalation| names(&escalation.deciders));
        who.unwrap_or_else(|| "others".to_owned())
    }
}

fn names(deciders: &Deciders) -> Option<String> {
    let groups = deciders.groups.iter().map(|group| format!("group {group}"));
    let names: Vec<String> = groups.chain(deciders.people.iter().cloned()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

impl<'a> Asked<'a> {
    /// Reads what an event says of an approval.
    pub(super) fn of(event_type: &str, approval: &'a ApprovalExtras) -> Self {
        match event_type {
            "ApprovalRequested" => Self::Requested {
                id: approval.id.as_deref().unwrap_or_default(),
            },
            "ApprovalDecided" => Self::Decided {
                approved: approval.decision.as_deref() == Some("approve"),
                comment: approval.comment.as_deref(),
            },
            "ApprovalEscalated" => Self::Escalated(approval.escalation.unwrap_or_default()),
            _ => Self::Closed(
                approval.outcome.as_deref().unwrap_or_default(),
                approval.superseded_by.as_deref(),
            ),
        }
    }

    /// It in words, where they say more than the end of the task that follows. `is_again`: it
    /// was asked before.
    pub(super) fn words(
        self,
        terms: Option<&Terms>,
        principal: Option<&str>,
        is_again: bool,
    ) -> Option<(String, Style)> {
        let told = match self {
            Self::Requested { .. } if is_again => {
                ("asked anew: content changed".to_owned(), NOTICE)
            }
            Self::Requested { id } => {
                let who = terms.map(|terms| format!(" ({})", terms.who()));
                let who = who.unwrap_or_default();
                (format!("asks for approval {id}{who}"), POINTER)
            }
            Self::Decided { approved, comment } => {
                let (word, style) = match approved {
                    true => ("approved", GOOD),
                    false => ("rejected", BAD),
                };
                let by = principal.map(|by| format!(" by {by}")).unwrap_or_default();
                let words = comment.map(|comment| safe_within(comment, CAUSE_COLUMNS));
                let words = words.map(|words| format!(": {words}")).unwrap_or_default();
                (format!("{word}{by}{words}"), style)
            }
            Self::Escalated(escalation) => {
                let to = terms.map(|terms| terms.escalated(escalation));
                let to = to.unwrap_or_else(|| "others".to_owned());
                (format!("escalated to {to}"), NOTICE)
            }
            Self::Closed("EXPIRED", _) => ("expired".to_owned(), BAD),
            Self::Closed("SUPERSEDED", by) => {
                let by = by.map(|arn| format!(" by {}", name_of(arn)));
                (format!("superseded{}", by.unwrap_or_default()), NOTICE)
            }
            // Who approved or rejected it stands above.
            Self::Closed(..) => return None,
        };
        Some(told)
    }
}

/// `machine/name` of an execution's ARN, as commands take it.
fn name_of(arn: &str) -> String {
    let mut parts = arn.rsplitn(3, ':');
    match (parts.next(), parts.next()) {
        (Some(name), Some(machine)) => format!("{machine}/{name}"),
        _ => arn.to_owned(),
    }
}
