//! `stepwell history`: the trace of an execution, whole or as it happens.

use std::time::Duration;

use clap::Args;
use serde_json::Value;
use stepwell_server::wire::{ExecutionStatus, HistoryEvent};

use crate::client::{Client, WAIT_MAX};
use crate::commands::{App, about, exit_of, now};
use crate::exit::{CliError, Exit};
use crate::render::trace::{self, LiveTrace, Subject};

/// Columns for the states' names where they are not known yet.
const LIVE_STATE_COLUMNS: usize = 30;

/// The arguments of `history`.
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one event a line, as the API gives them, internal ones included."
)]
pub(crate) struct HistoryArgs {
    /// The execution: MACHINE/NAME or its ARN
    execution: String,
    /// Go on until the execution has ended; then exit with 1 if it did not succeed
    #[arg(short, long)]
    follow: bool,
}

/// Shows it.
///
/// # Errors
/// An execution that does not exist.
pub(crate) fn run(args: &HistoryArgs, app: &App) -> Result<Exit, CliError> {
    let client = app.client()?;
    if app.console.is_json() {
        return print_events(args, &client, app);
    }
    let subject = subject_of(&client, &args.execution)?;
    if !args.follow {
        let events = whole_history(&client, &args.execution)?;
        app.console.print(trace::render(&subject, &events, now()))?;
        return Ok(Exit::Done);
    }
    let (mut live, opening) = LiveTrace::open(&subject, LIVE_STATE_COLUMNS);
    app.console.print(opening)?;
    let status = follow(&client, &args.execution, |events| {
        live.take(&events)
            .iter()
            .try_for_each(|line| app.console.print(line))
    })?;
    app.console.print(live.close(now()))?;
    Ok(exit_of(status))
}

/// Names the execution and its state machine.
///
/// # Errors
/// An execution that does not exist.
pub(crate) fn subject_of(client: &Client, execution: &str) -> Result<Subject, CliError> {
    let execution = about(execution, client.describe_execution(execution))?.value;
    Ok(Subject {
        state_machine: execution.state_machine,
        execution: execution.name,
    })
}

/// Reads all events that there are now.
///
/// # Errors
/// An execution that does not exist.
pub(crate) fn whole_history(
    client: &Client,
    execution: &str,
) -> Result<Vec<HistoryEvent>, CliError> {
    let mut events = Vec::new();
    let mut after = 0;
    loop {
        let part = client.read_history(execution, after, Duration::ZERO)?.value;
        events.extend(part.events);
        after = part.next_after;
        if !part.more {
            return Ok(events);
        }
    }
}

/// Hands events over as they happen, until the execution has ended.
fn follow(
    client: &Client,
    execution: &str,
    mut take: impl FnMut(Vec<HistoryEvent>) -> Result<(), CliError>,
) -> Result<ExecutionStatus, CliError> {
    let mut after = 0;
    loop {
        let part = client.read_history(execution, after, WAIT_MAX)?.value;
        after = part.next_after;
        take(part.events)?;
        if !part.more && part.status.has_ended() {
            return Ok(part.status);
        }
    }
}

/// One event a line, as the host wrote it.
fn print_events(args: &HistoryArgs, client: &Client, app: &App) -> Result<Exit, CliError> {
    let mut after = 0;
    loop {
        let wait = if args.follow {
            WAIT_MAX
        } else {
            Duration::ZERO
        };
        let part = about(
            &args.execution,
            client.read_history(&args.execution, after, wait),
        )?;
        after = part.value.next_after;
        let json = part.json();
        for event in json
            .get("events")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            app.console.print_json(event, false)?;
        }
        if part.value.more {
            continue;
        }
        match (args.follow, part.value.status) {
            (false, _) => return Ok(Exit::Done),
            (true, status) if !status.has_ended() => {}
            (true, status) => return Ok(exit_of(status)),
        }
    }
}
