//! `stepwell graph`: a definition as a drawing.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use stepwell_states::diagram::{self, Marks};
use stepwell_states::{Format, StateMachine};

use crate::commands::App;
use crate::commands::deploy::{format_of, show};
use crate::exit::{CliError, Exit};
use crate::input;

/// The arguments of `graph`.
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// The definition: JSON or YAML, in the Amazon States Language or the short form; - reads standard input
    #[arg(required_unless_present = "machine")]
    file: Option<PathBuf>,
    /// Draw a deployed state machine, by its name or ARN
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    machine: Option<String>,
    /// What to draw it as
    #[arg(long, value_enum, default_value_t = Picture::Svg)]
    format: Picture,
    /// Write to this file, and not to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What a definition is drawn as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Picture {
    /// A picture for browsers and READMEs, for light and dark pages
    Svg,
    /// A Mermaid flowchart, for Markdown
    Mermaid,
}

/// Draws the definition.
///
/// # Errors
/// A file that cannot be read or written, a definition with errors or too large to draw.
pub(crate) fn run(args: &GraphArgs, app: &App) -> Result<Exit, CliError> {
    let machine = match (&args.file, &args.machine) {
        (Some(file), _) => from_file(file, app)?,
        (None, Some(name)) => {
            let answer = app.client()?.describe_state_machine(name)?;
            let asl = answer.value.asl.as_str();
            let parsed = stepwell_states::parse(asl, Some(Format::Json));
            parsed.map(|(machine, _)| machine).map_err(|_problems| {
                CliError::usage("this program does not understand the definition")
            })?
        }
        (None, None) => return Err(CliError::usage("name a file, or --machine NAME")),
    };
    let marks = Marks::new();
    let text = match args.format {
        Picture::Mermaid => diagram::mermaid(&machine, &marks),
        Picture::Svg => diagram::svg(&machine, &marks).map_err(|error| {
            CliError::new(Exit::Refused, error.to_string()).hint("--format mermaid has no bound")
        })?,
    };
    match &args.output {
        None => app.console.print(text)?,
        Some(file) => std::fs::write(file, text).map_err(|error| {
            CliError::usage(format!("cannot write {}: {error}", file.display()))
        })?,
    }
    Ok(Exit::Done)
}

/// Reads the definition of a file; its problems are shown if it has errors.
fn from_file(file: &Path, app: &App) -> Result<StateMachine, CliError> {
    let text = input::read_text(file)?;
    match stepwell_states::parse(&text, format_of(file).map(Into::into)) {
        Ok((machine, _)) => Ok(machine),
        Err(problems) => {
            let name = file.display().to_string();
            let problems: Vec<_> = problems.into_iter().map(Into::into).collect();
            show(app, &name, &text, &problems);
            Err(CliError::new(
                Exit::Refused,
                format!("{name} has errors: only a sound definition can be drawn"),
            ))
        }
    }
}
