//! `cargo xtask clients`: the SDK for Python, the AWS CLI and a provider of identities against
//! the program.
//!
//! They get an environment of their own, which is made here and kept beside what cargo
//! builds, so that nothing of the person's Python matters or changes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context as _, bail};

use crate::phases::Phases;
use crate::workspace::Workspace;

const NAME: &str = "clients";

const NO_PYTHON: &str = "\
python3 with the module venv is missing. To get it:
  Debian, Ubuntu   apt-get install python3-venv
  Fedora           dnf install python3
Or name another interpreter in the variable PYTHON.";

/// Runs the tests in `tests/clients` against the program that is built already.
///
/// Without Python they are left out, which is said aloud; in CI that is a failure.
///
/// # Errors
///
/// The environment cannot be made, or a test fails.
pub(crate) fn run(
    workspace: &Workspace,
    phases: &mut Phases,
    arguments: &[String],
) -> anyhow::Result<()> {
    let python = env::var("PYTHON").unwrap_or_else(|_unset| "python3".to_owned());
    if !can_make_environments(&python) {
        if workspace.in_ci() {
            bail!("{NO_PYTHON}");
        }
        phases.skip(NAME, NO_PYTHON);
        return Ok(());
    }
    let built = Built::find()?;
    let folder = workspace.path("tests/clients");
    let requirements = folder.join("requirements.txt");
    let environment = built.target.join("clients-venv");
    prepare(phases, &python, &environment, &requirements)?;
    let mut tests = Command::new(environment.join("bin/python"));
    tests
        // No caches of bytecode in the checkout.
        .arg("-B")
        .arg(folder.join("main.py"))
        .arg(built.program)
        .args(arguments);
    phases.run(NAME, &mut tests)
}

fn can_make_environments(python: &str) -> bool {
    Command::new(python)
        .args(["-c", "import venv, ensurepip"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Makes the environment unless it is there for just these requirements.
fn prepare(
    phases: &mut Phases,
    python: &str,
    environment: &Path,
    requirements: &Path,
) -> anyhow::Result<()> {
    let wanted = fs::read_to_string(requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    // Written last: an environment without it is not whole.
    let stamp = environment.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    let mut make = Command::new(python);
    make.args(["-m", "venv", "--clear"]).arg(environment);
    phases.run("environment for Python", &mut make)?;
    let mut install = Command::new(environment.join("bin/python"));
    install
        .args(["-m", "pip", "install", "--quiet", "--require-hashes"])
        .args(["--disable-pip-version-check", "-r"])
        .arg(requirements);
    phases.run("packages for Python", &mut install)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Where cargo has built to.
struct Built {
    target: PathBuf,
    program: PathBuf,
}

impl Built {
    /// Finds it: this program was built there as well.
    fn find() -> anyhow::Result<Self> {
        let own = env::current_exe().context("this program's own file is not known")?;
        let profile = own.parent().context("this program's file has no folder")?;
        let target = profile.parent().context("the profile has no folder")?;
        let program = profile.join(format!("stepwell{}", env::consts::EXE_SUFFIX));
        if !program.is_file() {
            bail!(
                "{} is not built: `cargo build --workspace`",
                program.display()
            );
        }
        Ok(Self {
            target: target.to_owned(),
            program,
        })
    }
}
