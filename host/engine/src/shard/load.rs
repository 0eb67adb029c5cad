//! Reads an execution from the database: its snapshot, and the events since.

use stepwell_decider::{Execution, Status, evolve};
use stepwell_store::{ExecutionKey, ExecutionRow, LoadedExecution, Store, StoreError};

use crate::shard::Shared;
use crate::shard::hot::Hot;
use crate::snapshot;

/// Reads an execution; none if there is none.
pub(crate) fn load_execution(
    store: &Store,
    key: ExecutionKey,
) -> Result<Option<(ExecutionRow, Execution)>, StoreError> {
    let Some(loaded) = store.load_execution(key)? else {
        return Ok(None);
    };
    let LoadedExecution {
        row,
        snapshot,
        events,
    } = loaded;
    let mut execution = snapshot::restore(store, key, snapshot)?.unwrap_or_default();
    for event in &events {
        if event.number > execution.version() {
            evolve(&mut execution, event);
        }
    }
    Ok(Some((row, execution)))
}

/// Reads an execution to go on with it.
pub(crate) fn load_hot(shared: &Shared, key: ExecutionKey) -> Result<Option<Hot>, StoreError> {
    let Some(loaded) = shared.store.load_execution(key)? else {
        return Ok(None);
    };
    let LoadedExecution {
        row,
        snapshot,
        events,
    } = loaded;
    let tenant = shared.definitions.tenant(&shared.store, row.tenant)?;
    let revision = shared
        .definitions
        .revision(&shared.store, row.machine, row.revision)?;
    let mut hot = Hot::new(tenant, revision);
    let snapshot_bytes = snapshot.as_ref().map_or(0, |snapshot| snapshot.bytes.len());
    hot.execution = snapshot::restore(&shared.store, key, snapshot)?.unwrap_or_default();
    hot.snapshots = snapshot::Rhythm::after_load(events.len(), snapshot_bytes);
    for event in &events {
        if event.number > hot.execution.version() {
            evolve(&mut hot.execution, event);
        }
    }
    if let Some(trail) = &mut hot.trail {
        trail.resume(&hot.execution);
    }
    Ok(Some(hot))
}

pub(crate) fn store_status(status: Status) -> stepwell_store::Status {
    match status {
        Status::Running => stepwell_store::Status::Running,
        Status::Succeeded => stepwell_store::Status::Succeeded,
        Status::Failed => stepwell_store::Status::Failed,
        Status::TimedOut => stepwell_store::Status::TimedOut,
        Status::Aborted => stepwell_store::Status::Aborted,
    }
}

pub(crate) fn decider_status(status: stepwell_store::Status) -> Status {
    match status {
        stepwell_store::Status::Running => Status::Running,
        stepwell_store::Status::Succeeded => Status::Succeeded,
        stepwell_store::Status::Failed => Status::Failed,
        stepwell_store::Status::TimedOut => Status::TimedOut,
        stepwell_store::Status::Aborted => Status::Aborted,
    }
}
