//! Folds of long histories, so that an execution which sleeps and wakes for years is
//! not replayed from its first event each time.
//!
//! A snapshot is a cache: one that this version cannot read is passed over, and the
//! history is replayed instead.

use stepwell_decider::{EventNumber, Execution, evolve};
use stepwell_store::{ExecutionKey, Snapshot, Store, StoreError};

use crate::shard::trace_of;

/// First byte of a snapshot. It changes whenever `Execution` does.
const FORMAT: u8 = 6;
/// Events between two snapshots, at least.
const EVENTS_MIN: usize = 1_000;
/// Bytes of a snapshot that are worth the replay of one event.
const BYTES_PER_EVENT: usize = 64;

/// When the next snapshot is due: the larger the last one was, the later, so that the
/// snapshots of an execution cost no more than its history.
#[derive(Debug, Default)]
pub(crate) struct Rhythm {
    events_since: usize,
    last_bytes: usize,
}

impl Rhythm {
    pub(crate) fn after_load(replayed: usize, snapshot_bytes: usize) -> Self {
        Self {
            events_since: replayed,
            last_bytes: snapshot_bytes,
        }
    }

    /// Takes a snapshot if one is due after `events` more.
    pub(crate) fn take(&mut self, execution: &Execution, events: usize) -> Option<Snapshot> {
        self.events_since += events;
        let due = EVENTS_MIN.max(self.last_bytes / BYTES_PER_EVENT);
        if self.events_since < due || execution.end().is_some() {
            return None;
        }
        let mut bytes = vec![FORMAT];
        if let Err(error) = rmp_serde::encode::write(&mut bytes, execution) {
            let started = execution.started();
            let trace_id = started.map(|started| started.trace().trace_id().to_string());
            tracing::error!(trace_id, %error, "an execution could not be folded; its history is complete");
            return None;
        }
        self.events_since = 0;
        self.last_bytes = bytes.len();
        Some(Snapshot {
            number: execution.version(),
            bytes,
        })
    }
}

/// Reads a snapshot; where there is one that cannot be read, folds the history up to it.
pub(crate) fn restore(
    store: &Store,
    key: ExecutionKey,
    snapshot: Option<Snapshot>,
) -> Result<Option<Execution>, StoreError> {
    let Some(snapshot) = snapshot else {
        return Ok(None);
    };
    if let Some((&FORMAT, bytes)) = snapshot.bytes.split_first()
        && let Ok(execution) = rmp_serde::from_slice::<Execution>(bytes)
        && execution.version() == snapshot.number
    {
        return Ok(Some(execution));
    }
    tracing::info!(
        execution = key.0,
        trace_id = %trace_of(store, key),
        "a snapshot of another version is passed over"
    );
    let mut execution = Execution::default();
    for event in store.load_history_from(key, EventNumber(1))? {
        evolve(&mut execution, &event);
    }
    Ok(Some(execution))
}
