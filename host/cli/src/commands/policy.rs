//! `stepwell policy`: what a tenant's tasks may reach.

use clap::{Args, Subcommand};
use stepwell_server::wire::{Policy, PolicyRequest};

use crate::client::Answer;
use crate::commands::App;
use crate::console::{DIM, paint};
use crate::exit::{CliError, Exit};
use crate::render::text::safe;

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Show a tenant's policy
    Show(ShowArgs),
    /// Set a tenant's policy, in place of the one that it has; for those who run the host
    Set(SetArgs),
}

/// The arguments of `policy show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Name of the tenant
    tenant: String,
}

/// The arguments of `policy set`.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Name of the tenant
    tenant: String,
    /// Rules of the requests that its tasks may send, `[METHOD,…] URL` each; the host of the
    /// URL may be *.DOMAIN, its path may end with *; 'any' alone for whatever the host's
    /// --allow-http does; none for no requests at all
    #[arg(value_name = "RULE")]
    rules: Vec<String>,
}

/// Does it.
///
/// # Errors
/// No such tenant, a rule that is none, or a caller who does not run the host.
pub(crate) fn run(command: &PolicyCommand, app: &App) -> Result<Exit, CliError> {
    let answer = match command {
        PolicyCommand::Show(args) => app.client()?.describe_policy(&args.tenant)?,
        PolicyCommand::Set(args) => {
            let http = args.rules.clone();
            app.client()?
                .put_policy(&args.tenant, &PolicyRequest { http })?
        }
    };
    show(&answer, app)?;
    Ok(Exit::Done)
}

fn show(answer: &Answer<Policy>, app: &App) -> Result<(), CliError> {
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let policy = &answer.value;
    let tenant = safe(&policy.tenant);
    match policy.http.as_slice() {
        [] => app.console.print(format!(
            "tasks of {tenant} may send no HTTP requests; allow some with `stepwell policy set \
             {tenant} RULE`"
        )),
        rules => {
            app.console.print(format!(
                "tasks of {tenant} may send {}",
                paint(DIM, "(where the host and their states allow it, too)")
            ))?;
            rules
                .iter()
                .try_for_each(|rule| app.console.print(format!("  {}", safe(rule))))
        }
    }
}
