//! `stepwell redrive`: go on with an execution that did not succeed.

use clap::Args;
use stepwell_server::wire::RedriveExecutionRequest;

use crate::commands::{App, about};
use crate::exit::{CliError, Exit};
use crate::render::text::safe;

/// The arguments of `redrive`.
#[derive(Debug, Args)]
pub(crate) struct RedriveArgs {
    /// The execution: MACHINE/NAME or its ARN
    execution: String,
    /// A name for this order: the same name again is the same order
    #[arg(long, value_name = "TOKEN")]
    client_token: Option<String>,
}

/// Goes on with it from where it stopped.
///
/// # Errors
/// An execution that does not exist, or cannot be redriven.
pub(crate) fn run(args: &RedriveArgs, app: &App) -> Result<Exit, CliError> {
    let request = RedriveExecutionRequest {
        client_token: args.client_token.clone(),
    };
    let redriven = app.client()?.redrive_execution(&args.execution, &request);
    let answer = about(&args.execution, redriven)?;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
    } else {
        app.console
            .say(format!("redriven {}", safe(&args.execution)));
    }
    Ok(Exit::Done)
}
