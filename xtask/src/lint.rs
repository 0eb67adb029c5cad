//! `cargo xtask lint`: form, from the quickest check to the slowest.

use crate::phases::Phases;
use crate::setup;
use crate::workspace::Workspace;

/// Checks formatting, tidy rules, lints, documentation and, where `cargo deny` is
/// installed, advisories and bans.
///
/// # Errors
///
/// A check fails, or something is missing on the machine.
pub(crate) fn run(workspace: &Workspace, phases: &mut Phases) -> anyhow::Result<()> {
    setup::require_c_compiler()?;
    check_format(workspace, phases)?;
    check_tidy(workspace, phases)?;
    setup::ensure_wasm_targets(phases)?;
    check_guests(workspace, phases)?;
    let mut clippy = workspace.cargo_locked("clippy");
    clippy.args(["--workspace", "--all-targets", "--", "--deny", "warnings"]);
    phases.run("clippy", &mut clippy)?;
    let mut documentation = workspace.cargo_locked("doc");
    documentation
        .args(["--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "--deny warnings");
    phases.run("documentation", &mut documentation)?;
    if !workspace.has_subcommand("deny") {
        phases.skip(
            "deny",
            "not installed (`cargo install --locked cargo-deny`); the tidy rules check licences and bans too, but not advisories",
        );
        return Ok(());
    }
    let mut deny = workspace.cargo("deny");
    deny.args(["--workspace", "check"]);
    phases.run("deny", &mut deny)
}

/// Checks the formatting of the host's and the guests' workspace.
///
/// # Errors
///
/// A file is not formatted.
pub(crate) fn check_format(workspace: &Workspace, phases: &mut Phases) -> anyhow::Result<()> {
    let mut host = workspace.cargo("fmt");
    host.args(["--all", "--check"]);
    phases.run("format", &mut host)?;
    let mut guests = workspace.cargo("fmt");
    guests
        .args(["--all", "--check", "--manifest-path"])
        .arg(workspace.path("guest-examples/Cargo.toml"));
    phases.run("format of the guests", &mut guests)
}

/// Checks the house rules of `tests/tidy`.
///
/// # Errors
///
/// A rule is broken.
pub(crate) fn check_tidy(workspace: &Workspace, phases: &mut Phases) -> anyhow::Result<()> {
    let mut tidy = workspace.cargo_locked("test");
    tidy.args(["--quiet", "--package", "stepwell-tidy"]);
    // What is to mend stands in the message; where the test panicked says nothing.
    tidy.env("RUST_BACKTRACE", "0");
    phases.run("tidy", &mut tidy)
}

/// Lints what is compiled to WebAssembly only: the guests, and the SDK's half of the
/// boundary.
fn check_guests(workspace: &Workspace, phases: &mut Phases) -> anyhow::Result<()> {
    let target = setup::WASM_TARGETS[0];
    let mut guests = workspace.cargo_locked("clippy");
    guests
        .args(["--target", target, "--manifest-path"])
        .arg(workspace.path("guest-examples/Cargo.toml"))
        .arg("--target-dir")
        .arg(crate::guests::target_folder(workspace))
        .args(["--", "--deny", "warnings"]);
    phases.run("clippy of the guests", &mut guests)?;
    let mut sdk = workspace.cargo_locked("clippy");
    sdk.args(["--package", "stepwell-sdk", "--target", target]);
    sdk.args(["--", "--deny", "warnings"]);
    phases.run("clippy of the SDK as guest", &mut sdk)
}
