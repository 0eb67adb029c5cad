//! `stepwell alias`: names that lead to one version of a state machine, or to two by weight.

use clap::{Args, Subcommand};
use stepwell_server::wire::{Alias, CreateAliasRequest, Route, UpdateAliasRequest};

use crate::commands::App;
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::time;

/// What to do with aliases.
#[derive(Debug, Subcommand)]
pub(crate) enum AliasCommand {
    /// Make an alias
    Create(CreateArgs),
    /// Let an alias lead elsewhere, or say something else of itself
    Update(UpdateArgs),
    /// List the aliases of a state machine
    List(ListArgs),
    /// Delete an alias; executions that it started go on
    Delete(AliasArgs),
}

/// Which alias.
#[derive(Debug, Args)]
pub(crate) struct AliasArgs {
    /// Name or ARN of the state machine
    state_machine: String,
    /// Name of the alias
    alias: String,
}

/// The arguments of `alias create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    of: AliasArgs,
    /// Where it leads: VERSION, or twice VERSION=WEIGHT, whose weights make a hundred
    #[arg(required = true, num_args = 1..=2, value_name = "ROUTE", value_parser = parse_route)]
    routes: Vec<Route>,
    /// What it says of itself
    #[arg(long)]
    description: Option<String>,
}

/// The arguments of `alias update`.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    of: AliasArgs,
    /// Where it leads: VERSION, or twice VERSION=WEIGHT, whose weights make a hundred
    #[arg(
        num_args = 1..=2,
        value_name = "ROUTE",
        value_parser = parse_route,
        required_unless_present = "description"
    )]
    routes: Vec<Route>,
    /// What it says of itself
    #[arg(long)]
    description: Option<String>,
}

/// The arguments of `alias list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Name or ARN of the state machine
    state_machine: String,
}

/// Does it.
///
/// # Errors
/// A state machine, version or alias that does not exist, routes that cannot be.
pub(crate) fn run(command: &AliasCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        AliasCommand::Create(args) => create(args, app)?,
        AliasCommand::Update(args) => update(args, app)?,
        AliasCommand::List(args) => list(&args.state_machine, app)?,
        AliasCommand::Delete(args) => {
            app.client()?
                .delete_alias(&args.state_machine, &args.alias)?;
            app.console.say(format!("deleted {}", safe(&args.alias)));
        }
    }
    Ok(Exit::Done)
}

fn create(args: &CreateArgs, app: &App) -> Result<(), CliError> {
    let request = CreateAliasRequest {
        name: args.of.alias.clone(),
        description: args.description.clone(),
        routes: args.routes.clone(),
    };
    let answer = app
        .client()?
        .create_alias(&args.of.state_machine, &request)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    app.console.print(line(&answer.value))
}

fn update(args: &UpdateArgs, app: &App) -> Result<(), CliError> {
    let request = UpdateAliasRequest {
        description: args.description.clone(),
        routes: Some(args.routes.clone()).filter(|routes| !routes.is_empty()),
    };
    let of = &args.of;
    let answer = app
        .client()?
        .update_alias(&of.state_machine, &of.alias, &request)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    app.console.print(line(&answer.value))
}

fn line(alias: &Alias) -> String {
    format!("{} leads to {}\n", safe(&alias.name), routes(alias))
}

fn routes(alias: &Alias) -> String {
    let parts = alias.routes.iter().map(|route| match route.weight {
        100 => format!("version {}", route.version),
        weight => format!("version {} ({weight}%)", route.version),
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn list(state_machine: &str, app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_aliases(state_machine)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let mut table = Table::new(&[
        Column::Left("NAME"),
        Column::Left("LEADS TO"),
        Column::Left("CHANGED"),
        Column::Left("DESCRIPTION"),
    ]);
    for alias in &answer.value.aliases {
        table.row([
            (&alias.name).into(),
            routes(alias).into(),
            time::instant(alias.updated_at.0).into(),
            alias.description.as_deref().unwrap_or_default().into(),
        ]);
    }
    if table.is_empty() {
        app.console
            .say("no aliases yet; make one with `stepwell alias create MACHINE NAME VERSION`");
        return Ok(());
    }
    app.console.print(table.render())
}

fn parse_route(text: &str) -> Result<Route, String> {
    let (version, weight) = text.split_once('=').unwrap_or((text, "100"));
    let advice = "write VERSION or VERSION=WEIGHT, such as 3 or 3=90";
    let version = version.parse().map_err(|_none| advice)?;
    let weight = weight.parse().map_err(|_none| advice)?;
    Ok(Route { version, weight })
}
