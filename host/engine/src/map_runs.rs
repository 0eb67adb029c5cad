//! Map Runs: a thread that runs the items of distributed Maps as child executions.
//!
//! ```text
//!   shards ── begun, moved ──> [ read the run's row ] ─> items ─> inputs ─> decide the starts
//!      ▲                                                                        │
//!      │                                      store.advance_map_run <───────────┘
//!      └── children with more to do, the run's end <── Advanced ──(writing thread)
//! ```
//!
//! The truth of a run is its row: cursor and counts move in the transaction in which a child
//! starts or ends. What is in memory can be lost at any time: the row says where the next
//! item is, and children that run go on like any execution.
//!
//! A step of a run starts a batch of children in one transaction. There is one step under
//! way for each run, and the runs take turns.

pub(crate) mod changes;
mod children;
mod express;
mod feed;
pub(crate) mod results;
mod run;
mod source;
mod tolerance;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use stepwell_decider::EventNumber;
use stepwell_store::{ChildEnd, ExecutionKey, MapRunKey, StoreError};

use crate::shard::Shared;
use run::{Asked, Progress, Run};

pub(crate) use source::given_items;
pub(crate) use tolerance::Tolerance;

/// How long to wait without news: a bound on what a bug could cost.
const IDLE: Duration = Duration::from_secs(60);

/// What the thread is told.
pub(crate) enum Message {
    /// Something about a run of an execution is durable.
    News(ExecutionKey, MapRunNews),
    /// The writing thread is done with a run's step.
    Advanced(MapRunKey, Result<(), StoreError>),
    /// A child that a run has asked to go on has answered.
    Asked(MapRunKey, ExecutionKey, Asked),
    /// A commit that may have begun or ended runs was not acknowledged.
    LookAgain,
    /// End.
    Stop,
}

/// What an execution's commit says of Map Runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MapRunNews {
    /// The `MapRunStarted` event of a run.
    Begun(EventNumber),
    /// The execution waits for this run no more.
    Abandoned(EventNumber),
    /// Its counts or its stage have changed.
    Moved(MapRunKey),
    /// An express child of this number has ended; nothing of it is written.
    ExpressEnded(u64, Box<ChildEnd>),
}

/// A way to the thread.
#[derive(Clone)]
pub(crate) struct MapRuns(Sender<Message>);

impl MapRuns {
    pub(crate) fn channel() -> (Self, Receiver<Message>) {
        let (sender, inbox) = channel();
        (Self(sender), inbox)
    }

    /// Tells of a commit. After the thread has ended it is dropped: the database knows.
    pub(crate) fn tell(&self, execution: ExecutionKey, news: MapRunNews) {
        drop(self.0.send(Message::News(execution, news)));
    }

    pub(crate) fn look_again(&self) {
        drop(self.0.send(Message::LookAgain));
    }

    pub(crate) fn stop(&self) {
        drop(self.0.send(Message::Stop));
    }

    fn asked(&self, run: MapRunKey, child: ExecutionKey, asked: Asked) {
        drop(self.0.send(Message::Asked(run, child, asked)));
    }

    fn advanced(&self, run: MapRunKey, result: Result<(), StoreError>) {
        drop(self.0.send(Message::Advanced(run, result)));
    }
}

/// Runs until [`MapRuns::stop`].
pub(crate) fn run(shared: Arc<Shared>, next_key: Arc<AtomicI64>, inbox: &Receiver<Message>) {
    tidy_up(&shared);
    let mut driver = Driver {
        shared,
        next_key,
        runs: BTreeMap::new(),
        due: BTreeSet::new(),
        look_at: Some(Instant::now()),
    };
    while driver.listen(inbox) {
        driver.go_on();
    }
}

struct Driver {
    shared: Arc<Shared>,
    next_key: Arc<AtomicI64>,
    runs: BTreeMap<MapRunKey, Run>,
    /// Runs that there is news of.
    due: BTreeSet<MapRunKey>,
    /// When to look for open runs that are not in memory.
    look_at: Option<Instant>,
}

impl Driver {
    /// Takes in what has arrived; false at the end.
    fn listen(&mut self, inbox: &Receiver<Message>) -> bool {
        let patience = self
            .look_at
            .map_or(IDLE, |at| at.saturating_duration_since(Instant::now()));
        match inbox.recv_timeout(patience) {
            Ok(message) => {
                if !self.take(message) {
                    return false;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        while let Ok(message) = inbox.try_recv() {
            if !self.take(message) {
                return false;
            }
        }
        true
    }

    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Stop => return false,
            Message::LookAgain => {
                self.look_at = Some(Instant::now() + self.shared.config.retry_delay);
            }
            Message::Advanced(key, result) => {
                if let Some(run) = self.runs.get_mut(&key) {
                    run.advanced(&self.shared, result);
                    self.due.insert(key);
                }
            }
            Message::Asked(key, child, asked) => self.asked(key, child, asked),
            Message::News(_, MapRunNews::Moved(key)) => {
                self.due.insert(key);
            }
            Message::News(_, MapRunNews::ExpressEnded(index, end)) => {
                let key = end.run;
                if let Some(run) = self.runs.get_mut(&key) {
                    run.express_ended(index, *end);
                    self.due.insert(key);
                }
            }
            Message::News(execution, MapRunNews::Begun(number) | MapRunNews::Abandoned(number)) => {
                match self.shared.store.find_map_run(execution, number) {
                    Ok(Some(row)) => {
                        self.due.insert(row.key);
                    }
                    Ok(None) => {}
                    Err(error) => self.trouble(&error),
                }
            }
        }
        true
    }

    /// A child that was asked to go on has answered.
    fn asked(&mut self, key: MapRunKey, child: ExecutionKey, asked: Asked) {
        let run = self.runs.get_mut(&key);
        let taken = run.map(|run| run.was_asked(&self.shared, child, asked));
        if let Some(Err(error)) = taken {
            self.trouble(&error);
        }
        if asked == Asked::Unknown {
            // The database is not there, or the host ends: it is asked again, but later.
            let later = Instant::now() + self.shared.config.retry_delay;
            self.look_at = Some(self.look_at.map_or(later, |at| at.min(later)));
        } else {
            self.due.insert(key);
        }
    }

    /// The database could not be read: everything open is looked at again.
    fn trouble(&mut self, error: &StoreError) {
        self.shared.health.failed(error);
        tracing::warn!(%error, "a map run could not go on; trying again");
        let later = Instant::now() + self.shared.config.retry_delay;
        self.look_at = Some(self.look_at.unwrap_or(later).max(later));
    }

    /// Takes each run that there is news of one step on.
    fn go_on(&mut self) {
        let now = Instant::now();
        if self.look_at.is_some_and(|at| at <= now) {
            self.look_at = None;
            match self.shared.store.open_map_runs() {
                Ok(open) => self.due.extend(open),
                Err(error) => self.trouble(&error),
            }
        }
        for key in std::mem::take(&mut self.due) {
            if let Err(error) = self.step(key) {
                if error.is_transient() {
                    self.trouble(&error);
                } else if !matches!(error, StoreError::Closed) {
                    tracing::error!(run = key.0, %error, "a map run is set aside until the next start");
                    self.runs.remove(&key);
                }
            }
        }
    }

    fn step(&mut self, key: MapRunKey) -> Result<(), StoreError> {
        let run = match self.runs.entry(key) {
            std::collections::btree_map::Entry::Occupied(held) => held.into_mut(),
            std::collections::btree_map::Entry::Vacant(free) => {
                match Run::load(&self.shared, key)? {
                    Some(run) => free.insert(run),
                    None => return Ok(()),
                }
            }
        };
        if run.step(&self.shared, &self.next_key)? == Progress::Over {
            self.runs.remove(&key);
            // What an abandoned run wrote has no name, and is removed.
            tidy_up(&self.shared);
        }
        Ok(())
    }
}

/// Removes data sets that have lost their name, off this thread.
fn tidy_up(shared: &Shared) {
    let store = shared.store.clone();
    shared.children.runtime.spawn_blocking(move || {
        if let Err(error) = crate::handle::data_sets::purge(&store)
            && !matches!(error, StoreError::Closed)
        {
            tracing::warn!(%error, "what is left of data sets is removed later");
        }
    });
}
