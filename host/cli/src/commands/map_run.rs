//! `stepwell map-run`: look at the Map Runs of an execution, and change how they go on.

use clap::{Args, Subcommand};
use stepwell_server::wire::{MapRun, MapRunCounts, UpdateMapRunRequest};

use crate::commands::App;
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::time;

/// What to do with Map Runs.
#[derive(Debug, Subcommand)]
pub(crate) enum MapRunCommand {
    /// List the Map Runs of an execution, newest first
    List(ListArgs),
    /// Show a Map Run: its settings and counts
    Show(ShowArgs),
    /// Change the settings of a Map Run that runs
    Update(UpdateArgs),
}

/// The arguments of `map-run list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The execution: MACHINE/NAME, or its ARN
    execution: String,
}

/// The arguments of `map-run show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// ARN of the Map Run
    map_run: String,
}

/// The arguments of `map-run update`.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// ARN of the Map Run
    map_run: String,
    /// Child executions at a time; 0 for no limit
    #[arg(long, value_name = "N")]
    max_concurrency: Option<u32>,
    /// Items that may fail
    #[arg(long, value_name = "N")]
    tolerated_failure_count: Option<u64>,
    /// Percentage of the items that may fail
    #[arg(long, value_name = "P")]
    tolerated_failure_percentage: Option<f64>,
}

/// Does it.
///
/// # Errors
/// A Map Run that there is not, or a value that the host refuses.
pub(crate) fn run(command: &MapRunCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        MapRunCommand::List(args) => list(args, app)?,
        MapRunCommand::Show(args) => show(args, app)?,
        MapRunCommand::Update(args) => {
            let request = UpdateMapRunRequest {
                max_concurrency: args.max_concurrency,
                tolerated_failure_count: args.tolerated_failure_count,
                tolerated_failure_percentage: args.tolerated_failure_percentage,
            };
            app.client()?.update_map_run(&args.map_run, &request)?;
            app.console.say("updated");
        }
    }
    Ok(Exit::Done)
}

fn list(args: &ListArgs, app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_map_runs(&args.execution)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let runs = &answer.value.map_runs;
    if runs.is_empty() {
        app.console.say("the execution has no map runs");
        return Ok(());
    }
    let mut table = Table::new(&[
        Column::Left("STATUS"),
        Column::Right("ITEMS"),
        Column::Right("SUCCEEDED"),
        Column::Right("FAILED"),
        Column::Left("STARTED"),
        Column::Left("MAP RUN"),
    ]);
    for run in runs {
        table.row([
            run.status.as_str().into(),
            run.item_counts.total.to_string().into(),
            run.item_counts.succeeded.to_string().into(),
            failed(&run.item_counts).to_string().into(),
            time::instant(run.started_at.0).into(),
            (&run.map_run_arn).into(),
        ]);
    }
    app.console.print(table.render())
}

fn show(args: &ShowArgs, app: &App) -> Result<(), CliError> {
    let answer = app.client()?.describe_map_run(&args.map_run)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let run: &MapRun = &answer.value;
    app.console.print(format!(
        "{} of {}\nstarted {}, max concurrency {}, tolerated failures {} or {} %",
        run.status.as_str(),
        run.execution_arn,
        time::instant(run.started_at.0),
        run.max_concurrency,
        run.tolerated_failure_count,
        run.tolerated_failure_percentage
    ))?;
    let mut table = Table::new(&[
        Column::Left(""),
        Column::Right("TOTAL"),
        Column::Right("PENDING"),
        Column::Right("RUNNING"),
        Column::Right("SUCCEEDED"),
        Column::Right("FAILED"),
        Column::Right("ABORTED"),
    ]);
    for (name, counts) in [
        ("items", &run.item_counts),
        ("executions", &run.execution_counts),
    ] {
        table.row([
            name.into(),
            counts.total.to_string().into(),
            counts.pending.to_string().into(),
            counts.running.to_string().into(),
            counts.succeeded.to_string().into(),
            failed(counts).to_string().into(),
            counts.aborted.to_string().into(),
        ]);
    }
    app.console.print(table.render())
}

fn failed(counts: &MapRunCounts) -> u64 {
    counts.failed + counts.timed_out
}
