//! `stepwell retention`: how long executions are kept that have ended.

use std::time::Duration;

use clap::{Args, Subcommand};
use stepwell_server::wire::{RetentionRequest, RetentionRule};

use crate::commands::App;
use crate::console::{GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::units;

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RetentionCommand {
    /// Show how long what is kept
    List,
    /// Set how long executions are kept; what is past its time is removed for good
    Set(SetArgs),
    /// Take a rule away: the next wider one holds then
    Clear(ClearArgs),
}

/// The arguments of `retention set`.
#[derive(Debug, Args)]
#[command(after_help = "\
The rule takes the place of the one before it, as a whole. Executions that run are never removed.
What is removed cannot be looked at, redriven or brought back: docs/retention.md.")]
pub(crate) struct SetArgs {
    /// State machine; without it, all of the tenant's that have no rule of their own
    machine: Option<String>,
    /// Time that executions are kept after their end, such as 90d
    #[arg(long, value_name = "TIME", value_parser = units::parse_duration)]
    age: Option<Duration>,
    /// Executions that ended which are kept of each state machine: the newest
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Keep executions for good, whatever the host's own rule is
    #[arg(long, conflicts_with_all = ["age", "count"])]
    forever: bool,
    /// Time that details of audit entries are kept, such as 400d; the entries stay
    #[arg(long, value_name = "TIME", value_parser = units::parse_duration, conflicts_with = "machine")]
    audit_details: Option<Duration>,
}

/// The arguments of `retention clear`.
#[derive(Debug, Args)]
pub(crate) struct ClearArgs {
    /// State machine; without it, the tenant's own rule
    machine: Option<String>,
}

/// Does it.
///
/// # Errors
/// The host refuses or cannot be reached.
pub(crate) fn run(command: &RetentionCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        RetentionCommand::List => list(app)?,
        RetentionCommand::Set(args) => set(args, app)?,
        RetentionCommand::Clear(args) => {
            app.client()?.delete_retention(args.machine.as_deref())?;
            app.console.say("cleared");
        }
    }
    Ok(Exit::Done)
}

fn set(args: &SetArgs, app: &App) -> Result<(), CliError> {
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
    let request = RetentionRequest {
        max_age_seconds: seconds(args.age),
        max_count: args.count,
        forever: args.forever,
        audit_details_max_age_seconds: seconds(args.audit_details),
    };
    let answer = app
        .client()?
        .put_retention(args.machine.as_deref(), &request)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let rule = &answer.value;
    app.console.print(format!(
        "{} {}  {}",
        paint(GOOD, "set"),
        paint(
            STRONG,
            safe(
                rule.state_machine
                    .as_deref()
                    .unwrap_or("all state machines")
            )
        ),
        executions(rule),
    ))
}

fn list(app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_retention()?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let mut table = Table::new(&[
        Column::Left("RULE"),
        Column::Left("EXECUTIONS"),
        Column::Left("AUDIT DETAILS"),
        Column::Left("SET BY"),
    ]);
    let mut row = |name: &str, rule: &RetentionRule| {
        let details = rule.audit_details_max_age_seconds;
        let details = details.map_or_else(
            || {
                if rule.state_machine.is_some() {
                    ""
                } else {
                    "kept"
                }
                .to_owned()
            },
            |seconds| units::duration(Duration::from_secs(seconds)),
        );
        table.row([
            name.into(),
            executions(rule).into(),
            details.into(),
            rule.changed_by.as_deref().unwrap_or("-").into(),
        ]);
    };
    row("(host)", &answer.value.host);
    for rule in &answer.value.rules {
        let name = rule.state_machine.as_deref().unwrap_or("(tenant)");
        row(name, rule);
    }
    app.console.print(table.render())
}

/// What a rule says of executions.
fn executions(rule: &RetentionRule) -> String {
    let age = rule
        .max_age_seconds
        .map(|seconds| format!("for {}", units::duration(Duration::from_secs(seconds))));
    let count = rule.max_count.map(|count| format!("the newest {count}"));
    match (age, count) {
        (None, None) => "kept for good".to_owned(),
        (Some(age), None) => format!("kept {age}"),
        (None, Some(count)) => format!("kept: {count}"),
        (Some(age), Some(count)) => format!("kept {age}, and {count} at most"),
    }
}
