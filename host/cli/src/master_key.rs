//! Where a host's master key comes from: a file that is named, systemd, or, for a
//! developer's own machine, the data folder.

use std::env;
use std::path::{Path, PathBuf};

use clap::Args;
use stepwell_engine::check_keys;
use stepwell_store::Store;
use stepwell_vault::{KeyFileError, MasterKey, Trust, Vault, read_key_file, write_key_file};

use crate::exit::{CliError, Exit};

/// Name of the credential that systemd hands over.
const CREDENTIAL: &str = "stepwell-master-key";
/// Variable that names the folder of a service's credentials.
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
/// File of the key that a host for development makes for itself, in its data folder.
const DEV_KEY_FILE: &str = "master-key";

/// Which master keys a host has.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct MasterKeyArgs {
    /// File of the master key that secrets are sealed with. Without it, the systemd
    /// credential `stepwell-master-key`; with --dev, a key in the data folder
    #[arg(long, env = "STEPWELL_MASTER_KEY_FILE", value_name = "FILE")]
    master_key_file: Option<PathBuf>,
    /// File of the master key before this one: what it has sealed is sealed anew at the
    /// start
    #[arg(
        long,
        env = "STEPWELL_OLD_MASTER_KEY_FILE",
        value_name = "FILE",
        requires = "master_key_file"
    )]
    old_master_key_file: Option<PathBuf>,
}

/// What a host does that is given no key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WithoutKey<'a> {
    /// It keeps no secrets.
    KeepNone,
    /// It makes a key in its data folder.
    MakeOne(&'a Path),
    /// It makes one that ends with it, as its data do.
    MakeOneInMemory,
}

/// A host's keys, and where the current one is.
pub(crate) struct MasterKeys {
    pub(crate) vault: Vault,
    /// The file, where the key was not handed over by name.
    pub(crate) dev_file: Option<PathBuf>,
}

impl MasterKeyArgs {
    /// Finds the keys of a host, and checks that they open all that is sealed in its
    /// database. Nothing is changed where they do not.
    ///
    /// # Errors
    /// A key cannot be read or made, or is not the one that the database needs.
    pub(crate) fn load(
        &self,
        without: WithoutKey<'_>,
        store: &Store,
    ) -> Result<MasterKeys, CliError> {
        let (current, dev_file) = match (self.named_file(), without) {
            (Some((file, trust)), _) => (Some(read_key_file(&file, trust)?), None),
            (None, WithoutKey::MakeOne(folder)) => {
                let file = folder.join(DEV_KEY_FILE);
                (own_key(&file, store)?, Some(file))
            }
            (None, WithoutKey::MakeOneInMemory) => (Some(generate()?), None),
            (None, WithoutKey::KeepNone) => (None, None),
        };
        let older = self.old_master_key_file.as_deref();
        let older = older.map(|file| read_key_file(file, trust(file)));
        let vault = match current {
            Some(key) => Vault::new(key, older.transpose()?),
            None => Vault::without_key(),
        };
        check_keys(store, &vault)
            .map_err(|error| CliError::new(Exit::Unavailable, error.to_string()))?;
        Ok(MasterKeys { vault, dev_file })
    }

    fn named_file(&self) -> Option<(PathBuf, Trust)> {
        if let Some(file) = &self.master_key_file {
            return Some((file.clone(), trust(file)));
        }
        let file = credentials()?.join(CREDENTIAL);
        file.exists().then_some((file, Trust::System))
    }
}

/// The key that a host for development made for itself, or makes now. Where values are
/// sealed with one that is lost, another one would only hide that.
fn own_key(file: &Path, store: &Store) -> Result<Option<MasterKey>, CliError> {
    if file.exists() {
        return Ok(Some(read_key_file(file, Trust::Mode)?));
    }
    let sealed = store
        .sealing_keys()
        .map_err(|error| CliError::new(Exit::Unavailable, error.to_string()))?;
    if !sealed.is_empty() {
        return Ok(None);
    }
    let key = generate()?;
    write_key_file(file, &key)?;
    Ok(Some(key))
}

pub(crate) fn generate() -> Result<MasterKey, CliError> {
    MasterKey::generate().map_err(|error| CliError::new(Exit::Unavailable, error.to_string()))
}

/// Who vouches for a key's file.
pub(crate) fn trust(file: &Path) -> Trust {
    match credentials() {
        Some(folder) if file.starts_with(&folder) => Trust::System,
        _ => Trust::Mode,
    }
}

fn credentials() -> Option<PathBuf> {
    let folder = env::var_os(CREDENTIALS_VARIABLE).map(PathBuf::from);
    folder.filter(|folder| folder.is_absolute())
}

impl From<KeyFileError> for CliError {
    fn from(error: KeyFileError) -> Self {
        Self::usage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use stepwell_store::StoreOptions;

    use super::*;

    fn store() -> Store {
        Store::open(StoreOptions::memory()).unwrap()
    }

    #[test]
    fn a_host_for_development_makes_its_key_once() {
        let folder = tempfile::tempdir().unwrap();
        let load = || {
            let args = MasterKeyArgs::default();
            let keys = args.load(WithoutKey::MakeOne(folder.path()), &store());
            keys.unwrap().vault.key_id()
        };
        let made = load();
        assert!(made.is_some());
        assert_eq!(load(), made);
    }

    #[test]
    fn a_named_file_goes_before_all_else_and_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let args = MasterKeyArgs {
            master_key_file: Some(file.clone()),
            ..MasterKeyArgs::default()
        };
        let own = WithoutKey::MakeOne(folder.path());
        assert!(args.load(own, &store()).is_err());
        let key = generate().unwrap();
        write_key_file(&file, &key).unwrap();
        let keys = args.load(own, &store()).unwrap();
        assert_eq!(keys.vault.key_id(), Some(key.id()));
        assert_eq!(keys.dev_file, None);
        assert!(!folder.path().join(DEV_KEY_FILE).exists());
    }

    #[test]
    fn without_a_key_there_are_no_secrets() {
        let keys = MasterKeyArgs::default().load(WithoutKey::KeepNone, &store());
        assert_eq!(keys.unwrap().vault.key_id(), None);
    }
}
