//! Approvals: list, describe, decide.

use std::sync::Arc;

use stepwell_decider::{ApprovalDecision, ApprovalInput, ApprovalRefusal, Input, Verdict};
use stepwell_states::{ApprovalTerms, Payload};
use stepwell_store::{
    ApprovalFilter, ApprovalRow, ApprovalStatus, AuditDetails, ExecutionKey, Store, StoreError,
    TenantId,
};
use tokio::sync::oneshot;

use crate::approvals::{ANYBODY, ApprovalDescription, ApprovalSummary, Details, Summary};
use crate::audit::action;
use crate::definitions::Definitions;
use crate::error::EngineError;
use crate::handle::{EngineHandle, machine_in_arn};
use crate::model::{Caller, PageOf, Tenant};
use crate::names;
use crate::permissions::Permission;
use crate::sfn::SealedList;
use crate::shard::approvals::facts;
use crate::shard::load::load_execution;
use crate::shard::{Asker, Message};

/// Lines of a list's page, at most.
const PAGE_MAX: u32 = 1_000;
/// Letters of a comment, at most: causes of failures hold it.
pub const COMMENT_MAX_CHARS: usize = 4_096;

/// Which approvals to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListApprovals {
    /// Only those that stand so.
    pub status: Option<ApprovalStatus>,
    /// Only pending ones that the caller may decide and has not decided.
    pub mine: bool,
    /// ARN of an execution, or `machine/name`: only its approvals, and those of the children of
    /// its Map Runs.
    pub execution: Option<String>,
    /// Where the last page ended.
    pub page_token: Option<String>,
    /// Lines a page; 1 to 1,000.
    pub limit: u32,
}

/// A decision of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecideApproval {
    /// What they decide.
    pub verdict: Verdict,
    /// The hash of what they saw.
    pub hash: String,
    /// Their words.
    pub comment: Option<String>,
    /// What they fill in: an object; nothing is `{}`.
    pub inputs: Option<Payload>,
}

impl EngineHandle {
    /// Lists approvals, newest first.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`] if there is no such execution, [`EngineError::Invalid`] for a
    /// page token, limit or status that cannot be, or trouble of the host's own.
    pub async fn list_approvals(
        &self,
        caller: &Caller,
        list: ListApprovals,
    ) -> Result<PageOf<ApprovalSummary>, EngineError> {
        if list.limit == 0 || list.limit > PAGE_MAX {
            let reason = format!("is {}; give 1 to {PAGE_MAX}", list.limit);
            return Err(invalid("limit", reason));
        }
        if list.mine
            && list
                .status
                .is_some_and(|status| status != ApprovalStatus::Pending)
        {
            let reason = "what is yours to decide is pending: leave out one of the two";
            return Err(invalid("status", reason.to_owned()));
        }
        let status = list.status.map(|status| format!("{status:?}"));
        let mine = list.mine.then_some(&*caller.principal);
        let parts = [status.as_deref(), list.execution.as_deref(), mine];
        let sealed = SealedList::named(self, caller, "approvals", &parts).await?;
        let before = sealed.position::<i64>(list.page_token.as_deref())?;
        let execution = match &list.execution {
            Some(execution) => Some(self.find_key(caller, execution).await?),
            None => None,
        };
        let filter = ApprovalFilter {
            tenant: TenantId(caller.tenant.id),
            status: list.status,
            execution,
            deciders: list.mine.then(|| deciders_of(caller)),
        };
        let limit = list.limit as usize;
        let definitions = Arc::clone(&self.0.definitions);
        let tenant = Arc::clone(&caller.tenant);
        let (rows, next_page_token) = self
            .read(move |store| {
                let mut rows = store.list_approvals(&filter, before, limit + 1)?;
                let more = rows.len() > limit;
                rows.truncate(limit);
                let next = rows
                    .last()
                    .filter(|_| more)
                    .map(|row| sealed.seal(&row.place.to_string()));
                let described = rows
                    .iter()
                    .map(|row| summary_of(store, &definitions, &tenant, row));
                Ok((described.collect::<Result<Vec<_>, _>>()?, next))
            })
            .await?;
        let principal = &*caller.principal;
        let is_theirs = |(summary, barred): &(ApprovalSummary, Vec<String>)| {
            !list.mine
                || !barred
                    .iter()
                    .chain(&summary.approved_by)
                    .any(|known| known == principal)
        };
        let items = rows.into_iter().filter(is_theirs);
        Ok(PageOf {
            items: items.map(|(summary, _)| summary).collect(),
            next_page_token,
        })
    }

    /// Describes an approval with all that it shows.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn describe_approval(
        &self,
        caller: &Caller,
        approval: &str,
    ) -> Result<ApprovalDescription, EngineError> {
        let row = self.find_approval(caller, approval).await?;
        let definitions = Arc::clone(&self.0.definitions);
        let tenant = Arc::clone(&caller.tenant);
        self.read(move |store| described(store, &definitions, &tenant, &row))
            .await
    }

    /// Takes a caller's decision; returns once it is durable, with how the approval stands.
    /// The same decision once more is no error and changes nothing.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::ApprovalClosed`] if it is too late,
    /// [`EngineError::Approval`] if it cannot be taken, [`EngineError::Invalid`] for a comment
    /// that is too long, or trouble of the host's own.
    pub async fn decide_approval(
        &self,
        caller: &Caller,
        approval: &str,
        decision: DecideApproval,
    ) -> Result<ApprovalDescription, EngineError> {
        self.require_running()?;
        let decision = checked(decision)?;
        let row = self.find_approval(caller, approval).await?;
        check_hash(&decision.hash)?;
        // Its execution has not been told of the newer one yet.
        let superseded = ApprovalStatus::Superseded;
        if row.status != ApprovalStatus::Pending || row.superseded_by.is_some() {
            return self
                .decided_already(caller, &row, &decision, superseded)
                .await;
        }
        let told = self.tell_decision(caller, &row, &decision).await;
        match told {
            Ok(()) => self.describe_approval(caller, approval).await,
            Err(EngineError::Approval(
                refusal @ (ApprovalRefusal::Closed | ApprovalRefusal::Overdue { .. }),
            )) => {
                self.settled(row.execution).await?;
                let row = self.find_approval(caller, approval).await?;
                let as_of_now = match refusal {
                    _ if row.superseded_by.is_some() => superseded,
                    ApprovalRefusal::Overdue { expired: true } => ApprovalStatus::Expired,
                    _ => ApprovalStatus::Withdrawn,
                };
                self.decided_already(caller, &row, &decision, as_of_now)
                    .await
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until what an execution has decided by now is durable.
    async fn settled(&self, key: ExecutionKey) -> Result<(), EngineError> {
        let (reply, answer) = oneshot::channel();
        self.0.starter.shards.of(key).send(Message::Input {
            key,
            input: Input::Continue,
            told_child: None,
            asked: Some(Asker {
                reply,
                entry: None,
                revision: None,
                bulk: None,
            }),
        });
        answer.await.map_err(|_closed| EngineError::ShuttingDown)?
    }

    /// Tells the execution of a decision, behind what its approval has to show by now.
    async fn tell_decision(
        &self,
        caller: &Caller,
        row: &ApprovalRow,
        decision: &DecideApproval,
    ) -> Result<(), EngineError> {
        let execution = self.0.definitions.clone();
        let (key, scheduled, state) = (row.execution, row.scheduled, row.state.clone());
        let tenant = Arc::clone(&caller.tenant);
        let current = self
            .read(move |store| current_facts(store, &execution, &tenant, key, &state))
            .await?;
        let Some((facts, arn)) = current else {
            return Err(EngineError::Approval(ApprovalRefusal::Closed));
        };
        let action = match decision.verdict {
            Verdict::Approve => action::APPROVAL_APPROVE,
            Verdict::Reject => action::APPROVAL_REJECT,
        };
        let details = AuditDetails::default()
            .text("approval", &row.id)
            .text("state", &row.state)
            .text("hash", &decision.hash);
        let entry = self.entry(caller, action, arn, Some(details));
        let shard = self.0.starter.shards.of(key);
        shard.send(Message::Input {
            key,
            input: Input::Approval(ApprovalInput::Asked { scheduled, facts }),
            told_child: None,
            asked: None,
        });
        let decided = ApprovalDecision {
            scheduled,
            hash: decision.hash.as_str().into(),
            verdict: decision.verdict,
            comment: decision.comment.as_deref().map(Into::into),
            inputs: decision
                .inputs
                .clone()
                .unwrap_or_else(Payload::empty_object),
            principal: Arc::clone(&caller.principal),
            name: caller.name.clone(),
            groups: Arc::clone(&caller.groups),
        };
        let (reply, answer) = oneshot::channel();
        shard.send(Message::Input {
            key,
            input: Input::Approval(ApprovalInput::Decided(Box::new(decided))),
            told_child: None,
            asked: Some(Asker {
                reply,
                entry: Some(entry),
                revision: None,
                bulk: None,
            }),
        });
        answer.await.map_err(|_closed| EngineError::ShuttingDown)?
    }

    /// An approval has ended: who has made this very decision is told how, anybody else that
    /// it is too late. `as_of_now` is how it ends where that is not recorded yet.
    async fn decided_already(
        &self,
        caller: &Caller,
        row: &ApprovalRow,
        decision: &DecideApproval,
        as_of_now: ApprovalStatus,
    ) -> Result<ApprovalDescription, EngineError> {
        let described = self.describe_approval(caller, &row.id).await?;
        let given = decision
            .inputs
            .clone()
            .unwrap_or_else(Payload::empty_object);
        let details: Option<Details> = serde_json::from_str(&row.details).ok();
        let terms = details.and_then(|details| ApprovalTerms::read(&details.parameters).ok());
        let same = described.decisions.iter().any(|decided| {
            let inputs = terms.as_ref().and_then(|terms| match decision.verdict {
                Verdict::Approve => terms.filled_in(&given),
                Verdict::Reject => Some(Payload::empty_object()),
            });
            decided.principal == caller.principal
                && decided.verdict == decision.verdict
                && *decided.hash == *decision.hash
                && decided.comment.as_deref() == decision.comment.as_deref()
                && inputs.as_ref() == Some(&decided.inputs)
        });
        if same {
            return Ok(described);
        }
        Err(EngineError::ApprovalClosed {
            status: match described.summary.status {
                ApprovalStatus::Pending => status_word(as_of_now),
                status => status_word(status),
            },
        })
    }

    async fn find_approval(
        &self,
        caller: &Caller,
        approval: &str,
    ) -> Result<ApprovalRow, EngineError> {
        let (tenant, id) = (TenantId(caller.tenant.id), approval.to_owned());
        let row = self
            .read(move |store| store.find_approval(tenant, &id))
            .await?;
        row.ok_or_else(|| EngineError::NotFound {
            kind: "approval",
            name: approval.to_owned(),
        })
    }
}

/// Returns the word for how an approval stands: `PENDING`.
#[must_use]
pub fn status_word(status: ApprovalStatus) -> &'static str {
    match status {
        ApprovalStatus::Pending => "PENDING",
        ApprovalStatus::Approved => "APPROVED",
        ApprovalStatus::Rejected => "REJECTED",
        ApprovalStatus::Expired => "EXPIRED",
        ApprovalStatus::Superseded => "SUPERSEDED",
        ApprovalStatus::Withdrawn => "WITHDRAWN",
    }
}

fn invalid(field: &'static str, reason: String) -> EngineError {
    EngineError::Invalid { field, reason }
}

fn check_hash(hash: &str) -> Result<(), EngineError> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let digits = hash.strip_prefix("sha256:");
    if digits.is_some_and(|digits| digits.len() == 64 && digits.bytes().all(is_digit)) {
        return Ok(());
    }
    let reason = "is no hash: give `sha256:` and 64 hexadecimal digits in lower case, as the \
                  approval shows them";
    Err(invalid("hash", reason.to_owned()))
}

/// A comment of blanks is none, and one that is too long is refused.
fn checked(mut decision: DecideApproval) -> Result<DecideApproval, EngineError> {
    decision.comment = decision
        .comment
        .filter(|comment| !comment.trim().is_empty());
    let length = decision
        .comment
        .as_ref()
        .map_or(0, |comment| comment.chars().count());
    if length > COMMENT_MAX_CHARS {
        let reason = format!("has {length} characters; the limit is {COMMENT_MAX_CHARS}");
        return Err(invalid("comment", reason));
    }
    let is_object = |inputs: &Payload| inputs.to_value().is_object();
    if decision
        .inputs
        .as_ref()
        .is_some_and(|inputs| !is_object(inputs))
    {
        return Err(invalid(
            "inputs",
            "is no object: give {\"NAME\": VALUE}".to_owned(),
        ));
    }
    Ok(decision)
}

/// Under which names a caller may decide.
fn deciders_of(caller: &Caller) -> Vec<String> {
    if !caller.permissions.allow(Permission::DecideApprovals) {
        return Vec::new();
    }
    let groups = caller.groups.iter().map(|group| format!("g:{group}"));
    let mut deciders: Vec<String> = groups.collect();
    deciders.push(format!("p:{}", caller.principal));
    deciders.push(ANYBODY.to_owned());
    deciders
}

/// What an approval would be asked with now, and the ARN of its execution.
fn current_facts(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    key: ExecutionKey,
    state: &str,
) -> Result<Option<(stepwell_decider::ApprovalFacts, String)>, StoreError> {
    let Some((row, execution)) = load_execution(store, key)? else {
        return Ok(None);
    };
    let revision = definitions.revision(store, row.machine, row.revision)?;
    let mut states = revision.definition.states();
    let state = states.find_map(|(reference, found)| (&*found.name == state).then_some(reference));
    let (Some(state), Some(started)) = (state, execution.started()) else {
        return Ok(None);
    };
    let facts = facts(store, definitions, tenant, &revision, &execution, state)?;
    Ok(Some((facts, started.execution_arn.to_string())))
}

/// An approval's line in lists, and who may not approve.
fn summary_of(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    row: &ApprovalRow,
) -> Result<(ApprovalSummary, Vec<String>), StoreError> {
    let stored: Summary = read_json(row, &row.summary)?;
    let execution = store
        .load_execution_row(row.execution)?
        .ok_or_else(|| missing(row))?;
    let revision = definitions.revision(store, execution.machine, execution.revision)?;
    let machine = machine_in_arn(store, &revision.name, &execution)?;
    let summary = ApprovalSummary {
        id: row.id.clone(),
        status: row.status,
        title: stored.title,
        hash: stored.hash,
        execution_arn: names::execution_arn(tenant, &machine, &execution.name),
        state_machine: revision.name.to_string(),
        state: row.state.clone(),
        requested_at: row.requested_at,
        deadline: row.due_at,
        closed_at: row.closed_at,
        groups: stored.groups,
        people: stored.people,
        minimum_count: stored.minimum_count,
        approved_by: stored.approved_by,
        escalated: stored.escalated,
    };
    Ok((summary, stored.barred))
}

fn described(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    row: &ApprovalRow,
) -> Result<ApprovalDescription, StoreError> {
    let details: Details = read_json(row, &row.details)?;
    let terms = ApprovalTerms::read(&details.parameters).unwrap_or_default();
    let (summary, barred) = summary_of(store, definitions, tenant, row)?;
    let escalations = details.requested.escalations.iter();
    Ok(ApprovalDescription {
        description: terms.description,
        content: details.requested.content.clone(),
        allow_self_approval: terms.allow_self_approval,
        barred,
        comment_required: terms.comment_required,
        escalations: escalations
            .skip(summary.escalated as usize)
            .copied()
            .collect(),
        decisions: details.decisions,
        superseded_by: details.superseded_by.map(|by| by.to_string()),
        summary,
    })
}

fn read_json<T: serde::de::DeserializeOwned>(
    row: &ApprovalRow,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt {
        what: format!("the approval {} cannot be read: {error}", row.id),
    })
}

fn missing(row: &ApprovalRow) -> StoreError {
    StoreError::Corrupt {
        what: format!("the execution of the approval {} is missing", row.id),
    }
}
