//! Moves the write-ahead log into the database, beside the writing thread.
//!
//! A checkpoint reads the log, writes what has changed into the database's file and syncs
//! that: tens of milliseconds on a good disk, hundreds on a busy one, in which nobody would
//! be answered if the writing thread did it. So a thread with a connection of its own does
//! it, while writes go on: SQLite lets both work at once.
//!
//! The log begins anew only when all of it has been moved, and while the thread works more is
//! appended. So it moves the bulk, and the writing thread moves what has come since, which is
//! little:
//!
//! ```text
//!  writing thread:  … commit commit commit commit commit [the rest] commit, at the log's begin
//!                           │ so many pages                 ▲
//!  this thread:             └───> [ the bulk ] ─────────────┘
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::connection;
use crate::error::StoreError;
use crate::stats::Counters;

/// Bulks in a row after which the writing thread moves the log by itself, however much of it
/// there is: who writes faster than the disk takes it has to wait for the disk.
const BULKS_MAX: u32 = 4;

/// How many times as much as is worth a checkpoint the log may grow while the thread is at one,
/// for the same reason.
const GROWN_MAX: u32 = 4;
/// The part of that which the writing thread moves by itself.
const LITTLE: u32 = 4;

/// Decides when the log is moved, and by whom. Belongs to the writing thread.
pub(crate) struct Checkpoints {
    /// Pages of the log that are worth a checkpoint.
    every_pages: u32,
    /// Pages of the log when it was moved last. A log that a reader holds in place grows on
    /// from there, and must not be moved at every commit.
    moved_pages: u32,
    /// Bulks since the log has begun anew.
    bulks: u32,
    mover: Option<Mover>,
    counters: Arc<Counters>,
}

/// The thread.
struct Mover {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Idle,
    /// It is to move the log, or does.
    Asked,
    /// It has moved what the log had: so many pages, or less where a reader holds it.
    Moved(Option<u32>),
    Closed,
}

impl Checkpoints {
    /// Starts the thread; a database in memory has no log and needs none.
    ///
    /// # Errors
    /// A thread cannot be started, or the database cannot be opened once more.
    pub(crate) fn start(
        path: Option<&Path>,
        every_pages: u32,
        busy_timeout: Duration,
        counters: &Arc<Counters>,
    ) -> Result<Self, StoreError> {
        let mover = match path {
            Some(path) => {
                let connection = connection::open_mover(path, busy_timeout)?;
                Some(Mover::start(connection, Arc::clone(counters))?)
            }
            None => None,
        };
        Ok(Self {
            every_pages: every_pages.max(1),
            moved_pages: 0,
            bulks: 0,
            mover,
            counters: Arc::clone(counters),
        })
    }

    /// Sees to it that the log is moved once it has grown, after a commit that left it with
    /// so many pages.
    pub(crate) fn after_commit(&mut self, writer: &Connection, pages: u32) {
        if pages < self.moved_pages {
            // All of it had been moved, so the last commit has begun it anew.
            self.moved_pages = 0;
            self.bulks = 0;
        }
        let Some(mover) = &self.mover else { return };
        let grown = pages - self.moved_pages;
        match mover.state() {
            State::Moved(Some(moved)) => {
                let rest = pages.saturating_sub(moved);
                let is_little = rest <= self.every_pages / LITTLE;
                self.moved_pages = pages;
                if is_little || self.bulks >= BULKS_MAX {
                    mover.forget();
                    self.bulks = 0;
                    move_log(writer, &self.counters);
                } else {
                    self.bulks += 1;
                    mover.ask();
                }
            }
            // A reader holds the log: not again before it has grown by as much.
            State::Moved(None) => mover.forget(),
            State::Idle if grown >= self.every_pages => {
                self.moved_pages = pages;
                self.bulks += 1;
                mover.ask();
            }
            State::Asked if grown >= self.every_pages.saturating_mul(GROWN_MAX) => {
                mover.shared.wait_for_end();
            }
            State::Idle | State::Asked | State::Closed => {}
        }
    }

    /// Ends the thread, after what it is at.
    pub(crate) fn stop(&mut self) {
        if let Some(mover) = self.mover.take() {
            mover.shared.set(State::Closed);
            if mover.thread.join().is_err() {
                tracing::error!("the thread that moves the log had panicked");
            }
        }
    }
}

impl Mover {
    fn start(connection: Connection, counters: Arc<Counters>) -> Result<Self, StoreError> {
        // A killed process leaves the log as it is, and so must a store that died.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("checkpoints".to_owned())
            .spawn(move || {
                while of_thread.wait() {
                    // The writing thread may wait for the end, whatever that is.
                    let moved = catch_unwind(AssertUnwindSafe(|| move_log(&connection, &counters)));
                    of_thread.ended(moved.unwrap_or(None));
                }
            })?;
        Ok(Self { shared, thread })
    }

    fn state(&self) -> State {
        *self.shared.lock()
    }

    fn ask(&self) {
        self.shared.set(State::Asked);
    }

    fn forget(&self) {
        self.shared.set(State::Idle);
    }
}

impl Shared {
    /// Waits until it is asked; false at the end.
    fn wait(&self) -> bool {
        let mut state = self.lock();
        loop {
            match *state {
                State::Asked => return true,
                State::Closed => return false,
                State::Idle | State::Moved(_) => {}
            }
            state = self.wait_for_change(state);
        }
    }

    fn ended(&self, moved: Option<u32>) {
        let mut state = self.lock();
        if *state == State::Asked {
            *state = State::Moved(moved);
        }
        self.changed.notify_one();
    }

    /// Waits until what was asked for is done.
    fn wait_for_end(&self) {
        let mut state = self.lock();
        while *state == State::Asked {
            state = self.wait_for_change(state);
        }
    }

    fn wait_for_change<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, new: State) {
        *self.lock() = new;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves the log as far as no reader holds it; returns its pages if that was all of it.
fn move_log(connection: &Connection, counters: &Counters) -> Option<u32> {
    let started = Instant::now();
    let moved = connection::checkpoint(connection, "PASSIVE");
    counters.checkpointed(started.elapsed());
    match moved {
        Ok(moved) => moved.all().then_some(moved.log_pages),
        Err(error) => {
            // The log keeps everything until the next time.
            tracing::warn!(%error, "checkpoint failed");
            None
        }
    }
}
