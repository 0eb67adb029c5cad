//! What one call may use.

use std::time::Duration;

use crate::http::HttpLimits;

/// Core instances of one component, at most, whatever the limits of a call say: what the pool
/// is laid out for. componentize-py makes 38.
pub(crate) const INSTANCES_MAX: u32 = 100;
/// Linear memories of one component, likewise. A JavaScript guest has 3.
pub(crate) const MEMORIES_MAX: u32 = 10;
/// Tables of one component, likewise.
pub(crate) const TABLES_MAX: u32 = 50;

/// The limits of one call. The defaults let guests run that carry a language runtime
/// (JavaScript, Python).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskLimits {
    /// Most memory, in bytes: the *sum* over all linear memories, and 8 bytes for each table
    /// element.
    pub memory_max_bytes: u64,
    /// Most fuel, about one unit per Wasm instruction.
    pub fuel: u64,
    /// Longest wall time of the call.
    pub timeout: Duration,
    /// Largest output, in bytes.
    pub output_max_bytes: usize,
    /// Most log text, in bytes, over all lines.
    pub log_max_bytes: usize,
    /// Most log lines.
    pub log_max_lines: u32,
    /// Most calls that the guest makes to the host, WASI included.
    pub host_calls_max: u64,
    /// Most bytes that one call to the host may hand over; never less than what the output
    /// may take.
    pub host_call_max_bytes: usize,
    /// Most core instances that the component is made of.
    pub instances_max: u32,
    /// Most linear memories.
    pub memories_max: u32,
    /// Most tables.
    pub tables_max: u32,
    /// Most handles (streams, pollables, …) that the guest holds at one time.
    pub handles_max: u32,
    /// Outbound HTTP requests.
    pub http: HttpLimits,
}

impl Default for TaskLimits {
    fn default() -> Self {
        Self {
            memory_max_bytes: 128 << 20,
            // Some 2 seconds of one core in the tightest of loops, 10 in ordinary code.
            fuel: 10_000_000_000,
            timeout: Duration::from_secs(60),
            output_max_bytes: 256 << 10,
            log_max_bytes: 256 << 10,
            log_max_lines: 1_000,
            host_calls_max: 100_000,
            host_call_max_bytes: 1 << 20,
            instances_max: INSTANCES_MAX,
            memories_max: MEMORIES_MAX,
            tables_max: TABLES_MAX,
            handles_max: 1_000,
            http: HttpLimits::default(),
        }
    }
}
