//! `stepwell send-event`: tell an execution what it waits for.

use clap::Args;
use stepwell_server::wire::PostEventRequest;

use crate::commands::{App, about};
use crate::exit::{CliError, Exit};
use crate::input;
use crate::render::text::safe;

/// The arguments of `send-event`.
#[derive(Debug, Args)]
pub(crate) struct SendEventArgs {
    /// The execution: MACHINE/NAME or its ARN
    execution: String,
    /// Name of the event: that of the waiting state, unless the state names another
    name: String,
    /// Data that become part of the output: JSON, @file or - for standard input
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// Id of the event; one with an id that the execution has seen is taken once
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

/// Posts the event. It is kept until a state waits for it.
///
/// # Errors
/// Data that are no JSON; an execution that does not exist, or has ended.
pub(crate) fn run(args: &SendEventArgs, app: &App) -> Result<Exit, CliError> {
    let data = args
        .data
        .as_deref()
        .map(|data| input::read_json(data, "--data"))
        .transpose()?;
    let request = PostEventRequest {
        name: args.name.clone(),
        id: args.id.clone(),
        data,
    };
    let sent = app.client()?.post_event(&args.execution, &request);
    about(&args.execution, sent)?;
    app.console.say(format!(
        "sent {} to {}",
        safe(&args.name),
        safe(&args.execution)
    ));
    Ok(Exit::Done)
}
