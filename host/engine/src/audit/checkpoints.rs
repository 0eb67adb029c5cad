//! Signs where the chains stand, at intervals and when the host stops.
//!
//! A checkpoint is kept in the database, told to the log, and where the operator wants it,
//! written to a file that lies elsewhere: who changes the database and has not the key
//! cannot change all three.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stepwell_store::{AuditChain, AuditSource, CheckpointKey, SignedCheckpoint, Store, StoreError};

use crate::audit::Auditor;
use crate::clock::Clock;

/// How the audit log is signed.
#[derive(Debug, Clone)]
pub struct AuditConfig {
    /// What checkpoints are signed with. Without one, the host signs nothing: for hosts
    /// that live in memory.
    pub key: Option<Arc<CheckpointKey>>,
    /// A file that checkpoints are appended to, beside the database.
    pub file: Option<PathBuf>,
    /// Time between two checkpoints of a chain that goes on.
    pub interval: Duration,
    /// Entries after which a checkpoint is made before its time.
    pub entries: u64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            key: None,
            file: None,
            interval: Duration::from_secs(60),
            entries: 10_000,
        }
    }
}

/// How often the thread looks whether there is something to do.
const LOOK: Duration = Duration::from_secs(5);

/// Makes checkpoints.
pub(crate) struct Signer {
    store: Store,
    clock: Arc<dyn Clock>,
    config: AuditConfig,
}

impl Signer {
    pub(crate) fn new(store: &Store, clock: &Arc<dyn Clock>, config: &AuditConfig) -> Self {
        Self {
            store: store.clone(),
            clock: Arc::clone(clock),
            config: config.clone(),
        }
    }

    /// Signs where a chain stands, unless it was signed there already.
    pub(crate) fn sign(&self, chain: &AuditChain) -> Result<(), StoreError> {
        let Some(key) = &self.config.key else {
            return Ok(());
        };
        let signed = self.store.sign_audit(chain, key, self.clock.now())?;
        if let Some(signed) = signed {
            tracing::info!(checkpoint = signed.line(), "the audit log was signed");
            if let Some(path) = &self.config.file
                && let Err(error) = append(path, &signed)
            {
                tracing::error!(%error, path = %path.display(), "a checkpoint was not written");
            }
        }
        Ok(())
    }

    /// The same for all chains.
    pub(crate) fn sign_all(&self) {
        let signed = AuditSource::Store(self.store.clone())
            .chains()
            .and_then(|chains| chains.iter().try_for_each(|chain| self.sign(chain)));
        if let Err(error) = signed {
            tracing::error!(%error, "the audit log was not signed");
        }
    }

    /// Compares the last checkpoint of each chain with what is there, and says so where it
    /// is something else: the host goes on, and verifying tells the place.
    fn compare(&self, auditor: &Auditor) {
        let compared = AuditSource::Store(self.store.clone())
            .chains()
            .and_then(|chains| {
                chains.into_iter().try_for_each(|chain| {
                    if self.store.audit_stands(chain.number())? {
                        return Ok(());
                    }
                    tracing::error!(
                        %chain,
                        "the audit log is not the one that was signed: run 'stepwell audit verify'"
                    );
                    auditor.append_fault(&chain);
                    Ok(())
                })
            });
        if let Err(error) = compared {
            tracing::error!(%error, "the audit log was not compared with its checkpoints");
        }
    }
}

fn append(path: &Path, signed: &SignedCheckpoint) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file: File = options.open(path)?;
    file.write_all(format!("{}\n", signed.line()).as_bytes())?;
    file.sync_data()
}

/// The thread that signs. Dropped, it ends without a last signature, like a host that dies.
pub(crate) struct Signing {
    signer: Arc<Signer>,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Signing {
    pub(crate) fn start(signer: Signer, auditor: &Arc<Auditor>) -> std::io::Result<Self> {
        let signer = Arc::new(signer);
        let (signs, auditor) = (Arc::clone(&signer), Arc::clone(auditor));
        let (stop, stopped) = channel();
        let builder = std::thread::Builder::new().name("audit".to_owned());
        let thread = builder.spawn(move || run(&signs, &auditor, &stopped))?;
        Ok(Self {
            signer,
            stop,
            thread,
        })
    }

    /// What signs.
    pub(crate) fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.signer)
    }

    /// Signs where all chains stand, and ends.
    pub(crate) fn stop(self) {
        // A thread that has ended by itself has said why.
        let _ = self.stop.send(());
        if self.thread.join().is_err() {
            tracing::error!("the thread that signs the audit log had panicked");
        }
    }
}

fn run(signer: &Signer, auditor: &Auditor, stopped: &Receiver<()>) {
    signer.compare(auditor);
    let (mut signed_at, mut signed_entries) = (Instant::now(), signer.store.stats().audit_entries);
    loop {
        match stopped.recv_timeout(LOOK) {
            Err(RecvTimeoutError::Timeout) => auditor.tell_suppressed(),
            Err(RecvTimeoutError::Disconnected) => return,
            Ok(()) => break,
        }
        let entries = signer.store.stats().audit_entries;
        let due = signed_at.elapsed() >= signer.config.interval
            || entries - signed_entries >= signer.config.entries;
        if due {
            signer.sign_all();
            (signed_at, signed_entries) = (Instant::now(), entries);
        }
    }
    auditor.end();
    signer.sign_all();
}
