//! Decisions: by the hash of what somebody saw, or on a terminal, where they see it now.
//!
//! On a terminal all that would refuse a decision is said before anybody is asked for one.

use serde_json::Value;
use stepwell_engine::COMMENT_MAX_CHARS;
use stepwell_server::wire::{
    Approval, ApprovalStatus, ApprovalVerdict, ApproveRequest, CommentRequired, JsonText,
    RejectRequest,
};

use super::form::{self, Agreed, Filled};
use super::{ApproveArgs, DecisionArgs, RejectArgs, shown};
use crate::ask;
use crate::client::{ApprovalsQuery, Client};
use crate::commands::{App, now};
use crate::console::{NOTICE, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::input::read_json;
use crate::render::text::safe;

/// Lines of an approval that somebody can be expected to read before a question.
const LINES_MAX: usize = 200;
/// Approvals of one execution that are looked through.
const MINE_MAX: u32 = 1_000;
/// What it takes to decide.
const PERMISSION: &str = "approvals:decide";

/// Approves.
///
/// # Errors
/// An approval that does not exist or cannot be approved (so), or a no on the terminal.
pub(super) fn approve(args: &ApproveArgs, app: &App) -> Result<(), CliError> {
    let client = app.client()?;
    let id = &args.decision.approval;
    let object = match &args.object {
        Some(object) => Some(read_json(object, "--inputs")?),
        None => None,
    };
    let request = match &args.decision.hash {
        Some(hash) => ApproveRequest {
            hash: hash.clone(),
            comment: args.decision.comment.clone(),
            inputs: match object {
                None if !args.inputs.is_empty() => {
                    let approval = client.describe_approval(id)?.value;
                    let fields = form::fields(&shown::content(&approval));
                    Some(json_text(&form::given(&args.inputs, &fields)?)?)
                }
                object => object,
            },
        },
        None => {
            let approval = seen(&args.decision, ApprovalVerdict::Approve, &client, app)?;
            let inputs = filled_in(&approval, object.as_ref(), &args.inputs, app)?;
            let comment = comment(&args.decision, &approval, ApprovalVerdict::Approve, app)?;
            if !inputs.is_empty() {
                let inputs = Value::Object(inputs.clone()).to_string();
                app.console.say(format!("with {}", safe(&inputs)));
            }
            ask::confirm("Approve?", "nothing was decided")?;
            ApproveRequest {
                hash: approval.summary.hash,
                comment,
                inputs: Some(json_text(&inputs)?),
            }
        }
    };
    let answer = client.approve(id, &request)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    decided(&answer.value, ApprovalVerdict::Approve, app)
}

/// Rejects.
///
/// # Errors
/// As [`approve`].
pub(super) fn reject(args: &RejectArgs, app: &App) -> Result<(), CliError> {
    let client = app.client()?;
    let request = match &args.decision.hash {
        Some(hash) => RejectRequest {
            hash: hash.clone(),
            comment: args.decision.comment.clone(),
        },
        None => {
            let approval = seen(&args.decision, ApprovalVerdict::Reject, &client, app)?;
            let comment = comment(&args.decision, &approval, ApprovalVerdict::Reject, app)?;
            ask::confirm("Reject?", "nothing was decided")?;
            RejectRequest {
                hash: approval.summary.hash,
                comment,
            }
        }
    };
    let answer = client.reject(&args.decision.approval, &request)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    decided(&answer.value, ApprovalVerdict::Reject, app)
}

/// Shows an approval on the terminal that it is decided on.
fn seen(
    args: &DecisionArgs,
    verdict: ApprovalVerdict,
    client: &Client,
    app: &App,
) -> Result<Approval, CliError> {
    let id = safe(&args.approval);
    if !ask::can_ask(&app.console) {
        let error = CliError::usage("a decision names what it is about by its hash: give --hash");
        return Err(error.hint(format!(
            "`stepwell approvals show {id}` shows the approval and its hash"
        )));
    }
    let approval = client.describe_approval(&args.approval)?.value;
    if !shown::has_its_hash(&approval) {
        let error = "what is shown does not have the hash that a decision would name";
        return Err(CliError::new(Exit::Refused, error).hint(
            "somebody between you and the host changes what it says, or it is of another version",
        ));
    }
    let text = shown::described(&approval, now(), ask::columns());
    let lines = text.lines().count();
    if lines > LINES_MAX {
        let message = format!("it shows {lines} lines, which are too many for a question");
        return Err(CliError::usage(message)
            .hint(format!(
                "`stepwell approvals show {id} | less` shows all of them, and the hash at the end"
            ))
            .hint("decide with --hash when you have read them"));
    }
    app.console.say(text);
    may_decide(&approval, verdict, client)?;
    Ok(approval)
}

/// Says what the host would refuse, before anybody fills in anything.
fn may_decide(
    approval: &Approval,
    verdict: ApprovalVerdict,
    client: &Client,
) -> Result<(), CliError> {
    let refused = |reason: String| Err(CliError::new(Exit::Refused, reason));
    let summary = &approval.summary;
    if summary.status != ApprovalStatus::Pending {
        let (word, _) = shown::status(summary.status);
        return refused(format!(
            "the approval is {word}: it is too late for a decision"
        ));
    }
    let caller = client.describe_caller()?.value;
    let who = safe(&caller.principal);
    let mut decisions = approval.decisions.iter();
    if decisions.any(|decided| decided.principal == caller.principal) {
        return refused(format!("you, {who}, have decided already"));
    }
    if verdict == ApprovalVerdict::Approve && approval.barred.contains(&caller.principal) {
        return refused(format!(
            "you, {who}, are barred: who starts or redrives an execution, or deploys its \
             definition, does not approve it"
        ));
    }
    if !caller.permissions.iter().any(|known| known == PERMISSION) {
        return refused(format!("you, {who}, lack the permission {PERMISSION}"));
    }
    // Who is barred is not asked, and may reject all the same.
    let is_barred = approval.barred.contains(&caller.principal);
    if !is_barred && !is_asked(approval, client)? {
        return refused(format!(
            "you, {who}, are not asked: this approval is for others: {}",
            safe(&shown::asked(approval))
        ));
    }
    Ok(())
}

/// Whether the host counts it among those that are the caller's to decide.
fn is_asked(approval: &Approval, client: &Client) -> Result<bool, CliError> {
    let summary = &approval.summary;
    let mut page_token = None;
    loop {
        let page = client.list_approvals(ApprovalsQuery {
            status: None,
            mine: true,
            execution: Some(&summary.execution_arn),
            limit: MINE_MAX,
            page_token: page_token.as_deref(),
        })?;
        let mut mine = page.value.approvals.iter();
        if mine.any(|mine| mine.approval_id == summary.approval_id) {
            return Ok(true);
        }
        page_token = page.value.next_page_token;
        if page_token.is_none() {
            return Ok(false);
        }
    }
}

/// What is filled in: what the command line gives, and what is asked for.
fn filled_in(
    approval: &Approval,
    object: Option<&JsonText>,
    inputs: &[String],
    app: &App,
) -> Result<Filled, CliError> {
    let fields = form::fields(&shown::content(approval));
    let given = match object {
        Some(object) => match serde_json::from_str(object.as_str()) {
            Ok(Value::Object(given)) => given,
            _ => return Err(CliError::usage("--inputs is no object")),
        },
        None => form::given(inputs, &fields)?,
    };
    let mut decisions = approval.decisions.iter();
    let first = decisions.find(|decided| decided.decision == ApprovalVerdict::Approve);
    let agreed = first.map(|first| Agreed {
        principal: first.principal.clone(),
        inputs: serde_json::from_str(first.inputs.as_str()).unwrap_or_default(),
    });
    form::ask_for(&fields, given, agreed.as_ref(), &app.console)
}

/// The comment, which is asked for where the decision needs one.
fn comment(
    args: &DecisionArgs,
    approval: &Approval,
    verdict: ApprovalVerdict,
    app: &App,
) -> Result<Option<String>, CliError> {
    let is_needed = match approval.comment_required {
        CommentRequired::Never => false,
        CommentRequired::OnRejection => verdict == ApprovalVerdict::Reject,
        CommentRequired::Always => true,
    };
    let is_given = |comment: &String| !comment.trim().is_empty();
    let mut comment = args.comment.clone().filter(is_given);
    loop {
        match comment {
            None if !is_needed => return Ok(None),
            None => {}
            Some(text) => match text.chars().count() {
                0..=COMMENT_MAX_CHARS => return Ok(Some(text)),
                length => app.console.say(format!(
                    "the comment has {length} characters; the limit is {COMMENT_MAX_CHARS}"
                )),
            },
        }
        let Some(answer) = ask::line("your comment:")? else {
            return Err(CliError::new(Exit::Declined, "nothing was decided"));
        };
        comment = Some(answer).filter(is_given);
        if comment.is_none() && is_needed {
            app.console.say("the decision needs a comment");
        }
    }
}

fn json_text(inputs: &Filled) -> Result<JsonText, CliError> {
    let text = Value::Object(inputs.clone()).to_string();
    JsonText::parse(text).map_err(|error| CliError::usage(error.to_string()))
}

fn decided(approval: &Approval, verdict: ApprovalVerdict, app: &App) -> Result<(), CliError> {
    let summary = &approval.summary;
    // The same decision once more is answered with how the approval stands since.
    let (word, style) = match summary.status {
        ApprovalStatus::Pending => ("COUNTED", NOTICE),
        status => shown::status(status),
    };
    let word = word.to_ascii_lowercase();
    let mut text = format!(
        "{} {}\n",
        paint(style, word),
        paint(STRONG, safe(&summary.title))
    );
    if verdict == ApprovalVerdict::Approve {
        let (approved, needed) = (summary.approved_by.len(), summary.minimum_count);
        text.push_str(&format!("  {approved} of {needed} approvals\n"));
    }
    text.push_str(&format!("  {}", safe(&summary.execution_arn)));
    app.console.print(text)
}
