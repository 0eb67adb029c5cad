//! What executions and their task calls may use, where the operator says so.

use clap::Args;
use stepwell_engine::EngineConfig;
use stepwell_sandbox::TaskLimits;

/// Limits that an operator sets for a whole host.
#[derive(Debug, Clone, Args)]
pub(crate) struct LimitArgs {
    /// Most fuel of a task call, about one unit per Wasm instruction
    #[arg(
        long = "task-fuel",
        env = "STEPWELL_TASK_FUEL",
        value_name = "UNITS",
        default_value_t = TaskLimits::default().fuel,
        value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64)
    )]
    task_fuel: u64,
    /// Most events of a history; no limit unless given, 25000 as Step Functions has it
    #[arg(
        long = "history-events",
        env = "STEPWELL_HISTORY_EVENTS",
        value_name = "COUNT",
        value_parser = clap::value_parser!(u64).range(3..)
    )]
    history_events: Option<u64>,
}

impl LimitArgs {
    /// The limits of each task call.
    pub(crate) fn task(&self) -> TaskLimits {
        TaskLimits {
            fuel: self.task_fuel,
            ..TaskLimits::default()
        }
    }

    /// The engine's settings.
    pub(crate) fn engine(&self) -> EngineConfig {
        EngineConfig {
            history_events_max: self.history_events,
            ..EngineConfig::default()
        }
    }
}
