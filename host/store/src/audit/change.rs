//! Changes that somebody answers for: no way to make one without its entry in the audit log.

use std::sync::Arc;

use rusqlite::Connection;

use crate::audit::AuditEntry;
use crate::commit::CommitDone;
use crate::error::StoreError;
use crate::generations::Kept;
use crate::store::Store;
use crate::usage::Book;
use crate::writer::Job;

/// A change that is about to be made, with its entry. The scripts that change what callers
/// have a say in are methods of this: who calls one has told who asks.
///
/// The entry is written in the same transaction as the change, and only where there was
/// something to change.
#[derive(Debug)]
#[must_use = "nothing is changed yet"]
pub struct Change<'a> {
    store: &'a Store,
    entry: AuditEntry,
}

impl Store {
    /// Begins a change that the entry tells of.
    pub fn change(&self, entry: AuditEntry) -> Change<'_> {
        Change { store: self, entry }
    }

    /// Queues entries that no change goes with: a denial, a login, the host's own start.
    /// `done` is called on the writing thread, after the COMMIT that made them durable or
    /// with why there was none. It must not call a blocking write.
    pub fn append_audit(&self, entries: Vec<AuditEntry>, done: CommitDone) {
        self.queue(Box::new(AppendJob { entries, done }));
    }
}

impl Change<'_> {
    /// Runs the write on the writing thread and waits for its COMMIT.
    pub(crate) fn write<T: Send + 'static>(
        self,
        script: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.store.write_with(vec![self.entry], script)
    }

    /// The counts of what tenants have.
    pub(crate) fn book(&self) -> Arc<Book> {
        Arc::clone(self.store.book())
    }

    /// The same for rows that callers may keep copies of.
    pub(crate) fn write_kept<T: Send + 'static>(
        self,
        kept: Kept,
        script: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store;
        store.renewing(kept, || self.write(script))
    }
}

struct AppendJob {
    entries: Vec<AuditEntry>,
    done: CommitDone,
}

impl Job for AppendJob {
    fn run(&mut self, _connection: &Connection) -> Result<(), StoreError> {
        Ok(())
    }

    fn entries(&self, _changed: bool) -> &[AuditEntry] {
        &self.entries
    }

    fn finish(self: Box<Self>, result: Result<(), StoreError>) {
        (self.done)(result);
    }
}
