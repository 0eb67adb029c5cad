//! The one writing thread: takes what has queued, writes it in one physical transaction,
//! commits once, then answers everybody.
//!
//! ```text
//!  take jobs ─> BEGIN ─> run each ─> COMMIT + fsync ─> finish each ─> have the log moved
//!                 ^         │ refused, nothing written: answer it, go on
//!                 └─────────┤ broke half way: roll back, answer it, run the others anew
//!                           └ disk full, I/O error: roll back, answer all alike
//! ```

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::audit::{AuditEntry, Chains};
use crate::checkpoints::Checkpoints;
use crate::connection::{self, SharedConnection};
use crate::error::StoreError;
use crate::fault::{Fault, FaultPlan};
use crate::notifications::Bell;
use crate::queue::Queue;
use crate::stats::Counters;
use crate::usage::{self, Book};

/// One logical write.
pub(crate) trait Job: Send {
    /// Makes the write, within a transaction that others share. Called again, in a new
    /// transaction, if that one had to be rolled back for the sake of another job.
    ///
    /// An error before the first change refuses this job alone, so look before writing.
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError>;

    /// What the audit log is told of it, in the same transaction, once it has run:
    /// `changed` says whether it has changed anything.
    fn entries(&self, changed: bool) -> &[AuditEntry];

    /// Bytes that it writes, as far as they are many.
    fn bytes(&self) -> usize {
        0
    }

    /// Whose turn it takes; 0 for the host's own.
    fn tenant(&self) -> i64 {
        0
    }

    /// Tells the caller how it ended; `Ok` after the COMMIT that made it durable.
    fn finish(self: Box<Self>, result: Result<(), StoreError>);
}

/// What the writing thread owns.
pub(crate) struct Writer {
    pub(crate) connection: SharedConnection,
    pub(crate) queue: Arc<Queue>,
    pub(crate) group_commit_max: usize,
    pub(crate) checkpoints: RefCell<Checkpoints>,
    pub(crate) faults: Option<Arc<dyn FaultPlan>>,
    pub(crate) dead: Arc<AtomicBool>,
    pub(crate) counters: Arc<Counters>,
    /// Where the chains of the audit log stand.
    pub(crate) chains: Chains,
    pub(crate) book: Arc<Book>,
    /// Rings when there is something to be sent.
    pub(crate) bell: Arc<Bell>,
    /// Keeps other hosts out of the folder.
    pub(crate) folder_lock: Option<File>,
}

/// How long a group takes in jobs: what comes meanwhile waits for it, and for its fsync. With
/// one tenant's large writes in the queue, another one's small write waits no longer.
const GROUP_TIME: Duration = Duration::from_millis(3);
/// How many bytes a group writes in large writes: the fsync takes its time by them.
const GROUP_BYTES: usize = 1 << 20;

/// How an attempt at a physical transaction ended.
enum Attempt {
    /// Durable.
    Committed,
    /// The job at the index failed after it had written something.
    Spoiled(usize, StoreError),
    /// The world is broken, for all of them.
    Failed(StoreError),
    /// An injected fault ended the host.
    Died,
}

thread_local! {
    /// Pages in the write-ahead log after the last commit on this thread.
    static WAL_PAGES: Cell<u32> = const { Cell::new(0) };
}

impl Writer {
    /// Writes until the queue is closed and drained, or the store has died.
    pub(crate) fn run(self) {
        let mut group = Vec::with_capacity(self.group_commit_max);
        if catch_unwind(AssertUnwindSafe(|| self.write_all(&mut group))).is_err() {
            tracing::error!("the writing thread panicked: the store is closed");
            self.dead.store(true, Ordering::Release);
        }
        self.checkpoints.borrow_mut().stop();
        self.leave();
        let Self {
            connection,
            queue,
            folder_lock,
            ..
        } = self;
        // Whoever hears of the end may open the folder again at once.
        drop(connection);
        drop(folder_lock);
        group
            .into_iter()
            .for_each(|job| finish(job, Err(StoreError::Closed)));
        queue.kill();
    }

    fn write_all(&self, group: &mut Vec<Box<dyn Job>>) {
        connection::lock(&self.connection).wal_hook(Some(|_, pages| {
            WAL_PAGES.set(u32::try_from(pages).unwrap_or_default());
            Ok(())
        }));
        loop {
            let waiting = self.queue.wait();
            if waiting == 0 {
                if self.book.has_fuel() {
                    self.write_group(group, 0);
                }
                return;
            }
            self.write_group(group, waiting.min(self.group_commit_max));
            if self.dead.load(Ordering::Acquire) {
                return;
            }
            self.look_at_log();
        }
    }

    /// Writes and answers up to so many jobs as one group; leaves them in it if the store
    /// died.
    fn write_group(&self, group: &mut Vec<Box<dyn Job>>, most: usize) {
        let mut answers = Vec::with_capacity(group.len());
        loop {
            let guard = connection::lock(&self.connection);
            self.chains.begin();
            let attempt = self.attempt(&guard, group, most, &mut answers);
            match &attempt {
                Attempt::Committed => self.counters.audited(self.chains.commit()),
                Attempt::Failed(_) | Attempt::Spoiled(..) | Attempt::Died => self.chains.forget(),
            }
            roll_back(&guard);
            drop(guard);
            match attempt {
                Attempt::Committed => {
                    self.bell.ring_if_written();
                    return finish_all(group, &answers);
                }
                Attempt::Failed(error) => {
                    tracing::warn!(%error, writes = group.len(), "transaction rolled back");
                    answers.clear();
                    answers.resize(group.len(), Some(error));
                    return finish_all(group, &answers);
                }
                Attempt::Spoiled(index, error) => {
                    tracing::error!(%error, "a write broke half way");
                    finish(group.remove(index), Err(error));
                }
                Attempt::Died => return self.dead.store(true, Ordering::Release),
            }
        }
    }

    /// Runs one physical transaction of what is in the group and of what waits, as long as
    /// that takes no longer than others should wait; `answers` becomes what to tell each job.
    fn attempt(
        &self,
        connection: &Connection,
        group: &mut Vec<Box<dyn Job>>,
        most: usize,
        answers: &mut Vec<Option<StoreError>>,
    ) -> Attempt {
        answers.clear();
        if let Err(error) = execute(connection, "BEGIN IMMEDIATE") {
            // All that waits is answered alike.
            while group.len() < most
                && let Some((tenant, job)) = self.queue.take(None)
            {
                self.queue.done((tenant, 1));
                group.push(job);
            }
            return Attempt::Failed(error);
        }
        usage::begin();
        let began = Instant::now();
        let mut at = began;
        let mut last = None;
        let mut bytes: usize = group.iter().map(|job| job.bytes()).sum();
        loop {
            let index = answers.len();
            if index == group.len() {
                if index >= most || bytes > GROUP_BYTES || began.elapsed() > GROUP_TIME {
                    break;
                }
                let Some((tenant, job)) = self.queue.take(last.take()) else {
                    break;
                };
                last = Some((tenant, 0));
                bytes += job.bytes();
                group.push(job);
            }
            let changes = connection.total_changes();
            let ran = run(group[index].as_mut(), connection, &self.chains);
            let now = Instant::now();
            let cost_us = u64::try_from((now - at).as_micros()).unwrap_or(u64::MAX);
            at = now;
            last = last.map(|(tenant, _)| (tenant, cost_us.max(1)));
            let answer = match ran {
                Ok(()) => Ok(None),
                Err(error) if error.is_transient() || connection.is_autocommit() => {
                    Err(Attempt::Failed(error))
                }
                Err(error) if connection.total_changes() == changes => Ok(Some(error)),
                Err(error) => Err(Attempt::Spoiled(index, error)),
            };
            match answer {
                Ok(answer) => answers.push(answer),
                Err(failed) => {
                    last.into_iter().for_each(|last| self.queue.done(last));
                    return failed;
                }
            }
        }
        last.into_iter().for_each(|last| self.queue.done(last));
        self.commit(connection, group.len())
    }

    fn commit(&self, connection: &Connection, writes: usize) -> Attempt {
        let number = self.counters.next_commit();
        let faults = self.faults.as_deref();
        match faults.map_or(Fault::Nothing, |plan| plan.before_commit(number)) {
            Fault::Nothing => {}
            Fault::Fail => return Attempt::Failed(injected("before")),
            Fault::Full => return Attempt::Failed(StoreError::Full),
            Fault::Die => return Attempt::Died,
        }
        let started = Instant::now();
        let fuel = match self.book.write(connection) {
            Ok(fuel) => fuel,
            Err(error) => return Attempt::Failed(error),
        };
        if let Err(error) = execute(connection, "COMMIT") {
            return Attempt::Failed(error);
        }
        self.book.committed(&fuel);
        self.counters.committed(writes, started.elapsed());
        match faults.map_or(Fault::Nothing, |plan| plan.after_commit(number)) {
            Fault::Nothing => Attempt::Committed,
            Fault::Fail => Attempt::Failed(injected("after")),
            Fault::Full => Attempt::Failed(StoreError::Full),
            Fault::Die => Attempt::Died,
        }
    }

    /// Has the write-ahead log moved into the database once it has grown: after the answers,
    /// so that nobody waits for it who had to wait for the commit already.
    fn look_at_log(&self) {
        let guard = connection::lock(&self.connection);
        self.checkpoints
            .borrow_mut()
            .after_commit(&guard, WAL_PAGES.get());
    }

    /// Tidies the log away; or, if the store died, leaves the files as a killed process
    /// would: the log is not even moved on closing.
    fn leave(&self) {
        let guard = connection::lock(&self.connection);
        roll_back(&guard);
        let left = if self.dead.load(Ordering::Acquire) {
            guard
                .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
                .map(|_| ())
                .map_err(StoreError::from)
        } else {
            connection::checkpoint(&guard, "TRUNCATE").map(|_| ())
        };
        if let Err(error) = left {
            tracing::warn!(%error, "the log stays for the next start");
        }
    }
}

/// Runs a job and tells the audit log; its panic is an error like any other.
fn run(job: &mut dyn Job, connection: &Connection, chains: &Chains) -> Result<(), StoreError> {
    let told = || {
        let before = connection.total_changes();
        job.run(connection)?;
        let changed = connection.total_changes() != before;
        job.entries(changed)
            .iter()
            .try_for_each(|entry| chains.append(connection, entry))
    };
    catch_unwind(AssertUnwindSafe(told)).unwrap_or_else(|_| {
        Err(StoreError::Refused {
            reason: "the write panicked".to_owned(),
        })
    })
}

fn execute(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// Ends a transaction that is still open, without effect.
fn roll_back(connection: &Connection) {
    if connection.is_autocommit() {
        return;
    }
    if let Err(error) = execute(connection, "ROLLBACK") {
        tracing::error!(%error, "rollback failed");
    }
}

fn finish_all(group: &mut Vec<Box<dyn Job>>, answers: &[Option<StoreError>]) {
    for (job, answer) in group.drain(..).zip(answers) {
        finish(job, answer.clone().map_or(Ok(()), Err));
    }
}

/// Answers a job; a caller's panic is the caller's own.
fn finish(job: Box<dyn Job>, result: Result<(), StoreError>) {
    if catch_unwind(AssertUnwindSafe(|| job.finish(result))).is_err() {
        tracing::error!("whoever waited for a write panicked on its answer");
    }
}

fn injected(place: &str) -> StoreError {
    StoreError::Unavailable {
        reason: format!("fault injected {place} the commit"),
    }
}
