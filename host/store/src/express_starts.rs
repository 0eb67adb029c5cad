//! The starts of express executions: the one row that an execution in memory has.

use rusqlite::{Connection, params};
use stepwell_decider::{EventNumber, HistoryEvent};

use crate::audit::AuditEntry;
use crate::codec::{self, EncodedPage};
use crate::columns;
use crate::commit::CommitDone;
use crate::error::StoreError;
use crate::ids::{ExecutionKey, MachineId, TenantId};
use crate::store::Store;
use crate::writer::Job;

/// An express execution that was started and has not ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpressStartRow {
    /// Its number, which no other execution has.
    pub key: ExecutionKey,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it runs.
    pub machine: MachineId,
    /// Which revision of that.
    pub revision: i64,
    /// Its first event.
    pub started: HistoryEvent,
}

/// A key that has a start, and the start if it can be read.
pub type FoundStart = (ExecutionKey, Result<ExpressStartRow, StoreError>);

impl Store {
    /// Queues a start; `done` is called on the writing thread, after the COMMIT that made it
    /// durable or with why there was none. It must not call a blocking write.
    pub fn put_express_start(
        &self,
        row: ExpressStartRow,
        audit: Option<AuditEntry>,
        done: CommitDone,
    ) {
        let ExpressStartRow {
            key,
            tenant,
            machine,
            revision,
            started,
        } = row;
        let page = codec::encode(vec![started]).and_then(|mut pages| {
            pages.pop().ok_or_else(|| StoreError::Refused {
                reason: "a start is an event".to_owned(),
            })
        });
        self.queue(Box::new(PutStart {
            key,
            tenant,
            machine,
            revision,
            page,
            audit,
            done,
        }));
    }

    /// Queues the removal of a start whose execution has ended; `done` as with
    /// [`put_express_start`](Self::put_express_start). One that is not there is no error.
    pub fn remove_express_start(&self, key: ExecutionKey, done: CommitDone) {
        self.queue(Box::new(RemoveStart { key, done }));
    }

    /// Returns up to `limit` starts behind a key, in the order of their keys. One that
    /// cannot be read is told as an error, with its key.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn express_starts(
        &self,
        after: ExecutionKey,
        limit: usize,
    ) -> Result<Vec<FoundStart>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, tenant, machine, revision, page FROM express_starts
                 WHERE id > ?1 ORDER BY id LIMIT ?2",
            )?;
            let rows = statement.query_map(params![after, columns::limit(limit)], |row| {
                let key: ExecutionKey = row.get(0)?;
                let page: Vec<u8> = row.get(4)?;
                let (tenant, machine, revision) = (row.get(1)?, row.get(2)?, row.get(3)?);
                Ok((key, tenant, machine, revision, page))
            })?;
            let mut found = Vec::new();
            for row in rows {
                let (key, tenant, machine, revision, page) = row?;
                let started = first_event(key, &page);
                let read = started.map(|started| ExpressStartRow {
                    key,
                    tenant,
                    machine,
                    revision,
                    started,
                });
                found.push((key, read));
            }
            Ok(found)
        })
    }
}

fn first_event(key: ExecutionKey, page: &[u8]) -> Result<HistoryEvent, StoreError> {
    let mut events = codec::decode(key, EventNumber(1), 1, page)?;
    events
        .pop()
        .ok_or_else(|| StoreError::corrupt(format!("{key}: its start is empty")))
}

struct PutStart {
    key: ExecutionKey,
    tenant: TenantId,
    machine: MachineId,
    revision: i64,
    page: Result<EncodedPage, StoreError>,
    audit: Option<AuditEntry>,
    done: CommitDone,
}

impl Job for PutStart {
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let page = self.page.as_ref().map_err(Clone::clone)?;
        connection
            .prepare_cached(
                "INSERT INTO express_starts (id, tenant, machine, revision, page)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                self.key,
                self.tenant,
                self.machine,
                self.revision,
                page.bytes
            ])?;
        Ok(())
    }

    fn entries(&self, _changed: bool) -> &[AuditEntry] {
        self.audit.as_slice()
    }

    fn tenant(&self) -> i64 {
        self.tenant.0
    }

    fn finish(self: Box<Self>, result: Result<(), StoreError>) {
        (self.done)(result);
    }
}

struct RemoveStart {
    key: ExecutionKey,
    done: CommitDone,
}

impl Job for RemoveStart {
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        connection
            .prepare_cached("DELETE FROM express_starts WHERE id = ?1")?
            .execute([self.key])?;
        Ok(())
    }

    fn entries(&self, _changed: bool) -> &[AuditEntry] {
        &[]
    }

    fn finish(self: Box<Self>, result: Result<(), StoreError>) {
        (self.done)(result);
    }
}
