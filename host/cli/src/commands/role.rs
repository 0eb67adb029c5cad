//! `stepwell role`: what holders of tokens and keys may do; `stepwell whoami`.

use clap::{Args, Subcommand};
use stepwell_server::wire::RoleRequest;

use crate::commands::App;
use crate::console::{DIM, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;

/// What to do with roles.
#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// List the roles, and what they let their holders do
    List,
    /// Make a role, or change one
    Put(PutArgs),
    /// Delete a role that no token or key has
    Delete {
        /// Name of the role
        name: String,
    },
}

/// The arguments of `role put`.
#[derive(Debug, Args)]
pub(crate) struct PutArgs {
    /// Name of the role
    name: String,
    /// A permission that it holds, such as `executions:start`; more by giving it again
    #[arg(long = "permission", value_name = "PERMISSION", required = true)]
    permissions: Vec<String>,
    /// Whom it is for
    #[arg(long)]
    about: Option<String>,
}

/// Does it.
///
/// # Errors
/// A permission that there is not or that the caller lacks, a role that is in use.
pub(crate) fn run(command: &RoleCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        RoleCommand::List => list(app)?,
        RoleCommand::Put(args) => {
            let request = RoleRequest {
                about: args.about.clone(),
                permissions: args.permissions.clone(),
            };
            let answer = app.client()?.put_role(&args.name, &request)?;
            if app.console.is_json() {
                app.console.print_json(&answer.json(), true)?;
                return Ok(Exit::Done);
            }
            app.console
                .say(format!("role {} is there", safe(&args.name)));
        }
        RoleCommand::Delete { name } => {
            app.client()?.delete_role(name)?;
            app.console.say(format!("deleted {}", safe(name)));
        }
    }
    Ok(Exit::Done)
}

fn list(app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_roles()?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let mut table = Table::new(&[
        Column::Left("ROLE"),
        Column::Left("FOR WHOM"),
        Column::Left("MAY"),
    ]);
    for role in &answer.value.roles {
        table.row([
            (&role.name).into(),
            role.about.as_deref().unwrap_or("-").into(),
            role.permissions.join(" ").into(),
        ]);
    }
    app.console.print(table.render())
}

/// Tells who the caller is.
///
/// # Errors
/// The host does not know the token, or cannot be reached.
pub(crate) fn whoami(app: &App) -> Result<Exit, CliError> {
    let answer = app.client()?.describe_caller()?;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
        return Ok(Exit::Done);
    }
    let caller = &answer.value;
    app.console.print(format!(
        "{} {} of tenant {}\n{}",
        paint(STRONG, safe(&caller.principal)),
        safe(&caller.role),
        safe(&caller.tenant),
        paint(DIM, caller.permissions.join(" ")),
    ))?;
    Ok(Exit::Done)
}
