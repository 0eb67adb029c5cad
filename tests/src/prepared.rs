//! A data folder that has the guests already, made once and copied for each test.
//!
//! Uploading compiles, which takes seconds a guest; tests that are about something else
//! begin with a host that has been through it.

use std::fs::{self, DirBuilder, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use anyhow::Context as _;

use crate::artifacts::{guest, program, scratch_folder};
use crate::server::TestServer;

/// The guests that a host takes, by the names of their packages.
const GUESTS: &[&str] = &[
    "charge-payment",
    "create-shipment",
    "echo",
    "hostile",
    "notify-accounting",
    "notify-customer",
    "notify-warehouse",
    "reserve-inventory",
    "validate-order",
];

/// What a host leaves in its folder for the next one.
const KEPT: &[&str] = &["stepwell.db", "compiled"];

/// Copies the prepared folder to `folder`, and makes it first if the program or a guest is
/// another one than before.
///
/// # Errors
///
/// Something is not built, or a file cannot be copied.
pub(crate) fn copy_to(folder: &Path) -> anyhow::Result<()> {
    let scratch = scratch_folder()?;
    fs::create_dir_all(&scratch).context("no place for the prepared folder")?;
    // Tests are processes of their own: one makes the folder, the others wait.
    let lock = File::create(scratch.join("lock")).context("no lock for the prepared folder")?;
    lock.lock().context("no lock for the prepared folder")?;
    let prepared = scratch.join(format!("prepared-{:016x}", fingerprint()?));
    if !prepared.is_dir() {
        make(&scratch, &prepared)?;
    }
    copy(&prepared, folder)
}

/// Tells programs and guests of one build from those of another.
fn fingerprint() -> anyhow::Result<u64> {
    let mut hasher = DefaultHasher::new();
    let guests = GUESTS.iter().map(|name| guest(name));
    for file in guests.chain([program()]) {
        let file = file?;
        let about = fs::metadata(&file).with_context(|| format!("{} is gone", file.display()))?;
        (file, about.len(), about.modified()?).hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn make(scratch: &Path, prepared: &Path) -> anyhow::Result<()> {
    for old in fs::read_dir(scratch)?.flatten() {
        if old.file_name().to_string_lossy().starts_with("prepared-") {
            fs::remove_dir_all(old.path())?;
        }
    }
    let mut server = TestServer::start();
    for name in GUESTS {
        server.client().push(name, &guest(name)?);
    }
    server.stop();
    let unfinished = scratch.join("unfinished");
    if unfinished.is_dir() {
        fs::remove_dir_all(&unfinished)?;
    }
    copy(&server.data(), &unfinished)?;
    fs::rename(&unfinished, prepared).context("the prepared folder cannot be put in its place")
}

/// Copies what a host leaves for the next one from one data folder to another.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    make_folder(to)?;
    for name in KEPT {
        copy_all(&from.join(name), &to.join(name))?;
    }
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> anyhow::Result<()> {
    let copied = || format!("cannot copy {}", from.display());
    if !from.is_dir() {
        fs::copy(from, to).with_context(copied)?;
        return Ok(());
    }
    make_folder(to)?;
    for entry in fs::read_dir(from).with_context(copied)? {
        let entry = entry.with_context(copied)?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Makes a folder that is its owner's alone, as a host does.
fn make_folder(folder: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().mode(0o700).create(folder);
    made.with_context(|| format!("cannot make {}", folder.display()))
}
