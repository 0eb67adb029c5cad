//! `stepwell approvals`: what people are asked to decide, and their decisions.

mod shown;

use std::io::{IsTerminal as _, Write as _};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};
use stepwell_server::wire::{Approval, ApprovalStatus, ApproveRequest, JsonText, RejectRequest};

use crate::client::ApprovalsQuery;
use crate::commands::{App, now};
use crate::console::{BAD, GOOD, NOTICE, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::input::read_json;
use crate::render::table::{Cell, Column, Table};
use crate::render::text::safe;
use crate::render::{time, units};

/// What to do with approvals.
#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// List approvals, newest first; those that wait, unless --status or --all says otherwise
    List(ListArgs),
    /// Show an approval: what it is about, who may decide, and what its hash stands for
    Show(ShowArgs),
    /// Approve. Without --hash the approval is shown first, and you are asked
    Approve(ApproveArgs),
    /// Reject; one rejection is enough. Without --hash you are asked
    Reject(RejectArgs),
}

/// The arguments of `approvals list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those that you may decide, and have not decided
    #[arg(long, conflicts_with_all = ["status", "all"])]
    mine: bool,
    /// Only those that stand so
    #[arg(long, value_enum, conflicts_with = "all")]
    status: Option<StatusFilter>,
    /// Those that have ended, too
    #[arg(long)]
    all: bool,
    /// Only those of this execution: machine/name, or its ARN
    #[arg(long, value_name = "EXECUTION")]
    execution: Option<String>,
    /// Approvals at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Where to go on: the nextPageToken of the last page
    #[arg(long, value_name = "TOKEN")]
    page_token: Option<String>,
}

/// How an approval stands, as the command line writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StatusFilter {
    Pending,
    Approved,
    Rejected,
    Expired,
    Superseded,
    Withdrawn,
}

impl StatusFilter {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Expired => "EXPIRED",
            Self::Superseded => "SUPERSEDED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }
}

/// The arguments of `approvals show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The approval's id
    approval: String,
}

/// What all decisions have.
#[derive(Debug, Args)]
pub(crate) struct DecisionArgs {
    /// The approval's id
    approval: String,
    /// Hash of what you saw, as `stepwell approvals show` has it
    #[arg(long)]
    hash: Option<String>,
    /// Your words, for those who come after
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// The arguments of `approvals approve`.
#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    decision: DecisionArgs,
    /// What you fill in; again for more. A value that is JSON is taken so, else it is a text
    #[arg(long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// All that you fill in, as a JSON object; `-` is standard input, @FILE a file
    #[arg(long = "inputs", value_name = "JSON", conflicts_with = "inputs")]
    object: Option<String>,
}

/// The arguments of `approvals reject`.
#[derive(Debug, Args)]
pub(crate) struct RejectArgs {
    #[command(flatten)]
    decision: DecisionArgs,
}

/// Does it.
///
/// # Errors
/// An approval that does not exist, or that the caller cannot decide (so).
pub(crate) fn run(command: &ApprovalsCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        ApprovalsCommand::List(args) => list(args, app)?,
        ApprovalsCommand::Show(args) => {
            let answer = app.client()?.describe_approval(&args.approval)?;
            if app.console.is_json() {
                app.console.print_json(&answer.json(), true)?;
            } else {
                app.console.print(shown::described(&answer.value, now()))?;
            }
        }
        ApprovalsCommand::Approve(args) => approve(args, app)?,
        ApprovalsCommand::Reject(args) => reject(args, app)?,
    }
    Ok(Exit::Done)
}

fn list(args: &ListArgs, app: &App) -> Result<(), CliError> {
    let pending = (!args.all).then_some(StatusFilter::Pending);
    let status = args.status.or(pending.filter(|_| !args.mine));
    let answer = app.client()?.list_approvals(ApprovalsQuery {
        status: status.map(StatusFilter::as_str),
        mine: args.mine,
        execution: args.execution.as_deref(),
        limit: args.limit,
        page_token: args.page_token.as_deref(),
    })?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let approvals = &answer.value.approvals;
    if approvals.is_empty() {
        app.console.say("no approvals");
    } else {
        let mut table = Table::new(&[
            Column::Left("APPROVAL"),
            Column::Left("STATUS"),
            Column::Left("TITLE"),
            Column::Left("STATE MACHINE"),
            Column::Right("FOR"),
            Column::Right("APPROVED"),
        ]);
        let now = now();
        for approval in approvals {
            let end = approval.closed_at.map_or(now, |at| at.0);
            let (word, style) = shown::status(approval.status);
            table.row([
                (&approval.approval_id).into(),
                Cell::styled(word, style),
                (&approval.title).into(),
                (&approval.state_machine).into(),
                units::duration(time::between(approval.requested_at.0, end)).into(),
                format!(
                    "{} of {}",
                    approval.approved_by.len(),
                    approval.minimum_count
                )
                .into(),
            ]);
        }
        app.console.print(table.render())?;
    }
    if let Some(token) = &answer.value.next_page_token {
        app.console
            .say(format!("there are more: --page-token {token}"));
    }
    Ok(())
}

fn approve(args: &ApproveArgs, app: &App) -> Result<(), CliError> {
    let inputs = match &args.object {
        Some(object) => Some(read_json(object, "--inputs")?),
        None => filled_in(&args.inputs)?,
    };
    let hash = hash_of(&args.decision, "Approve", app)?;
    let request = ApproveRequest {
        hash,
        comment: args.decision.comment.clone(),
        inputs,
    };
    let answer = app.client()?.approve(&args.decision.approval, &request)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    decided(&answer.value, app)
}

fn reject(args: &RejectArgs, app: &App) -> Result<(), CliError> {
    let hash = hash_of(&args.decision, "Reject", app)?;
    let request = RejectRequest {
        hash,
        comment: args.decision.comment.clone(),
    };
    let answer = app.client()?.reject(&args.decision.approval, &request)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    decided(&answer.value, app)
}

fn decided(approval: &Approval, app: &App) -> Result<(), CliError> {
    let summary = &approval.summary;
    let (word, style) = match summary.status {
        ApprovalStatus::Approved => ("approved", GOOD),
        ApprovalStatus::Rejected => ("rejected", BAD),
        _ => ("counted", NOTICE),
    };
    let counts = format!(
        "{} of {} approvals",
        summary.approved_by.len(),
        summary.minimum_count
    );
    app.console.print(format!(
        "{} {}\n  {counts}\n  {}",
        paint(style, word),
        paint(STRONG, safe(&summary.title)),
        safe(&summary.execution_arn),
    ))
}

/// The hash of what the caller has seen: the one that they name, or that of what they are
/// shown now and confirm.
fn hash_of(args: &DecisionArgs, verb: &str, app: &App) -> Result<String, CliError> {
    if let Some(hash) = &args.hash {
        return Ok(hash.clone());
    }
    if app.console.is_json() || !std::io::stdin().is_terminal() {
        let error = CliError::usage("a decision names what it is about by its hash: give --hash");
        return Err(error.hint(format!(
            "`stepwell approvals show {}` shows the approval and its hash",
            safe(&args.approval)
        )));
    }
    let approval = app.client()?.describe_approval(&args.approval)?.value;
    app.console.say(shown::described(&approval, now()));
    let mut stderr = std::io::stderr();
    // Who does not see the question answers no.
    drop(write!(stderr, "\n{verb}? [y/N] "));
    drop(stderr.flush());
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(approval.summary.hash);
    }
    Err(CliError::usage("nothing was decided"))
}

/// Reads `NAME=VALUE`s as an object.
fn filled_in(inputs: &[String]) -> Result<Option<JsonText>, CliError> {
    if inputs.is_empty() {
        return Ok(None);
    }
    let mut object = Map::new();
    for input in inputs {
        let Some((name, value)) = input.split_once('=') else {
            return Err(CliError::usage(format!("--input {input} has no '='"))
                .hint("write --input NAME=VALUE"));
        };
        let value = match serde_json::from_str(value) {
            Ok(json @ (Value::Number(_) | Value::Bool(_) | Value::String(_))) => json,
            _ => Value::from(value),
        };
        if object.insert(name.to_owned(), value).is_some() {
            return Err(CliError::usage(format!("--input {name} is given twice")));
        }
    }
    let text = Value::Object(object).to_string();
    let text = JsonText::parse(text).map_err(|error| CliError::usage(error.to_string()))?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_numbers_truths_and_texts() {
        let given = ["a=1", "b=true", "c=OPS-7", "d=\"1\"", "e=x=y", "f={"];
        let given: Vec<String> = given.iter().map(ToString::to_string).collect();
        let object = filled_in(&given).unwrap().unwrap();
        let expected = r#"{"a":1,"b":true,"c":"OPS-7","d":"1","e":"x=y","f":"{"}"#;
        assert_eq!(object.as_str(), expected);
        assert!(filled_in(&["a".to_owned()]).is_err());
        assert!(filled_in(&["a=1".to_owned(), "a=2".to_owned()]).is_err());
        assert_eq!(filled_in(&[]).unwrap(), None);
    }
}
