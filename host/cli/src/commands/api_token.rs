//! `stepwell api-token`: what callers of the API show.

use std::io::IsTerminal as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use stepwell_engine::Timestamp;
use stepwell_server::wire::{ApiTokenMade, ApiTokenRequest, RotateRequest, Time};

use crate::commands::App;
use crate::console::{DIM, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::{time, units};

/// What to do with API tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiTokenCommand {
    /// Make an API token; it is shown this once
    Create(CreateArgs),
    /// Put another token in a token's place; the one before stays good for a while
    Rotate(RotateArgs),
    /// List the API tokens, without the tokens
    List,
    /// Delete an API token: its bearer is refused from now on
    Delete {
        /// Name of the token
        name: String,
    },
}

/// What a token or key is good for.
#[derive(Debug, Args)]
pub(crate) struct AccessArgs {
    /// Name, unlike the tenant's others
    pub(crate) name: String,
    /// A permission of the role that it is for; more by giving it again. Without any, all
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
    /// When it ceases to be good, such as `30d`. Without it, never
    #[arg(long, value_name = "TIME", value_parser = units::parse_duration)]
    expires_in: Option<Duration>,
}

impl AccessArgs {
    pub(crate) fn permissions(&self) -> Option<Vec<String>> {
        (!self.permissions.is_empty()).then(|| self.permissions.clone())
    }

    pub(crate) fn expires_at(&self) -> Option<Time> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let at = now.checked_add(self.expires_in?)?.as_millis();
        Some(Time(Timestamp::from_ms(i64::try_from(at).ok()?)))
    }
}

/// The arguments of `api-token create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    access: AccessArgs,
    /// Role of its bearer: `stepwell role list` shows which there are
    #[arg(long)]
    role: String,
    /// The tenant that it is for, if that is not your own; for those who run the host
    #[arg(long)]
    tenant: Option<String>,
}

/// The arguments of `api-token rotate`.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// Name of the token
    name: String,
    /// How long the one before stays good; 30 days at most
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = units::parse_duration)]
    overlap: Duration,
}

/// Does it.
///
/// # Errors
/// A name that is taken, a role that there is not or that may do more than the caller, a
/// token that does not exist.
pub(crate) fn run(command: &ApiTokenCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        ApiTokenCommand::Create(args) => {
            let request = ApiTokenRequest {
                name: args.access.name.clone(),
                role: args.role.clone(),
                permissions: args.access.permissions(),
                expires_at: args.access.expires_at(),
                tenant: args.tenant.clone(),
            };
            let answer = app.client()?.make_api_token(&request)?;
            show(&answer.value, &answer.json(), app)?;
        }
        ApiTokenCommand::Rotate(args) => {
            let overlap_ms = u64::try_from(args.overlap.as_millis()).unwrap_or(u64::MAX);
            let request = RotateRequest { overlap_ms };
            let answer = app.client()?.rotate_api_token(&args.name, &request)?;
            show(&answer.value, &answer.json(), app)?;
        }
        ApiTokenCommand::List => list(app)?,
        ApiTokenCommand::Delete { name } => {
            app.client()?.delete_api_token(name)?;
            app.console.say(format!("deleted {}", safe(name)));
        }
    }
    Ok(Exit::Done)
}

fn show(made: &ApiTokenMade, json: &serde_json::Value, app: &App) -> Result<(), CliError> {
    if app.console.is_json() {
        return app.console.print_json(json, true);
    }
    if !std::io::stdout().is_terminal() {
        // Whoever takes it up in a variable or a file wants the token alone.
        return app.console.print(&made.token);
    }
    app.console.print(format!(
        "export STEPWELL_TOKEN={}\n{}",
        paint(STRONG, &made.token),
        paint(DIM, "# shown this once"),
    ))
}

fn list(app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_api_tokens()?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let mut table = Table::new(&[
        Column::Left("NAME"),
        Column::Left("ROLE"),
        Column::Left("ONLY FOR"),
        Column::Left("CREATED"),
        Column::Left("BY"),
        Column::Left("EXPIRES"),
        Column::Left("ONE BEFORE UNTIL"),
    ]);
    let instant =
        |at: Option<Time>| at.map_or_else(|| "never".to_owned(), |at| time::instant(at.0));
    for token in &answer.value.api_tokens {
        let only = token.permissions.as_ref();
        table.row([
            (&token.name).into(),
            (&token.role).into(),
            only.map_or_else(|| "-".to_owned(), |some| some.join(" "))
                .into(),
            time::instant(token.created_at.0).into(),
            token.created_by.as_deref().unwrap_or("-").into(),
            instant(token.expires_at).into(),
            token
                .previous_until
                .map_or_else(|| "-".to_owned(), |at| time::instant(at.0))
                .into(),
        ]);
    }
    app.console.print(table.render())
}
