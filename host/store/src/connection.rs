//! Opening the database: files, pragmas, the folder's lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::StoreError;

/// A connection that takes turns. The lock is uncontended except in memory, where
/// readers share the writer's connection.
pub(crate) type SharedConnection = Arc<Mutex<Connection>>;

/// "STPW": marks the file as ours in the header of the database.
const APPLICATION_ID: i32 = 0x5354_5057;
/// Distinct statements of a connection; all of ours fit.
const STATEMENTS_MAX: usize = 96;
/// Page cache of the writer, in KiB. The pages that running executions touch are few;
/// more would only hold what sleeps.
const WRITER_CACHE_KIB: i32 = 16 * 1024;
/// Page cache of a reader, in KiB; the operating system caches the file as well.
const READER_CACHE_KIB: i32 = 2 * 1024;
/// The log is cut back to this size when it starts over after a burst.
const WAL_KEPT_BYTES: i64 = 64 << 20;

/// The most pages that SQLite allows.
const PAGES_MAX: u64 = 0xffff_fffe;

const DATABASE_FILE: &str = "stepwell.db";
/// Held by the host that works on a folder.
pub(crate) const LOCK_FILE: &str = "stepwell.lock";

/// Returns the database file of a folder.
pub(crate) fn database_path(folder: &Path) -> PathBuf {
    folder.join(DATABASE_FILE)
}

/// Makes the folder, for nobody else's eyes: seeds and hashes of tokens lie in it.
pub(crate) fn create_folder(folder: &Path) -> Result<(), StoreError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| StoreError::Unavailable {
            reason: format!("cannot create {}: {error}", folder.display()),
        })?;
    warn_of_others(folder);
    Ok(())
}

/// A folder that was there before may be open to others; whose it is, decides.
#[cfg(unix)]
fn warn_of_others(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = std::fs::metadata(folder) else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let mode = format!("{mode:04o}");
        tracing::warn!(folder = %folder.display(), %mode, "others may enter the data folder: chmod 700");
    }
}

#[cfg(not(unix))]
fn warn_of_others(_folder: &Path) {}

/// Makes the database's file, for nobody else's eyes; its log gets the same mode.
pub(crate) fn create_file(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_file) => Ok(()),
        Err(error) => Err(StoreError::Unavailable {
            reason: format!("cannot open {}: {error}", path.display()),
        }),
    }
}

/// Takes the folder for this process until the file is dropped. The operating system
/// gives it back when the process ends, however that happens.
pub(crate) fn lock_folder(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LOCK_FILE);
    let unusable = |error: std::io::Error| StoreError::Unavailable {
        reason: format!("cannot lock {}: {error}", path.display()),
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path }),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// Opens the writing connection to a file, and makes the file if there is none.
pub(crate) fn open_writer(path: &Path, busy_timeout: Duration) -> Result<Connection, StoreError> {
    create_file(path)?;
    let connection = Connection::open(path)?;
    connection.busy_timeout(busy_timeout)?;
    check_application(&connection, path)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Unavailable {
            reason: format!("{} cannot have a write-ahead log", path.display()),
        });
    }
    // The writing thread decides when to move the log.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
    configure_writer(&connection)?;
    Ok(connection)
}

/// Opens a connection that moves the log of a database whose writer is open.
pub(crate) fn open_mover(path: &Path, busy_timeout: Duration) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(busy_timeout)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// Opens a database that lives as long as its connection.
pub(crate) fn open_memory() -> Result<Connection, StoreError> {
    let connection = Connection::open_in_memory()?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    configure_writer(&connection)?;
    Ok(connection)
}

fn configure_writer(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    configure(connection)
}

fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}

/// Opens a connection that cannot write.
pub(crate) fn open_reader(path: &Path, busy_timeout: Duration) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    configure(&connection)?;
    Ok(connection)
}

/// Marks an empty file as ours; refuses one that is somebody else's before changing it.
fn check_application(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let foreign = || StoreError::Foreign {
        path: path.to_owned(),
    };
    let found: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => foreign(),
            _ => error.into(),
        })?;
    if found == APPLICATION_ID {
        return Ok(());
    }
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if found != 0 || objects != 0 {
        return Err(foreign());
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(())
}

/// Looks into every table, at a cost that does not grow with them.
pub(crate) fn check_tables(connection: &Connection) -> Result<(), StoreError> {
    for table in [
        "executions",
        "history",
        "state_machines",
        "components",
        "tenants",
        "settings",
    ] {
        let look = format!("SELECT 1 FROM {table} LIMIT 1");
        let mut statement = connection.prepare(&look)?;
        statement.exists([])?;
    }
    Ok(())
}

/// Limits the size of the database file; a file that is larger already stays as it is.
pub(crate) fn limit_size(connection: &Connection, bytes: Option<u64>) -> Result<(), StoreError> {
    let page_bytes: u64 = connection
        .pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0))?
        .into();
    let pages = bytes.map_or(PAGES_MAX, |bytes| {
        (bytes / page_bytes.max(1)).clamp(1, PAGES_MAX)
    });
    connection.pragma_update_and_check(None, "max_page_count", pages.cast_signed(), |_| Ok(()))?;
    Ok(())
}

/// How far a checkpoint came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    /// Pages that the log had.
    pub(crate) log_pages: u32,
    /// Those of them that are in the database now.
    moved_pages: u32,
}

impl Moved {
    /// Whether no reader held any of it.
    pub(crate) fn all(self) -> bool {
        self.moved_pages == self.log_pages
    }
}

/// Runs a script within a transaction that overwrites with zeros what it deletes. Other
/// writes do without, and do not pay for it.
pub(crate) fn overwriting<T>(
    connection: &Connection,
    script: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let switch =
        |on: bool| connection.pragma_update_and_check(None, "secure_delete", on, |_| Ok(()));
    switch(true)?;
    let result = script();
    switch(false)?;
    result
}

/// Moves the write-ahead log into the database.
pub(crate) fn checkpoint(connection: &Connection, mode: &str) -> Result<Moved, StoreError> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    let mut statement = connection.prepare_cached(&sql)?;
    // -1 where there is no log: nothing has been written yet.
    let pages = |row: &rusqlite::Row<'_>, index: usize| -> rusqlite::Result<u32> {
        let pages: i64 = row.get(index)?;
        Ok(u32::try_from(pages).unwrap_or_default())
    };
    let moved = statement.query_row([], |row| {
        Ok(Moved {
            log_pages: pages(row, 1)?,
            moved_pages: pages(row, 2)?,
        })
    })?;
    Ok(moved)
}

/// Takes a shared connection. A panic in between leaves at most an open transaction,
/// which the writer rolls back before it begins another.
pub(crate) fn lock(connection: &SharedConnection) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
