//! Why the store could not do what was asked.
//!
//! Every variant can be cloned, since one failed transaction answers all writes in it.

use std::path::PathBuf;

use rusqlite::ErrorCode;
use stepwell_decider::EventNumber;

use crate::ids::ExecutionKey;
use crate::usage::StorageQuota;

/// Why the store could not do what was asked. In every case, what was asked for has
/// been done either wholly or not at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else appended to the execution's history first.
    #[error("{execution} is no longer at event {expected}: load it again and decide anew")]
    Conflict {
        /// Which execution.
        execution: ExecutionKey,
        /// The last event that the write expected.
        expected: EventNumber,
    },
    /// What the call names does not exist.
    #[error("there is no {what}")]
    NotFound {
        /// The kind of thing and its name.
        what: String,
    },
    /// The name belongs to something else already.
    #[error("the name is taken by another {what}")]
    NameTaken {
        /// The kind of thing and its name.
        what: String,
    },
    /// What the call names is being deleted.
    #[error("{what} is being deleted")]
    Deleting {
        /// The kind of thing and its name.
        what: String,
    },
    /// Somebody changed it since the caller looked.
    #[error("the current revision is {current}")]
    Moved {
        /// The revision that it is at, by its UUID; the first one has none.
        current: String,
    },
    /// Something refers to what the call would remove.
    #[error("it is used by {}", by.join(", "))]
    InUse {
        /// The names of what refers to it.
        by: Vec<String>,
    },
    /// There may be no more of them.
    #[error("there are {limit} {what} already, which is the limit")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The tenant may not store more.
    #[error("the quota of {limit} is reached: {used} are used")]
    OverQuota {
        /// Which limit.
        quota: StorageQuota,
        /// What it is.
        limit: u64,
        /// What is used of it.
        used: u64,
    },
    /// The write breaks a rule of the schema: the caller is wrong.
    #[error("the write breaks a rule of the database: {reason}")]
    Refused {
        /// The rule, in the database's words.
        reason: String,
    },
    /// There is no room: free some, then try again.
    #[error("the disk or the database's own limit is full: free or add room, then try again")]
    Full,
    /// What is stored cannot be read. Trying again does not help.
    #[error("the database is damaged: {what}")]
    Corrupt {
        /// Which part, and how it is wrong.
        what: String,
    },
    /// The database cannot be reached now: try again later.
    ///
    /// The write was rolled back. After an I/O error in the COMMIT itself, the operating
    /// system may have kept it all the same; a second try then ends in a conflict, never
    /// in a second effect.
    #[error("the database cannot be used now, try again: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
    },
    /// Another host works on this folder.
    #[error("another host holds {}: stop it, or use another folder", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The file is no database of Stepwell's.
    #[error("{} is no Stepwell database: name another folder", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of Stepwell wrote the database.
    #[error(
        "the database has schema {found}, this program knows up to {known}: use a newer Stepwell"
    )]
    NewerSchema {
        /// The schema's number in the file.
        found: u32,
        /// The newest one that this program knows.
        known: u32,
    },
    /// The store is closed, or died of an injected fault.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Returns whether the same call may work later, unchanged.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Full | Self::Unavailable { .. })
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_error_code() else {
            // A column of another type or a missing row, where neither can be.
            return Self::corrupt(error.to_string());
        };
        let reason = error.to_string();
        match code {
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::corrupt(reason),
            ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig => {
                Self::Refused { reason }
            }
            _ => Self::Unavailable { reason },
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Unavailable {
                reason: error.to_string(),
            },
        }
    }
}
