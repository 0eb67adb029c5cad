//! What `stepwell:approval` is told: who decides, by when, and what they fill in.
//!
//! The arguments of an approval are read twice: as far as they are known when a definition is
//! checked, and wholly when the state asks. Both go through the same [`Reader`], which tells
//! all that is wrong at once.

mod canonical;
mod fields;
mod reader;
#[cfg(test)]
mod tests;

use crate::payload::Payload;

pub use canonical::canonical_json;
pub use fields::{APPROVAL_TEXT_MAX_CHARS, ApprovalField, ApprovalFieldType, FieldProblem};
pub(crate) use reader::{Language, Problem, Reader};

/// Approvals that an approval may need.
pub(crate) const COUNT_MAX: u64 = 100;
/// Groups or people in one list.
pub(crate) const NAMES_MAX: usize = 100;
/// Escalations of one approval.
pub(crate) const ESCALATIONS_MAX: usize = 10;
/// Fields that approvers fill in.
pub(crate) const FIELDS_MAX: usize = 50;
/// Letters of a title, a group's name or a key.
pub(crate) const TITLE_MAX_CHARS: usize = 256;
/// Letters of a description, or of a person's name.
pub(crate) const DESCRIPTION_MAX_CHARS: usize = 4_096;

/// What an approval asks, of whom, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApprovalTerms {
    /// What is to be decided, in a line; without one, the state's name says it.
    pub title: Option<String>,
    /// The same at length.
    pub description: Option<String>,
    /// What the approver is shown.
    pub show: Option<Payload>,
    /// Who may decide from the start. With neither groups nor people: whoever may decide
    /// approvals at all.
    pub deciders: Deciders,
    /// How many have to approve.
    pub minimum_count: u32,
    /// Whether who started the execution, or deployed its definition, may approve.
    pub allow_self_approval: bool,
    /// What the approver fills in.
    pub fields: Vec<ApprovalField>,
    /// For how many seconds the approval waits; none for as long as its execution does.
    pub deadline_seconds: Option<u64>,
    /// Who may decide too after a while, soonest first.
    pub escalations: Vec<Escalation>,
    /// Rejects the approvals of the same state, machine and key in older executions.
    pub supersede_key: Option<String>,
    /// Which decisions need a comment.
    pub comment_required: CommentRequired,
}

/// Those who may decide.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deciders {
    /// Names of groups: of roles in the tenant.
    pub groups: Vec<String>,
    /// Principals: `token:ada`.
    pub people: Vec<String>,
}

impl Deciders {
    /// Whether nobody is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.people.is_empty()
    }
}

/// Others who are asked when nobody has decided for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// Seconds after the approval was asked for.
    pub after_seconds: u64,
    /// Who may decide from then on, beside those before.
    pub deciders: Deciders,
}

/// Which decisions need a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CommentRequired {
    /// None.
    #[default]
    Never,
    /// Rejections.
    OnRejection,
    /// All.
    Always,
}

impl CommentRequired {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Never, Self::OnRejection, Self::Always];

    /// Returns the word that definitions have for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "Never",
            Self::OnRejection => "OnRejection",
            Self::Always => "Always",
        }
    }
}

impl ApprovalTerms {
    /// Reads the arguments that an approval asks with.
    ///
    /// # Errors
    /// All that is wrong with them, in words that name the fields.
    pub fn read(arguments: &Payload) -> Result<Self, String> {
        let mut reader = Reader::new(Language::None);
        let terms = reader.terms(&arguments.to_value());
        match reader.problems.as_slice() {
            [] => Ok(terms),
            problems => {
                let texts: Vec<String> = problems.iter().map(Problem::to_string).collect();
                Err(texts.join("; "))
            }
        }
    }

    /// Returns what was filled in, with the defaults; none if it is not as it has to be.
    #[must_use]
    pub fn filled_in(&self, given: &Payload) -> Option<Payload> {
        let given = given.to_value();
        let filled = ApprovalField::fill_in(&self.fields, given.as_object()?).ok()?;
        Some(Payload::from_value(&filled.into()))
    }

    /// Returns who may decide once so many escalations have been.
    pub fn deciders_after(&self, escalations: usize) -> Deciders {
        let mut deciders = self.deciders.clone();
        if deciders.is_empty() {
            return deciders;
        }
        for escalation in self.escalations.iter().take(escalations) {
            let (groups, people) = (&escalation.deciders.groups, &escalation.deciders.people);
            deciders.groups.extend(groups.iter().cloned());
            deciders.people.extend(people.iter().cloned());
        }
        deciders
    }
}
