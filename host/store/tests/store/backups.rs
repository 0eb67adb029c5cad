//! Backups of a store that is written, and what becomes of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use stepwell_store::{
    AuditChain, BackupError, BackupOrder, BackupRow, DeliveryFilter, DeliveryStatus, ExecutionKey,
    Fault, FaultPlan, NewDataSet, RestoreError, StorageLimits, Store, StoreError, StoreOptions,
    WaitingNotifications, list_backups, restore_backup,
};
use tempfile::TempDir;

use crate::notifications::{failing, of_failures, put};
use crate::setup::{Home, decision, entry, time};

/// A store with some MiB in it, so that a backup has some steps.
fn filled(change: impl FnOnce(&mut StoreOptions)) -> Home {
    let home = Home::with(change);
    home.create_many(20);
    let new = NewDataSet {
        tenant: home.tenant,
        name: "items".to_owned(),
        created_at: time(0),
        created_by: None,
    };
    let set = home.store.begin_data_set(new).unwrap();
    for part in 0..16 {
        home.store
            .append_data_set(
                home.tenant,
                set,
                vec![part; 256 << 10],
                StorageLimits::default(),
            )
            .unwrap();
    }
    home
}

fn order(folder: &Path) -> BackupOrder {
    BackupOrder {
        folder: folder.to_owned(),
        at: time(5),
        version: "1.2.3".to_owned(),
    }
}

fn back_up(home: &Home, folder: &Path) -> Result<BackupRow, BackupError> {
    home.store.back_up(&order(folder), &mut |_| true)
}

fn restore(backup: &Path, folder: &Path) -> Result<Store, RestoreError> {
    let told = entry(&AuditChain::Host, "host:restore");
    restore_backup(backup, folder, &told, WaitingNotifications::Kept)?;
    Ok(Store::open(StoreOptions::folder(folder)).unwrap())
}

/// What stands in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// A backup, and a folder that has nothing in it yet.
struct Made {
    _home: Home,
    place: TempDir,
    backup: PathBuf,
}

impl Made {
    fn new() -> Self {
        let (home, place) = (filled(|_| {}), tempfile::tempdir().unwrap());
        let backup = back_up(&home, &place.path().join("backups")).unwrap().path;
        Self {
            _home: home,
            place,
            backup,
        }
    }

    fn target(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// Refuses the backup, and leaves nothing of it.
    fn refused(&self) -> RestoreError {
        let error = restore(&self.backup, &self.target()).unwrap_err();
        assert!(!self.target().exists(), "{error}");
        error
    }
}

#[test]
fn what_was_acknowledged_before_a_backup_is_in_it() {
    let (home, place) = (filled(|_| {}), tempfile::tempdir().unwrap());
    let ended = AtomicBool::new(false);
    let acknowledged: [AtomicU64; 20] = std::array::from_fn(|_| AtomicU64::new(1));
    let seen = || {
        acknowledged
            .each_ref()
            .map(|version| version.load(Ordering::SeqCst))
    };
    let (before, made, after) = std::thread::scope(|scope| {
        // Goes on writing, so that the copy is taken of a database that changes.
        scope.spawn(|| {
            for version in 1.. {
                for (key, known) in (1..).zip(&acknowledged) {
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                    assert_eq!(home.commit(decision(key, version, 1)), Ok(()));
                    known.store(version + 1, Ordering::SeqCst);
                }
            }
        });
        while seen()[19] < 3 {
            std::thread::yield_now();
        }
        let (before, mut steps) = (seen(), 0);
        let folder = place.path().join("backups");
        let made = home.store.back_up(&order(&folder), &mut |progress| {
            steps += 1;
            progress.done <= progress.total
        });
        let after = seen();
        ended.store(true, Ordering::SeqCst);
        assert!(steps > 3, "{steps}");
        (before, made.unwrap(), after)
    });
    assert_ne!(before, after, "nothing was written meanwhile");

    assert_eq!(
        list_backups(&place.path().join("backups")).unwrap(),
        std::slice::from_ref(&made)
    );
    assert_eq!(made.manifest.version, "1.2.3");
    let restored = restore(&made.path, &place.path().join("data")).unwrap();
    restored.check_integrity().unwrap();
    for (key, before) in (1..).map(ExecutionKey).zip(before) {
        let row = restored.load_execution_row(key).unwrap().unwrap();
        assert!(row.version.0 >= before, "{key}: {}", row.version.0);
        let events = restored.load_history(key).unwrap();
        assert_eq!(events.len() as u64, row.version.0, "{key}");
    }
    let told = restored.audit_before(0, u64::MAX, 1).unwrap();
    assert!(told[0].entry.contains("host:restore"), "{told:?}");
}

#[test]
fn a_backup_is_one_folder_of_its_own_and_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let made = Made::new();
    assert_eq!(
        names(&made.backup),
        ["SHA256SUMS", "manifest.json", "stepwell.db"]
    );
    assert_eq!(names(made.backup.parent().unwrap()).len(), 1);
    for file in ["", "manifest.json", "stepwell.db"] {
        let mode = fs::metadata(made.backup.join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    }
    let (home, folder) = (Home::new(), made.backup.parent().unwrap());
    let second = back_up(&home, folder).unwrap();
    assert_ne!(second.path, made.backup, "another one of the same time");
    assert_eq!(list_backups(folder).unwrap().len(), 2);
}

#[test]
fn a_backup_that_is_not_what_it_was_is_refused() {
    let made = Made::new();
    let database = made.backup.join("stepwell.db");
    let whole = fs::read(&database).unwrap();
    // One bit in each part of the file, and the last one.
    for place in (0..whole.len()).step_by(300_007).chain([whole.len() - 1]) {
        let mut flipped = whole.clone();
        flipped[place] ^= 1;
        fs::write(&database, &flipped).unwrap();
        let error = made.refused().to_string();
        assert!(error.contains("another checksum"), "byte {place}: {error}");
    }
    for length in [0, 1, 4_096, whole.len() - 1] {
        fs::write(&database, &whole[..length]).unwrap();
        let error = made.refused().to_string();
        assert!(
            error.contains(&format!("has {length} bytes and had")),
            "{error}"
        );
    }
    fs::remove_file(&database).unwrap();
    let error = made.refused().to_string();
    assert!(error.contains("stepwell.db is missing"), "{error}");
    fs::write(&database, &whole).unwrap();
    for name in ["manifest.json", "SHA256SUMS"] {
        let file = made.backup.join(name);
        let text = fs::read(&file).unwrap();
        for place in 0..text.len() {
            let mut flipped = text.clone();
            flipped[place] ^= 1;
            fs::write(&file, &flipped).unwrap();
            let error = made.refused();
            assert!(
                matches!(error, RestoreError::Damaged { .. }),
                "{name} {place}: {error}"
            );
        }
        fs::write(&file, &text).unwrap();
    }
    restore(&made.backup, &made.target()).unwrap();
}

#[test]
fn a_folder_that_is_used_is_left_as_it_is() {
    let made = Made::new();
    let home = Home::new();
    home.create_many(1);
    let before = names(home.path());
    let error = restore(&made.backup, home.path()).unwrap_err();
    assert!(matches!(error, RestoreError::Running { .. }), "{error}");
    assert_eq!(names(home.path()), before);
    assert_eq!(home.version(1), 1);

    fs::create_dir(made.target()).unwrap();
    fs::write(made.target().join("letters"), "mine").unwrap();
    let error = restore(&made.backup, &made.target()).unwrap_err();
    assert!(error.to_string().contains("letters"), "{error}");
    assert_eq!(names(&made.target()), ["letters"]);
}

#[test]
fn a_restore_that_broke_off_is_made_again() {
    let made = Made::new();
    fs::create_dir(made.target()).unwrap();
    for left in ["stepwell.lock", "stepwell.db.restoring"] {
        fs::write(made.target().join(left), "half").unwrap();
    }
    let store = restore(&made.backup, &made.target()).unwrap();
    assert!(
        store
            .load_execution_row(ExecutionKey(20))
            .unwrap()
            .is_some()
    );
    assert!(!names(&made.target()).contains(&"stepwell.db.restoring".to_owned()));
}

#[test]
fn a_backup_of_a_newer_version_is_refused() {
    let made = Made::new();
    let file = made.backup.join("manifest.json");
    let text = fs::read_to_string(&file).unwrap();
    let schema = text
        .lines()
        .find(|line| line.contains("\"schema\""))
        .unwrap();
    let newer = text.replace(schema, "  \"schema\": 700,");
    let sums = fs::read_to_string(made.backup.join("SHA256SUMS")).unwrap();
    let sums = sums.replace(
        &stepwell_store::Digest::of(text.as_bytes()).to_string(),
        &stepwell_store::Digest::of(newer.as_bytes()).to_string(),
    );
    fs::write(&file, newer).unwrap();
    fs::write(made.backup.join("SHA256SUMS"), sums).unwrap();
    let error = made.refused();
    assert!(
        matches!(error, RestoreError::NewerSchema { found: 700, .. }),
        "{error}"
    );
}

/// One fault, at one step of the first backup that comes to it.
#[derive(Debug)]
struct AtStep(u32, Fault, AtomicBool);

impl FaultPlan for AtStep {
    fn before_commit(&self, _commit: u64) -> Fault {
        Fault::Nothing
    }

    fn after_commit(&self, _commit: u64) -> Fault {
        Fault::Nothing
    }

    fn before_backup_step(&self, step: u32) -> Fault {
        if step == self.0 && !self.2.swap(true, Ordering::SeqCst) {
            return self.1;
        }
        Fault::Nothing
    }
}

#[test]
fn a_backup_that_breaks_off_leaves_no_half_one() {
    for (step, fault) in [
        (1, Fault::Full),
        (3, Fault::Full),
        (3, Fault::Fail),
        (3, Fault::Die),
    ] {
        let plan = Arc::new(AtStep(step, fault, AtomicBool::new(false)));
        let home = filled(|options| options.faults = Some(plan));
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("backups");
        let error = back_up(&home, &folder).unwrap_err();
        match fault {
            Fault::Full => assert!(matches!(error, BackupError::Full { .. }), "{error}"),
            Fault::Die => {
                assert_eq!(error, BackupError::Store(StoreError::Closed));
                assert_eq!(names(&folder).len(), 1, "a host that died leaves it");
            }
            _ => assert!(matches!(error, BackupError::Unusable { .. }), "{error}"),
        }
        if fault != Fault::Die {
            assert_eq!(names(&folder), [""; 0]);
        }
        assert_eq!(list_backups(&folder).unwrap(), []);
        // The next one takes the room of what was left.
        let made = back_up(&home, &folder).unwrap();
        assert_eq!(names(&folder), [made.name]);
    }
}

/// Where the child of the test below finds the store.
const LIMITED: &str = "STEPWELL_TEST_LIMITED";

/// SQLite says of it that a write failed; the limit is a process's, so a child has it.
#[cfg(unix)]
#[test]
fn a_limit_of_the_files_size_is_no_room() {
    if let Some(folder) = std::env::var_os(LIMITED) {
        let store = Store::open(StoreOptions::folder(Path::new(&folder))).unwrap();
        let backups = Path::new(&folder).join("backups");
        let error = store.back_up(&order(&backups), &mut |_| true).unwrap_err();
        assert!(matches!(error, BackupError::Full { .. }), "{error}");
        assert_eq!(names(&backups), [""; 0]);
        return;
    }
    let mut home = filled(|_| {});
    // What is in its log goes into the database's file.
    home.reopen();
    home.store.close();
    let own = std::env::current_exe().unwrap();
    let name = "backups::a_limit_of_the_files_size_is_no_room";
    // 2 MiB at most, whichever blocks the shell counts in; the database has twice as much.
    let limited = "trap '' XFSZ; ulimit -f 2048; exec \"$@\"";
    let child = std::process::Command::new("sh")
        .args(["-c", limited, "sh"])
        .arg(own)
        .args(["--exact", name, "--nocapture"])
        .env(LIMITED, home.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&child.stderr)
    );
}

#[test]
fn whoever_wants_a_backup_no_more_has_none() {
    let (home, place) = (filled(|_| {}), tempfile::tempdir().unwrap());
    let mut steps = 0;
    let broken = home.store.back_up(&order(place.path()), &mut |_| {
        steps += 1;
        steps < 3
    });
    assert_eq!(broken, Err(BackupError::BrokenOff));
    assert_eq!(names(place.path()), [""; 0]);
}

#[test]
fn what_waits_to_be_sent_is_given_up_by_a_restore_unless_it_is_kept() {
    let (home, place) = (Home::new(), tempfile::tempdir().unwrap());
    put(&home, of_failures(&home, "ops")).unwrap();
    home.create_many(1);
    home.commit(failing(1)).unwrap();
    let backup = back_up(&home, &place.path().join("backups")).unwrap().path;
    let told = entry(&AuditChain::Host, "host:restore");
    let at = time(9);
    for (name, waiting, given_up) in [
        ("alone", WaitingNotifications::GivenUp { at }, 1),
        ("both", WaitingNotifications::Kept, 0),
    ] {
        let folder = place.path().join(name);
        let restored = restore_backup(&backup, &folder, &told, waiting).unwrap();
        assert_eq!(restored.given_up, given_up);
        let store = Store::open(StoreOptions::folder(&folder)).unwrap();
        let due = store.due_deliveries(at, 10).unwrap();
        assert_eq!(due.len(), 1 - given_up, "{name}");
        let filter = DeliveryFilter {
            tenant: home.tenant,
            notification: "ops".to_owned(),
            status: Some(DeliveryStatus::Dead),
            before: None,
            limit: 10,
        };
        let dead = store.list_deliveries(&filter).unwrap();
        assert_eq!(dead.len(), given_up, "{name}");
        if let Some(dead) = dead.first() {
            assert_eq!(dead.ended_at, Some(at));
            let reason = dead.last_error.as_deref().unwrap();
            assert!(reason.contains("restored"), "{reason}");
        }
        store.check_integrity().unwrap();
    }
}
