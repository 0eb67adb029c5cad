//! `stepwell list`: executions, newest first.

use clap::Args;
use stepwell_server::wire::{ExecutionFilter, ExecutionSummary};

use crate::commands::{App, now};
use crate::console::Console;
use crate::exit::{CliError, Exit};
use crate::filter::FilterArgs;
use crate::render::table::{Cell, Column, Table};
use crate::render::trace::status_style;
use crate::render::{time, units};

/// The arguments of `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Executions at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Where to go on: the nextPageToken of the last page
    #[arg(long, value_name = "TOKEN")]
    page_token: Option<String>,
    #[command(flatten)]
    filter: FilterArgs,
}

/// Lists them.
///
/// # Errors
/// A state machine that does not exist, or a token that no page has.
pub(crate) fn run(args: &ListArgs, app: &App) -> Result<Exit, CliError> {
    let filter = args.filter.filter(now());
    let page_token = args.page_token.as_deref();
    let answer = app
        .client()?
        .list_executions(&filter, args.limit, page_token)?;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
        return Ok(Exit::Done);
    }
    if answer.value.executions.is_empty() && filter != ExecutionFilter::default() {
        app.console.say("no execution is like that");
        return Ok(Exit::Done);
    }
    print(&app.console, &answer.value.executions)?;
    if let Some(token) = &answer.value.next_page_token {
        app.console
            .say(format!("there are more: --page-token {token}"));
    }
    Ok(Exit::Done)
}

fn print(console: &Console, executions: &[ExecutionSummary]) -> Result<(), CliError> {
    if executions.is_empty() {
        console.say("no executions; start one with `stepwell start MACHINE`");
        return Ok(());
    }
    let mut table = Table::new(&[
        Column::Left("EXECUTION"),
        Column::Left("STATUS"),
        Column::Left("STARTED"),
        Column::Right("TOOK"),
    ]);
    let now = now();
    for execution in executions {
        let end = execution.stopped_at.map_or(now, |at| at.0);
        table.row([
            format!("{}/{}", execution.state_machine, execution.name).into(),
            Cell::styled(execution.status.as_str(), status_style(execution.status)),
            time::instant(execution.started_at.0).into(),
            units::duration(time::between(execution.started_at.0, end)).into(),
        ]);
    }
    console.print(table.render())
}
