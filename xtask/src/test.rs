//! `cargo xtask test`: what must hold before a change is done.

use std::process::Command;

use crate::phases::Phases;
use crate::workspace::Workspace;
use crate::{guests, lint, setup};

/// Runs the tests; `quick` leaves out what starts programs or takes long.
///
/// # Errors
///
/// Something is missing on the machine, does not build, or a test fails.
pub(crate) fn run(
    workspace: &Workspace,
    phases: &mut Phases,
    quick: bool,
    arguments: &[String],
) -> anyhow::Result<()> {
    setup::require_c_compiler()?;
    lint::check_format(workspace, phases)?;
    guests::build(workspace, phases)?;
    if quick {
        lint::check_tidy(workspace, phases)?;
        let mut unit = runner(workspace, phases);
        unit.args(["--workspace", "--lib", "--bins"])
            .args(arguments);
        return phases.run("unit tests", guests::name_folder(workspace, &mut unit));
    }
    build(workspace, phases)?;
    let mut all = runner(workspace, phases);
    all.args(["--workspace"]).args(arguments);
    phases.run("tests", guests::name_folder(workspace, &mut all))?;
    if !arguments.is_empty() {
        phases.skip(
            "examples in the documentation",
            "the tests were chosen by arguments",
        );
        return Ok(());
    }
    let mut documentation = workspace.cargo_locked("test");
    documentation.args(["--workspace", "--doc", "--quiet"]);
    phases.run("examples in the documentation", &mut documentation)?;
    let mut native = workspace.cargo_locked("test");
    native
        .args(["--quiet", "--manifest-path"])
        .arg(workspace.path("guest-examples/Cargo.toml"))
        .arg("--target-dir")
        .arg(guests::target_folder(workspace));
    phases.run("unit tests of the guests", &mut native)
}

/// Builds the tests and, with the same features, the program that black-box tests start.
/// By themselves the tests of one package would not build the program of another.
fn build(workspace: &Workspace, phases: &mut Phases) -> anyhow::Result<()> {
    let mut build = workspace.cargo_locked("build");
    build.args(["--workspace", "--bins", "--tests"]);
    phases.run("build", &mut build)
}

/// nextest runs tests of several binaries at once and stops those that hang; `cargo test`
/// runs the same tests where it is not installed.
fn runner(workspace: &Workspace, phases: &Phases) -> Command {
    if !workspace.has_subcommand("nextest") {
        phases.skip(
            "nextest",
            "not installed (`cargo install --locked cargo-nextest`), `cargo test` does it",
        );
        return workspace.cargo_locked("test");
    }
    let mut command = workspace.cargo("nextest");
    command.arg("run");
    if workspace.in_ci() {
        command.args(["--locked", "--profile", "ci"]);
    }
    command
}
