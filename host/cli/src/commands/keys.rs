//! `stepwell keys`: access keys, for tools that sign their requests as AWS's do.

use clap::{Args, Subcommand};
use stepwell_server::wire::AccessKeyRequest;

use crate::commands::App;
use crate::commands::api_token::AccessArgs;
use crate::console::{DIM, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::time;

/// What to do with access keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make an access key; its secret is shown this once
    Create(CreateArgs),
    /// List the access keys, without their secrets
    List,
    /// Delete an access key: what it signs is refused from now on
    Delete {
        /// Name of the key
        name: String,
    },
}

/// The arguments of `keys create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    access: AccessArgs,
    /// Role of its holder; without it, your own
    #[arg(long)]
    role: Option<String>,
}

/// Does it.
///
/// # Errors
/// A name that is taken or cannot be, a key that does not exist.
pub(crate) fn run(command: &KeysCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        KeysCommand::Create(args) => create(args, app)?,
        KeysCommand::List => list(app)?,
        KeysCommand::Delete { name } => {
            app.client()?.delete_access_key(name)?;
            app.console.say(format!("deleted {}", safe(name)));
        }
    }
    Ok(Exit::Done)
}

fn create(args: &CreateArgs, app: &App) -> Result<(), CliError> {
    let request = AccessKeyRequest {
        name: args.access.name.clone(),
        role: args.role.clone(),
        permissions: args.access.permissions(),
        expires_at: args.access.expires_at(),
    };
    let answer = app.client()?.make_access_key(&request)?;
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
        Column::Left("ROLE"),
        Column::Left("CREATED"),
        Column::Left("EXPIRES"),
    ]);
    for key in &answer.value.access_keys {
        table.row([
            (&key.name).into(),
            (&key.access_key_id).into(),
            (&key.role).into(),
            time::instant(key.created_at.0).into(),
            key.expires_at
                .map_or_else(|| "never".to_owned(), |at| time::instant(at.0))
                .into(),
        ]);
    }
    if table.is_empty() {
        app.console
            .say("no access keys yet; make one with `stepwell keys create NAME`");
        return Ok(());
    }
    app.console.print(table.render())
}
