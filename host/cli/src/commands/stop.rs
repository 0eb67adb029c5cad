//! `stepwell stop`: end an execution from outside.

use clap::Args;
use stepwell_server::wire::StopExecutionRequest;

use crate::commands::{App, about};
use crate::exit::{CliError, Exit};
use crate::render::text::safe;

/// The arguments of `stop`.
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// The execution: MACHINE/NAME or its ARN
    execution: String,
    /// Error name that it ends with
    #[arg(long)]
    error: Option<String>,
    /// Why, for people
    #[arg(long)]
    cause: Option<String>,
}

/// Stops it.
///
/// # Errors
/// An execution that does not exist, or has ended.
pub(crate) fn run(args: &StopArgs, app: &App) -> Result<Exit, CliError> {
    let request = StopExecutionRequest {
        error: args.error.clone(),
        cause: args.cause.clone(),
    };
    let stopped = app.client()?.stop_execution(&args.execution, &request);
    about(&args.execution, stopped)?;
    app.console
        .say(format!("stopped {}", safe(&args.execution)));
    Ok(Exit::Done)
}
