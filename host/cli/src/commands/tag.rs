//! `stepwell tag`: keys and values that people hang on state machines.

use clap::{Args, Subcommand};
use stepwell_server::wire::Tags;

use crate::commands::App;
use crate::exit::{CliError, Exit};
use crate::filter::parse_tag;
use crate::render::table::{Column, Table};

/// What to do with tags.
#[derive(Debug, Subcommand)]
pub(crate) enum TagCommand {
    /// Put tags on a state machine, in place of those with the same keys
    Add(AddArgs),
    /// List the tags of a state machine
    List(ListArgs),
    /// Take tags away
    Remove(RemoveArgs),
}

/// The arguments of `tag add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Name or ARN of the state machine
    state_machine: String,
    /// The tags
    #[arg(required = true, value_name = "KEY=VALUE", value_parser = parse_tag)]
    tags: Vec<(String, String)>,
}

/// The arguments of `tag list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Name or ARN of the state machine
    state_machine: String,
}

/// The arguments of `tag remove`.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Name or ARN of the state machine
    state_machine: String,
    /// Keys of the tags
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
}

/// Does it.
///
/// # Errors
/// A state machine that does not exist, more tags than it may have.
pub(crate) fn run(command: &TagCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        TagCommand::Add(args) => {
            let tags = args.tags.iter().cloned().collect();
            app.client()?
                .put_tags(&args.state_machine, &Tags { tags })?;
        }
        TagCommand::List(args) => list(&args.state_machine, app)?,
        TagCommand::Remove(args) => {
            let client = app.client()?;
            for key in &args.keys {
                client.delete_tag(&args.state_machine, key)?;
            }
        }
    }
    Ok(Exit::Done)
}

fn list(state_machine: &str, app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_tags(state_machine)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let mut table = Table::new(&[Column::Left("KEY"), Column::Left("VALUE")]);
    for (key, value) in &answer.value.tags {
        table.row([key.into(), value.into()]);
    }
    if table.is_empty() {
        app.console.say("no tags");
        return Ok(());
    }
    app.console.print(table.render())
}
