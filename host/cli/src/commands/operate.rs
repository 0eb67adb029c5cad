//! `stepwell pause`, `resume`, `retry-now`, `end-wait` and `task`: what operators do to an
//! execution that runs.

use clap::{Args, Subcommand};
use stepwell_server::wire::{
    FailTaskRequest, PauseExecutionRequest, SkipTaskRequest, TargetRequest,
};

use crate::commands::{App, about};
use crate::exit::{CliError, Exit};
use crate::input;
use crate::render::text::safe;

/// The arguments of `pause`.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// The execution: MACHINE/NAME or its ARN
    execution: String,
    /// Why, for people
    #[arg(long)]
    reason: Option<String>,
}

/// The arguments of `resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The execution: MACHINE/NAME or its ARN
    execution: String,
}

/// The arguments of `retry-now` and `end-wait`.
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    /// The execution: MACHINE/NAME or its ARN
    execution: String,
    /// The state that is meant
    #[command(flatten)]
    target: TargetArgs,
}

/// Which state is meant.
#[derive(Debug, Args)]
struct TargetArgs {
    /// The state that is meant; not needed where there is only one that it can be
    #[arg(long, value_name = "NAME")]
    state: Option<String>,
    /// The same by the number of the event that entered it or scheduled its task, as
    /// `history` and `describe` show it
    #[arg(long, value_name = "NUMBER")]
    event: Option<u64>,
}

/// What to do to a task.
#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// Fail it: its state's Retry and Catch are asked as ever
    Fail(FailArgs),
    /// Give its result in its place
    Skip(SkipArgs),
}

/// The arguments of `task fail`.
#[derive(Debug, Args)]
pub(crate) struct FailArgs {
    /// The execution: MACHINE/NAME or its ARN
    execution: String,
    /// The state that is meant
    #[command(flatten)]
    target: TargetArgs,
    /// Error name, as in `ErrorEquals`
    #[arg(long)]
    error: Option<String>,
    /// What went wrong, for people
    #[arg(long)]
    cause: Option<String>,
}

/// The arguments of `task skip`.
#[derive(Debug, Args)]
pub(crate) struct SkipArgs {
    /// The execution: MACHINE/NAME or its ARN
    execution: String,
    /// The state that is meant
    #[command(flatten)]
    target: TargetArgs,
    /// What the task would have given: JSON, @file or - for standard input
    #[arg(long, value_name = "JSON")]
    output: String,
}

impl TargetArgs {
    fn to_request(&self) -> TargetRequest {
        TargetRequest {
            state: self.state.clone(),
            event: self.event,
        }
    }
}

/// Lets nothing new begin.
///
/// # Errors
/// An execution that does not exist, or has ended.
pub(crate) fn pause(args: &PauseArgs, app: &App) -> Result<Exit, CliError> {
    let request = PauseExecutionRequest {
        reason: args.reason.clone(),
    };
    let paused = app.client()?.pause_execution(&args.execution, &request);
    done(&args.execution, paused, "paused", app)
}

/// Goes on.
///
/// # Errors
/// An execution that does not exist, or has ended.
pub(crate) fn resume(args: &ResumeArgs, app: &App) -> Result<Exit, CliError> {
    let resumed = app.client()?.resume_execution(&args.execution);
    done(&args.execution, resumed, "resumed", app)
}

/// Begins the next attempt.
///
/// # Errors
/// No state waits for its next attempt, or nobody can tell which one is meant.
pub(crate) fn retry_now(args: &StateArgs, app: &App) -> Result<Exit, CliError> {
    let request = args.target.to_request();
    let begun = app.client()?.retry_now(&args.execution, &request);
    done(&args.execution, begun, "the next attempt begins in", app)
}

/// Ends a wait.
///
/// # Errors
/// No state is in a Wait, or nobody can tell which one is meant.
pub(crate) fn end_wait(args: &StateArgs, app: &App) -> Result<Exit, CliError> {
    let request = args.target.to_request();
    let ended = app.client()?.end_wait(&args.execution, &request);
    done(&args.execution, ended, "the wait is over in", app)
}

/// Fails or skips a task.
///
/// # Errors
/// No state has an open task, or nobody can tell which one is meant; an output that is no
/// JSON.
pub(crate) fn task(command: &TaskCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        TaskCommand::Fail(args) => {
            let TargetRequest { state, event } = args.target.to_request();
            let request = FailTaskRequest {
                state,
                event,
                error: args.error.clone(),
                cause: args.cause.clone(),
            };
            let failed = app.client()?.fail_task(&args.execution, &request);
            done(&args.execution, failed, "the task has failed in", app)
        }
        TaskCommand::Skip(args) => {
            let TargetRequest { state, event } = args.target.to_request();
            let request = SkipTaskRequest {
                state,
                event,
                output: input::read_json(&args.output, "--output")?,
            };
            let skipped = app.client()?.skip_task(&args.execution, &request);
            done(&args.execution, skipped, "the task is skipped in", app)
        }
    }
}

fn done(
    execution: &str,
    result: Result<(), crate::client::CallError>,
    what: &str,
    app: &App,
) -> Result<Exit, CliError> {
    about(execution, result)?;
    app.console.say(format!("{what} {}", safe(execution)));
    Ok(Exit::Done)
}
