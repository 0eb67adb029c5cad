//! `stepwell bulk`: stop or redrive all executions that a filter lets pass.

use std::time::Duration;

use clap::{Args, Subcommand};
use stepwell_server::wire::{
    BulkAction, BulkOperation, BulkPreview, BulkRequest, BulkStatus, ExecutionFilter,
};

use crate::client::{Answer, Client};
use crate::commands::{App, now};
use crate::console::{BAD, GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::filter::FilterArgs;
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::{time, units};

/// How often an operation is looked at that is followed.
const LOOK: Duration = Duration::from_millis(500);
/// Problems that are shown.
const PROBLEMS_SHOWN: usize = 10;

/// What to do with many executions.
#[derive(Debug, Subcommand)]
pub(crate) enum BulkCommand {
    /// Stop all running executions that a filter lets pass
    Stop(StopArgs),
    /// Redrive all executions that did not succeed and that a filter lets pass
    Redrive(RedriveArgs),
    /// List bulk operations, newest first
    List(ListArgs),
    /// Show a bulk operation: how far it is, and what was not changed
    Show(ShowArgs),
    /// End a bulk operation; what it has changed stays changed
    Cancel(CancelArgs),
}

/// Which executions, and whether to do it.
#[derive(Debug, Args)]
pub(crate) struct OrderArgs {
    /// All executions of the tenant are meant: where there is no filter
    #[arg(long)]
    all: bool,
    /// Only show what would be changed
    #[arg(long, conflicts_with = "yes")]
    preview: bool,
    /// Do it
    #[arg(long)]
    yes: bool,
    /// Do not wait until it is done
    #[arg(long, requires = "yes")]
    detach: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

/// The arguments of `bulk stop`.
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// Error name that executions end with
    #[arg(long, value_name = "NAME")]
    with_error: Option<String>,
    /// Why, for people
    #[arg(long)]
    cause: Option<String>,
    #[command(flatten)]
    order: OrderArgs,
}

/// The arguments of `bulk redrive`.
#[derive(Debug, Args)]
pub(crate) struct RedriveArgs {
    #[command(flatten)]
    order: OrderArgs,
}

/// The arguments of `bulk list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Operations at most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Where to go on: the nextPageToken of the last page
    #[arg(long, value_name = "TOKEN")]
    page_token: Option<String>,
}

/// The arguments of `bulk show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The operation's id
    id: String,
    /// Wait until it is done
    #[arg(long)]
    follow: bool,
}

/// The arguments of `bulk cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The operation's id
    id: String,
}

/// Does it.
///
/// # Errors
/// A filter that cannot be, that lets nothing pass, or everything without `--all`; an
/// operation that does not exist, or has ended.
pub(crate) fn run(command: &BulkCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        BulkCommand::Stop(args) => {
            let request = BulkRequest {
                error: args.with_error.clone(),
                cause: args.cause.clone(),
                ..args.order.request(BulkAction::Stop)
            };
            order(&args.order, &request, app)
        }
        BulkCommand::Redrive(args) => {
            order(&args.order, &args.order.request(BulkAction::Redrive), app)
        }
        BulkCommand::List(args) => list(args, app),
        BulkCommand::Show(args) => {
            let client = app.client()?;
            if args.follow {
                return follow(&client, &args.id, app);
            }
            let answer = client.describe_bulk(&args.id)?;
            show(&answer, app)?;
            Ok(Exit::Done)
        }
        BulkCommand::Cancel(args) => {
            let answer = app.client()?.cancel_bulk(&args.id)?;
            show(&answer, app)?;
            Ok(Exit::Done)
        }
    }
}

impl OrderArgs {
    fn request(&self, action: BulkAction) -> BulkRequest {
        BulkRequest {
            action,
            filter: self.filter.filter(now()),
            all: self.all,
            preview: !self.yes,
            error: None,
            cause: None,
        }
    }
}

/// Shows what would be changed, or orders it and follows it to its end.
fn order(args: &OrderArgs, request: &BulkRequest, app: &App) -> Result<Exit, CliError> {
    let client = app.client()?;
    if request.filter == ExecutionFilter::default() && !request.all {
        let error = CliError::usage("without a filter all executions would be meant");
        return Err(error.hint("narrow it down (--status, --name-prefix, …), or say --all"));
    }
    if !args.yes {
        let preview = client.preview_bulk(request)?;
        if app.console.is_json() {
            app.console.print_json(&preview.json(), true)?;
            return Ok(Exit::Done);
        }
        print_preview(request.action, &preview.value, app)?;
        if !args.preview && preview.value.matching > 0 {
            app.console.say("nothing was changed; do it with --yes");
        }
        return Ok(Exit::Done);
    }
    let ordered = client.order_bulk(request)?;
    if args.detach {
        if app.console.is_json() {
            app.console.print_json(&ordered.json(), true)?;
        } else {
            let id = paint(STRONG, safe(&ordered.value.id));
            app.console
                .print(format!("{} {id}", paint(GOOD, "ordered")))?;
            app.console.say(format!(
                "follow it with `stepwell bulk show --follow {}`",
                ordered.value.id
            ));
        }
        return Ok(Exit::Done);
    }
    app.console.say(format!(
        "ordered {}: it goes on by itself, also without this command",
        safe(&ordered.value.id)
    ));
    follow(&client, &ordered.value.id, app)
}

fn print_preview(action: BulkAction, preview: &BulkPreview, app: &App) -> Result<(), CliError> {
    let word = match action {
        BulkAction::Stop => "stopped",
        BulkAction::Redrive => "redriven",
    };
    if preview.matching == 0 {
        return app
            .console
            .print(format!("no execution is like that and could be {word}"));
    }
    let mut table = Table::new(&[
        Column::Left("STATE MACHINE"),
        Column::Left("STATUS"),
        Column::Right("EXECUTIONS"),
    ]);
    for count in &preview.counts {
        table.row([
            count.state_machine.as_str().into(),
            count.status.as_str().into(),
            count.count.to_string().into(),
        ]);
    }
    app.console.print(table.render())?;
    let executions = units::count(preview.matching, "execution", "executions");
    app.console
        .print(format!("{executions} would be {word}, such as"))?;
    for name in &preview.sample {
        app.console.print(format!("  {}", safe(name)))?;
    }
    Ok(())
}

/// Shows how an operation gets on, until it has ended.
fn follow(client: &Client, id: &str, app: &App) -> Result<Exit, CliError> {
    let mut bar = None;
    loop {
        let answer = client.describe_bulk(id)?;
        let operation = &answer.value;
        if operation.status != BulkStatus::Running {
            drop(bar);
            show(&answer, app)?;
            let well = operation.status == BulkStatus::Completed && operation.failed == 0;
            return Ok(if well {
                Exit::Done
            } else {
                Exit::ExecutionFailed
            });
        }
        let bar = bar.get_or_insert_with(|| app.console.bar(operation.matching));
        bar.at(dealt_with(operation), verb(operation.action));
        std::thread::sleep(LOOK);
    }
}

fn dealt_with(operation: &BulkOperation) -> u64 {
    operation.done + operation.skipped + operation.failed
}

fn verb(action: BulkAction) -> &'static str {
    match action {
        BulkAction::Stop => "stop",
        BulkAction::Redrive => "redrive",
    }
}

fn word(status: BulkStatus) -> &'static str {
    match status {
        BulkStatus::Running => "running",
        BulkStatus::Completed => "completed",
        BulkStatus::Cancelled => "cancelled",
    }
}

fn show(answer: &Answer<BulkOperation>, app: &App) -> Result<(), CliError> {
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let operation = &answer.value;
    let status = match operation.status {
        BulkStatus::Completed if operation.failed == 0 => paint(GOOD, "completed"),
        BulkStatus::Cancelled | BulkStatus::Completed => paint(BAD, word(operation.status)),
        BulkStatus::Running => paint(STRONG, "running"),
    };
    let counts = format!(
        "{} of {}: {} done, {} skipped, {} failed",
        dealt_with(operation),
        operation.matching,
        operation.done,
        operation.skipped,
        operation.failed
    );
    let name = paint(STRONG, safe(&operation.id));
    app.console.print(format!(
        "{name} {} {status}: {counts}",
        verb(operation.action)
    ))?;
    let ordered = format!(
        "  ordered {} by {}",
        time::instant(operation.ordered_at.0),
        safe(&operation.ordered_by)
    );
    app.console.print(ordered)?;
    if let Some(at) = operation.ended_at {
        let by = operation.cancelled_by.as_deref();
        let by = by.map_or_else(String::new, |by| format!(" by {}", safe(by)));
        let after = units::duration(time::between(operation.ordered_at.0, at.0));
        app.console.print(format!(
            "  ended   {}{by}, after {after}",
            time::instant(at.0)
        ))?;
    }
    for problem in operation.problems.iter().take(PROBLEMS_SHOWN) {
        let (execution, reason) = (safe(&problem.execution_arn), safe(&problem.reason));
        app.console
            .print(format!("  not changed: {execution}: {reason}"))?;
    }
    let unshown = operation.problems.len().saturating_sub(PROBLEMS_SHOWN);
    if unshown > 0 {
        app.console
            .say(format!("{unshown} more are told with --json"));
    }
    Ok(())
}

fn list(args: &ListArgs, app: &App) -> Result<Exit, CliError> {
    let page_token = args.page_token.as_deref();
    let answer = app.client()?.list_bulk(args.limit, page_token)?;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
        return Ok(Exit::Done);
    }
    if answer.value.bulk_operations.is_empty() {
        app.console.say("no bulk operations");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        Column::Left("ID"),
        Column::Left("ACTION"),
        Column::Left("STATUS"),
        Column::Left("ORDERED"),
        Column::Left("BY"),
        Column::Right("DONE"),
        Column::Right("OF"),
    ]);
    for operation in &answer.value.bulk_operations {
        table.row([
            operation.id.as_str().into(),
            verb(operation.action).into(),
            word(operation.status).into(),
            time::instant(operation.ordered_at.0).into(),
            operation.ordered_by.as_str().into(),
            operation.done.to_string().into(),
            operation.matching.to_string().into(),
        ]);
    }
    app.console.print(table.render())?;
    if let Some(token) = &answer.value.next_page_token {
        app.console
            .say(format!("there are more: --page-token {token}"));
    }
    Ok(Exit::Done)
}
