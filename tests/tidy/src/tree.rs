//! The files of the checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// One text file of the checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Its path from the root of the checkout, with `/`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// Returns the root of the checkout.
///
/// # Errors
///
/// The program was not started by cargo.
pub fn root() -> anyhow::Result<PathBuf> {
    // Read at run time, so that a checkout that was moved is still found.
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").context("start this through cargo")?;
    let root = Path::new(&folder).ancestors().nth(2);
    Ok(root.context("tests/tidy must be in a checkout")?.to_owned())
}

/// Reads all text files that git tracks or would track: what is new counts too.
///
/// # Errors
///
/// git does not run here, or a file cannot be read.
pub fn text_files(root: &Path) -> anyhow::Result<Vec<TextFile>> {
    let mut files = Vec::new();
    for path in listed(root)? {
        let full = root.join(&path);
        // What is deleted and not yet committed is still listed.
        if !full.is_file() {
            continue;
        }
        let bytes = std::fs::read(&full).with_context(|| format!("cannot read {path}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(TextFile { path, text });
        }
    }
    Ok(files)
}

fn listed(root: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .context("cannot start git, which lists the files of the checkout")?;
    if !output.status.success() {
        bail!(
            "git cannot list the files of {}: {}",
            root.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let text = String::from_utf8(output.stdout).context("a file name is no UTF-8")?;
    let mut paths: Vec<String> = text
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}
