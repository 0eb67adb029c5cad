//! The commands of `docs/cli.md`: what they print, and the codes that they end with.

mod access;
mod approvals;
mod audit;
mod errors;
mod local;
mod many;
mod retention;
mod terminal;
mod with_host;

use std::path::Path;
use std::process::Command;

use stepwell_tests::{Run, TestServer, command};

/// Returns a command that talks to a host.
fn talking_to(server: &TestServer, arguments: &[&str]) -> Command {
    let mut command = command(server.home());
    command.args(["--server", server.address()]).args(arguments);
    command
}

/// Runs a command that talks to a host, and expects that it is done.
#[track_caller]
fn done(server: &TestServer, arguments: &[&str]) -> Run {
    run(server, arguments).expect(0)
}

/// Runs a command that talks to a host.
#[track_caller]
fn run(server: &TestServer, arguments: &[&str]) -> Run {
    Run::of(&mut talking_to(server, arguments), "")
}

/// Writes a file into a folder, and returns its path as an argument.
#[track_caller]
fn file(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    file.display().to_string()
}
