//! Backups.

use std::time::Duration;

use stepwell_server::wire::{BackupList, RunningBackup};

use super::{Answer, CallError, Client};

impl Client {
    pub(crate) fn begin_backup(&self) -> Result<Answer<RunningBackup>, CallError> {
        self.post("/v1/backups", &serde_json::json!({}))
    }

    pub(crate) fn list_backups(&self) -> Result<Answer<BackupList>, CallError> {
        self.get("/v1/backups", Duration::ZERO)
    }
}
