//! `stepwell version`: publish versions of a state machine, list and delete them.

use clap::{Args, Subcommand};
use stepwell_server::wire::PublishVersionRequest;

use crate::commands::App;
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::time;

/// What to do with versions.
#[derive(Debug, Subcommand)]
pub(crate) enum VersionCommand {
    /// Publish the current revision; one that is published already keeps its version
    Publish(PublishArgs),
    /// List the versions of a state machine, newest first
    List(MachineArgs),
    /// Delete a version that no alias leads to; executions that it started go on
    Delete(DeleteArgs),
}

/// The arguments of `version publish`.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// Name or ARN of the state machine
    state_machine: String,
    /// What the version says of itself
    #[arg(long)]
    description: Option<String>,
    /// Only if this is the current revision; INITIAL for the first
    #[arg(long, value_name = "ID")]
    revision_id: Option<String>,
}

/// The arguments of `version list`.
#[derive(Debug, Args)]
pub(crate) struct MachineArgs {
    /// Name or ARN of the state machine
    state_machine: String,
}

/// The arguments of `version delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Name or ARN of the state machine
    state_machine: String,
    /// Number of the version
    #[arg(value_name = "VERSION")]
    number: u32,
}

/// Does it.
///
/// # Errors
/// A state machine that does not exist, another revision, a version that is in use.
pub(crate) fn run(command: &VersionCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        VersionCommand::Publish(args) => publish(args, app)?,
        VersionCommand::List(args) => list(&args.state_machine, app)?,
        VersionCommand::Delete(args) => {
            app.client()?
                .delete_version(&args.state_machine, args.number)?;
            let machine = safe(&args.state_machine);
            app.console
                .say(format!("deleted version {} of {machine}", args.number));
        }
    }
    Ok(Exit::Done)
}

fn publish(args: &PublishArgs, app: &App) -> Result<(), CliError> {
    let request = PublishVersionRequest {
        revision_id: args.revision_id.clone(),
        description: args.description.clone(),
    };
    let answer = app
        .client()?
        .publish_version(&args.state_machine, &request)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let version = &answer.value;
    app.console.print(format!(
        "version {} is revision {}\n",
        version.version, version.revision
    ))
}

fn list(state_machine: &str, app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_versions(state_machine)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let mut table = Table::new(&[
        Column::Right("VERSION"),
        Column::Right("REVISION"),
        Column::Left("PUBLISHED"),
        Column::Left("BY"),
        Column::Left("DESCRIPTION"),
    ]);
    for version in &answer.value.versions {
        table.row([
            version.version.to_string().into(),
            version.revision.to_string().into(),
            time::instant(version.created_at.0).into(),
            (&version.created_by).into(),
            version.description.as_deref().unwrap_or_default().into(),
        ]);
    }
    if table.is_empty() {
        app.console
            .say("no versions yet; publish one with `stepwell version publish MACHINE`");
        return Ok(());
    }
    app.console.print(table.render())
}
