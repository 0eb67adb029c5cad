//! Makes events, due times and work durable, in one transaction.
//!
//! ```text
//!   any thread ── commit, create_execution ──> queue ──> writing thread ──> stepwell.db
//!        ^                                                 │ one COMMIT + fsync a group
//!        └──────────────── done(Ok) <──────────────────────┘
//!   any thread ── load_history, due, list_executions, … ──> read-only connections
//! ```
//!
//! # What is durable when
//!
//! - `done(Ok)`, or the return of a blocking write, comes after the COMMIT and fsync of the
//!   transaction that holds the write. From then on no crash of the process or the machine
//!   undoes it, as long as the disk keeps what it confirmed.
//! - A write is done wholly or not at all: events, row, timer, work flag, told children and
//!   snapshot of one decision stand or fall together.
//! - Writes that queue while a commit is under way share the next one, so under load an
//!   fsync serves many. A conflict or refusal among them concerns that write alone. A full
//!   disk or an I/O error concerns all of them: they are rolled back, history is untouched,
//!   and the same calls may be made again.
//! - A crash between COMMIT and answer leaves a write durable whose caller never heard of
//!   it. Trying again is safe: the version of the execution has moved on and the second
//!   write ends in [`StoreError::Conflict`]; a creation ends in [`Created::Existing`].
//! - Reads see what had been committed when they began.
//!
//! # Rules
//!
//! SQL stands in this crate alone. Due times and work flags are a projection of the
//! histories. Nothing here reads a clock or decides anything: times come from callers.
//!
//! Start reading at [`Store::commit`] and at `writer.rs`.

mod access_keys;
mod activities;
mod aliases;
mod api_tokens;
mod approvals;
mod audit;
mod backup;
mod bindings;
mod bulk;
mod checkpoints;
mod codec;
mod columns;
mod commit;
mod components;
mod config_values;
mod connection;
mod creation;
mod data_sets;
mod error;
mod executions;
mod express_starts;
mod fault;
mod generations;
mod history;
mod ids;
mod map_runs;
mod migrate;
mod notifications;
mod policies;
mod queue;
mod quotas;
mod reader;
mod retention;
mod roles;
mod room;
mod sealed;
mod search;
mod secrets;
mod slices;
mod state_machines;
mod stats;
mod store;
mod tags;
mod tenant_secrets;
mod tenants;
mod timers;
mod turns;
mod usage;
mod versions;
mod writer;

pub use access_keys::{AccessKeyRow, KeySecret};
pub use activities::{ActivityRow, ActivityTaskRow, WorkerTasks};
pub use aliases::{AliasRow, NewAlias, Route};
pub use api_tokens::{ApiTokenRow, FoundApiToken, NewApiToken};
pub use approvals::{
    ApprovalChanges, ApprovalEnd, ApprovalFilter, ApprovalRow, ApprovalStatus, ApprovalWrite,
};
pub use audit::{
    AuditChain, AuditDetails, AuditEntry, AuditExport, AuditFacts, AuditFault, AuditFile,
    AuditHead, AuditOutcome, AuditPrincipal, AuditReport, AuditRow, AuditSource, AuditVerifier,
    Change, CheckpointKey, Erasable, ErasureFilter, PublicKey, SignedCheckpoint, genesis_hash,
};
pub use backup::{
    BackupError, BackupManifest, BackupOrder, BackupProgress, BackupRow, BackupWatch, RestoreError,
    Restored, WaitingNotifications, list_backups, restore_backup,
};
pub use bindings::{ANY_ACTION, BindingRow};
pub use bulk::{
    BULK_KEPT_MAX, BulkAction, BulkCounts, BulkKey, BulkPart, BulkRow, BulkStatus, BulkTotal,
    NewBulkOperation,
};
pub use commit::{CommitDecision, CommitDone};
pub use components::{ComponentRow, NewComponent, Pushed};
pub use config_values::{CONFIG_VALUES_MAX, ConfigValueRow};
pub use creation::{CreateDone, Created, NewExecution};
pub use data_sets::{DataSetRow, MakeManifest, MapFile, MapFileSize, MapFiles, NewDataSet};
pub use error::StoreError;
pub use executions::{ExecutionCounts, ExecutionRow, LoadedExecution, Status, Summary};
pub use express_starts::{ExpressStartRow, FoundStart};
pub use fault::{Fault, FaultPlan};
pub use generations::Kept;
pub use history::Snapshot;
pub use ids::{DataSetId, Digest, ExecutionKey, MachineId, MapRunKey, TenantId};
pub use map_runs::{
    AdvanceDone, AdvanceMapRun, ChildEnd, ChildRedriven, MapChanges, MapCounts, MapResults,
    MapRunRow, MapRunSettings, MapRunStage, MapTally, NewMapRun, RedrivenRun,
};
pub use notifications::{
    DELIVERIES_PENDING_MAX, DeliveryEnd, DeliveryFilter, DeliveryRow, DeliveryStatus, DueDelivery,
    NOTIFICATIONS_MAX, NewNotification, NewsKind, NotificationRow,
};
pub use policies::PolicyRow;
pub use quotas::QuotaRow;
pub use retention::{
    EndedMachine, KeepBounds, Purged, Removal, RetentionRow, SweepPlace, Sweepable,
};
pub use roles::RoleRow;
pub use room::{
    ACCESS_MAX, ACTIVITIES_MAX, BINDINGS_MAX, RETENTION_RULES_MAX, REVISIONS_MAX,
    STATE_MACHINES_MAX,
};
pub use sealed::{Resealed, SealedPlace, SealedRow};
pub use search::{ExecutionFilter, ExecutionsOf, ListPosition, MatchCount, NameFilter, TimeRange};
pub use slices::HistorySlice;
pub use state_machines::{
    Deletion, MachineRow, MadeMachine, NewDefinition, NewMachine, NewRevision, PublishOrder,
    PutMode, PutRevision, RevisionRow, RevisionSettings, UpdateMachine, UpdatedMachine,
};
pub use stats::StoreStats;
pub use store::{Location, Store, StoreOptions};
pub use tags::Tag;
pub use tenant_secrets::{CurrentSecret, NewSecretVersion, SecretRow, SecretVersionRow};
pub use tenants::{NewTenant, TenantRow};
pub use turns::Turns;
pub use usage::{Reservation, StorageLimits, StorageQuota, Usage};
pub use versions::VersionRow;
