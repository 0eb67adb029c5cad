//! Builds the components of `guest-examples/`, for the demo and the tests.

use std::path::PathBuf;
use std::process::Command;

use crate::phases::Phases;
use crate::setup;
use crate::workspace::Workspace;

/// Tells programs and tests where the built components are.
const FOLDER_VARIABLE: &str = "STEPWELL_GUESTS";

/// The guest that is also built as a core module, which the host wraps itself.
const CORE_MODULE: &str = "echo";

/// Builds all guests for `wasm32-wasip2`, and one for `wasm32-unknown-unknown`.
///
/// # Errors
///
/// A target cannot be added, or a guest does not build.
pub(crate) fn build(workspace: &Workspace, phases: &mut Phases) -> anyhow::Result<()> {
    setup::ensure_wasm_targets(phases)?;
    let mut components = release_build(workspace, "wasm32-wasip2");
    phases.run("guests", &mut components)?;
    let mut module = release_build(workspace, "wasm32-unknown-unknown");
    module.args(["--package", CORE_MODULE]);
    phases.run("guest as a core module", &mut module)
}

/// Sets the variable that names the folder of the built components.
pub(crate) fn name_folder<'a>(workspace: &Workspace, command: &'a mut Command) -> &'a mut Command {
    let folder = target_folder(workspace).join("wasm32-wasip2/release");
    command.env(FOLDER_VARIABLE, folder)
}

/// Always the same place, wherever `CARGO_TARGET_DIR` points: what reads the guests finds
/// them without being told.
pub(crate) fn target_folder(workspace: &Workspace) -> PathBuf {
    workspace.path("guest-examples/target")
}

fn release_build(workspace: &Workspace, target: &str) -> Command {
    let mut command = workspace.cargo_locked("build");
    command
        .args(["--release", "--target", target, "--manifest-path"])
        .arg(workspace.path("guest-examples/Cargo.toml"))
        .arg("--target-dir")
        .arg(target_folder(workspace));
    command
}
