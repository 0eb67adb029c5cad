//! `commit_decision`: the script that every step of every execution goes through.
//!
//! A step of an execution writes two rows: a page of its history and its own row. As long
//! as the status, the timer and the work flag stay as they are, no index is touched.

use rusqlite::{Connection, OptionalExtension, params};
use stepwell_decider::{EventKind, EventNumber, HistoryEvent};
use stepwell_states::Timestamp;

use crate::activities::WorkerTasks;
use crate::approvals::ApprovalChanges;
use crate::audit::AuditEntry;
use crate::bulk::{self, BulkKey};
use crate::codec::{self, EncodedPage};
use crate::creation::size_of;
use crate::error::StoreError;
use crate::executions::{Status, Summary};
use crate::history::{self, Snapshot};
use crate::ids::{ExecutionKey, TenantId};
use crate::map_runs::MapChanges;
use crate::notifications::{News, news_of, write_news};
use crate::store::Store;
use crate::usage::{self, UsageChange};
use crate::writer::Job;

/// What a decision changes about an execution.
#[derive(Debug, Clone)]
pub struct CommitDecision {
    /// Which execution.
    pub key: ExecutionKey,
    /// Whose it is: the write takes that tenant's turn.
    pub tenant: TenantId,
    /// The number of its last event before these.
    pub expected_version: EventNumber,
    /// The events, numbered on from there. There may be none, where only flags change.
    pub events: Vec<HistoryEvent>,
    /// Where it stands after them.
    pub summary: Summary,
    /// Children that have ended and whose end these events take in: they have no work
    /// any more.
    pub told_children: Vec<ExecutionKey>,
    /// A fold of the history, to be kept instead of the last one.
    pub snapshot: Option<Snapshot>,
    /// What they change about Map Runs.
    pub map: MapChanges,
    /// Tasks that workers may take, or may take no more.
    pub worker_tasks: WorkerTasks,
    /// What they change about approvals.
    pub approvals: ApprovalChanges,
    /// Bulk operations that caused them: each counts the execution as changed.
    pub bulk: Vec<BulkKey>,
    /// What the audit log is told of who caused them.
    pub audit: Vec<AuditEntry>,
}

/// What is called with the end of a commit.
pub type CommitDone = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

impl Store {
    /// Queues a decision; `done` is called on the writing thread, after the COMMIT that
    /// made it durable or with why there was none. Never waits for the disk.
    ///
    /// Before `Ok`, nothing outside may happen on the strength of the events; after it, no
    /// crash undoes them. [`StoreError::Conflict`] means that the execution has moved on:
    /// the decision was made on old knowledge. `done` must not call a blocking write.
    pub fn commit(&self, write: CommitDecision, done: CommitDone) {
        self.queue(self.job(write, done));
    }

    /// Queues several decisions at the cost of one; each succeeds or fails for itself.
    pub fn commit_many(&self, writes: Vec<(CommitDecision, CommitDone)>) {
        self.queue_all(
            writes
                .into_iter()
                .map(|(write, done)| self.job(write, done))
                .collect(),
        );
    }

    /// Encodes on the calling thread, so that the writing thread has less to do.
    fn job(&self, write: CommitDecision, done: CommitDone) -> Box<dyn Job> {
        let CommitDecision {
            key,
            tenant,
            expected_version,
            events,
            summary,
            told_children,
            snapshot,
            map,
            worker_tasks,
            approvals,
            bulk,
            audit,
        } = write;
        let version = EventNumber(expected_version.0 + events.len() as u64);
        let operated = Operated::by(&events);
        let news = news_of(&events);
        let pages = match codec::numbering_problem(expected_version, &events) {
            Some(reason) => Err(StoreError::Refused { reason }),
            None => codec::encode(events),
        };
        self.count_pages(&pages);
        Box::new(CommitJob {
            key,
            tenant,
            expected_version,
            version,
            pages,
            news,
            summary,
            operated,
            told_children,
            snapshot,
            map,
            worker_tasks,
            approvals,
            bulk,
            audit,
            done,
        })
    }
}

struct CommitJob {
    key: ExecutionKey,
    tenant: TenantId,
    expected_version: EventNumber,
    version: EventNumber,
    pages: Result<Vec<EncodedPage>, StoreError>,
    /// What of the events somebody may want to be told of.
    news: Vec<News>,
    summary: Summary,
    operated: Operated,
    told_children: Vec<ExecutionKey>,
    snapshot: Option<Snapshot>,
    map: MapChanges,
    worker_tasks: WorkerTasks,
    approvals: ApprovalChanges,
    bulk: Vec<BulkKey>,
    audit: Vec<AuditEntry>,
    done: CommitDone,
}

/// What events change about an execution's row beside its status, timer and work.
#[derive(Debug, Default)]
struct Operated {
    /// Whether it is redriven, paused or resumed: it may have the status that it had.
    anything: bool,
    /// Revisions that it ran so far: each until an event, and the one that it runs from
    /// there on.
    revisions: Vec<(EventNumber, i64, i64)>,
}

impl Operated {
    fn by(events: &[HistoryEvent]) -> Self {
        let mut operated = Self::default();
        for event in events {
            match &event.kind {
                EventKind::ExecutionRedriven(redriven) => {
                    operated.anything = true;
                    let definition = redriven.definition.as_ref();
                    operated.revisions.extend(
                        definition.map(|new| {
                            (event.number, new.from.cast_signed(), new.to.cast_signed())
                        }),
                    );
                }
                EventKind::ExecutionPaused { .. } | EventKind::ExecutionResumed { .. } => {
                    operated.anything = true;
                }
                _ => {}
            }
        }
        operated
    }
}

impl Job for CommitJob {
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let pages = self.pages.as_ref().map_err(Clone::clone)?;
        let Moved { tenant, running } = self.update_row(connection)?;
        for page in pages {
            history::insert_page(connection, self.key, page)?;
        }
        for child in &self.told_children {
            tell(connection, *child)?;
        }
        if let Some(snapshot) = &self.snapshot {
            history::put_snapshot(connection, self.key, snapshot)?;
        }
        for operation in &self.bulk {
            bulk::note_change(connection, *operation, self.key)?;
        }
        self.map.apply(connection, self.key)?;
        self.worker_tasks.write(connection, self.key)?;
        self.approvals.apply(connection, self.key)?;
        write_news(connection, self.key, &self.news)?;
        usage::note(tenant, &UsageChange::running(running));
        usage::note(tenant, &UsageChange::history(size_of(pages)));
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.pages.as_ref().map_or(0, |pages| size_of(pages))
    }

    fn tenant(&self) -> i64 {
        self.tenant.0
    }

    fn entries(&self, _changed: bool) -> &[AuditEntry] {
        &self.audit
    }

    fn finish(self: Box<Self>, result: Result<(), StoreError>) {
        (self.done)(result);
    }
}

impl CommitJob {
    /// Checks the version and moves the row on, by the statement that touches the fewest
    /// indexes. The first one is the whole cost of an ordinary step.
    fn update_row(&self, connection: &Connection) -> Result<Moved, StoreError> {
        let summary = &self.summary;
        let due_at = summary.due_at.map(Timestamp::as_ms);
        let (version, expected) = (
            self.version.0.cast_signed(),
            self.expected_version.0.cast_signed(),
        );
        let moved = connection
            .prepare_cached(
                "UPDATE executions SET version = ?2
                 WHERE id = ?1 AND version = ?3 AND status = ?4 AND has_work = ?5 AND due_at IS ?6
                     AND NOT ?7
                 RETURNING tenant",
            )?
            .query_row(
                params![
                    self.key,
                    version,
                    expected,
                    summary.status,
                    summary.has_work,
                    due_at,
                    self.operated.anything
                ],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(tenant) = moved {
            return Ok(Moved { tenant, running: 0 });
        }
        let (tenant, status) = self.current(connection)?;
        if status == summary.status && !self.operated.anything {
            connection
                .prepare_cached(
                    "UPDATE executions SET version = ?2, has_work = ?3, due_at = ?4 WHERE id = ?1",
                )?
                .execute(params![self.key, version, summary.has_work, due_at])?;
            return Ok(Moved { tenant, running: 0 });
        }
        connection
            .prepare_cached(
                "UPDATE executions SET version = ?2, has_work = ?3, due_at = ?4, status = ?5,
                     stopped_at = ?6, error = ?7, redrive_count = ?8, redriven_at = ?9,
                     paused_at = ?10, revision = coalesce(?11, revision)
                 WHERE id = ?1",
            )?
            .execute(params![
                self.key,
                version,
                summary.has_work,
                due_at,
                summary.status,
                summary.stopped_at.map(Timestamp::as_ms),
                summary.error,
                summary.redrive_count,
                summary.redriven_at.map(Timestamp::as_ms),
                summary.paused_at.map(Timestamp::as_ms),
                self.operated.revisions.last().map(|(_, _, to)| to),
            ])?;
        self.note_revisions(connection)?;
        let runs = |status| i64::from(status == Status::Running);
        Ok(Moved {
            tenant,
            running: runs(summary.status) - runs(status),
        })
    }

    /// Keeps which revisions the execution ran before it was redriven with others.
    fn note_revisions(&self, connection: &Connection) -> Result<(), StoreError> {
        for (before, from, _) in &self.operated.revisions {
            connection
                .prepare_cached(
                    "INSERT INTO execution_revisions (execution, before, revision)
                     VALUES (?1, ?2, ?3)",
                )?
                .execute(params![self.key, before.0.cast_signed(), from])?;
        }
        Ok(())
    }

    /// Whose the execution is, and its status, if it is at the version expected.
    fn current(&self, connection: &Connection) -> Result<(TenantId, Status), StoreError> {
        let row: Option<(i64, TenantId, Status)> = connection
            .prepare_cached("SELECT version, tenant, status FROM executions WHERE id = ?1")?
            .query_row([self.key], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        match row {
            None => Err(StoreError::not_found(self.key.to_string())),
            Some((version, tenant, status))
                if version.cast_unsigned() == self.expected_version.0 =>
            {
                Ok((tenant, status))
            }
            Some(_) => Err(StoreError::Conflict {
                execution: self.key,
                expected: self.expected_version,
            }),
        }
    }
}

/// What a commit has changed about its execution's row.
struct Moved {
    tenant: TenantId,
    /// 1 if it runs again, -1 if it has ended.
    running: i64,
}

/// Takes an ended child's work away: its parent knows.
fn tell(connection: &Connection, child: ExecutionKey) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE executions SET has_work = 0 WHERE id = ?1 AND status <> 0 AND has_work = 1",
        )?
        .execute([child])?;
    Ok(())
}
