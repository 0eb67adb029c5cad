//! `stepwell activity`: activities, and a worker's side of them.

use std::time::Duration;

use clap::{Args, Subcommand};
use stepwell_server::wire::PollActivityRequest;

use crate::commands::App;
use crate::console::{GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::time;

/// What to do with activities.
#[derive(Debug, Subcommand)]
pub(crate) enum ActivityCommand {
    /// Make an activity; one that is there already stays as it is
    Create(NameArgs),
    /// List activities
    List,
    /// Delete an activity; tasks that wait for a worker of it wait on
    Delete(NameArgs),
    /// Take a task: print its token and input. Report on it with `stepwell token`
    Poll(PollArgs),
}

/// The activity that is meant.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// Name of the activity, or its ARN
    name: String,
}

/// The arguments of `activity poll`.
#[derive(Debug, Args)]
pub(crate) struct PollArgs {
    /// Name of the activity, or its ARN
    name: String,
    /// Name of the worker, for the history
    #[arg(long, value_name = "NAME")]
    worker: Option<String>,
    /// Seconds to wait for a task, 0 to 60
    #[arg(
        long, value_name = "SECONDS", default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(0..=60)
    )]
    wait: u64,
}

/// Does it.
///
/// # Errors
/// An activity that does not exist, or a name that cannot be one.
pub(crate) fn run(command: &ActivityCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        ActivityCommand::Create(args) => create(args, app)?,
        ActivityCommand::List => list(app)?,
        ActivityCommand::Delete(args) => app.client()?.delete_activity(&args.name)?,
        ActivityCommand::Poll(args) => return poll(args, app),
    }
    Ok(Exit::Done)
}

fn create(args: &NameArgs, app: &App) -> Result<(), CliError> {
    let answer = app.client()?.create_activity(&args.name)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let activity = &answer.value;
    app.console.print(format!(
        "{} {}\n  {}",
        paint(GOOD, "activity"),
        paint(STRONG, safe(&activity.name)),
        safe(&activity.activity_arn)
    ))
}

fn list(app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_activities()?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let activities = &answer.value.activities;
    if activities.is_empty() {
        app.console
            .say("no activities; make one with `stepwell activity create NAME`");
        return Ok(());
    }
    let mut table = Table::new(&[
        Column::Left("NAME"),
        Column::Left("CREATED"),
        Column::Left("ARN"),
    ]);
    for activity in activities {
        table.row([
            (&activity.name).into(),
            time::instant(activity.created_at.0).into(),
            (&activity.activity_arn).into(),
        ]);
    }
    app.console.print(table.render())?;
    if answer.value.next_page_token.is_some() {
        app.console.say("there are more: see --json and the API");
    }
    Ok(())
}

fn poll(args: &PollArgs, app: &App) -> Result<Exit, CliError> {
    let request = PollActivityRequest {
        worker_name: args.worker.clone(),
    };
    let wait = Duration::from_secs(args.wait);
    let answer = app.client()?.poll_activity(&args.name, &request, wait)?;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
    } else if let Some(task) = &answer.value.task {
        app.console.print(format!(
            "{}\n  token  {}\n  input  {}",
            paint(GOOD, "task"),
            safe(&task.task_token),
            safe(task.input.as_str())
        ))?;
    }
    match &answer.value.task {
        Some(_) => Ok(Exit::Done),
        None => {
            app.console.say("no task came");
            Ok(Exit::StillRunning)
        }
    }
}
