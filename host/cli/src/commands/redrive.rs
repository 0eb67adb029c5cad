//! `stepwell redrive`: go on with an execution that did not succeed.

use clap::Args;
use stepwell_server::wire::{RedriveExecutionRequest, StateInput};

use crate::commands::{App, about};
use crate::exit::{CliError, Exit};
use crate::input;
use crate::render::text::safe;

/// The arguments of `redrive`.
#[derive(Debug, Args)]
pub(crate) struct RedriveArgs {
    /// The execution: MACHINE/NAME or its ARN
    execution: String,
    /// Another input for a state that runs again: JSON, @file or - for standard input. For
    /// several states, give several, each with its --state or --event in the same order
    #[arg(long, value_name = "JSON")]
    input: Vec<String>,
    /// The state that --input is for; not needed where there is only one
    #[arg(long, value_name = "NAME", requires = "input")]
    state: Vec<String>,
    /// The same by the number of the event that entered it, as `history` shows it
    #[arg(long, value_name = "NUMBER", requires = "input")]
    event: Vec<u64>,
    /// What to go on with: `latest`, the number of a revision, or `version:NUMBER`; without
    /// it, the revision that it has run so far
    #[arg(long, value_name = "REVISION")]
    definition: Option<String>,
    /// A name for this order: the same name again is the same order
    #[arg(long, value_name = "TOKEN")]
    client_token: Option<String>,
}

/// Goes on with it from where it stopped.
///
/// # Errors
/// An execution that does not exist, or cannot be redriven so; an input that is no JSON.
pub(crate) fn run(args: &RedriveArgs, app: &App) -> Result<Exit, CliError> {
    let request = RedriveExecutionRequest {
        client_token: args.client_token.clone(),
        inputs: inputs(args)?,
        definition: args.definition.clone(),
    };
    let redriven = app.client()?.redrive_execution(&args.execution, &request);
    let answer = about(&args.execution, redriven)?;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
        return Ok(Exit::Done);
    }
    let mut said = format!("redriven {}", safe(&args.execution));
    match args.input.len() {
        0 => {}
        1 => said.push_str(" with another input"),
        count => said.push_str(&format!(" with {count} other inputs")),
    }
    if args.definition.is_some() {
        said.push_str(&format!(", on revision {}", answer.value.revision));
    }
    app.console.say(said);
    Ok(Exit::Done)
}

/// Pairs inputs with the states that they are for.
fn inputs(args: &RedriveArgs) -> Result<Vec<StateInput>, CliError> {
    let count = args.input.len();
    for (option, given) in [("--state", args.state.len()), ("--event", args.event.len())] {
        let fits = given == 0 || given == count;
        if !fits {
            return Err(CliError::usage(format!(
                "{count} --input and {given} {option} do not go together: give one for each, or \
                 none"
            )));
        }
    }
    let pairs = args.input.iter().enumerate().map(|(index, input)| {
        Ok(StateInput {
            state: args.state.get(index).cloned(),
            event: args.event.get(index).copied(),
            input: input::read_json(input, "--input")?,
        })
    });
    pairs.collect()
}
