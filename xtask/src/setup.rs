//! What a machine needs beyond Rust itself: added where that is possible, named where not.

use std::env;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::phases::Phases;

/// What guests are built for: components, and core modules that the host wraps.
pub(crate) const WASM_TARGETS: [&str; 2] = ["wasm32-wasip2", "wasm32-unknown-unknown"];

const NO_RUSTUP: &str = "\
Guests are built for the Rust target `{target}`, which is missing. To get it:
  with rustup (https://rustup.rs)      rustup target add {target}
  with a distribution's own Rust       its package of the standard library for {target}";

const NO_C_COMPILER: &str = "\
there is no working C compiler: `{compiler}` does not compile a line that includes <stdio.h>.
SQLite is built from its C source, so one is needed. To get it:
  Debian, Ubuntu   apt-get install gcc libc6-dev
  Fedora           dnf install gcc
  Alpine           apk add gcc musl-dev
  macOS            xcode-select --install
Or name another compiler in the variable CC.";

/// Adds the WebAssembly targets that the toolchain lacks.
///
/// # Errors
///
/// One is missing and cannot be added; the text says how to get it.
pub(crate) fn ensure_wasm_targets(phases: &mut Phases) -> anyhow::Result<()> {
    for target in WASM_TARGETS {
        if has_target(target)? {
            continue;
        }
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add", target]);
        let name = format!("add target {target}");
        if let Err(error) = phases.run(&name, &mut rustup) {
            bail!("{error:#}\n{}", NO_RUSTUP.replace("{target}", target));
        }
    }
    Ok(())
}

/// Asks the compiler where a target's standard library would be, and looks whether it is
/// there: true of every way to install Rust, unlike `rustup target list`.
fn has_target(target: &str) -> anyhow::Result<bool> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start rustc")?;
    if !output.status.success() {
        bail!(
            "this rustc does not know the target `{target}`; rust-toolchain.toml names one that does"
        );
    }
    let folder = String::from_utf8(output.stdout).context("rustc printed no text")?;
    let Ok(entries) = Path::new(folder.trim()).read_dir() else {
        return Ok(false);
    };
    let found = entries
        .filter_map(Result::ok)
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"));
    Ok(found)
}

/// Makes sure that C can be compiled.
///
/// # Errors
///
/// There is no working compiler; the text says how to get one.
pub(crate) fn require_c_compiler() -> anyhow::Result<()> {
    // Microsoft's compiler is found through the registry, by the build scripts themselves.
    if cfg!(target_env = "msvc") {
        return Ok(());
    }
    let named = env::var("CC").unwrap_or_default();
    let compiler = if named.trim().is_empty() {
        "cc"
    } else {
        named.trim()
    };
    if compiles(compiler).unwrap_or(false) {
        return Ok(());
    }
    bail!(NO_C_COMPILER.replace("{compiler}", compiler));
}

fn compiles(compiler: &str) -> anyhow::Result<bool> {
    // `CC` may hold a wrapper and arguments, as in `ccache gcc`.
    let mut words = compiler.split_whitespace();
    let program = words.next().context("no program named")?;
    let mut child = Command::new(program)
        .args(words)
        .args(["-fsyntax-only", "-x", "c", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = child.stdin.take().context("no pipe to the compiler")?;
    // A compiler that has ended already says why by its status.
    let written = stdin.write_all(b"#include <stdio.h>\n");
    drop(stdin);
    Ok(child.wait()?.success() && written.is_ok())
}
