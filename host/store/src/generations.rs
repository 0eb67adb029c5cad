//! Which rows have changed since somebody read them: what is kept in memory of them is good
//! as long as their generation is the same.

use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use crate::error::StoreError;
use crate::store::Store;

/// Rows that callers may keep copies of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// State machines: which revision is the latest, and whether it is being deleted.
    Machines,
    /// Who may call: tokens, access keys, and the roles that say what they may do.
    Access,
    /// Tenants' secrets and their versions.
    Secrets,
}

/// How often rows have changed since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Generations {
    machines: AtomicU64,
    access: AtomicU64,
    secrets: AtomicU64,
}

impl Generations {
    fn of(&self, kept: Kept) -> &AtomicU64 {
        match kept {
            Kept::Machines => &self.machines,
            Kept::Access => &self.access,
            Kept::Secrets => &self.secrets,
        }
    }
}

impl Store {
    /// Returns the generation of rows. Who keeps a copy asks before reading them: a copy of
    /// an older generation than that of now may not be true any more. Once a write is
    /// answered, the generation is another one.
    #[must_use]
    pub fn generation(&self, kept: Kept) -> u64 {
        self.generations().of(kept).load(Ordering::Acquire)
    }

    /// Keeps the host's own rows up, where callers may keep copies of them.
    pub(crate) fn upkeep_kept<T: Send + 'static>(
        &self,
        kept: Kept,
        script: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.renewing(kept, || self.upkeep(script))
    }

    /// Writes rows that callers may keep copies of.
    pub(crate) fn renewing<T>(
        &self,
        kept: Kept,
        write: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let written = write();
        // Also after an error: the write may be durable all the same.
        self.generations().of(kept).fetch_add(1, Ordering::Release);
        written
    }
}
