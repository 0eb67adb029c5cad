//! How a host keeps what it has: where its backups go, and for how long.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use stepwell_engine::{EngineConfig, RetentionConfig};

use crate::render::units;

/// Folder of backups within the data folder.
const BACKUP_FOLDER: &str = "backups";

/// How a host keeps what it has.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct KeepArgs {
    /// Folder that backups go to; let it be on another disk than the data. Without it, they
    /// go to `backups` in the data folder
    #[arg(long, env = "STEPWELL_BACKUP_FOLDER", value_name = "DIR")]
    backup_folder: Option<PathBuf>,
    /// Time that executions are kept after their end, such as 90d, where no rule of a
    /// tenant says otherwise; without it, for good
    #[arg(long, env = "STEPWELL_RETENTION_AGE", value_name = "TIME", value_parser = parse_age)]
    retention_age: Option<Duration>,
    /// Most executions of a state machine that are kept after their end, likewise; without
    /// it, all
    #[arg(
        long,
        env = "STEPWELL_RETENTION_COUNT",
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=10_000_000)
    )]
    retention_count: Option<u64>,
    /// Time that details of audit entries are kept, likewise; the entries stay
    #[arg(
        long,
        env = "STEPWELL_RETENTION_AUDIT_DETAILS",
        value_name = "TIME",
        value_parser = parse_age
    )]
    retention_audit_details: Option<Duration>,
}

/// The shortest time that anything is kept.
const AGE_MIN: Duration = Duration::from_secs(60);

fn parse_age(text: &str) -> Result<Duration, String> {
    let age = units::parse_duration(text)?;
    if age < AGE_MIN {
        return Err("give 60s or more, or leave it out to keep everything".to_owned());
    }
    Ok(age)
}

impl KeepArgs {
    /// Changes the settings of a host whose data are in a folder.
    pub(crate) fn apply(&self, config: &mut EngineConfig, data: &Path) {
        let named = self.backup_folder.clone();
        config.retention = RetentionConfig {
            age: self.retention_age,
            count: self.retention_count,
            audit_age: self.retention_audit_details,
        };
        config.backups = Some(named.unwrap_or_else(|| data.join(BACKUP_FOLDER)));
    }
}
