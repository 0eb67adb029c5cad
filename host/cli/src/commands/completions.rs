//! `stepwell completions`: a completion script for a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Cli;
use crate::commands::App;
use crate::exit::{CliError, Exit};

/// The arguments of `completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "For bash: stepwell completions bash > ~/.local/share/bash-completion/completions/stepwell"
)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn run(args: &CompletionsArgs, app: &App) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "stepwell", &mut script);
    app.console.print(String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
