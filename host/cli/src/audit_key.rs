//! The key that a host signs its audit log with, and where checkpoints go beside.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use stepwell_engine::audit::{AuditConfig, CheckpointKey};

use crate::exit::{CliError, Exit};

/// File of the key that a host makes for itself, in its data folder.
const KEY_FILE: &str = "audit.key";

/// How a host signs its audit log.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AuditArgs {
    /// File of the key that signs the audit log: 64 hexadecimal digits. Without it, the host
    /// makes one in its data folder
    #[arg(long, env = "STEPWELL_AUDIT_KEY_FILE", value_name = "FILE")]
    audit_key_file: Option<PathBuf>,
    /// File that the audit log's signed checkpoints are appended to; let it lie where the
    /// host's data do not
    #[arg(long, env = "STEPWELL_AUDIT_CHECKPOINTS", value_name = "FILE")]
    audit_checkpoints: Option<PathBuf>,
}

impl AuditArgs {
    /// Reads the key of a host, or makes it in its data folder.
    ///
    /// # Errors
    /// The key cannot be read or made, or is none.
    pub(crate) fn load(&self, folder: &Path) -> Result<AuditConfig, CliError> {
        let seed = match &self.audit_key_file {
            Some(path) => read(path).map_err(|error| broken(path, &error.to_string()))?,
            None => {
                let path = folder.join(KEY_FILE);
                own(&path).map_err(|error| broken(&path, &error.to_string()))?
            }
        };
        let named = self.audit_key_file.clone();
        let path = named.unwrap_or_else(|| folder.join(KEY_FILE));
        let key = parse(&seed).and_then(|seed| CheckpointKey::from_seed(&seed));
        let key =
            key.ok_or_else(|| broken(&path, "give 64 hexadecimal digits: `openssl rand -hex 32`"))?;
        Ok(AuditConfig {
            key: Some(Arc::new(key)),
            file: self.audit_checkpoints.clone(),
            ..AuditConfig::default()
        })
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let file = OpenOptions::new().read(true).open(path)?;
    file.take(1_024).read_to_string(&mut text)?;
    Ok(text)
}

/// Reads the key in the data folder, or makes it for its owner's eyes alone.
fn own(path: &Path) -> std::io::Result<String> {
    match read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        read => return read,
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(std::io::Error::other)?;
    let text: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(format!("{text}\n").as_bytes())?;
    file.sync_all()?;
    Ok(text)
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let digits = text.trim();
    let mut seed = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    for (index, byte) in seed.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(seed)
}

fn broken(path: &Path, reason: &str) -> CliError {
    CliError::new(
        Exit::Unavailable,
        format!("the key of the audit log, {}: {reason}", path.display()),
    )
}
