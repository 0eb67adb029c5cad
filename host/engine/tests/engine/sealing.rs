//! Master keys: which one is needed, how one follows another, and that nothing is lost
//! wherever that is broken off.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::harness::somebody;
use stepwell_engine::{SealingError, Timestamp, check_keys, seal_all};
use stepwell_store::{
    AccessKeyRow, Fault, FaultPlan, KeySecret, NewSecretVersion, NewTenant, Resealed, SealedPlace,
    StorageLimits, Store, StoreOptions, TenantId,
};
use stepwell_vault::{MasterKey, Place, Vault, VaultError};

const KEY_SECRET: &str = "0123456789abcdefghijABCDEFGHIJ0123456789";

/// Secrets whose sealing anew takes more than one transaction.
const SECRETS: u32 = 150;

/// Keys that can be had again.
struct Keys(Vec<String>);

impl Keys {
    fn new(count: usize) -> Self {
        let text = |_| MasterKey::generate().unwrap().to_text().to_string();
        Self((0..count).map(text).collect())
    }

    fn get(&self, index: usize) -> MasterKey {
        MasterKey::parse(&self.0[index]).unwrap()
    }

    fn vault(&self, current: usize, older: &[usize]) -> Vault {
        Vault::new(
            self.get(current),
            older.iter().map(|index| self.get(*index)),
        )
    }
}

fn value(number: u32) -> String {
    format!("the value of number {number}")
}

fn place(tenant: TenantId, number: u32) -> Place<'static> {
    const NAMES: [&str; 2] = ["even", "odd"];
    Place::Secret {
        tenant: tenant.0,
        name: NAMES[(number % 2) as usize],
        version: number / 2 + 1,
    }
}

/// A database with secrets that a vault has sealed, and an access key that nobody has.
fn furnish(folder: &Path, vault: &Vault) -> TenantId {
    let store = Store::open(StoreOptions::folder(folder)).unwrap();
    let tenant = NewTenant {
        name: "acme".to_owned(),
        account: "000000000001".to_owned(),
        region: "us-east-1".to_owned(),
        created_at: Timestamp::from_ms(0),
    };
    let tenant = store.change(somebody()).put_tenant(tenant).unwrap();
    for number in 0..SECRETS {
        let place = place(tenant, number);
        let sealed = vault.seal(place, value(number).as_bytes()).unwrap();
        let Place::Secret { name, version, .. } = place else {
            unreachable!()
        };
        let new = NewSecretVersion {
            tenant,
            name: name.to_owned(),
            version,
            key_id: sealed.key_id.as_bytes().to_vec(),
            sealed: sealed.bytes,
            created_at: Timestamp::from_ms(1),
            created_by: None,
            versions_max: SECRETS,
            secrets_max: 10,
        };
        store
            .change(somebody())
            .put_secret_version(new, StorageLimits::default())
            .unwrap();
    }
    let key = AccessKeyRow {
        id: "SWAKTEST".to_owned(),
        tenant,
        name: "ci".to_owned(),
        secret: KeySecret::Plain(KEY_SECRET.to_owned()),
        role: "admin".to_owned(),
        permissions: None,
        created_at: Timestamp::from_ms(1),
        created_by: None,
        expires_at: None,
    };
    store.change(somebody()).put_access_key(key).unwrap();
    store.close();
    tenant
}

/// Opens every value, by whichever key.
fn assert_all_open(store: &Store, vault: &Vault, tenant: TenantId) {
    let mut seen = 0;
    for id in store.sealing_keys().unwrap() {
        for row in store.list_sealed(&id, 1_000).unwrap() {
            let SealedPlace::Secret { name, version, .. } = &row.place else {
                continue;
            };
            let number = (version - 1) * 2 + u32::from(name == "odd");
            let opened = vault.open(place(tenant, number), &row.sealed).unwrap();
            assert_eq!(*opened, value(number).into_bytes());
            seen += 1;
        }
    }
    assert_eq!(seen, SECRETS);
}

/// Dies before or after a commit.
#[derive(Debug)]
struct DieAt {
    commit: u64,
    after: bool,
}

impl FaultPlan for DieAt {
    fn before_commit(&self, commit: u64) -> Fault {
        if !self.after && commit == self.commit {
            return Fault::Die;
        }
        Fault::Nothing
    }

    fn after_commit(&self, commit: u64) -> Fault {
        if self.after && commit == self.commit {
            return Fault::Die;
        }
        Fault::Nothing
    }
}

#[test]
fn rekeying_that_is_broken_off_anywhere_loses_nothing_and_is_taken_up() {
    let keys = Keys::new(2);
    for after in [false, true] {
        let mut commit = 1;
        loop {
            let folder = tempfile::tempdir().unwrap();
            let tenant = furnish(folder.path(), &keys.vault(0, &[]));
            let mut options = StoreOptions::folder(folder.path());
            options.faults = Some(Arc::new(DieAt { commit, after }));
            let store = Store::open(options).unwrap();
            let both = keys.vault(1, &[0]);
            let ended = seal_all(&store, &both);
            drop(store);

            let store = Store::open(StoreOptions::folder(folder.path())).unwrap();
            assert!(check_keys(&store, &both).is_ok());
            assert_all_open(&store, &both, tenant);
            seal_all(&store, &both).unwrap();
            let new = keys.vault(1, &[]);
            assert!(check_keys(&store, &new).is_ok());
            assert_all_open(&store, &new, tenant);
            assert_eq!(store.list_unsealed_access_keys(10), Ok(Vec::new()));
            store.close();
            if ended.is_ok() {
                break;
            }
            commit += 1;
        }
        assert!(commit > 3, "{commit} commits");
    }
}

#[test]
fn a_key_that_does_not_fit_is_refused_with_the_one_that_is_needed() {
    let keys = Keys::new(2);
    let folder = tempfile::tempdir().unwrap();
    furnish(folder.path(), &keys.vault(0, &[]));
    let store = Store::open(StoreOptions::folder(folder.path())).unwrap();
    for vault in [keys.vault(1, &[]), Vault::without_key()] {
        let refused = check_keys(&store, &vault).unwrap_err();
        assert!(matches!(&refused, SealingError::MissingKey { needed, .. }
            if *needed == [keys.get(0).id()]));
        let said = refused.to_string();
        for word in [&*keys.get(0).id().to_string(), "--master-key-file"] {
            assert!(said.contains(word), "{said}");
        }
    }
    assert!(check_keys(&store, &keys.vault(0, &[])).is_ok());
}

#[test]
fn what_was_kept_in_the_clear_is_nowhere_in_the_files_once_it_is_sealed() {
    let keys = Keys::new(1);
    let folder = tempfile::tempdir().unwrap();
    furnish(folder.path(), &keys.vault(0, &[]));
    assert!(files_hold(folder.path(), KEY_SECRET), "it was there before");
    let store = Store::open(StoreOptions::folder(folder.path())).unwrap();
    assert_eq!(seal_all(&store, &keys.vault(0, &[])).unwrap().sealed, 1);
    store.close();
    assert!(!files_hold(folder.path(), KEY_SECRET));
    assert!(!files_hold(folder.path(), "the value of number"));
}

fn files_hold(folder: &Path, text: &str) -> bool {
    let files = fs::read_dir(folder).unwrap();
    files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .any(|bytes| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        })
}

#[test]
fn values_that_were_swapped_between_rows_do_not_open() {
    let keys = Keys::new(1);
    let vault = keys.vault(0, &[]);
    let folder = tempfile::tempdir().unwrap();
    let tenant = furnish(folder.path(), &vault);
    let store = Store::open(StoreOptions::folder(folder.path())).unwrap();
    let rows = store.list_sealed(keys.get(0).id().as_bytes(), 2).unwrap();
    let swapped = |of: usize, with: usize| Resealed {
        place: rows[of].place.clone(),
        key_id: keys.get(0).id().as_bytes().to_vec(),
        sealed: rows[with].sealed.clone(),
    };
    store
        .put_resealed(vec![swapped(0, 1), swapped(1, 0)])
        .unwrap();
    let rows = store.list_sealed(keys.get(0).id().as_bytes(), 2).unwrap();
    for row in rows {
        let SealedPlace::Secret { name, version, .. } = &row.place else {
            unreachable!()
        };
        let number = (version - 1) * 2 + u32::from(name == "odd");
        let opened = vault.open(place(tenant, number), &row.sealed);
        assert_eq!(opened.err(), Some(VaultError::Tampered));
    }
    // Nor are they sealed anew as if they were what they are not.
    let refused = seal_all(
        &store,
        &Vault::new(MasterKey::generate().unwrap(), [keys.get(0)]),
    );
    assert!(matches!(refused, Err(SealingError::Unusable { .. })));
}
