//! What log lines about an execution name its trace by.

use stepwell_store::{ExecutionKey, Store};

use crate::shard::Shared;

impl Shared {
    /// The trace of an execution, for log lines about it.
    pub(crate) fn trace_of(&self, key: ExecutionKey) -> String {
        trace_of(&self.store, key)
    }
}

/// The trace of an execution, for log lines about it; empty where the database cannot tell.
pub(crate) fn trace_of(store: &Store, key: ExecutionKey) -> String {
    let row = store.load_execution_row(key).ok().flatten();
    let trace = row.and_then(|row| row.trace);
    trace.map_or_else(String::new, |trace| trace.trace_id().to_string())
}
