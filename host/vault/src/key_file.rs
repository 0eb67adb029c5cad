//! Master keys in files: read with a look at who else could, written for their owner alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::key::{MasterKey, MasterKeyError};

/// A key file has 70 bytes; what is much longer is another file.
const FILE_MAX_BYTES: u64 = 4_096;

/// Who says that a file is safe from others' eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The file's mode: its group and others must have no permission.
    Mode,
    /// The system that put it there: systemd's credentials lie in a folder of the
    /// service's own and have a mode of systemd's choice.
    System,
}

/// Why a key file cannot be used. The messages say what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read the master key file {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others than its owner may read it.
    #[error(
        "others may read the master key file {} (mode {mode:04o}): chmod 600 it, or let \
         systemd hand it over (LoadCredential=)", path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds no key.
    #[error("the master key file {} cannot be used: {error}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        error: MasterKeyError,
    },
    /// There is a file of that name, which may be a key that values are sealed with.
    #[error(
        "the file {} is there already: use it if it is a master key, or name another file",
        path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be made.
    #[error("cannot make the master key file {}: {error}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Reads a key from a file.
///
/// # Errors
/// The file cannot be read, others may read it, or it holds no key.
pub fn read_key_file(path: &Path, trust: Trust) -> Result<MasterKey, KeyFileError> {
    let unreadable = |error| KeyFileError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let file = fs::File::open(path).map_err(unreadable)?;
    if trust == Trust::Mode {
        // Of the open file, so that it is the one that is read.
        let mode = permissions(&file.metadata().map_err(unreadable)?);
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(KeyFileError::Open { path, mode });
        }
    }
    let mut text = Zeroizing::new(String::with_capacity(128));
    file.take(FILE_MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    MasterKey::parse(&text).map_err(|error| KeyFileError::Malformed {
        path: path.to_owned(),
        error,
    })
}

/// Writes a key into a new file that only its owner can read. A file that is there stays:
/// a key that is overwritten takes every value with it.
///
/// # Errors
/// [`KeyFileError::Exists`] or [`KeyFileError::Unwritable`].
pub fn write_key_file(path: &Path, key: &MasterKey) -> Result<(), KeyFileError> {
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(key.to_text().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        // The name must be as durable as the file: values will depend on it.
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Exists { path },
            _ => KeyFileError::Unwritable { path, error },
        }
    })
}

#[cfg(unix)]
fn permissions(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777
}

#[cfg(not(unix))]
fn permissions(_metadata: &fs::Metadata) -> u32 {
    0o600
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_file_is_its_owners_alone_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let key = MasterKey::generate().unwrap();
        write_key_file(&file, &key).unwrap();
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert_eq!(read_key_file(&file, Trust::Mode).unwrap().id(), key.id());

        let other = MasterKey::generate().unwrap();
        let refused = write_key_file(&file, &other).unwrap_err().to_string();
        assert!(refused.contains("name another file"), "{refused}");
        assert_eq!(read_key_file(&file, Trust::Mode).unwrap().id(), key.id());
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_unless_the_system_vouches_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        write_key_file(&file, &MasterKey::generate().unwrap()).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let refused = read_key_file(&file, Trust::Mode).unwrap_err();
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
            assert!(read_key_file(&file, Trust::System).is_ok());
        }
    }

    #[test]
    fn a_file_without_a_key_is_named_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        fs::write(&file, "hunter2hunter2").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let refused = read_key_file(&file, Trust::Mode).unwrap_err().to_string();
        assert!(refused.contains("key cannot be used"), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
        let missing = read_key_file(&folder.path().join("none"), Trust::Mode);
        assert!(missing.unwrap_err().to_string().contains("cannot read"));
    }
}
