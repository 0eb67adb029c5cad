//! Backups: made of a host that works, into the folder that whoever runs it has named. Callers
//! name no path, and no copy of everybody's data leaves the machine this way.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stepwell_states::Timestamp;
use stepwell_store::{BackupManifest, BackupOrder, BackupProgress, Store, list_backups};

use crate::audit::{AuditDetails, AuditOutcome, Auditor, Refusal, action};
use crate::clock::Clock;
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::Caller;
use crate::permissions::Permission;

/// How long a host that stops waits for a backup to break off, and how often it looks.
const STOP_MAX: Duration = Duration::from_secs(2);
const STOP_STEP: Duration = Duration::from_millis(5);
/// Backups that a list shows, at most: the newest.
const LIST_MAX: usize = 1_000;

/// The backups of a host.
#[derive(Debug, Clone, PartialEq)]
pub struct BackupList {
    /// The folder that they are in, on the host's machine.
    pub folder: PathBuf,
    /// The one that is being made.
    pub running: Option<RunningBackup>,
    /// How the last one ended that this host made since its start.
    pub last: Option<EndedBackup>,
    /// Those that are whole, oldest first.
    pub backups: Vec<BackupDescription>,
}

/// A backup that is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningBackup {
    /// Its number: this host's first since its start is 1.
    pub number: u64,
    /// When it was begun.
    pub started_at: Timestamp,
    /// How far it has come. The copy is checked when all pages are copied.
    pub progress: BackupProgress,
}

/// A backup that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedBackup {
    /// Its number, as it had while it ran.
    pub number: u64,
    /// Its name, or why there is none.
    pub outcome: Result<String, String>,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// A backup that is whole.
#[derive(Debug, Clone, PartialEq)]
pub struct BackupDescription {
    /// Its name.
    pub name: String,
    /// Its folder, on the host's machine.
    pub path: PathBuf,
    /// What it is of.
    pub manifest: BackupManifest,
}

/// Makes one backup at a time, on a thread of its own.
pub(crate) struct Backups {
    /// Where they go; none where the host has no folder.
    folder: Option<PathBuf>,
    state: Mutex<State>,
    stopping: AtomicBool,
    pub(crate) made: AtomicU64,
    pub(crate) failed: AtomicU64,
}

#[derive(Default)]
struct State {
    count: u64,
    running: Option<RunningBackup>,
    last: Option<EndedBackup>,
    thread: Option<JoinHandle<()>>,
}

impl Backups {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            state: Mutex::default(),
            stopping: AtomicBool::new(false),
            made: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Breaks off the one that is being made, and waits a little for that. A large copy that
    /// is being checked is left as a host leaves it that dies: the next backup removes it.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Relaxed);
        let Some(thread) = self.state().thread.take() else {
            return;
        };
        let deadline = Instant::now() + STOP_MAX;
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(STOP_STEP);
        }
        if thread.is_finished() && thread.join().is_err() {
            tracing::error!("the thread of a backup had panicked");
        }
    }

    fn folder(&self) -> Result<&PathBuf, EngineError> {
        self.folder.as_ref().ok_or(EngineError::NoBackups)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the only place.
    fn begin(&self, now: Timestamp) -> Result<RunningBackup, EngineError> {
        let mut state = self.state();
        if state.running.is_some() {
            return Err(EngineError::BackupRunning);
        }
        state.count += 1;
        let running = RunningBackup {
            number: state.count,
            started_at: now,
            progress: BackupProgress::default(),
        };
        state.running = Some(running);
        Ok(running)
    }

    /// Gives the place back.
    fn end(&self, outcome: Result<String, String>, ended_at: Timestamp) {
        let counter = if outcome.is_ok() {
            &self.made
        } else {
            &self.failed
        };
        counter.fetch_add(1, Relaxed);
        let mut state = self.state();
        if let Some(RunningBackup { number, .. }) = state.running.take() {
            state.last = Some(EndedBackup {
                number,
                outcome,
                ended_at,
            });
        }
    }

    fn run(&self, store: &Store, order: &BackupOrder, told: &Told) {
        let begun = Instant::now();
        let made = store.back_up(order, &mut |progress| {
            if let Some(running) = &mut self.state().running {
                running.progress = progress;
            }
            !self.stopping.load(Relaxed)
        });
        let seconds = begun.elapsed().as_secs_f64();
        let outcome = match made {
            Ok(made) => {
                told.made(&made.name, &made.manifest);
                let (path, bytes) = (made.path.display().to_string(), made.manifest.bytes);
                tracing::info!(path, bytes, seconds, "a backup was made");
                Ok(made.name)
            }
            Err(error) => {
                tracing::error!(%error, seconds, "a backup was not made");
                let reason = error.to_string();
                told.failed(&reason);
                Err(reason)
            }
        };
        // Whoever learns of the end finds it in the audit log, too.
        self.end(outcome, told.clock.now());
    }
}

/// What the audit log is told of a backup's end.
struct Told {
    audit: Arc<Auditor>,
    clock: Arc<dyn Clock>,
    /// Whoever has asked for the backup.
    caller: Caller,
}

impl Told {
    fn made(&self, name: &str, manifest: &BackupManifest) {
        let details = AuditDetails::default()
            .text("bytes", manifest.bytes.to_string())
            .text("sha256", &manifest.sha256)
            .number("schema", manifest.schema);
        self.write(name, AuditOutcome::Allowed, details);
    }

    fn failed(&self, reason: &str) {
        let details = AuditDetails::default().text("reason", reason);
        self.write("", AuditOutcome::Failed, details);
    }

    fn write(&self, resource: &str, outcome: AuditOutcome, details: AuditDetails) {
        let end = Refusal {
            action: action::BACKUP_END,
            resource: resource.to_owned(),
            outcome,
            details,
        };
        let entry = self.audit.end_for_host(&self.caller, end);
        if let Err(error) = self.audit.append_and_wait(entry) {
            tracing::error!(%error, "the audit log was not told how a backup ended");
        }
    }
}

impl EngineHandle {
    /// Begins to make a backup of all that the host has in its database, of all tenants.
    /// [`list_backups`](Self::list_backups) tells how far it has come, and how it ended.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`] for those who do not run the host,
    /// [`EngineError::BackupRunning`], [`EngineError::NoBackups`], or trouble of the host's own.
    pub async fn begin_backup(&self, caller: &Caller) -> Result<RunningBackup, EngineError> {
        caller.require(Permission::BackUp)?;
        self.require_running()?;
        let inner = Arc::clone(&self.0);
        let folder = inner.backups.folder()?.clone();
        let now = inner.starter.now();
        let running = inner.backups.begin(now)?;
        let told = Told {
            audit: Arc::clone(&inner.audit),
            clock: Arc::clone(&inner.starter.config.clock),
            caller: caller.clone(),
        };
        let entry = told
            .audit
            .entry_of_host(caller, action::BACKUP_CREATE, "", None);
        let begun = blocking(move || {
            // The backup tells of itself, and what it tells is signed.
            inner.audit.append_and_wait(entry).map_err(from_store)?;
            inner.signer.sign_all();
            let order = BackupOrder {
                folder,
                at: now,
                version: env!("CARGO_PKG_VERSION").to_owned(),
            };
            let (backups, store) = (Arc::clone(&inner.backups), inner.store.clone());
            let thread = std::thread::Builder::new()
                .name("backup".to_owned())
                .spawn(move || backups.run(&store, &order, &told))
                .map_err(|error| EngineError::Internal(format!("no thread: {error}")))?;
            inner.backups.state().thread = Some(thread);
            Ok(())
        });
        match begun.await.flatten() {
            Ok(()) => Ok(running),
            Err(error) => {
                self.0.backups.end(Err(error.to_string()), self.now());
                Err(error)
            }
        }
    }

    /// Lists the backups in the folder that the operator has named.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`] for those who do not run the host,
    /// [`EngineError::NoBackups`], or that the folder cannot be read.
    pub async fn list_backups(&self, caller: &Caller) -> Result<BackupList, EngineError> {
        caller.require(Permission::BackUp)?;
        let backups = Arc::clone(&self.0.backups);
        let folder = backups.folder()?.clone();
        let (running, last) = {
            let state = backups.state();
            (state.running, state.last.clone())
        };
        let listed = folder.clone();
        let mut rows = blocking(move || list_backups(&listed))
            .await?
            .map_err(|error| {
                EngineError::Internal(format!("{} cannot be read: {error}", folder.display()))
            })?;
        rows.drain(..rows.len().saturating_sub(LIST_MAX));
        Ok(BackupList {
            folder: backups.folder()?.clone(),
            running,
            last,
            backups: rows
                .into_iter()
                .map(|row| BackupDescription {
                    name: row.name,
                    path: row.path,
                    manifest: row.manifest,
                })
                .collect(),
        })
    }
}
