//! `create_execution`: an execution and its first events, once for each name.

use rusqlite::{Connection, params};
use stepwell_decider::{EventNumber, HistoryEvent, ParentLink, TraceContext};
use stepwell_states::Timestamp;

use crate::activities::WorkerTasks;
use crate::audit::AuditEntry;
use crate::codec::{self, EncodedPage};
use crate::columns;
use crate::error::StoreError;
use crate::executions::{Status, Summary};
use crate::history;
use crate::ids::{Digest, ExecutionKey, MachineId, MapRunKey, TenantId};
use crate::map_runs::MapChanges;
use crate::notifications::{News, news_of, write_news};
use crate::search;
use crate::store::Store;
use crate::tags::Tag;
use crate::usage::{self, Reservation, UsageChange};
use crate::writer::Job;

/// An execution that is to exist.
#[derive(Debug, Clone)]
pub struct NewExecution {
    /// Its number, never used before.
    pub key: ExecutionKey,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it runs.
    pub machine: MachineId,
    /// Which revision of that.
    pub revision: i64,
    /// Its name, used once per machine.
    pub name: String,
    /// Digest of its input: the same start asked for twice is one start.
    pub input_digest: Digest,
    /// When it starts.
    pub started_at: Timestamp,
    /// Its first events, numbered from 1.
    pub events: Vec<HistoryEvent>,
    /// Where it stands after them.
    pub summary: Summary,
    /// The task that waits for it, if another execution starts it.
    pub parent: Option<ParentLink>,
    /// The Map Run whose child it is: its name need not be free among its machine's.
    pub map_run: Option<MapRunKey>,
    /// The version of the machine that it is started with, if with one.
    pub machine_version: Option<i64>,
    /// The alias that leads to that version.
    pub machine_alias: Option<String>,
    /// The trace context that it is started with.
    pub trace: Option<TraceContext>,
    /// What is hung on it: searched by, and told of.
    pub tags: Vec<Tag>,
    /// What its first events change about Map Runs.
    pub map: MapChanges,
    /// Tasks that workers may take.
    pub worker_tasks: WorkerTasks,
    /// What the audit log is told of who starts it. The child of a Map Run has none: who
    /// started the execution that it belongs to has started it.
    pub audit: Option<AuditEntry>,
}

/// How a creation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The execution exists now.
    New,
    /// The same start was asked for before; nothing has been written.
    Existing {
        /// Number of the execution that exists.
        key: ExecutionKey,
        /// When it started.
        started_at: Timestamp,
        /// Whether it runs still.
        status: Status,
        /// The trace context that it was started with.
        trace: Option<TraceContext>,
    },
}

/// What is called with the end of a creation.
pub type CreateDone = Box<dyn FnOnce(Result<Created, StoreError>) + Send>;

impl Store {
    /// Queues the creation of an execution; `done` is called on the writing thread, after
    /// the COMMIT that made it durable or with why there was none.
    ///
    /// From `Ok(Created::New)` on, a crash loses nothing of the execution. `done` gets
    /// [`StoreError::NameTaken`] if the name belongs to an execution with other input, and
    /// must not call a blocking write.
    pub fn create_execution(&self, new: NewExecution, done: CreateDone) {
        self.create_admitted(new, None, done);
    }

    /// The same with a place that was reserved for it, which it then has.
    pub fn create_admitted(
        &self,
        new: NewExecution,
        reservation: Option<Reservation>,
        done: CreateDone,
    ) {
        let prepared = self.prepare_execution(new);
        self.queue(Box::new(CreateJob {
            prepared,
            reservation,
            created: Created::New,
            done,
        }));
    }

    /// Encodes on the calling thread, so that the writing thread has less to do.
    pub(crate) fn prepare_execution(&self, new: NewExecution) -> PreparedExecution {
        let mut new = new;
        let events = std::mem::take(&mut new.events);
        let version = EventNumber(events.len() as u64);
        let news = news_of(&events);
        let pages = match first_event_problem(&events) {
            Some(reason) => Err(StoreError::Refused { reason }),
            None => codec::encode(events),
        };
        self.count_pages(&pages);
        PreparedExecution {
            new,
            version,
            pages,
            news,
        }
    }
}

/// An execution that is ready to be written.
pub(crate) struct PreparedExecution {
    new: NewExecution,
    version: EventNumber,
    pages: Result<Vec<EncodedPage>, StoreError>,
    /// What of the events somebody may want to be told of.
    news: Vec<News>,
}

impl PreparedExecution {
    /// Whose it is.
    pub(crate) fn tenant(&self) -> TenantId {
        self.new.tenant
    }

    /// Bytes of its history so far.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.as_ref().map_or(0, |pages| size_of(pages))
    }

    /// Refuses what cannot be written, before anything is.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.pages.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// Writes it; returns whether it is new.
    pub(crate) fn insert(&self, connection: &Connection) -> Result<Created, StoreError> {
        let pages = self.pages.as_ref().map_err(Clone::clone)?;
        if !insert_execution(connection, &self.new, self.version)? {
            return existing(connection, &self.new);
        }
        for page in pages {
            history::insert_page(connection, self.new.key, page)?;
        }
        search::put_tags(connection, &self.new)?;
        self.new.map.apply(connection, self.new.key)?;
        self.new.worker_tasks.write(connection, self.new.key)?;
        write_news(connection, self.new.key, &self.news)?;
        let running = i64::from(self.new.summary.status == Status::Running);
        usage::note(self.new.tenant, &UsageChange::running(running));
        usage::note(self.new.tenant, &UsageChange::history(size_of(pages)));
        Ok(Created::New)
    }
}

/// Bytes of pages.
pub(crate) fn size_of(pages: &[EncodedPage]) -> usize {
    pages.iter().map(|page| page.bytes.len()).sum()
}

fn first_event_problem(events: &[HistoryEvent]) -> Option<String> {
    codec::numbering_problem(EventNumber(0), events).or_else(|| {
        events
            .is_empty()
            .then(|| "an execution begins with an event".to_owned())
    })
}

struct CreateJob {
    prepared: PreparedExecution,
    reservation: Option<Reservation>,
    created: Created,
    done: CreateDone,
}

impl Job for CreateJob {
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.created = self.prepared.insert(connection)?;
        if self.created == Created::New {
            let used_up = UsageChange::used_up(self.reservation.as_ref());
            usage::note(self.prepared.tenant(), &used_up);
        }
        Ok(())
    }

    fn entries(&self, changed: bool) -> &[AuditEntry] {
        if changed {
            self.prepared.new.audit.as_slice()
        } else {
            &[]
        }
    }

    fn bytes(&self) -> usize {
        self.prepared.bytes()
    }

    fn tenant(&self) -> i64 {
        self.prepared.tenant().0
    }

    fn finish(self: Box<Self>, result: Result<(), StoreError>) {
        let Self {
            created,
            reservation,
            done,
            ..
        } = *self;
        match reservation {
            Some(reservation) if result.is_ok() && created == Created::New => {
                reservation.use_up();
            }
            // Given back, before anybody hears of it.
            unused => drop(unused),
        }
        done(result.map(|()| created));
    }
}

/// Inserts the row; returns false if the name is taken.
fn insert_execution(
    connection: &Connection,
    new: &NewExecution,
    version: EventNumber,
) -> Result<bool, StoreError> {
    let trace = new.trace.as_ref().map(TraceContext::to_parts);
    let mut insert = connection.prepare_cached(
        "INSERT INTO executions (id, version, status, has_work, due_at, stopped_at, error, tenant,
             machine, revision, name, input_digest, started_at, parent_id, parent_scheduled,
             map_run, machine_version, machine_alias, trace_id, trace_parent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
             ?19, ?20)
         ON CONFLICT (machine, name) WHERE map_run IS NULL DO NOTHING",
    )?;
    let inserted = insert.execute(params![
        new.key,
        version.0.cast_signed(),
        new.summary.status,
        new.summary.has_work,
        new.summary.due_at.map(Timestamp::as_ms),
        new.summary.stopped_at.map(Timestamp::as_ms),
        new.summary.error,
        new.tenant,
        new.machine,
        new.revision,
        new.name,
        new.input_digest,
        new.started_at.as_ms(),
        new.parent.as_ref().map(|parent| parent.execution),
        new.parent
            .as_ref()
            .map(|parent| parent.scheduled.0.cast_signed()),
        new.map_run,
        new.machine_version,
        new.machine_alias,
        trace.as_ref().map(|(trace_id, _)| trace_id),
        trace.as_ref().map(|(_, parent)| parent),
    ])?;
    Ok(inserted == 1)
}

/// Looks who has the name.
fn existing(connection: &Connection, new: &NewExecution) -> Result<Created, StoreError> {
    type Found = (ExecutionKey, i64, Status, Digest, Option<TraceContext>);
    let (key, started_at, status, digest, trace): Found = connection
        .prepare_cached(
            "SELECT id, started_at, status, input_digest, trace_id, trace_parent FROM executions
             WHERE machine = ?1 AND name = ?2 AND map_run IS NULL",
        )?
        .query_row(params![new.machine, new.name], |row| {
            let trace = columns::trace(row, 4, 5)?;
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, trace))
        })?;
    if digest == new.input_digest {
        let started_at = Timestamp::from_ms(started_at);
        return Ok(Created::Existing {
            key,
            started_at,
            status,
            trace,
        });
    }
    Err(StoreError::NameTaken {
        what: format!("execution '{}', which has other input", new.name),
    })
}
