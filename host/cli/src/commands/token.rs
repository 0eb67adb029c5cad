//! `stepwell token`: report on a task that waits for its token.

use clap::{Args, Subcommand};
use stepwell_server::wire::{TaskFailureRequest, TaskHeartbeatRequest, TaskSuccessRequest};

use crate::commands::App;
use crate::exit::{CliError, Exit};
use crate::input;

/// What to report.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// The task is done
    Success(SuccessArgs),
    /// The task failed
    Failure(FailureArgs),
    /// The task is alive
    Heartbeat(HeartbeatArgs),
}

/// The arguments of `token success`.
#[derive(Debug, Args)]
pub(crate) struct SuccessArgs {
    /// The token that the task was given
    token_of_task: String,
    /// The task's output: JSON, @file or - for standard input
    #[arg(long, value_name = "JSON", default_value = "{}")]
    output: String,
}

/// The arguments of `token failure`.
#[derive(Debug, Args)]
pub(crate) struct FailureArgs {
    /// The token that the task was given
    token_of_task: String,
    /// Error name, as in `ErrorEquals`
    #[arg(long)]
    error: Option<String>,
    /// What went wrong, for people
    #[arg(long)]
    cause: Option<String>,
}

/// The arguments of `token heartbeat`.
#[derive(Debug, Args)]
pub(crate) struct HeartbeatArgs {
    /// The token that the task was given
    token_of_task: String,
}

/// Reports.
///
/// # Errors
/// An output that is no JSON; a token that is not valid, or of a task that waits no more.
pub(crate) fn run(command: &TokenCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        TokenCommand::Success(args) => {
            let output = input::read_json(&args.output, "--output")?;
            let request = TaskSuccessRequest {
                task_token: args.token_of_task.clone(),
                output,
            };
            app.client()?.task_success(&request)?;
            app.console.say("the task is done");
        }
        TokenCommand::Failure(args) => {
            let request = TaskFailureRequest {
                task_token: args.token_of_task.clone(),
                error: args.error.clone(),
                cause: args.cause.clone(),
            };
            app.client()?.task_failure(&request)?;
            app.console.say("the task has failed");
        }
        TokenCommand::Heartbeat(args) => {
            let request = TaskHeartbeatRequest {
                task_token: args.token_of_task.clone(),
            };
            app.client()?.task_heartbeat(&request)?;
            app.console.say("the task's heartbeat clock begins anew");
        }
    }
    Ok(Exit::Done)
}
