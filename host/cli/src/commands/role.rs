//! `stepwell role`: what holders of tokens and keys may do; `stepwell whoami`.

use clap::{Args, Subcommand};
use stepwell_server::wire::RoleRequest;

use crate::commands::App;
use crate::console::{DIM, STRONG, paint};
use crate::exit::{CliError, Exit};
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
    for role in &answer.value.roles {
        app.console.print(format!(
            "{}  {}\n{}",
            paint(STRONG, safe(&role.name)),
            safe(role.about.as_deref().unwrap_or_default()),
            paint(DIM, permission_lines(&role.permissions)),
        ))?;
    }
    Ok(())
}

/// Writes permissions as lines of a width that is read at ease, those of one kind together:
/// `executions:read,start,control`.
fn permission_lines(permissions: &[String]) -> String {
    const WIDTH_MAX: usize = 90;
    let mut kinds: Vec<(&str, Vec<&str>)> = Vec::new();
    for permission in permissions {
        let (kind, verb) = permission.split_once(':').unwrap_or((permission, ""));
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, verbs)) => verbs.push(verb),
            None => kinds.push((kind, vec![verb])),
        }
    }
    let mut lines = vec![String::new()];
    for (kind, verbs) in kinds {
        let text = safe(&format!("{kind}:{}", verbs.join(",")));
        let is_full = lines
            .last()
            .is_some_and(|line| line.len() + text.len() > WIDTH_MAX);
        if is_full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str("  ");
            line.push_str(&text);
        }
    }
    lines.join("\n")
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
        "{}{} {} of tenant {}\n{}",
        paint(STRONG, safe(&caller.principal)),
        caller
            .name
            .as_deref()
            .map_or_else(String::new, |name| format!(" ({})", safe(name))),
        safe(&caller.role),
        safe(&caller.tenant),
        paint(DIM, permission_lines(&caller.permissions)),
    ))?;
    Ok(Exit::Done)
}
