//! Copies the database while a host works on it, and puts such a copy in place again.
//!
//! ```text
//!   BACKUPS/stepwell-20261122T014500.123Z.partial/   while it is made; its lock is held
//!   BACKUPS/stepwell-20261122T014500.123Z/           once it is whole
//!       stepwell.db        the database, one file, checked
//!       manifest.json      what it is of: version, schema, time, keys that it needs
//!       SHA256SUMS         of both, as `sha256sum --check` reads them
//! ```
//!
//! The copy is what was committed when it began: it is read within one view of the database,
//! by SQLite's online backup, in steps with a pause between them. The writing thread waits
//! for none of it; its log cannot begin anew meanwhile, and grows by what is written.

mod manifest;
mod restore;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use stepwell_states::Timestamp;

use crate::connection;
use crate::error::StoreError;
use crate::fault::{Fault, FaultPlan};
use crate::migrate::schema_number;
use crate::store::Store;
use manifest::{DATABASE, MANIFEST, SUMS, file_digest};

pub use manifest::{BackupManifest, list_backups};
pub use restore::{RestoreError, Restored, WaitingNotifications, restore_backup};

/// Pages of a step: 1 MiB, which takes a millisecond or two.
const STEP_PAGES: i32 = 256;
/// Steps after which what was copied goes to the disk: at the end, all at once would be in
/// the way of everybody's commits.
const SYNC_STEPS: u32 = 16;
/// The longest pause between two steps.
const PAUSE_MAX: Duration = Duration::from_millis(20);
/// How the name of a backup begins.
const PREFIX: &str = "stepwell-";
/// How the name of a backup ends that is not whole.
const PARTIAL: &str = ".partial";
/// Bytes that a write has which asks whether there is room: more than SQLite takes at once.
const PROBE_BYTES: usize = 128 << 10;
/// Backups of one millisecond.
const SAME_TIME_MAX: u32 = 100;

/// What to copy, and where to.
#[derive(Debug, Clone)]
pub struct BackupOrder {
    /// The folder that gets a folder for each backup. It is made if there is none.
    pub folder: PathBuf,
    /// When it is made, which names it.
    pub at: Timestamp,
    /// The version of the program.
    pub version: String,
}

/// How far a backup has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackupProgress {
    /// Pages that are copied.
    pub done: u64,
    /// Pages that there are.
    pub total: u64,
}

/// A backup that is whole.
#[derive(Debug, Clone, PartialEq)]
pub struct BackupRow {
    /// Its name within the folder of backups.
    pub name: String,
    /// Its own folder.
    pub path: PathBuf,
    /// What it is of.
    pub manifest: BackupManifest,
}

/// Why there is no backup. Nothing of one is left behind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is no room for it.
    #[error("no room for a backup in {}: free some, or name a folder on another disk", folder.display())]
    Full {
        /// The folder of backups.
        folder: PathBuf,
    },
    /// A file cannot be written or read.
    #[error("cannot make a backup in {}: {reason}", folder.display())]
    Unusable {
        /// The folder of backups.
        folder: PathBuf,
        /// What is in the way.
        reason: String,
    },
    /// Whoever asked for it wants it no more.
    #[error("the backup was broken off")]
    BrokenOff,
    /// The database cannot be read, or its copy is not what it must be.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether to go on, asked after each step.
pub type BackupWatch<'a> = dyn FnMut(BackupProgress) -> bool + 'a;

impl Store {
    /// Copies the database as it is now, checks the copy, and gives it its name. Others may
    /// read and write meanwhile. Blocks for as long as that takes.
    ///
    /// What earlier backups that broke off have left in the folder is removed.
    ///
    /// # Errors
    /// Why there is none. Whole backups in the folder stay as they are.
    pub fn back_up(
        &self,
        order: &BackupOrder,
        watch: &mut BackupWatch<'_>,
    ) -> Result<BackupRow, BackupError> {
        let broken = |error: io::Error| io_error(&order.folder, &error);
        connection::create_folder(&order.folder)?;
        remove_leftovers(&order.folder).map_err(broken)?;
        let place = Place::new(&order.folder, order.at)?;
        let made = self
            .fill(&place, order, watch)
            .and_then(|manifest| place.name_it().map(|path| (manifest, path)));
        match made {
            Ok((manifest, path)) => Ok(BackupRow {
                name: place.name,
                path,
                manifest,
            }),
            // A host that dies leaves what it has written; so does one whose death is a test's.
            Err(BackupError::Store(StoreError::Closed)) => Err(StoreError::Closed.into()),
            Err(error) => {
                let error = place.told_apart(error);
                if let Err(left) = fs::remove_dir_all(&place.partial) {
                    tracing::warn!(error = %left, path = %place.partial.display(), "a broken backup is left");
                }
                Err(error)
            }
        }
    }

    /// Writes the files of a backup.
    fn fill(
        &self,
        place: &Place,
        order: &BackupOrder,
        watch: &mut BackupWatch<'_>,
    ) -> Result<BackupManifest, BackupError> {
        let broken = |error: io::Error| io_error(&order.folder, &error);
        let path = place.partial.join(DATABASE);
        self.copy_to(&path, &order.folder, watch)?;
        let schema = check_copy(&path).map_err(|error| sql_error(&order.folder, error))?;
        let digest = file_digest(&path).map_err(broken)?;
        let manifest = BackupManifest {
            format: manifest::FORMAT,
            version: order.version.clone(),
            schema,
            created_at: order.at.to_string(),
            bytes: digest.bytes,
            sha256: digest.sha256.to_string(),
            master_keys: self.sealing_keys()?.iter().map(|id| hex(id)).collect(),
        };
        let text = manifest.render();
        let sums = manifest.sums(&text);
        write_new(&place.partial.join(MANIFEST), &text).map_err(broken)?;
        write_new(&place.partial.join(SUMS), &sums).map_err(broken)?;
        Ok(manifest)
    }

    /// Copies the database, page by page, to a file that is not there yet.
    fn copy_to(
        &self,
        path: &Path,
        folder: &Path,
        watch: &mut BackupWatch<'_>,
    ) -> Result<(), BackupError> {
        let faults = self.faults();
        let broken = |error: io::Error| io_error(folder, &error);
        connection::create_file(path)?;
        let written = File::options().append(true).open(path).map_err(broken)?;
        let mut copy = Connection::open(path).map_err(|error| sql_error(folder, error))?;
        // Nobody reads it before it is whole, and the steps sync it.
        copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
            .map_err(|error| sql_error(folder, error))?;
        self.view(|source| {
            let backup =
                Backup::new(source, &mut copy).map_err(|error| sql_error(folder, error))?;
            for step in 1.. {
                let begun = Instant::now();
                fail_as_planned(faults, step, folder)?;
                let result = backup.step(STEP_PAGES);
                let result = result.map_err(|error| sql_error(folder, error))?;
                if step % SYNC_STEPS == 0 || result == StepResult::Done {
                    written.sync_data().map_err(broken)?;
                }
                let (left, total) = (backup.progress().remaining, backup.progress().pagecount);
                let progress = BackupProgress {
                    done: u64::try_from(total - left).unwrap_or_default(),
                    total: u64::try_from(total).unwrap_or_default(),
                };
                if !watch(progress) {
                    return Err(BackupError::BrokenOff);
                }
                if result == StepResult::Done {
                    break;
                }
                // Half of the time belongs to the others.
                std::thread::sleep(begun.elapsed().min(PAUSE_MAX));
            }
            Ok(())
        })
    }
}

/// The folder of a backup that is being made, locked.
struct Place {
    folder: PathBuf,
    name: String,
    partial: PathBuf,
    lock: File,
}

impl Place {
    fn new(folder: &Path, at: Timestamp) -> Result<Self, BackupError> {
        let time: String = at.to_string().replace(['-', ':'], "");
        for count in 1..=SAME_TIME_MAX {
            let name = match count {
                1 => format!("{PREFIX}{time}"),
                _ => format!("{PREFIX}{time}-{count}"),
            };
            let partial = folder.join(format!("{name}{PARTIAL}"));
            if folder.join(&name).exists() || partial.exists() {
                continue;
            }
            connection::create_folder(&partial)?;
            let lock = connection::lock_folder(&partial)?;
            return Ok(Self {
                folder: folder.to_owned(),
                name,
                partial,
                lock,
            });
        }
        Err(BackupError::Unusable {
            folder: folder.to_owned(),
            reason: format!("it has {SAME_TIME_MAX} backups of {at}"),
        })
    }

    /// Says that there is no room where that is why. SQLite tells of a limit of the file's size
    /// or of a user's quota only that a write failed, and so of the room for what it has beside
    /// a file; another write to a copy that is given up is told more.
    fn told_apart(&self, error: BackupError) -> BackupError {
        if !matches!(error, BackupError::Unusable { .. }) {
            return error;
        }
        let more = || {
            let copy = self.partial.join(DATABASE);
            let mut copy = File::options().append(true).open(copy)?;
            copy.write_all(&[0; PROBE_BYTES])?;
            copy.sync_data()
        };
        let told = more().map_err(|told| io_error(&self.folder, &told));
        match told {
            Err(full @ BackupError::Full { .. }) => full,
            Err(_) | Ok(()) => error,
        }
    }

    /// Gives the folder its name, once all that is in it is on the disk.
    fn name_it(&self) -> Result<PathBuf, BackupError> {
        let path = self.folder.join(&self.name);
        let name = || {
            fs::remove_file(self.partial.join(connection::LOCK_FILE))?;
            sync_folder(&self.partial)?;
            fs::rename(&self.partial, &path)?;
            sync_folder(&self.folder)?;
            self.lock.unlock()
        };
        name().map_err(|error| io_error(&self.folder, &error))?;
        Ok(path)
    }
}

/// Removes what backups have left that broke off; those that are being made are locked.
fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_partial = name
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(PARTIAL));
        if is_partial && let Ok(lock) = connection::lock_folder(&entry.path()) {
            tracing::info!(path = %entry.path().display(), "a backup that broke off is removed");
            fs::remove_dir_all(entry.path())?;
            drop(lock);
        }
    }
    Ok(())
}

/// Makes one file of a copy and checks it; returns the number of its schema.
fn check_copy(path: &Path) -> Result<u32, StoreError> {
    let copy = Connection::open(path)?;
    // The source has a log beside it; the copy needs none to be read.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    let mut check = copy.prepare("PRAGMA integrity_check(10)")?;
    let findings: Vec<String> = check
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if findings != ["ok"] {
        return Err(StoreError::corrupt(findings.join("; ")));
    }
    drop(check);
    schema_number(&copy)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes what was renamed and removed in a folder durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn fail_as_planned(
    faults: Option<&dyn FaultPlan>,
    step: u32,
    folder: &Path,
) -> Result<(), BackupError> {
    match faults.map_or(Fault::Nothing, |plan| plan.before_backup_step(step)) {
        Fault::Nothing => Ok(()),
        Fault::Full => Err(io_error(folder, &io::ErrorKind::StorageFull.into())),
        Fault::Fail => Err(io_error(folder, &io::Error::other("a fault was injected"))),
        Fault::Die => Err(StoreError::Closed.into()),
    }
}

fn io_error(folder: &Path, error: &io::Error) -> BackupError {
    let folder = folder.to_owned();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            BackupError::Full { folder }
        }
        _ => BackupError::Unusable {
            folder,
            reason: error.to_string(),
        },
    }
}

fn sql_error(folder: &Path, error: impl Into<StoreError>) -> BackupError {
    match error.into() {
        StoreError::Full => BackupError::Full {
            folder: folder.to_owned(),
        },
        StoreError::Unavailable { reason } => BackupError::Unusable {
            folder: folder.to_owned(),
            reason,
        },
        error => BackupError::Store(error),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
