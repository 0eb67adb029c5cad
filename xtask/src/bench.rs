//! `cargo xtask bench`: measures parts with divan, and the release build with the load
//! driver in `benches/`.

use crate::phases::Phases;
use crate::workspace::Workspace;
use crate::{guests, setup};

/// Builds the guests and the load driver, and runs it. Without arguments, which are the
/// driver's, the parts are measured first.
///
/// # Errors
///
/// Something is missing on the machine, does not build, or a bench fails.
pub(crate) fn run(
    workspace: &Workspace,
    phases: &mut Phases,
    arguments: &[String],
) -> anyhow::Result<()> {
    setup::require_c_compiler()?;
    guests::build(workspace, phases)?;
    if arguments.is_empty() {
        let mut parts = workspace.cargo_locked("bench");
        parts.args(["--package", "stepwell-states", "--bench", "definitions"]);
        parts.args(["--package", "stepwell-decider", "--bench", "decide"]);
        phases.run("bench of parts", &mut parts)?;
    }
    // The driver starts the program too, so both are built, in one go.
    let mut build = workspace.cargo_locked("build");
    build.args([
        "--release",
        "--package",
        "stepwell-benches",
        "--package",
        "stepwell-cli",
    ]);
    phases.run("release build", &mut build)?;
    let mut driver = workspace.cargo_locked("run");
    driver.args([
        "--quiet",
        "--release",
        "--package",
        "stepwell-benches",
        "--",
    ]);
    driver.args(arguments);
    phases.run("bench", guests::name_folder(workspace, &mut driver))
}
