//! `cargo xtask test`: what must hold before a change is done.

use std::process::Command;

use crate::phases::Phases;
use crate::workspace::Workspace;
use crate::{clients, guests, lint, setup};

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
    let runner = Runner::find(workspace, phases);
    if quick {
        lint::check_tidy(workspace, phases)?;
        let mut unit = runner.command(workspace);
        unit.args(["--workspace", "--lib", "--bins"])
            .args(arguments);
        return phases.run("unit tests", guests::name_folder(workspace, &mut unit));
    }
    build(workspace, phases)?;
    let mut all = runner.command(workspace);
    all.arg("--workspace").args(arguments);
    phases.run("tests", guests::name_folder(workspace, &mut all))?;
    if !arguments.is_empty() {
        phases.skip("the rest", "the tests were chosen by arguments");
        return Ok(());
    }
    clients::run(workspace, phases, &[])?;
    if runner == Runner::Nextest {
        let mut documentation = workspace.cargo_locked("test");
        documentation.args(["--workspace", "--doc", "--quiet"]);
        phases.run("examples in the documentation", &mut documentation)?;
    }
    let mut native = workspace.cargo_locked("test");
    native
        .args(["--quiet", "--manifest-path"])
        .arg(workspace.path("guest-examples/Cargo.toml"))
        .arg("--target-dir")
        .arg(guests::target_folder(workspace));
    phases.run("unit tests of the guests", &mut native)
}

/// Runs AWS's own tools against the program, as it is now; `arguments` choose tests.
///
/// # Errors
///
/// Something is missing on the machine, does not build, or a test fails.
pub(crate) fn clients(
    workspace: &Workspace,
    phases: &mut Phases,
    arguments: &[String],
) -> anyhow::Result<()> {
    setup::require_c_compiler()?;
    let mut build = workspace.cargo_locked("build");
    build.args(["--workspace", "--bins"]);
    phases.run("build", &mut build)?;
    clients::run(workspace, phases, arguments)
}

/// Builds the tests and, with the same features, the program that black-box tests start.
/// By themselves the tests of one package would not build the program of another.
fn build(workspace: &Workspace, phases: &mut Phases) -> anyhow::Result<()> {
    let mut build = workspace.cargo_locked("build");
    build.args(["--workspace", "--bins", "--tests"]);
    phases.run("build", &mut build)
}

/// What runs the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    /// Runs tests of several binaries at once and stops those that hang; runs none of the
    /// examples in the documentation.
    Nextest,
    /// Runs all of them, one binary after the other.
    CargoTest,
}

impl Runner {
    fn find(workspace: &Workspace, phases: &Phases) -> Self {
        if workspace.has_subcommand("nextest") {
            return Self::Nextest;
        }
        phases.skip(
            "nextest",
            "not installed (`cargo install --locked cargo-nextest`); `cargo test` runs the same tests",
        );
        Self::CargoTest
    }

    fn command(self, workspace: &Workspace) -> Command {
        if self == Self::CargoTest {
            return workspace.cargo_locked("test");
        }
        let mut command = workspace.cargo("nextest");
        command.arg("run");
        if workspace.in_ci() {
            command.args(["--locked", "--profile", "ci"]);
        }
        command
    }
}
