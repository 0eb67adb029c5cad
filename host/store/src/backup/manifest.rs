//! What a backup says of itself, and how that is checked.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{BackupRow, PARTIAL, PREFIX};
use crate::ids::Digest;

/// The database.
pub(super) const DATABASE: &str = "stepwell.db";
/// What it is of.
pub(super) const MANIFEST: &str = "manifest.json";
/// Checksums of both.
pub(super) const SUMS: &str = "SHA256SUMS";
/// The form of backups.
pub(super) const FORMAT: u32 = 1;
/// Bytes of a manifest and of checksums, at most.
const TEXT_MAX_BYTES: u64 = 64 << 10;

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupManifest {
    /// The form of the backup.
    pub format: u32,
    /// The version of the program that made it.
    pub version: String,
    /// The number of the database's schema.
    pub schema: u32,
    /// When it was begun: it holds what was committed by then.
    pub created_at: String,
    /// Bytes of the database.
    pub bytes: u64,
    /// SHA-256 of the database, in hexadecimal digits.
    pub sha256: String,
    /// Ids of the master keys that its secrets are sealed with: none opens without them, and
    /// they are not in the backup.
    pub master_keys: Vec<String>,
}

impl BackupManifest {
    pub(super) fn render(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        format!("{}\n", text.expect("texts and numbers can be written"))
    }

    /// Writes the checksums of the database and of the manifest's text.
    pub(super) fn sums(&self, text: &str) -> String {
        let manifest = Digest::of(text.as_bytes());
        format!("{manifest}  {MANIFEST}\n{}  {DATABASE}\n", self.sha256)
    }
}

/// Reads the manifest of a backup and compares it with its checksum.
///
/// # Errors
/// In words, which file is not as it must be.
pub(super) fn read_manifest(backup: &Path) -> Result<BackupManifest, String> {
    let read = |name: &str| {
        read_text(&backup.join(name)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("{name} is missing"),
            _ => format!("{name} cannot be read: {error}"),
        })
    };
    let (text, sums) = (read(MANIFEST)?, read(SUMS)?);
    let manifest: Result<BackupManifest, _> = serde_json::from_str(&text);
    let stands = format!("{}  {MANIFEST}\n", Digest::of(text.as_bytes()));
    let manifest = match manifest {
        Ok(manifest) if sums.starts_with(&stands) => manifest,
        _ => return Err(format!("{MANIFEST} is not what {SUMS} says")),
    };
    if manifest.format != FORMAT {
        return Err(format!(
            "it has the form {}, this program knows {FORMAT}: use a newer Stepwell",
            manifest.format
        ));
    }
    if sums != manifest.sums(&text) {
        return Err(format!("{SUMS} and {MANIFEST} do not go together"));
    }
    Ok(manifest)
}

/// Lists the whole backups in a folder, oldest first; none where there is no folder. What is
/// no backup is let be.
///
/// # Errors
/// That the folder cannot be read.
pub fn list_backups(folder: &Path) -> io::Result<Vec<BackupRow>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut backups = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if !name.starts_with(PREFIX) || name.ends_with(PARTIAL) {
            continue;
        }
        if let Ok(manifest) = read_manifest(&entry.path()) {
            let path = entry.path();
            backups.push(BackupRow {
                name,
                path,
                manifest,
            });
        }
    }
    backups.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    Ok(backups)
}

/// What a file has in it.
pub(super) struct FileDigest {
    pub(super) bytes: u64,
    pub(super) sha256: Digest,
}

/// Reads a file to its end.
pub(super) fn file_digest(path: &Path) -> io::Result<FileDigest> {
    copy_digest(&mut File::open(path)?, &mut io::sink())
}

/// Copies to its end what a reader gives, and says what it was.
pub(super) fn copy_digest(from: &mut impl Read, to: &mut impl io::Write) -> io::Result<FileDigest> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut part = vec![0; 1 << 18];
    loop {
        let length = match from.read(&mut part) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            length => length?,
        };
        let Some(read) = part.get(..length).filter(|read| !read.is_empty()) else {
            break;
        };
        hash.update(read);
        to.write_all(read)?;
        bytes += length as u64;
    }
    Ok(FileDigest {
        bytes,
        sha256: Digest(hash.finalize().into()),
    })
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(TEXT_MAX_BYTES)
        .read_to_string(&mut text)?;
    Ok(text)
}
