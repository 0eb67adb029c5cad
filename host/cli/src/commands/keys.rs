//! `stepwell keys`: access keys, for tools that sign their requests as AWS's do.

use clap::{Args, Subcommand};

use crate::commands::App;
use crate::console::{DIM, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::time;

/// What to do with access keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make an access key; its secret is shown this once
    Create(KeyArgs),
    /// List the access keys, without their secrets
    List,
    /// Delete an access key: what it signs is refused from now on
    Delete(KeyArgs),
}

/// The arguments of `keys create` and `delete`.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// Name of the key, unlike the others
    name: String,
}

/// Does it.
///
/// # Errors
/// A name that is taken or cannot be, a key that does not exist.
pub(crate) fn run(command: &KeysCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        KeysCommand::Create(args) => create(&args.name, app)?,
        KeysCommand::List => list(app)?,
        KeysCommand::Delete(args) => {
            app.client()?.delete_access_key(&args.name)?;
            app.console.say(format!("deleted {}", safe(&args.name)));
        }
    }
    Ok(Exit::Done)
}

fn create(name: &str, app: &App) -> Result<(), CliError> {
    let answer = app.client()?.make_access_key(name)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let made = &answer.value;
    // In the form that a shell and `~/.aws/credentials` readers know.
    app.console.print(format!(
        "export AWS_ACCESS_KEY_ID={}\nexport AWS_SECRET_ACCESS_KEY={}\nexport AWS_ENDPOINT_URL_SFN={}\n{}",
        paint(STRONG, &made.access_key_id),
        paint(STRONG, &made.secret_access_key),
        app.global.server,
        paint(DIM, "# the secret is shown this once"),
    ))
}

fn list(app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_access_keys()?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let mut table = Table::new(&[
        Column::Left("NAME"),
        Column::Left("ID"),
        Column::Left("CREATED"),
    ]);
    for key in &answer.value.access_keys {
        table.row([
            (&key.name).into(),
            (&key.access_key_id).into(),
            time::instant(key.created_at.0).into(),
        ]);
    }
    if table.is_empty() {
        app.console
            .say("no access keys yet; make one with `stepwell keys create NAME`");
        return Ok(());
    }
    app.console.print(table.render())
}
