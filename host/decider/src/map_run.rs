//! Map Runs: what a distributed Map asks the host to do, and what its children know of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_states::{ExecutionType, Payload, ScopeId, StateRef};

/// Details of `MapRunStarted`: the order to run a Map's items as child executions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapRunStarted {
    /// The Map state.
    pub state: StateRef,
    /// The states that each child runs.
    pub processor: ScopeId,
    /// ARN of the Map Run: `…:mapRun:MACHINE/LABEL:UUID`.
    pub arn: Arc<str>,
    /// `Label` of the state, or a UUID that is the same for every run of it.
    pub label: Arc<str>,
    /// The UUID that ends the ARN.
    pub id: Arc<str>,
    /// Kind of the child executions.
    pub execution_type: ExecutionType,
    /// How many items there are, where that is known before they are read.
    pub length: Option<u64>,
    /// Children at a time; 0 for no limit of the definition's.
    pub max_concurrency: u32,
    /// Items that may fail; 0 for no such tolerance.
    pub tolerated_failure_count: u64,
    /// Percentage of the items that may fail; 0 for no such tolerance.
    pub tolerated_failure_percentage: Percentage,
    /// Where the items are read from, if not from the state's input.
    pub reader: Option<MapReader>,
    /// Where the results are written to, and in which form.
    pub writer: Option<MapWriter>,
}

/// An `ItemReader`, its expressions evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapReader {
    /// The `Resource`, as written.
    pub resource: Arc<str>,
    /// The `Parameters` or `Arguments`.
    pub arguments: Payload,
    /// The `ReaderConfig`, without the limits.
    pub config: Payload,
    /// Items to read at most.
    pub max_items: Option<u64>,
}

/// A `ResultWriter`, its expressions evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapWriter {
    /// The `Resource`, as written; without one, results are transformed and not written.
    pub resource: Option<Arc<str>>,
    /// The `Parameters` or `Arguments`.
    pub arguments: Payload,
    /// The `WriterConfig`.
    pub config: Payload,
}

/// From 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percentage(pub f64);

// It is never NaN: it is read from JSON, which has none.
impl Eq for Percentage {}

/// Which child of a Map Run an execution is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapChild {
    /// Key of the Map Run in the store.
    pub run: i64,
    /// ARN of the Map Run.
    pub run_arn: Arc<str>,
    /// Number of the child, counted from 0.
    pub index: u64,
    /// How many items it was given.
    pub items: u32,
    /// Standard or express.
    pub execution_type: ExecutionType,
    /// What becomes of its result.
    pub result: MapResultForm,
}

/// What becomes of the results of a Map Run's children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MapResultForm {
    /// They are written to a data set; else they are the Map state's result.
    pub written: bool,
    /// With all that is known of the child execution, and not its output alone.
    pub described: bool,
    /// The elements of an output that is a list count for themselves.
    pub flattened: bool,
    /// One line a result, and not one list of them.
    pub lines: bool,
}
