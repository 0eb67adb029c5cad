//! The execution log: events of executions whose state machine asks for it, in the form
//! that Step Functions gives to `CloudWatch` Logs.
//!
//! ```text
//!   shards ── Entries, never waiting ──> [bounded] ──> writer (a thread) ──> JSON lines
//! ```
//!
//! An entry is written after its event is durable, at most once: a crash, a full disk or a
//! queue that is full loses some. What was lost is counted.

mod entry;
mod files;
mod levels;
mod read;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use stepwell_decider::{HistoryEvent, TaskScheduled};
use stepwell_states::StateMachine;

use crate::config::LogConfig;
use crate::model::{LogLevel, LoggingConfiguration};

pub(crate) use levels::{answered_task, is_logged};
pub(crate) use read::{read_page, was_written};

/// Batches that wait for the writer, at most.
const QUEUED_MAX: usize = 8_192;
/// Bytes that they hold, at most.
const QUEUED_MAX_BYTES: usize = 64 << 20;

/// What of a state machine's executions is logged, and where: never nothing, or nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logging {
    pub(crate) level: LogLevel,
    pub(crate) include_data: bool,
    pub(crate) groups: Vec<Arc<str>>,
}

impl Logging {
    /// What a configuration asks for, if it asks for anything.
    pub(crate) fn of(configuration: &LoggingConfiguration) -> Option<Self> {
        let groups: Vec<Arc<str>> = configuration.log_groups().map(Arc::from).collect();
        let is_off = configuration.level == LogLevel::Off || groups.is_empty();
        (!is_off).then_some(Self {
            level: configuration.level,
            include_data: configuration.include_execution_data,
            groups,
        })
    }
}

/// Events of one execution, to be logged.
pub(crate) struct Entries {
    pub(crate) tenant: i64,
    pub(crate) region: Arc<str>,
    pub(crate) logging: Arc<Logging>,
    pub(crate) execution_arn: Arc<str>,
    /// How often the execution had been redriven.
    pub(crate) redrive_count: u32,
    pub(crate) definition: Arc<StateMachine>,
    /// The tasks that the events answer.
    pub(crate) tasks: BTreeMap<u64, Arc<TaskScheduled>>,
    pub(crate) events: Vec<HistoryEvent>,
}

impl Entries {
    fn bytes(&self) -> usize {
        self.events.iter().map(HistoryEvent::size_bytes).sum()
    }
}

enum Message {
    Write(Entries, usize),
    Stop,
}

/// What has become of entries since the host started.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    queued_bytes: AtomicUsize,
    pub(crate) written: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

/// The way to the log.
pub(crate) struct ExecutionLog {
    /// None where the host has no folder for it.
    sender: Option<SyncSender<Message>>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) folder: Option<PathBuf>,
}

impl ExecutionLog {
    /// Starts the writer, if there is a folder to write to.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(
        config: Option<&LogConfig>,
    ) -> std::io::Result<(Self, Option<JoinHandle<()>>)> {
        let tally = Arc::new(Tally::default());
        let Some(config) = config else {
            let off = Self {
                sender: None,
                tally,
                folder: None,
            };
            return Ok((off, None));
        };
        let (sender, inbox) = sync_channel(QUEUED_MAX);
        let writer = writer::Writer::new(config.clone(), Arc::clone(&tally));
        let thread = std::thread::Builder::new()
            .name("execution-log".to_owned())
            .spawn(move || writer.run(&inbox))?;
        let log = Self {
            sender: Some(sender),
            tally,
            folder: Some(config.folder.clone()),
        };
        Ok((log, Some(thread)))
    }

    /// Hands entries to the writer, and never waits for it: what it has no room for is
    /// dropped.
    pub(crate) fn write(&self, entries: Entries) {
        let Some(sender) = &self.sender else { return };
        let (bytes, count) = (entries.bytes(), entries.events.len() as u64);
        let queued = self.tally.queued_bytes.fetch_add(bytes, Relaxed) + bytes;
        let sent = if queued > QUEUED_MAX_BYTES {
            Err(TrySendError::Full(Message::Stop))
        } else {
            sender.try_send(Message::Write(entries, bytes))
        };
        if sent.is_err() {
            self.tally.queued_bytes.fetch_sub(bytes, Relaxed);
            self.tally.dropped.fetch_add(count, Relaxed);
        }
    }

    /// Lets the writer end once it has written what has queued.
    pub(crate) fn stop(&self) {
        if let Some(sender) = &self.sender {
            // It may have ended by itself.
            drop(sender.send(Message::Stop));
        }
    }
}
