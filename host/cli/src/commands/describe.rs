//! `stepwell describe`: where an execution is, what it waits for, what it used.

use clap::Args;
use serde_json::Value;
use stepwell_engine::Timestamp;
use stepwell_server::wire::{ActiveState, Execution, ExecutionStatus, JsonText};

use crate::client::Client;
use crate::commands::{App, about, now};
use crate::console::{BAD, DIM, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::{safe, safe_within};
use crate::render::trace::{failure_text, status_style};
use crate::render::{time, units};

/// Columns of an input or output that are shown; `--json` has all of it.
const PAYLOAD_COLUMNS: usize = 300;

/// The arguments of `describe`.
#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    /// The execution: MACHINE/NAME or its ARN
    execution: String,
}

/// Describes it.
///
/// # Errors
/// An execution that does not exist.
pub(crate) fn run(args: &DescribeArgs, app: &App) -> Result<Exit, CliError> {
    let client = app.client()?;
    let described = client.describe_execution(&args.execution);
    let answer = about(&args.execution, described)?;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
    } else {
        let stopped_by = stopped_by(&client, &answer.value);
        app.console
            .print(render(&answer.value, stopped_by.as_deref(), now()))?;
    }
    Ok(Exit::Done)
}

/// Who stopped an execution: its history ends with that.
fn stopped_by(client: &Client, execution: &Execution) -> Option<String> {
    if execution.status != ExecutionStatus::Aborted {
        return None;
    }
    // What cannot be read is not told; all else is there.
    let last = client.read_last_event(&execution.execution_arn).ok()?.value;
    last.events.into_iter().next()?.stepwell?.principal
}

/// Writes all that is known about an execution, and who stopped it, if somebody did.
pub(crate) fn render(execution: &Execution, stopped_by: Option<&str>, now: Timestamp) -> String {
    let name = format!(
        "{} / {}",
        safe(&execution.state_machine),
        safe(&execution.name)
    );
    let mut text = format!("{}   {}\n", paint(STRONG, name), status(execution, now));
    let mut line = |label: &str, value: &str| {
        text.push_str(&format!(
            "  {}  {value}\n",
            paint(DIM, format!("{label:<9}"))
        ));
    };
    let by = execution
        .started_by
        .as_ref()
        .map(|by| format!(" by {}", safe(by)));
    let started = time::instant(execution.started_at.0);
    line("started", &format!("{started}{}", by.unwrap_or_default()));
    if let Some(stopped) = execution.stopped_at {
        let by = stopped_by.map(|by| format!(", stopped by {}", safe(by)));
        let ended = time::instant(stopped.0);
        line("ended", &format!("{ended}{}", by.unwrap_or_default()));
    }
    line("revision", &execution.revision.to_string());
    line("arn", &safe(&execution.execution_arn));
    if let Some(parent) = &execution.parent_arn {
        line("parent", &safe(parent));
    }
    if let Some(run) = &execution.map_run_arn {
        line("map run", &safe(run));
    }
    if let Some(at) = execution.redriven_at {
        let times = units::count(execution.redrive_count.into(), "time", "times");
        line(
            "redriven",
            &format!("{times}, last {}", time::instant(at.0)),
        );
    }
    if let Some(at) = execution.paused_at {
        let by = execution.paused_by.as_deref();
        let by = by.map(|by| format!(", by {by}")).unwrap_or_default();
        let reason = execution.pause_reason.as_deref();
        let reason = reason.map(|reason| format!(": {reason}"));
        let told = safe(&format!("{by}{}", reason.unwrap_or_default()));
        line("paused", &format!("since {}{told}", time::instant(at.0)));
    }
    line("trace", &safe(&execution.traceparent));
    let tags = execution.tags.iter();
    let tags: Vec<String> = tags.map(|(key, value)| format!("{key}={value}")).collect();
    if !tags.is_empty() {
        line("tags", &safe(&tags.join(", ")));
    }
    line("used", &usage(execution));
    line("input", &one_line(&execution.input));
    if let Some(output) = &execution.output {
        line("output", &one_line(output));
    }
    if execution.error.is_some() || execution.cause.is_some() {
        let failure = failure_text(execution.error.as_deref(), execution.cause.as_deref());
        line("error", &paint(BAD, failure));
    }
    if !execution.active.is_empty() {
        text.push('\n');
        text.push_str(&active(&execution.active, now));
    }
    text
}

/// A payload without the blanks of its author, as far as it fits.
fn one_line(json: &JsonText) -> String {
    let compact: Result<Value, _> = serde_json::from_str(json.as_str());
    let text = compact.map_or_else(|_| json.as_str().to_owned(), |value| value.to_string());
    safe_within(&text, PAYLOAD_COLUMNS)
}

/// The status, and for how long or since when.
pub(crate) fn status(execution: &Execution, now: Timestamp) -> String {
    let end = execution.stopped_at.map_or(now, |at| at.0);
    let took = units::duration(time::between(execution.started_at.0, end));
    let word = paint(
        status_style(execution.status).bold(),
        execution.status.as_str(),
    );
    let preposition = if execution.status.has_ended() {
        "in"
    } else {
        "for"
    };
    format!("{word} {preposition} {took}")
}

fn usage(execution: &Execution) -> String {
    let usage = execution.usage;
    if usage.calls == 0 {
        return "nothing of the sandbox".to_owned();
    }
    format!(
        "{}, {}, {} fuel, {} at most",
        units::count(usage.calls, "call", "calls"),
        units::duration_us(usage.duration_us),
        units::fuel(usage.fuel),
        units::bytes(usage.memory_peak_bytes)
    )
}

/// The states that it is in, and the tokens that somebody may report with.
fn active(states: &[ActiveState], now: Timestamp) -> String {
    let mut table = Table::new(&[
        Column::Left("  STATE"),
        Column::Right("EVENT"),
        Column::Left("TYPE"),
        Column::Right("FOR"),
        Column::Right("ATTEMPT"),
        Column::Left("WAITS FOR"),
        Column::Left("DUE"),
    ]);
    for state in states {
        table.row([
            format!("  {}", state.name).into(),
            state.event.to_string().into(),
            (&state.state_type).into(),
            units::duration(time::between(state.entered_at.0, now)).into(),
            state.attempt.to_string().into(),
            (&state.waits_for).into(),
            state
                .due
                .map(|due| time::instant(due.0))
                .unwrap_or_default()
                .into(),
        ]);
    }
    let mut text = table.render();
    for state in states {
        if let Some(token) = &state.task_token {
            let label = paint(DIM, format!("token of {}", safe(&state.name)));
            text.push_str(&format!("\n  {label}\n  {}\n", safe(token)));
        }
    }
    text
}
