//! What one task call may use, where the operator says so.

use clap::Args;
use stepwell_sandbox::TaskLimits;

/// Limits of a task call that an operator sets for a whole host.
#[derive(Debug, Clone, Args)]
pub(crate) struct TaskLimitArgs {
    /// Most fuel of a task call, about one unit per Wasm instruction
    #[arg(
        long = "task-fuel",
        env = "STEPWELL_TASK_FUEL",
        value_name = "UNITS",
        default_value_t = TaskLimits::default().fuel,
        value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64)
    )]
    fuel: u64,
}

impl TaskLimitArgs {
    /// The limits of each call.
    pub(crate) fn limits(&self) -> TaskLimits {
        TaskLimits {
            fuel: self.fuel,
            ..TaskLimits::default()
        }
    }
}
