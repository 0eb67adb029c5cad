//! Puts a backup in place, in a folder that has nothing in it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use stepwell_states::Timestamp;

use super::manifest::{BackupManifest, DATABASE, copy_digest, read_manifest};
use super::sync_folder;
use crate::audit::{AuditEntry, Chains};
use crate::connection;
use crate::error::StoreError;
use crate::migrate::{MIGRATIONS, schema_number};
use crate::notifications::give_up_all;

/// The database while it is copied. A restore that broke off may have left it.
const UNFINISHED: &str = "stepwell.db.restoring";

/// Why a notification that waited is not sent.
const NOT_SENT: &str = "a backup was restored: the host that it is of has sent this";

/// Why a backup was not put in place. The folder is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// A host works on the folder.
    #[error("a host runs on {}: stop it, or restore into another folder", folder.display())]
    Running {
        /// The folder.
        folder: PathBuf,
    },
    /// There is something in the folder.
    #[error(
        "{} is not empty, it has {found:?}: restore into a new folder, or move away what is there",
        folder.display()
    )]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
        /// One of the things in it.
        found: String,
    },
    /// The backup is not what it was when it was made.
    #[error("{} is no whole backup: {reason}; take another one", backup.display())]
    Damaged {
        /// The backup.
        backup: PathBuf,
        /// Which part, and how it is wrong.
        reason: String,
    },
    /// A newer version of Stepwell made it.
    #[error(
        "the backup has schema {found}, of Stepwell {version}; this program knows up to {known}: \
         use a newer one"
    )]
    NewerSchema {
        /// The schema's number in the backup.
        found: u32,
        /// The newest one that this program knows.
        known: u32,
        /// The version that made it.
        version: String,
    },
    /// There is no room.
    #[error("no room in {} for {bytes} bytes: free some, then try again", folder.display())]
    Full {
        /// The folder.
        folder: PathBuf,
        /// Bytes of the database.
        bytes: u64,
    },
    /// A file cannot be read or written.
    #[error("cannot restore into {}: {reason}", folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What is in the way.
        reason: String,
    },
}

/// What becomes of notifications that were waiting to be sent when the backup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingNotifications {
    /// They are given up: the host that the backup is of has sent them since, or still does.
    GivenUp {
        /// When.
        at: Timestamp,
    },
    /// They are sent by the restored host, too.
    Kept,
}

/// A backup that was put in place.
#[derive(Debug, Clone, PartialEq)]
pub struct Restored {
    /// What it is of.
    pub manifest: BackupManifest,
    /// Notifications that were given up.
    pub given_up: usize,
}

/// Puts a backup in place, so that a host can start on the folder. `entry` tells the audit
/// log of it, in the host's chain: the database says that it was put there.
///
/// The folder is made if there is none. It gets the database under its name at the very end,
/// when that is whole, checked and on the disk.
///
/// # Errors
/// Why it was not done; what had been written is removed.
pub fn restore_backup(
    backup: &Path,
    folder: &Path,
    entry: &AuditEntry,
    waiting: WaitingNotifications,
) -> Result<Restored, RestoreError> {
    let manifest = read_manifest(backup).map_err(|reason| damaged(backup, reason))?;
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if manifest.schema > known {
        return Err(RestoreError::NewerSchema {
            found: manifest.schema,
            known,
            version: manifest.version,
        });
    }
    refuse_other_things(folder)?;
    let is_new = !folder.exists();
    let lock = take_folder(folder)?;
    let unfinished = folder.join(UNFINISHED);
    let restored = copy(backup, &manifest, &unfinished)
        .and_then(|()| tell(&unfinished, &manifest, backup, (entry, waiting)))
        .and_then(|given_up| put(folder, &unfinished).map(|()| given_up));
    let given_up = restored.map_err(|error| {
        for left in [UNFINISHED, connection::LOCK_FILE] {
            // What cannot be removed does not keep the next restore from its work.
            drop(fs::remove_file(folder.join(left)));
        }
        if is_new {
            drop(fs::remove_dir(folder));
        }
        error.at(folder, manifest.bytes)
    })?;
    drop(lock);
    Ok(Restored { manifest, given_up })
}

/// Why a step failed, without the folder.
enum Failed {
    Io(io::Error),
    Told(RestoreError),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Io(match error {
            StoreError::Full => io::ErrorKind::StorageFull.into(),
            other => io::Error::other(other),
        })
    }
}

impl Failed {
    fn at(self, folder: &Path, bytes: u64) -> RestoreError {
        match self {
            Self::Told(error) => error,
            Self::Io(error) => unusable(folder, bytes, &error),
        }
    }
}

/// Looks before anything is written: what is there stays as it is.
fn refuse_other_things(folder: &Path) -> Result<(), RestoreError> {
    let lock = folder.join(connection::LOCK_FILE);
    if lock.exists()
        && let Err(StoreError::Locked { .. }) = connection::lock_folder(folder)
    {
        return Err(RestoreError::Running {
            folder: folder.to_owned(),
        });
    }
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| unusable(folder, 0, &error))?,
    };
    for entry in entries {
        let name = entry
            .map_err(|error| unusable(folder, 0, &error))?
            .file_name();
        // What a restore leaves that broke off is nothing.
        if name != connection::LOCK_FILE && name != UNFINISHED && name != "lost+found" {
            return Err(RestoreError::NotEmpty {
                folder: folder.to_owned(),
                found: name.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}

fn take_folder(folder: &Path) -> Result<File, RestoreError> {
    let taken = connection::create_folder(folder).and_then(|()| connection::lock_folder(folder));
    taken.map_err(|error| match error {
        StoreError::Locked { .. } => RestoreError::Running {
            folder: folder.to_owned(),
        },
        other => unusable(folder, 0, &io::Error::other(other)),
    })
}

fn copy(backup: &Path, manifest: &BackupManifest, to: &Path) -> Result<(), Failed> {
    let not_whole = |reason: String| Failed::Told(damaged(backup, reason));
    let mut from = File::open(backup.join(DATABASE)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => not_whole(format!("{DATABASE} is missing")),
        _ => Failed::Io(error),
    })?;
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(to)?;
    let copied = copy_digest(&mut from, &mut file)?;
    if copied.bytes != manifest.bytes {
        return Err(not_whole(format!(
            "{DATABASE} has {} bytes and had {}",
            copied.bytes, manifest.bytes
        )));
    }
    if copied.sha256.to_string() != manifest.sha256 {
        return Err(not_whole(format!(
            "{DATABASE} has another checksum than it had"
        )));
    }
    file.sync_all()?;
    Ok(())
}

/// Opens the copy, writes into its audit log that it was restored, and gives up what it was
/// about to send; returns how much that was.
fn tell(
    path: &Path,
    manifest: &BackupManifest,
    backup: &Path,
    (entry, waiting): (&AuditEntry, WaitingNotifications),
) -> Result<usize, Failed> {
    let mut copy = Connection::open(path)?;
    let found = schema_number(&copy)?;
    if found != manifest.schema {
        let reason = format!("its schema is {found}, and not {}", manifest.schema);
        return Err(Failed::Told(damaged(backup, reason)));
    }
    connection::check_tables(&copy)?;
    let transaction = copy.transaction()?;
    if has_table(&transaction, "audit_entries")? {
        Chains::default().append(&transaction, entry)?;
    }
    let mut given_up = 0;
    if let WaitingNotifications::GivenUp { at } = waiting
        && has_table(&transaction, "notification_deliveries")?
    {
        given_up = give_up_all(&transaction, at, NOT_SENT)?;
    }
    transaction.commit()?;
    Ok(given_up)
}

/// Whether a table is there: a backup may be older than it.
fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let count = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let count: u32 = connection.query_row(count, [name], |row| row.get(0))?;
    Ok(count > 0)
}

fn put(folder: &Path, unfinished: &Path) -> Result<(), Failed> {
    fs::rename(unfinished, folder.join(DATABASE))?;
    sync_folder(folder)?;
    if let Some(parent) = folder.parent().filter(|parent| parent.is_dir()) {
        sync_folder(parent)?;
    }
    Ok(())
}

fn damaged(backup: &Path, reason: String) -> RestoreError {
    RestoreError::Damaged {
        backup: backup.to_owned(),
        reason,
    }
}

fn unusable(folder: &Path, bytes: u64, error: &io::Error) -> RestoreError {
    let folder = folder.to_owned();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            RestoreError::Full { folder, bytes }
        }
        _ => RestoreError::Unusable {
            folder,
            reason: error.to_string(),
        },
    }
}
