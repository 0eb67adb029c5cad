//! `stepwell start`: start an execution, and wait for its end if asked to.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use clap::Args;
use stepwell_engine::TraceContext;
use stepwell_server::wire::{Execution, ExecutionStatus, StartExecutionRequest};

use crate::client::{Answer, Client, WAIT_MAX};
use crate::commands::{App, describe, exit_of, now};
use crate::console::{BAD, GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::filter::parse_tag;
use crate::input;
use crate::render::text::safe;
use crate::render::trace::failure_text;
use crate::render::{time, units};

/// How long the host may hold back its first answer about an execution that is waited for.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// The arguments of `start`.
#[derive(Debug, Args)]
#[command(after_help = "\
With --wait: the output on standard output, and exit code 1 if the execution did not succeed,
6 if it had not ended when --timeout was over. It runs on in any case; so it does when this
command is interrupted.")]
pub(crate) struct StartArgs {
    /// Name or ARN of the state machine
    state_machine: String,
    /// Input: JSON, @file or - for standard input [default: {}]
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Name of the execution; a start with the same name and input is the same start
    #[arg(long)]
    name: Option<String>,
    /// A tag of the execution, by which it is found; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_tag)]
    tag: Vec<(String, String)>,
    /// The trace that it belongs to: a W3C traceparent; without it that of the environment
    /// variable TRACEPARENT, or one that is made
    #[arg(long, value_name = "TRACEPARENT", value_parser = parse_traceparent)]
    traceparent: Option<String>,
    /// Wait for its end
    #[arg(long)]
    wait: bool,
    /// Run an express execution to its end, five minutes at most: in memory, once, and
    /// without a start that would outlive the host
    #[arg(long, conflicts_with_all = ["wait", "timeout"])]
    sync: bool,
    /// Wait this long at most, such as 30s or 5m
    #[arg(long, requires = "wait", value_parser = units::parse_duration)]
    timeout: Option<Duration>,
}

/// The host would ignore one that is malformed.
fn parse_traceparent(text: &str) -> Result<String, String> {
    match TraceContext::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write a W3C traceparent: 00-TRACE_ID-PARENT_ID-FLAGS".to_owned()),
    }
}

/// Starts it. When this returns the start is durable.
///
/// # Errors
/// A state machine that does not exist; an input that is no JSON; a name that is taken.
pub(crate) fn run(args: &StartArgs, app: &App) -> Result<Exit, CliError> {
    let input = args
        .input
        .as_deref()
        .map(|input| input::read_json(input, "--input"))
        .transpose()?;
    // What a build or another tool has put there; it is no fault if that is nothing.
    let inherited = || {
        let given = std::env::var("TRACEPARENT").ok()?;
        TraceContext::parse(&given).map(|trace| trace.to_string())
    };
    let trace = args.traceparent.clone().or_else(inherited);
    let client = app.client()?.in_trace(trace);
    let request = StartExecutionRequest {
        state_machine: args.state_machine.clone(),
        name: args.name.clone(),
        input,
        tags: args.tag.iter().cloned().collect(),
    };
    if args.sync {
        return run_sync(&client, &request, app);
    }
    let started = client.start_execution(&request)?;
    let express = is_express(&started.value.execution_arn);
    if !args.wait || express {
        if app.console.is_json() {
            app.console.print_json(&started.json(), true)?;
        } else {
            let what = if started.value.existed {
                "existed already:"
            } else {
                "started"
            };
            let name = paint(STRONG, safe(&started.value.name));
            app.console.print(format!("{} {name}", paint(GOOD, what)))?;
            let machine = safe(&args.state_machine);
            app.console.say(if express {
                "it is kept in memory alone; `stepwell start --sync` waits for its end".to_owned()
            } else {
                format!(
                    "follow it with `stepwell history --follow {machine}/{}`",
                    safe(&started.value.name)
                )
            });
        }
        return Ok(if args.wait {
            Exit::StillRunning
        } else {
            Exit::Done
        });
    }
    let ended = wait(&client, &started.value.execution_arn, args.timeout, app);
    let ended = ended.map_err(|error| {
        // Starting again would be another execution.
        error.hint(format!(
            "the start is safe; see how it goes with `stepwell describe {}/{}`",
            safe(&args.state_machine),
            safe(&started.value.name)
        ))
    })?;
    report(&ended, app)
}

/// Whether an execution is express: then nobody can ask how it stands.
fn is_express(arn: &str) -> bool {
    arn.split(':').nth(5) == Some("express")
}

/// Runs an express execution to its end: the output to standard output, how it ended to
/// standard error.
fn run_sync(client: &Client, request: &StartExecutionRequest, app: &App) -> Result<Exit, CliError> {
    let progress = app.console.progress("running");
    let answer = client.start_sync_execution(request);
    drop(progress);
    let answer = answer?;
    let ended = &answer.value;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
        return Ok(exit_of(ended.status));
    }
    app.console.say(format!(
        "{} {} in {}",
        paint(STRONG, safe(&ended.name)),
        ended.status.as_str(),
        units::duration(time::between(ended.started_at.0, ended.stopped_at.0)),
    ));
    match &ended.output {
        Some(output) => app.console.print(output.as_str())?,
        None => {
            let failure = failure_text(ended.error.as_deref(), ended.cause.as_deref());
            app.console.say(format!("  {}", paint(BAD, failure)));
        }
    }
    Ok(exit_of(ended.status))
}

/// Waits for the end, in calls that the host holds back for a while: short ones first, so that
/// who has to decide something is told soon, and then ever longer ones.
fn wait(
    client: &Client,
    arn: &str,
    timeout: Option<Duration>,
    app: &App,
) -> Result<Answer<Execution>, CliError> {
    let began = Instant::now();
    let progress = app.console.progress("started");
    let mut told = BTreeSet::new();
    let mut step = FIRST_WAIT;
    loop {
        let left = timeout.map_or(WAIT_MAX, |timeout| timeout.saturating_sub(began.elapsed()));
        let answer = client.wait_for_end(arn, left.min(step))?;
        step = step.saturating_mul(2).min(WAIT_MAX);
        for approval in approvals(&answer.value) {
            if !app.console.is_json() && told.insert(approval.to_owned()) {
                progress.beside(|| app.console.say(how_to_decide(approval)));
            }
        }
        let over = timeout.is_some_and(|timeout| began.elapsed() >= timeout);
        if over || answer.value.status.has_ended() {
            return Ok(answer);
        }
        let states: Vec<&str> = answer
            .value
            .active
            .iter()
            .map(|state| state.name.as_str())
            .collect();
        progress.say(format!(
            "{} is in {}",
            safe(&answer.value.name),
            safe(&states.join(", "))
        ));
    }
}

/// The ids of the approvals that an execution waits for, as the host writes them.
fn approvals(execution: &Execution) -> impl Iterator<Item = &str> {
    let active = execution.active.iter();
    active.filter_map(|state| state.waits_for.strip_prefix("approval "))
}

fn how_to_decide(approval: &str) -> String {
    let id = safe(approval);
    format!(
        "it waits for approval {id}; see it with `stepwell approvals show {id}`, decide with \
         `stepwell approvals approve {id}` or `stepwell approvals reject {id}`"
    )
}

/// The output to standard output, how it ended to standard error.
fn report(answer: &Answer<Execution>, app: &App) -> Result<Exit, CliError> {
    let execution = &answer.value;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
        return Ok(exit_of(execution.status));
    }
    let name = format!(
        "{}/{}",
        safe(&execution.state_machine),
        safe(&execution.name)
    );
    app.console.say(format!(
        "{} {}",
        paint(STRONG, &name),
        describe::status(execution, now())
    ));
    match (&execution.output, execution.status) {
        (Some(output), _) => app.console.print(output.as_str())?,
        (None, ExecutionStatus::Running | ExecutionStatus::Paused) => {
            app.console.say(format!(
                "it runs on; follow it with `stepwell history --follow {name}`"
            ));
        }
        (None, _) => {
            let failure = failure_text(execution.error.as_deref(), execution.cause.as_deref());
            app.console.say(format!("  {}", paint(BAD, failure)));
            app.console
                .say(format!("see where with `stepwell history {name}`"));
        }
    }
    Ok(exit_of(execution.status))
}
