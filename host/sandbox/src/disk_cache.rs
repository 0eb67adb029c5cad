//! Compiled code on disk, by component digest and engine, authenticated by the host.
//!
//! Compiled code is machine code that this process will run. A file counts only if its MAC,
//! made with the host's key over the digest, the engine, and the code, is right: nobody who
//! can write here without the key can have anything run, and no file stands in for another.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::digest::{ComponentDigest, hex};
use crate::error::SandboxError;

/// Keeps this MAC apart from whatever else the same key might authenticate.
const DOMAIN: &[u8] = b"stepwell compiled component v1";
const MAC_BYTES: usize = 32;
const EXTENSION: &str = "cwasm";
const UNFINISHED_EXTENSION: &str = "tmp";

/// The compiled cache of one host. Best effort: what cannot be read is compiled again, what
/// cannot be written is compiled again next time.
pub(crate) struct DiskCache {
    dir: PathBuf,
    key: [u8; 32],
    engine: [u8; 32],
    unfinished: AtomicU64,
}

/// Compiled code whose MAC was right.
pub(crate) struct AuthenticCode(Vec<u8>);

impl AuthenticCode {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0[MAC_BYTES..]
    }
}

impl DiskCache {
    /// Opens a cache for one engine, and removes what no engine like it can use any more.
    ///
    /// # Errors
    ///
    /// Returns [`SandboxError::CacheFolder`] where the folder cannot be made, belongs to
    /// somebody else, or cannot be closed to others.
    pub(crate) fn open(dir: &Path, key: [u8; 32], engine: [u8; 32]) -> Result<Self, SandboxError> {
        let folder_error = |source| SandboxError::CacheFolder {
            path: dir.to_path_buf(),
            source,
        };
        make_private(dir).map_err(folder_error)?;
        let cache = Self {
            dir: dir.to_path_buf(),
            key,
            engine,
            unfinished: AtomicU64::new(0),
        };
        cache.remove_stale().map_err(folder_error)?;
        Ok(cache)
    }

    /// Returns the compiled code of a component, if there is any that this host wrote.
    pub(crate) fn get(&self, digest: &ComponentDigest) -> Option<AuthenticCode> {
        let path = self.path(digest);
        let file = match fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled code cannot be read");
                return None;
            }
        };
        let authentic = file
            .split_at_checked(MAC_BYTES)
            .is_some_and(|(mac, code)| self.mac(digest, code).verify_slice(mac).is_ok());
        if !authentic {
            tracing::warn!(
                path = %path.display(),
                "compiled code is not authentic: it is removed and compiled again"
            );
            let _gone = fs::remove_file(&path);
            return None;
        }
        Some(AuthenticCode(file))
    }

    /// Keeps the compiled code of a component.
    pub(crate) fn put(&self, digest: &ComponentDigest, code: &[u8]) {
        let path = self.path(digest);
        if let Err(error) = self.write(&path, digest, code) {
            tracing::warn!(path = %path.display(), %error, "compiled code cannot be kept");
        }
    }

    /// Writes a file of its own first: readers see a whole one or none.
    fn write(&self, path: &Path, digest: &ComponentDigest, code: &[u8]) -> io::Result<()> {
        let number = self.unfinished.fetch_add(1, Ordering::Relaxed);
        let unfinished = path.with_extension(format!(
            "{}-{number}.{UNFINISHED_EXTENSION}",
            std::process::id()
        ));
        let mac = self.mac(digest, code).finalize().into_bytes();
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)
            .and_then(|mut file| {
                file.write_all(&mac)?;
                file.write_all(code)
            })
            .and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            let _gone = fs::remove_file(&unfinished);
        }
        written
    }

    fn mac(&self, digest: &ComponentDigest, code: &[u8]) -> Hmac<Sha256> {
        Hmac::<Sha256>::new_from_slice(&self.key)
            .expect("HMAC takes keys of any length")
            .chain_update(DOMAIN)
            .chain_update(digest.as_bytes())
            .chain_update(self.engine)
            .chain_update(code)
    }

    fn path(&self, digest: &ComponentDigest) -> PathBuf {
        self.dir
            .join(format!("{}{}", digest.to_hex(), self.suffix()))
    }

    /// Ends the names of all files of this engine.
    fn suffix(&self) -> String {
        format!("-{}.{EXTENSION}", hex(&self.engine[..8]))
    }

    /// Removes code of other engines (a version of before an upgrade), which nobody asks for
    /// again, and files that a crash left unfinished.
    fn remove_stale(&self) -> io::Result<()> {
        let suffix = self.suffix();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let extension = name.rsplit('.').next();
            let stale = match extension {
                Some(UNFINISHED_EXTENSION) => true,
                Some(EXTENSION) => !name.ends_with(&suffix),
                _ => false,
            };
            if stale {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Makes a folder, or takes an existing one, for this user alone.
fn make_private(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let found = fs::metadata(dir)?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the folder belongs to another user",
        ));
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    }
    Ok(())
}
