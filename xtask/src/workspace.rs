//! Where things are, and how cargo is called.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

/// The checkout that the command was called in.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    cargo: OsString,
    in_ci: bool,
}

impl Workspace {
    /// Finds the checkout.
    ///
    /// # Errors
    ///
    /// The program was not started by cargo.
    pub(crate) fn find() -> anyhow::Result<Self> {
        // Read at run time: the path must not be compiled in, since a checkout may move.
        let folder = env::var_os("CARGO_MANIFEST_DIR")
            .context("start this program as `cargo xtask` within the checkout")?;
        let root = Path::new(&folder)
            .parent()
            .context("xtask/ must be a folder of the checkout")?
            .to_owned();
        Ok(Self {
            root,
            cargo: env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            in_ci: env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false"),
        })
    }

    /// Returns whether a machine runs this, which wants fewer colours and no surprises.
    pub(crate) fn in_ci(&self) -> bool {
        self.in_ci
    }

    /// Returns a path within the checkout.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Returns a call of cargo. The working directory stays the caller's, so that file
    /// names among the arguments mean what the caller means.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command.arg(subcommand);
        for (name, _) in env::vars_os() {
            if is_about_this_program(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command
    }

    /// Returns a call of cargo that resolves dependencies. In CI it takes `Cargo.lock`
    /// as it is, and fails if that is out of date.
    pub(crate) fn cargo_locked(&self, subcommand: &str) -> Command {
        let mut command = self.cargo(subcommand);
        if self.in_ci {
            command.arg("--locked");
        }
        command
    }

    /// Returns whether cargo has a subcommand that is installed apart from it.
    pub(crate) fn has_subcommand(&self, name: &str) -> bool {
        self.cargo(name)
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// Tells the variables that cargo sets for the program that it runs, which is this one.
/// Some build scripts ask to be run again when they change, so that a build by `cargo
/// xtask` and one by hand would throw each other's results away.
fn is_about_this_program(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}
