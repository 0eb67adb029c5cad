//! `stepwell tenant`: those whose things the host keeps apart.

use clap::{Args, Subcommand};
use stepwell_server::wire::TenantRequest;

use crate::commands::App;
use crate::console::{GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::time;

/// What to do with tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a tenant; for those who run the host
    Create(CreateArgs),
    /// List the tenants that you may see
    List,
}

/// The arguments of `tenant create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Name, unlike all others
    name: String,
    /// Twelve digits, unlike all others: the account in its ARNs
    #[arg(long)]
    account: String,
    /// The region in its ARNs
    #[arg(long)]
    region: Option<String>,
}

/// Does it.
///
/// # Errors
/// A name or account that is taken or cannot be, or a caller who does not run the host.
pub(crate) fn run(command: &TenantCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        TenantCommand::Create(args) => create(args, app)?,
        TenantCommand::List => list(app)?,
    }
    Ok(Exit::Done)
}

fn create(args: &CreateArgs, app: &App) -> Result<(), CliError> {
    let request = TenantRequest {
        name: args.name.clone(),
        account: args.account.clone(),
        region: args.region.clone(),
    };
    let answer = app.client()?.create_tenant(&request)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let tenant = &answer.value;
    app.console.print(format!(
        "{} {}  account {}, region {}",
        paint(GOOD, "made"),
        paint(STRONG, safe(&tenant.name)),
        tenant.account,
        tenant.region,
    ))?;
    app.console.say(format!(
        "next: stepwell api-token create admin --role admin --tenant {}",
        safe(&tenant.name)
    ));
    Ok(())
}

fn list(app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_tenants()?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let mut table = Table::new(&[
        Column::Left("NAME"),
        Column::Left("ACCOUNT"),
        Column::Left("REGION"),
        Column::Left("CREATED"),
    ]);
    for tenant in &answer.value.tenants {
        table.row([
            (&tenant.name).into(),
            (&tenant.account).into(),
            (&tenant.region).into(),
            time::instant(tenant.created_at.0).into(),
        ]);
    }
    app.console.print(table.render())
}
