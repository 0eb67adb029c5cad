//! `stepwell approvals`: what people are asked to decide, and their decisions.

mod decide;
mod form;
mod shown;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};

use crate::ask;
use crate::client::ApprovalsQuery;
use crate::commands::{App, now};
use crate::exit::{CliError, Exit};
use crate::render::table::{Cell, Column, Table};
use crate::render::{time, units};

/// What to do with approvals.
#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// List approvals, newest first; those that wait, unless --status or --all says otherwise
    List(ListArgs),
    /// Show an approval: what it is about, who may decide, and what its hash stands for
    Show(ShowArgs),
    /// Approve. Without --hash, on a terminal, all of it is shown and you are asked
    Approve(ApproveArgs),
    /// Reject; one rejection is enough. Without --hash you are shown all of it, and asked
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
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    approval: String,
}

/// What all decisions have.
#[derive(Debug, Args)]
pub(crate) struct DecisionArgs {
    /// The approval's id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
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
    /// What you fill in; again for more. The approval says whether a value is a string, a
    /// number or true and false
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
                let columns = ask::columns();
                app.console
                    .print(shown::described(&answer.value, now(), columns))?;
            }
        }
        ApprovalsCommand::Approve(args) => decide::approve(args, app)?,
        ApprovalsCommand::Reject(args) => decide::reject(args, app)?,
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
