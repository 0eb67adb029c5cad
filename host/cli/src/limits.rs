//! What executions and their task calls may use, where the operator says so.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use stepwell_egress::{Egress, Limits, Rule, RuleError, SystemLookup};
use stepwell_engine::{EngineConfig, Limits as Quotas, LogConfig, Quota};
use stepwell_sandbox::TaskLimits;
use stepwell_server::wire::AwsEvents;

/// Folder of the execution log within the data folder.
const LOG_FOLDER: &str = "logs";

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
    /// Most express executions that run at once; one more is refused
    #[arg(
        long = "express-executions",
        env = "STEPWELL_EXPRESS_EXECUTIONS",
        value_name = "COUNT",
        default_value_t = EngineConfig::default().express_executions_max
    )]
    express_executions: usize,
    /// Most MiB that express executions may hold in memory, by what they record; one may
    /// hold an eighth of it
    #[arg(
        long = "express-memory",
        env = "STEPWELL_EXPRESS_MEMORY",
        value_name = "MIB",
        default_value_t = EngineConfig::default().express_memory_max_bytes >> 20,
        value_parser = parse_mib
    )]
    express_memory: usize,
    /// Most MiB of the execution log that a log group of a tenant keeps; the oldest entries
    /// go
    #[arg(
        long = "log-group-size",
        env = "STEPWELL_LOG_GROUP_SIZE",
        value_name = "MIB",
        default_value_t = 128,
        value_parser = parse_mib
    )]
    log_group_size: usize,
    /// A quota of tenants that have none of their own, QUOTA=AMOUNT; may be given more than
    /// once, and there is no limit unless given: executionsRunning, startsPerSecond,
    /// startsBurst, tasksAtOnce, fuelPerDay, storedBytes, components, componentBytes
    #[arg(
        long = "quota",
        env = "STEPWELL_QUOTA",
        value_name = "QUOTA=AMOUNT",
        value_delimiter = ',',
        value_parser = parse_quota
    )]
    quota: Vec<(Quota, u64)>,
    /// Allow HTTP requests of tasks by a rule, `[private] [METHOD,…] URL`; may be given more
    /// than once, and nothing else is allowed. The host of the URL may be *.DOMAIN, its path
    /// may end with *; 'private' allows addresses that are not public
    #[arg(
        long = "allow-http",
        env = "STEPWELL_ALLOW_HTTP",
        value_name = "RULE",
        value_delimiter = ';',
        value_parser = parse_rule
    )]
    allow_http: Vec<Rule>,
}

fn parse_mib(text: &str) -> Result<usize, String> {
    let mib = text.parse().ok();
    mib.filter(|mib| (1..=1 << 20).contains(mib))
        .ok_or_else(|| "give a number from 1 to 1048576".to_owned())
}

fn parse_quota(text: &str) -> Result<(Quota, u64), String> {
    let (name, amount) = text.split_once('=').ok_or("write it as QUOTA=AMOUNT")?;
    let quota = Quota::named(name).ok_or_else(|| {
        let known: Vec<&str> = Quota::ALL.iter().map(|quota| quota.name()).collect();
        format!("there is no quota {name}; there are {}", known.join(", "))
    })?;
    let amount = amount.parse().map_err(|_error| {
        format!("{name}: give a whole number; without the option there is no limit")
    })?;
    quota.check(amount).map_err(|error| error.to_string())?;
    Ok((quota, amount))
}

fn parse_rule(text: &str) -> Result<Rule, RuleError> {
    Rule::parse(text)
}

impl LimitArgs {
    /// The limits of each task call.
    pub(crate) fn task(&self) -> TaskLimits {
        TaskLimits {
            fuel: self.task_fuel,
            ..TaskLimits::default()
        }
    }

    /// Where the execution log goes, in a folder of all data.
    pub(crate) fn log(&self, data: &Path) -> LogConfig {
        LogConfig {
            folder: data.join(LOG_FOLDER),
            group_max_bytes: (self.log_group_size as u64) << 20,
            shape: Arc::new(AwsEvents),
        }
    }

    fn quotas(&self) -> Quotas {
        let mut quotas = Quotas::default();
        for (quota, amount) in &self.quota {
            quotas.set(*quota, Some(*amount));
        }
        quotas
    }

    /// The engine's settings.
    pub(crate) fn engine(&self) -> EngineConfig {
        EngineConfig {
            history_events_max: self.history_events,
            express_executions_max: self.express_executions,
            express_memory_max_bytes: self.express_memory << 20,
            quotas: self.quotas(),
            egress: Egress::new(
                self.allow_http.clone(),
                Arc::new(SystemLookup),
                Limits::default(),
            ),
            ..EngineConfig::default()
        }
    }
}
