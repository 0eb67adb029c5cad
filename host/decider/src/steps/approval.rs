//! Approval: people are asked, and their decisions counted.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use stepwell_states::{
    ApprovalField, ApprovalTerms, CommentRequired, Deciders, Payload, Timestamp,
};

use crate::approval::{
    ApprovalDecided, ApprovalDecision, ApprovalFacts, ApprovalOutcome, ApprovalRefusal,
    ApprovalRequested, Asked, EXPIRED, OpenApproval, REJECTED, Verdict, content, hash_of,
};
use crate::draft::Draft;
use crate::event::{EventKind, EventNumber, FrameId, Work};
use crate::execution::Phase;
use crate::failure::Failure;
use crate::people::UNKNOWN;
use crate::seed::{Purpose, uuid};
use crate::steps::task;

const SECOND_MS: u64 = 1_000;

/// Asks people, now that all is known that they are shown; asks anew if that has changed since
/// they were asked.
pub(crate) fn ask(
    draft: &mut Draft<'_>,
    frame: FrameId,
    scheduled: EventNumber,
    facts: &ApprovalFacts,
) {
    let Some(open) = draft.execution.open_task(scheduled) else {
        return;
    };
    if open.order.work != Work::AskApproval {
        return;
    }
    let before = open
        .approval
        .as_ref()
        .map(|approval| Arc::clone(&approval.requested));
    let terms = match ApprovalTerms::read(&open.order.parameters) {
        Ok(terms) => terms,
        // They were read when the task was scheduled; by a version that knew others, maybe.
        Err(problems) => {
            let failure = Failure::new("Approval.Invalid", problems);
            return task::lost(draft, frame, scheduled, failure, None);
        }
    };
    let requested = request(draft, frame, (scheduled, before.as_deref()), &terms, facts);
    if before
        .as_ref()
        .is_some_and(|before| before.hash == requested.hash)
    {
        return;
    }
    if before.is_none() {
        task::started(draft, frame, scheduled, None, draft.now);
        let output = json!({
            "ApprovalId": &*requested.id,
            "Hash": &*requested.hash,
            "Path": format!("/v1/approvals/{}", requested.id),
        });
        let kind = EventKind::TaskSubmitted {
            scheduled,
            output: Payload::from_value(&output),
            usage: None,
        };
        draft.emit(frame, kind);
    }
    draft.emit(frame, EventKind::ApprovalRequested(Arc::new(requested)));
}

fn request(
    draft: &Draft<'_>,
    frame: FrameId,
    (scheduled, before): (EventNumber, Option<&ApprovalRequested>),
    terms: &ApprovalTerms,
    facts: &ApprovalFacts,
) -> ApprovalRequested {
    let started = draft.execution.started.as_ref();
    let started = started.expect("a started execution has its start");
    let id: Arc<str> = uuid(&started.seed.derive(Purpose::Approval, scheduled)).into();
    let active = draft.active(frame);
    let content = content(&Asked {
        definition: draft.definition,
        execution_arn: &started.execution_arn,
        state: active.state,
        id: &id,
        input: &active.input,
        terms,
        facts,
    });
    let mut barred: Vec<Arc<str>> = Vec::new();
    if !terms.allow_self_approval {
        let people = draft.execution.people().unwrap_or_default();
        let answerable = draft.execution.answerable().chain(people.iter());
        for principal in answerable.chain(&facts.answerable) {
            if !barred.contains(principal) {
                barred.push(Arc::clone(principal));
            }
        }
    }
    let after = |seconds: u64| draft.now.plus_ms(seconds.saturating_mul(SECOND_MS));
    let escalations = terms.escalations.iter();
    ApprovalRequested {
        scheduled,
        hash: hash_of(content.as_str()),
        content,
        id,
        // Who is asked anew has no more time than before.
        deadline: match before {
            Some(before) => before.deadline,
            None => terms.deadline_seconds.map(after),
        },
        escalations: match before {
            Some(before) => before.escalations.clone(),
            None => escalations.map(|next| after(next.after_seconds)).collect(),
        },
        barred,
    }
}

/// Takes a decision, or says why not.
pub(crate) fn decide(
    draft: &mut Draft<'_>,
    frame: FrameId,
    decision: ApprovalDecision,
) -> Result<(), ApprovalRefusal> {
    let now = draft.now;
    let task = draft.execution.open_task(decision.scheduled);
    let (task, open) = task
        .and_then(|task| Some((task, task.approval.as_ref()?)))
        .ok_or(ApprovalRefusal::Closed)?;
    let deadline = open.requested.deadline;
    if is_over(deadline, now) || is_over(task.times_out_at, now) {
        let expired = !limit_is_first(task.times_out_at, deadline, now);
        return Err(ApprovalRefusal::Overdue { expired });
    }
    if decision.hash != open.requested.hash {
        let hash = Arc::clone(&open.requested.hash);
        return Err(ApprovalRefusal::Changed { hash });
    }
    let terms = ApprovalTerms::read(&task.order.parameters).unwrap_or_default();
    let mut decisions = open.decisions.iter();
    if let Some(before) = decisions.find(|before| before.principal == decision.principal) {
        return repeat(before, &decision, &terms);
    }
    let group = entitlement(open, &terms, &decision, now)?;
    let commented = decision.comment.is_some();
    let needs_comment = match terms.comment_required {
        CommentRequired::Never => false,
        CommentRequired::OnRejection => decision.verdict == Verdict::Reject,
        CommentRequired::Always => true,
    };
    if needs_comment && !commented {
        return Err(ApprovalRefusal::CommentMissing);
    }
    let inputs = inputs(open, &terms, &decision)?;
    let approvals = open.decisions.len() + 1;
    let id = Arc::clone(&open.requested.id);
    let verdict = decision.verdict;
    let scheduled = decision.scheduled;
    let decided = Arc::new(ApprovalDecided {
        scheduled,
        hash: decision.hash,
        verdict,
        comment: decision.comment,
        inputs,
        principal: decision.principal,
        name: decision.name,
        group,
        at: now.max(draft.execution.last_at),
    });
    let kind = EventKind::ApprovalDecided(Arc::clone(&decided));
    draft.emit(frame, kind);
    match verdict {
        Verdict::Reject => {
            let failure = rejected(&decided, &id);
            close(draft, frame, scheduled, ApprovalOutcome::Rejected);
            task::lost(draft, frame, scheduled, failure, None);
        }
        Verdict::Approve if approvals >= terms.minimum_count as usize => {
            let output = approved(draft, scheduled);
            close(draft, frame, scheduled, ApprovalOutcome::Approved);
            task::succeeded(draft, frame, scheduled, output, None);
        }
        Verdict::Approve => {}
    }
    Ok(())
}

fn is_over(due: Option<Timestamp>, now: Timestamp) -> bool {
    due.is_some_and(|due| due <= now)
}

/// Whether the time limit of the task is over, and was before the deadline.
fn limit_is_first(limit: Option<Timestamp>, deadline: Option<Timestamp>, now: Timestamp) -> bool {
    is_over(limit, now)
        && deadline.is_none_or(|deadline| limit.is_some_and(|limit| limit < deadline))
}

/// The same decision once more changes nothing; another one is refused.
fn repeat(
    before: &ApprovalDecided,
    decision: &ApprovalDecision,
    terms: &ApprovalTerms,
) -> Result<(), ApprovalRefusal> {
    let given = filled_in(terms, decision);
    let same = before.verdict == decision.verdict
        && before.comment == decision.comment
        && given.is_ok_and(|given| given == before.inputs);
    if same {
        return Ok(());
    }
    Err(ApprovalRefusal::AlreadyDecided(before.verdict))
}

/// Whether the decider is asked; returns the group that makes them so.
fn entitlement(
    open: &OpenApproval,
    terms: &ApprovalTerms,
    decision: &ApprovalDecision,
    now: Timestamp,
) -> Result<Option<Arc<str>>, ApprovalRefusal> {
    let is_barred = open.requested.barred.contains(&decision.principal);
    if decision.verdict == Verdict::Approve {
        if is_barred {
            return Err(ApprovalRefusal::SelfApproval);
        }
        // Who decides may be the one whom nobody knows.
        if open.requested.barred.iter().any(|one| &**one == UNKNOWN) {
            return Err(ApprovalRefusal::Unanswered);
        }
    }
    // One that is due counts, recorded or not.
    let due = open.requested.escalations.iter().filter(|due| **due <= now);
    let deciders = terms.deciders_after(due.count());
    if deciders.is_empty()
        || deciders
            .people
            .iter()
            .any(|person| **person == *decision.principal)
    {
        return Ok(None);
    }
    let mut groups = decision.groups.iter();
    let group = groups.find(|group| deciders.groups.iter().any(|asked| **asked == ***group));
    match group {
        Some(group) => Ok(Some(Arc::clone(group))),
        None => Err(ApprovalRefusal::NotAsked {
            asked: names_of(&deciders),
        }),
    }
}

fn names_of(deciders: &Deciders) -> String {
    let groups = deciders.groups.iter().map(|group| format!("group {group}"));
    let all: Vec<String> = groups.chain(deciders.people.iter().cloned()).collect();
    all.join(", ")
}

/// What the decider filled in. All who approve approve the same: inputs that only the last of
/// them has seen are not what the others agreed to.
fn inputs(
    open: &OpenApproval,
    terms: &ApprovalTerms,
    decision: &ApprovalDecision,
) -> Result<Payload, ApprovalRefusal> {
    if decision.verdict == Verdict::Reject {
        return match decision
            .inputs
            .to_value()
            .as_object()
            .and_then(|given| given.keys().next())
        {
            None => Ok(Payload::empty_object()),
            Some(field) => Err(ApprovalRefusal::Input {
                field: field.clone(),
                reason: "is not asked for: a rejection takes no inputs".to_owned(),
            }),
        };
    }
    let inputs = filled_in(terms, decision)?;
    let Some(first) = open
        .decisions
        .first()
        .filter(|first| first.inputs != inputs)
    else {
        return Ok(inputs);
    };
    let (given, agreed) = (inputs.to_value(), first.inputs.to_value());
    let differs = |field: &&ApprovalField| given.get(&field.name) != agreed.get(&field.name);
    let field = terms.fields.iter().find(differs);
    let field = field.map(|field| field.name.clone()).unwrap_or_default();
    let agreed = agreed.get(&field).unwrap_or(&Value::Null);
    let reason = format!(
        "is not {agreed}, with which {} has approved: approve with the same, or reject",
        first.principal
    );
    Err(ApprovalRefusal::Input { field, reason })
}

fn filled_in(
    terms: &ApprovalTerms,
    decision: &ApprovalDecision,
) -> Result<Payload, ApprovalRefusal> {
    let given = match decision.inputs.to_value() {
        Value::Object(given) => given,
        _ => Map::new(),
    };
    if decision.verdict == Verdict::Reject && given.is_empty() {
        return Ok(Payload::empty_object());
    }
    let filled = ApprovalField::fill_in(&terms.fields, &given).map_err(|problem| {
        ApprovalRefusal::Input {
            field: problem.field,
            reason: problem.reason,
        }
    })?;
    Ok(Payload::from_value(&Value::Object(filled)))
}

/// An execution that is newer has reached the same approval.
pub(crate) fn supersede(
    draft: &mut Draft<'_>,
    frame: FrameId,
    scheduled: EventNumber,
    by: Arc<str>,
) {
    let Some(open) = open(draft, scheduled) else {
        return;
    };
    let cause = json!({
        "ApprovalId": &*open.requested.id,
        "Reason": "superseded",
        "By": &*by,
    });
    close(draft, frame, scheduled, ApprovalOutcome::Superseded { by });
    let failure = Failure::new(REJECTED, cause.to_string());
    task::lost(draft, frame, scheduled, failure, None);
}

/// A timer of an approval is due: it expires, or others are asked too. Returns false for the
/// time limit of the task, which ends all tasks alike.
pub(crate) fn timer_fired(draft: &mut Draft<'_>, frame: FrameId) -> bool {
    let Phase::Task(task) = &draft.active(frame).phase else {
        return false;
    };
    let Some(open) = &task.approval else {
        return false;
    };
    let (scheduled, deadline) = (task.number, open.requested.deadline);
    if limit_is_first(task.times_out_at, deadline, draft.now) {
        return false;
    }
    if is_over(deadline, draft.now) {
        expire(draft, frame, scheduled);
        return true;
    }
    let next = open
        .requested
        .escalations
        .get(open.escalated as usize)
        .copied();
    if is_over(next, draft.now) {
        let escalation = open.escalated + 1;
        let kind = EventKind::ApprovalEscalated {
            scheduled,
            escalation,
        };
        draft.emit(frame, kind);
        return true;
    }
    false
}

fn expire(draft: &mut Draft<'_>, frame: FrameId, scheduled: EventNumber) {
    let Some(open) = open(draft, scheduled) else {
        return;
    };
    let cause = json!({
        "ApprovalId": &*open.requested.id,
        "Reason": "expired",
        "Deadline": open.requested.deadline.map(|deadline| deadline.to_string()),
        "Decisions": open.decisions.iter().map(|decided| described(decided)).collect::<Vec<_>>(),
    });
    close(draft, frame, scheduled, ApprovalOutcome::Expired);
    let failure = Failure::new(EXPIRED, cause.to_string());
    task::lost(draft, frame, scheduled, failure, None);
}

fn open<'a>(draft: &'a Draft<'_>, scheduled: EventNumber) -> Option<&'a OpenApproval> {
    draft.execution.open_task(scheduled)?.approval.as_deref()
}

fn close(draft: &mut Draft<'_>, frame: FrameId, scheduled: EventNumber, outcome: ApprovalOutcome) {
    draft.emit(frame, EventKind::ApprovalClosed { scheduled, outcome });
}

/// The result of an approval that enough people approved.
fn approved(draft: &Draft<'_>, scheduled: EventNumber) -> Payload {
    let Some(open) = open(draft, scheduled) else {
        return Payload::empty_object();
    };
    let last = open.decisions.last();
    let mut output = last.map(|last| described(last)).unwrap_or_default();
    let decisions = open.decisions.iter().map(|decided| described(decided));
    output["ApprovalId"] = Value::from(&*open.requested.id);
    output["Hash"] = Value::from(&*open.requested.hash);
    output["Decisions"] = decisions.collect();
    Payload::from_value(&output)
}

fn rejected(decided: &ApprovalDecided, id: &str) -> Failure {
    let mut cause = described(decided);
    cause["ApprovalId"] = Value::from(id);
    cause["Hash"] = Value::from(&*decided.hash);
    cause["Reason"] = Value::from("rejected");
    Failure::new(REJECTED, cause.to_string())
}

fn described(decided: &ApprovalDecided) -> Value {
    let mut shown = json!({
        "Decision": decided.verdict.as_str(),
        "Principal": &*decided.principal,
        "At": decided.at.to_string(),
    });
    let texts = [
        ("Name", &decided.name),
        ("Group", &decided.group),
        ("Comment", &decided.comment),
    ];
    for (member, text) in texts {
        if let Some(text) = text {
            shown[member] = Value::from(&**text);
        }
    }
    if decided.verdict == Verdict::Approve {
        shown["Inputs"] = decided.inputs.to_value();
    }
    shown
}
