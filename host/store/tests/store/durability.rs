//! An acknowledgement means: on the disk.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use stepwell_store::{Created, ExecutionKey, Fault, FaultPlan, Store, StoreError, StoreOptions};

use crate::setup::{Home, decision, events};

/// Copies the files of a database as a crash of the machine at this moment leaves them, at
/// best: a process that reads them knows only what is in the files.
fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for name in ["stepwell.db", "stepwell.db-wal"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.path().join(name)).unwrap();
        }
    }
    to
}

#[test]
fn what_was_acknowledged_is_in_the_files_at_once() {
    let home = Home::new();
    home.create_many(3);
    for version in 1..20 {
        home.commit(decision(1, version, 1)).unwrap();
        let copy = copy(home.path());
        let twin = Store::open(StoreOptions::folder(copy.path())).unwrap();
        assert_eq!(
            twin.load_history(ExecutionKey(1)),
            Ok(events(1, version + 1))
        );
    }
}

/// Looks at the files right before a commit and right after it.
#[derive(Debug)]
struct Spy {
    folder: PathBuf,
    armed: AtomicBool,
    seen: mpsc::SyncSender<u64>,
}

impl Spy {
    fn look(&self) {
        if self.armed.load(Ordering::SeqCst) {
            let copy = copy(&self.folder);
            let twin = Store::open(StoreOptions::folder(copy.path())).unwrap();
            let row = twin.load_execution_row(ExecutionKey(1)).unwrap().unwrap();
            self.seen.send(row.version.0).unwrap();
        }
    }
}

impl FaultPlan for Spy {
    fn before_commit(&self, _commit: u64) -> Fault {
        self.look();
        Fault::Nothing
    }

    fn after_commit(&self, _commit: u64) -> Fault {
        self.look();
        Fault::Nothing
    }
}

#[test]
fn the_answer_comes_after_the_commit_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let (seen, looks) = mpsc::sync_channel(0);
    let armed = AtomicBool::new(false);
    let spy = Arc::new(Spy {
        folder: folder.path().to_owned(),
        armed,
        seen,
    });
    let mut options = StoreOptions::folder(folder.path());
    options.faults = Some(Arc::clone(&spy) as Arc<dyn FaultPlan>);
    let store = Store::open(options).unwrap();
    let (tenant, machine) = crate::setup::furnish(&store);
    let home = Home {
        store,
        tenant,
        machine,
        folder,
    };
    home.create_many(1);

    spy.armed.store(true, Ordering::SeqCst);
    let (answer, answered) = mpsc::channel();
    home.store.commit(
        decision(1, 1, 1),
        Box::new(move |result| answer.send(result).unwrap()),
    );
    // Not in the files before the commit, there after it, and only then the answer: the
    // writing thread stands still at each look until it is taken here.
    assert_eq!(looks.recv(), Ok(1));
    assert_eq!(answered.try_recv(), Err(mpsc::TryRecvError::Empty));
    assert_eq!(looks.recv(), Ok(2));
    assert_eq!(answered.recv(), Ok(Ok(())));
    spy.armed.store(false, Ordering::SeqCst);
}

#[test]
fn many_writers_share_commits_and_each_hears_of_its_own() {
    let mut home = Home::new();
    home.create_many(8);
    let before = home.store.stats();
    std::thread::scope(|scope| {
        for key in 1..=8 {
            let home = &home;
            scope.spawn(move || {
                for version in 1..=50 {
                    home.commit(decision(key, version, 1)).unwrap();
                }
            });
        }
    });
    let stats = home.store.stats();
    assert_eq!(stats.writes - before.writes, 400);
    assert!(stats.commits - before.commits < 400, "{stats:?}");
    home.reopen();
    for key in 1..=8 {
        assert_eq!(
            home.store.load_history(ExecutionKey(key)),
            Ok(events(1, 51))
        );
    }
    home.store.check_integrity().unwrap();
}

#[test]
fn closing_writes_what_has_queued_and_refuses_the_rest() {
    let mut home = Home::new();
    home.create_many(1);
    let (tell, told) = mpsc::channel();
    for version in 1..=100 {
        let tell = tell.clone();
        home.store.commit(
            decision(1, version, 1),
            Box::new(move |result| tell.send(result).unwrap()),
        );
    }
    let clone = home.store.clone();
    home.reopen();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), vec![Ok(()); 100]);
    assert_eq!(home.version(1), 101);

    assert_eq!(
        clone.load_execution_row(ExecutionKey(1)),
        Err(StoreError::Closed)
    );
    assert_eq!(clone.put_setting("a", b"b"), Err(StoreError::Closed));
    clone.commit(
        decision(1, 101, 1),
        Box::new(move |result| tell.send(result).unwrap()),
    );
    assert_eq!(told.recv(), Ok(Err(StoreError::Closed)));
}

#[test]
fn the_last_clone_may_go_with_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(StoreOptions::folder(folder.path())).unwrap();
    let (tenant, machine) = crate::setup::furnish(&store);
    let home = Home {
        store,
        tenant,
        machine,
        folder,
    };
    let new = home.new_execution(1);
    let Home { store, folder, .. } = home;
    let (tell, told) = mpsc::channel();
    let last = store.clone();
    store.create_execution(
        new,
        Box::new(move |result| {
            drop(last);
            tell.send(result).unwrap();
        }),
    );
    drop(store);
    assert_eq!(told.recv(), Ok(Ok(Created::New)));
    // The writing thread lets go of the folder when it has left.
    let reopened = loop {
        match Store::open(StoreOptions::folder(folder.path())) {
            Err(StoreError::Locked { .. }) => std::thread::yield_now(),
            other => break other.unwrap(),
        }
    };
    assert!(
        reopened
            .load_execution_row(ExecutionKey(1))
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_panicking_answer_harms_nobody_else() {
    let home = Home::new();
    home.create_many(2);
    home.store.commit(
        decision(1, 1, 1),
        Box::new(|_| panic!("the caller's own fault")),
    );
    assert_eq!(home.commit(decision(2, 1, 1)), Ok(()));
    assert_eq!(home.version(1), 2);
}

#[test]
fn an_answer_that_would_wait_for_itself_fails_instead() {
    let home = Home::new();
    home.create_many(1);
    let store = home.store.clone();
    let done = move |_| store.put_setting("key", b"value").unwrap();
    home.store.commit(decision(1, 1, 1), Box::new(done));
    assert_eq!(home.commit(decision(1, 2, 1)), Ok(()));
    assert_eq!(home.store.find_setting("key"), Ok(None));
}

#[test]
fn a_reader_that_stays_holds_the_log_and_not_the_writers() {
    let home = Home::with(|options| options.checkpoint_pages = 16);
    home.create_many(1);
    let path = home.path().join("stepwell.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch("BEGIN; SELECT count(*) FROM executions;")
        .unwrap();
    let before = home.store.stats();
    for version in 1..=100 {
        home.commit(decision(1, version, 1)).unwrap();
    }
    // A step touches four pages or so: a checkpoint for every few steps, not for each.
    let held = home.store.stats();
    let checkpoints = held.checkpoints - before.checkpoints;
    assert!((1..=50).contains(&checkpoints), "{checkpoints} checkpoints");

    other.execute_batch("COMMIT").unwrap();
    // The log begins anew, and is used over and over. Its header has a number that tells how
    // often it did (the format of SQLite's files, section 4.1).
    let begins = || {
        let mut header = [0; 16];
        let mut log = std::fs::File::open(home.path().join("stepwell.db-wal")).unwrap();
        log.read_exact(&mut header).unwrap();
        u32::from_be_bytes(header[12..].try_into().unwrap())
    };
    let held = begins();
    let mut versions = 101..=2_000;
    while begins() < held + 3 {
        let version = versions.next().expect("the log never began anew");
        home.commit(decision(1, version, 1)).unwrap();
    }
}

#[test]
fn a_store_in_memory_does_the_same() {
    let store = Store::open(StoreOptions::memory()).unwrap();
    let (tenant, machine) = crate::setup::furnish(&store);
    let home = Home {
        store,
        tenant,
        machine,
        folder: tempfile::tempdir().unwrap(),
    };
    home.create_many(2);
    std::thread::scope(|scope| {
        for key in 1..=2 {
            let home = &home;
            scope.spawn(move || {
                for version in 1..=20 {
                    home.commit(decision(key, version, 1)).unwrap();
                    assert_eq!(home.version(key), version + 1);
                }
            });
        }
    });
    assert_eq!(home.store.load_history(ExecutionKey(2)), Ok(events(1, 21)));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
