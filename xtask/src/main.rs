//! The project's own commands: `cargo xtask demo | test | lint | bench | clients |
//! conformance | guests`.
//!
//! Each command does its own set-up, so that it works as the first one on a fresh clone.
//! People and `.ci/run` type the same words. Start reading at [`arguments::Command`].

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a command does and how it ended is its output"
)]

mod arguments;
mod bench;
mod clients;
mod conformance;
mod demo;
mod guests;
mod lint;
mod phases;
mod setup;
mod test;
mod workspace;

use std::process::ExitCode;

use arguments::{Command, USAGE};
use phases::Phases;
use workspace::Workspace;

/// The arguments are wrong; as programs of the Unix family say it.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let command = match Command::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(problem) => {
            eprintln!("xtask: {problem}\n\n{USAGE}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let mut phases = Phases::default();
    match run(command, &mut phases) {
        Ok(()) => {
            phases.print_summary();
            ExitCode::SUCCESS
        }
        Err(error) => {
            phases.print_summary();
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, phases: &mut Phases) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    match command {
        Command::Help => {
            println!("{USAGE}");
            Ok(())
        }
        Command::Demo { arguments } => demo::run(&workspace, phases, &arguments),
        Command::Test { quick, arguments } => test::run(&workspace, phases, quick, &arguments),
        Command::Lint => lint::run(&workspace, phases),
        Command::Guests => guests::build(&workspace, phases),
        Command::Clients { arguments } => test::clients(&workspace, phases, &arguments),
        Command::Conformance => conformance::run(&workspace, phases),
        Command::Bench { arguments } => bench::run(&workspace, phases, &arguments),
    }
}
