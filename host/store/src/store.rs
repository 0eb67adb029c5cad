//! Opening, closing, and the two ways in: queued writes and lent reads.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{JoinHandle, ThreadId};
use std::time::Duration;

use rusqlite::Connection;

use crate::audit::{AuditEntry, Chains};
use crate::checkpoints::Checkpoints;
use crate::codec::EncodedPage;
use crate::connection::{self, SharedConnection};
use crate::error::StoreError;
use crate::fault::FaultPlan;
use crate::generations::Generations;
use crate::migrate::{MIGRATIONS, migrate};
use crate::notifications::Bell;
use crate::queue::Queue;
use crate::reader::{Pool, Readers};
use crate::stats::{Counters, StoreStats};
use crate::usage::Book;
use crate::writer::{Job, Writer};

/// Where a database lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In `stepwell.db` in a folder, which is made if there is none.
    Folder(PathBuf),
    /// In memory, as long as the store.
    Memory,
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Where the database lives.
    pub location: Location,
    /// The most logical writes in one physical commit.
    pub group_commit_max: usize,
    /// How long to wait for another program's lock on the database file.
    pub busy_timeout: Duration,
    /// The most connections that read at the same time.
    pub readers_max: usize,
    /// The write-ahead log is moved into the database each time it has grown by this many
    /// pages of 4 KiB.
    pub checkpoint_pages: u32,
    /// The most bytes that the database file may have; writes past it end in
    /// [`StoreError::Full`]. `None` leaves it to the disk.
    pub size_max_bytes: Option<u64>,
    /// Faults to inject, in tests.
    pub faults: Option<Arc<dyn FaultPlan>>,
}

impl StoreOptions {
    /// The usual options for a folder.
    pub fn folder(folder: impl Into<PathBuf>) -> Self {
        Self::at(Location::Folder(folder.into()))
    }

    /// The usual options for a store that lives in memory.
    #[must_use]
    pub fn memory() -> Self {
        Self::at(Location::Memory)
    }

    fn at(location: Location) -> Self {
        Self {
            location,
            // Bounds what one answer waits for: 1,024 writes take some 10 ms.
            group_commit_max: 1_024,
            busy_timeout: Duration::from_secs(5),
            readers_max: 4,
            // 16 MiB of log: few enough checkpoints, each a short one.
            checkpoint_pages: 4_096,
            size_max_bytes: None,
            faults: None,
        }
    }
}

/// The database of a host. Clones share one writing thread and the readers.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    readers: Readers,
    dead: Arc<AtomicBool>,
    counters: Arc<Counters>,
    generations: Generations,
    faults: Option<Arc<dyn FaultPlan>>,
    book: Arc<Book>,
    bell: Arc<Bell>,
    writer: Mutex<Option<JoinHandle<()>>>,
    writer_id: ThreadId,
}

impl Store {
    /// Opens the database, makes or migrates its schema, and starts the writing thread.
    ///
    /// Takes a time that does not depend on how much is stored.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another host has the folder, [`StoreError::NewerSchema`],
    /// [`StoreError::Foreign`], or what the database and the disk have to say.
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let queue = Arc::new(Queue::default());
        let dead = Arc::new(AtomicBool::new(false));
        let counters = Arc::new(Counters::default());
        let (mut connection, folder_lock, path) = match &options.location {
            Location::Memory => (connection::open_memory()?, None, None),
            Location::Folder(folder) => {
                connection::create_folder(folder)?;
                let folder_lock = connection::lock_folder(folder)?;
                let path = connection::database_path(folder);
                let connection = connection::open_writer(&path, options.busy_timeout)?;
                (connection, Some(folder_lock), Some(path))
            }
        };
        migrate(&mut connection, MIGRATIONS)?;
        connection::check_tables(&connection)?;
        connection::limit_size(&connection, options.size_max_bytes)?;
        let book = Arc::new(Book::read(&connection)?);
        let bell = Arc::new(Bell::default());
        let connection: SharedConnection = Arc::new(Mutex::new(connection));
        let checkpoints = Checkpoints::start(
            path.as_deref(),
            options.checkpoint_pages,
            options.busy_timeout,
            &counters,
        )?;
        let readers = match path {
            Some(path) => Readers::File(Pool::new(path, options.busy_timeout, options.readers_max)),
            None => Readers::Memory(Arc::clone(&connection)),
        };
        let writer = Writer {
            connection,
            queue: Arc::clone(&queue),
            group_commit_max: options.group_commit_max.max(1),
            checkpoints: RefCell::new(checkpoints),
            faults: options.faults.clone(),
            dead: Arc::clone(&dead),
            counters: Arc::clone(&counters),
            chains: Chains::default(),
            book: Arc::clone(&book),
            bell: Arc::clone(&bell),
            folder_lock,
        };
        let thread = std::thread::Builder::new()
            .name("stepwell-store".to_owned())
            .spawn(move || writer.run())?;
        let writer_id = thread.thread().id();
        let writer = Mutex::new(Some(thread));
        Ok(Self {
            inner: Arc::new(Inner {
                queue,
                readers,
                dead,
                counters,
                generations: Generations::default(),
                faults: options.faults,
                book,
                bell,
                writer,
                writer_id,
            }),
        })
    }

    /// Writes what has queued, moves the log into the database, and ends the writing
    /// thread. Every later call on a clone fails with [`StoreError::Closed`].
    ///
    /// Dropping the last clone does the same.
    pub fn close(self) {
        self.inner.close();
    }

    /// Returns what the writing thread has done so far.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.inner.counters.read(self.inner.queue.len())
    }

    /// Returns what a COMMIT took lately, its fsync included: a moving average.
    #[must_use]
    pub fn recent_commit(&self) -> Duration {
        self.inner.counters.recent_commit()
    }

    /// Changes [`StoreOptions::size_max_bytes`].
    ///
    /// # Errors
    /// What the database has to say.
    pub fn set_size_max(&self, bytes: Option<u64>) -> Result<(), StoreError> {
        self.upkeep(move |connection| connection::limit_size(connection, bytes))
    }

    /// Checks the whole database, in a time that grows with it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with the first findings.
    pub fn check_integrity(&self) -> Result<(), StoreError> {
        self.read(|connection| {
            let mut check = connection.prepare("PRAGMA quick_check(10)")?;
            let findings: Vec<String> = check
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            match findings.as_slice() {
                [fine] if fine == "ok" => Ok(()),
                _ => Err(StoreError::corrupt(findings.join("; "))),
            }
        })
    }

    /// Runs a read in one consistent view of the database.
    pub(crate) fn read<T>(
        &self,
        script: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.inner.dead.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        self.inner.readers.read(script)
    }

    /// Runs a long read in one view of the database, on a connection of its own.
    pub(crate) fn view<T, E: From<StoreError>>(
        &self,
        script: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.inner.dead.load(Ordering::Acquire) {
            return Err(StoreError::Closed.into());
        }
        self.inner.readers.view(script)
    }

    pub(crate) fn faults(&self) -> Option<&dyn FaultPlan> {
        self.inner.faults.as_deref()
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.inner.bell
    }

    pub(crate) fn generations(&self) -> &Generations {
        &self.inner.generations
    }

    pub(crate) fn book(&self) -> &Arc<Book> {
        &self.inner.book
    }

    /// Counts the bytes of encoded pages.
    pub(crate) fn count_pages(&self, pages: &Result<Vec<EncodedPage>, StoreError>) {
        let bytes = pages.iter().flatten().map(|page| page.bytes.len()).sum();
        self.inner.counters.encoded(bytes);
    }

    /// Queues a job for the writing thread.
    pub(crate) fn queue(&self, job: Box<dyn Job>) {
        self.inner.queue.push(job);
    }

    /// Queues several jobs for the writing thread.
    pub(crate) fn queue_all(&self, jobs: Vec<Box<dyn Job>>) {
        self.inner.queue.push_all(jobs);
    }

    /// Runs a write that nobody answers for, since nobody asked for it: the host's upkeep of
    /// its own rows. Waits for its COMMIT. What callers have a say in is written by
    /// [`Change`](crate::Change).
    pub(crate) fn upkeep<T: Send + 'static>(
        &self,
        script: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_with(Vec::new(), script)
    }

    /// Runs a write with its entries in the audit log, on the writing thread, and waits for
    /// its COMMIT.
    pub(crate) fn write_with<T: Send + 'static>(
        &self,
        entries: Vec<AuditEntry>,
        script: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        assert_ne!(
            std::thread::current().id(),
            self.inner.writer_id,
            "the writing thread would wait for itself: hand the write to another thread"
        );
        let (reply, answer) = mpsc::sync_channel(1);
        self.queue(Box::new(Waited {
            script,
            entries,
            value: None,
            reply,
        }));
        answer.recv().unwrap_or(Err(StoreError::Closed))
    }
}

impl Inner {
    fn close(&self) {
        self.queue.close();
        let thread = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // The last clone may be dropped by an answer, on the writing thread itself.
        if let Some(thread) = thread
            && self.writer_id != std::thread::current().id()
        {
            if thread.join().is_err() {
                tracing::error!("the writing thread panicked while closing");
            }
            self.dead.store(true, Ordering::Release);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// A write whose caller waits for it.
struct Waited<T, F> {
    script: F,
    entries: Vec<AuditEntry>,
    value: Option<T>,
    reply: SyncSender<Result<T, StoreError>>,
}

impl<T, F> Job for Waited<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.value = Some((self.script)(connection)?);
        Ok(())
    }

    fn entries(&self, changed: bool) -> &[AuditEntry] {
        if changed { &self.entries } else { &[] }
    }

    fn finish(self: Box<Self>, result: Result<(), StoreError>) {
        let Self { value, reply, .. } = *self;
        let answer = result.and_then(|()| value.ok_or(StoreError::Closed));
        // A caller that is gone needs no answer.
        drop(reply.send(answer));
    }
}
