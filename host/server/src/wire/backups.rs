//! Backups.

use serde::{Deserialize, Serialize};
use stepwell_engine::{
    BackupDescription as EngineBackup, BackupList as EngineList, EndedBackup,
    RunningBackup as EngineRunning,
};
use utoipa::ToSchema;

use super::Time;

/// Answer to `GET /v1/backups`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupList {
    /// The folder that they are in, on the host's machine.
    pub folder: String,
    /// The one that is being made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<RunningBackup>,
    /// How the last one ended that the host made since its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastBackup>,
    /// Those that are whole, oldest first; the newest 1,000.
    pub backups: Vec<Backup>,
}

/// A backup that is being made: also the answer to `POST /v1/backups`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunningBackup {
    /// Its number: the host's first since its start is 1.
    pub number: u64,
    /// When it was begun.
    pub started_at: Time,
    /// Pages of 4 KiB that are copied. The copy is checked when all are.
    pub pages_done: u64,
    /// Pages that there are; 0 until that is known.
    pub pages_total: u64,
}

/// A backup that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastBackup {
    /// Its number, as it had while it ran.
    pub number: u64,
    /// When it ended.
    pub ended_at: Time,
    /// Its name, if it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why it was not made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A backup that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// Its name.
    pub name: String,
    /// Its folder, on the host's machine.
    pub path: String,
    /// When it was begun: it holds what was committed by then.
    pub created_at: String,
    /// Bytes of the database.
    pub bytes: u64,
    /// SHA-256 of the database, in hexadecimal digits.
    pub sha256: String,
    /// The number of the database's schema.
    pub schema: u32,
    /// The version of Stepwell that made it.
    pub version: String,
    /// Ids of the master keys that its secrets open with. They are not in the backup.
    pub master_keys: Vec<String>,
}

impl From<EngineRunning> for RunningBackup {
    fn from(running: EngineRunning) -> Self {
        Self {
            number: running.number,
            started_at: running.started_at.into(),
            pages_done: running.progress.done,
            pages_total: running.progress.total,
        }
    }
}

impl From<EndedBackup> for LastBackup {
    fn from(ended: EndedBackup) -> Self {
        let (name, error) = match ended.outcome {
            Ok(name) => (Some(name), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            number: ended.number,
            ended_at: ended.ended_at.into(),
            name,
            error,
        }
    }
}

impl From<EngineBackup> for Backup {
    fn from(backup: EngineBackup) -> Self {
        let manifest = backup.manifest;
        Self {
            name: backup.name,
            path: backup.path.display().to_string(),
            created_at: manifest.created_at,
            bytes: manifest.bytes,
            sha256: manifest.sha256,
            schema: manifest.schema,
            version: manifest.version,
            master_keys: manifest.master_keys,
        }
    }
}

impl From<EngineList> for BackupList {
    fn from(list: EngineList) -> Self {
        Self {
            folder: list.folder.display().to_string(),
            running: list.running.map(Into::into),
            last: list.last.map(Into::into),
            backups: list.backups.into_iter().map(Into::into).collect(),
        }
    }
}
