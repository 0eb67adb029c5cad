//! `cargo xtask conformance`: runs the recorded cases and writes `docs/conformance.md`.

use crate::phases::Phases;
use crate::setup;
use crate::workspace::Workspace;

/// Runs the cases; they are looked for where `STEPWELL_CONFORMANCE` says, or beside the
/// repository.
///
/// # Errors
///
/// Something is missing on the machine, does not build, or the cases are not there.
pub(crate) fn run(workspace: &Workspace, phases: &mut Phases) -> anyhow::Result<()> {
    setup::require_c_compiler()?;
    let mut cases = workspace.cargo_locked("test");
    // The whole workspace, so that the build is the one that the tests use.
    cases.args(["--workspace", "--test", "conformance", "--"]);
    cases.args(["--ignored", "--exact", "write_the_page", "--nocapture"]);
    phases.run("docs/conformance.md", &mut cases)
}
