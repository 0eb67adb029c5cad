//! `stepwell config`: values that states grant to their tasks.

use std::io::Read as _;

use clap::{Args, Subcommand};
use stepwell_server::wire::ConfigValueRequest;

use crate::commands::App;
use crate::console::{DIM, GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::time;

/// Characters of a value that a list shows.
const SHOWN_CHARS: usize = 60;

/// What to do with configuration values.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Set a value, in place of one that has the name
    Set(SetArgs),
    /// List all values
    List,
    /// Delete a value
    Delete(DeleteArgs),
}

/// The arguments of `config set`.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Its name, as states grant it in 'Config'
    name: String,
    /// The text, or - to read it from standard input
    #[arg(allow_hyphen_values = true)]
    value: String,
}

/// The arguments of `config delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Its name
    name: String,
}

/// Does it.
///
/// # Errors
/// A name that cannot be, or a value that is not there.
pub(crate) fn run(command: &ConfigCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        ConfigCommand::Set(args) => set(args, app)?,
        ConfigCommand::List => list(app)?,
        ConfigCommand::Delete(args) => {
            app.client()?.delete_config_value(&args.name)?;
            app.console
                .say(format!("{} {}", paint(DIM, "deleted"), safe(&args.name)));
        }
    }
    Ok(Exit::Done)
}

fn set(args: &SetArgs, app: &App) -> Result<(), CliError> {
    let mut value = args.value.clone();
    if value == "-" {
        value.clear();
        std::io::stdin()
            .read_to_string(&mut value)
            .map_err(|error| CliError::usage(format!("cannot read the value: {error}")))?;
    }
    let request = ConfigValueRequest { value };
    let answer = app.client()?.put_config_value(&args.name, &request)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    app.console.print(format!(
        "{} {}; tasks that begin from now on get it, where their states grant it",
        paint(GOOD, "set"),
        paint(STRONG, safe(&answer.value.name)),
    ))
}

fn list(app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_config_values()?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    if answer.value.values.is_empty() {
        app.console
            .say("no configuration values; set one with `stepwell config set NAME VALUE`");
        return Ok(());
    }
    let mut table = Table::new(&[
        Column::Left("NAME"),
        Column::Left("VALUE"),
        Column::Left("SET"),
        Column::Left("BY"),
    ]);
    for value in &answer.value.values {
        let mut shown: String = value.value.chars().take(SHOWN_CHARS).collect();
        if shown.len() < value.value.len() {
            shown.push('…');
        }
        table.row([
            (&value.name).into(),
            shown.into(),
            time::instant(value.changed_at.0).into(),
            (&value.changed_by).into(),
        ]);
    }
    app.console.print(table.render())
}
