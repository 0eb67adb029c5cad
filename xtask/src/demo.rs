//! `cargo xtask demo`: from a fresh clone to a running order flow.
//!
//! Built with the development profile, whose dependencies are optimised: it is there sooner
//! than a release build, and what it builds serves `cargo xtask test` too.

use crate::phases::Phases;
use crate::workspace::Workspace;
use crate::{guests, setup};

/// Builds the guests and the program, and runs `stepwell demo`.
///
/// # Errors
///
/// Something is missing on the machine, does not build, or the demo fails.
pub(crate) fn run(
    workspace: &Workspace,
    phases: &mut Phases,
    arguments: &[String],
) -> anyhow::Result<()> {
    setup::require_c_compiler()?;
    guests::build(workspace, phases)?;
    let mut build = workspace.cargo_locked("build");
    build.args(["--package", "stepwell-cli"]);
    phases.run("program", &mut build)?;
    let mut demo = workspace.cargo_locked("run");
    demo.args(["--quiet", "--package", "stepwell-cli", "--", "demo"]);
    demo.args(arguments);
    phases.run("demo", guests::name_folder(workspace, &mut demo))
}
