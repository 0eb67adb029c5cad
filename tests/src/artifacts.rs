//! Where the built program and the built guests are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

/// Returns the program `stepwell`, built with the same profile as the test that asks.
///
/// # Errors
///
/// It is not built; the text says how to build it.
pub fn program() -> anyhow::Result<PathBuf> {
    let program = profile_folder()?.join(format!("stepwell{}", env::consts::EXE_SUFFIX));
    ensure!(
        program.is_file(),
        "{} is not built: run the tests by `cargo xtask test`, or first \
         `cargo build --workspace --bins --tests`",
        program.display()
    );
    Ok(program)
}

/// Returns a folder for what tests keep from one run to the next, beside the program.
pub(crate) fn scratch_folder() -> anyhow::Result<PathBuf> {
    Ok(profile_folder()?.join("stepwell-tests"))
}

/// Tests are in `<target>/<profile>/deps`, programs one folder up.
fn profile_folder() -> anyhow::Result<PathBuf> {
    let test = env::current_exe().context("cannot tell where this test is")?;
    let folder = test.ancestors().nth(2).context("a test is in `deps`")?;
    Ok(folder.to_owned())
}

/// Returns a component of `guest-examples`, by the name of its package.
///
/// # Errors
///
/// It is not built; the text says how to build it.
pub fn guest(name: &str) -> anyhow::Result<PathBuf> {
    built(&guests_folder()?, name)
}

/// Returns a guest that is also built as a core module, for the host to wrap.
///
/// # Errors
///
/// It is not built; the text says how to build it.
pub fn core_module(name: &str) -> anyhow::Result<PathBuf> {
    let components = guests_folder()?;
    let target = components
        .ancestors()
        .nth(2)
        .context("the guests are in a cargo target folder")?;
    built(&target.join("wasm32-unknown-unknown/release"), name)
}

fn built(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let file = folder.join(format!("{}.wasm", name.replace('-', "_")));
    ensure!(
        file.is_file(),
        "{} is not built: run `cargo xtask guests`",
        file.display()
    );
    Ok(file)
}

fn guests_folder() -> anyhow::Result<PathBuf> {
    if let Some(folder) = env::var_os("STEPWELL_GUESTS") {
        return Ok(folder.into());
    }
    let manifest = env::var_os("CARGO_MANIFEST_DIR").context("start the tests through cargo")?;
    let root = Path::new(&manifest).parent();
    let root = root.context("tests/ must be in a checkout")?;
    Ok(root.join("guest-examples/target/wasm32-wasip2/release"))
}
