//! How a host keeps what it has: where its backups go.

use std::path::{Path, PathBuf};

use clap::Args;
use stepwell_engine::EngineConfig;

/// Folder of backups within the data folder.
const BACKUP_FOLDER: &str = "backups";

/// How a host keeps what it has.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct KeepArgs {
    /// Folder that backups go to; let it be on another disk than the data. Without it, they
    /// go to `backups` in the data folder
    #[arg(long, env = "STEPWELL_BACKUP_FOLDER", value_name = "DIR")]
    backup_folder: Option<PathBuf>,
}

impl KeepArgs {
    /// Changes the settings of a host whose data are in a folder.
    pub(crate) fn apply(&self, config: &mut EngineConfig, data: &Path) {
        let named = self.backup_folder.clone();
        config.backups = Some(named.unwrap_or_else(|| data.join(BACKUP_FOLDER)));
    }
}
