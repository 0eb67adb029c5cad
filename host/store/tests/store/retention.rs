//! What is removed, and what is not: executions with all that belongs to them, in pieces of
//! a bounded size.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use stepwell_decider::{EventNumber, ParentLink};
use stepwell_store::{
    CommitDecision, ExecutionFilter, ExecutionKey, ExecutionsOf, Fault, FaultPlan, KeepBounds,
    Purged, Snapshot, Status, Store, StoreError, StoreOptions, Summary, SweepPlace,
};

use crate::setup::{Home, decision, time};

/// Ends an execution with one more event.
fn end(home: &Home, key: i64, status: Status, at: i64) {
    let version = home.version(key);
    let ended = CommitDecision {
        summary: Summary {
            status,
            has_work: false,
            stopped_at: Some(time(at)),
            ..Summary::working()
        },
        ..decision(key, version, 1)
    };
    assert_eq!(home.commit(ended), Ok(()));
}

/// Executions 1 to `count`, which ended a millisecond after their start.
fn ended(count: i64) -> Home {
    let home = Home::new();
    home.create_many(count);
    for key in 1..=count {
        end(&home, key, Status::Succeeded, key + 1);
    }
    home
}

/// What a sweep with these bounds finds, in looks of `limit`.
fn found(home: &Home, bounds: KeepBounds, limit: usize) -> Vec<i64> {
    let (mut keys, mut place) = (Vec::new(), Some(SweepPlace::default()));
    while let Some(looked_at) = place {
        let sweepable = home
            .store
            .sweepable(home.machine, bounds, looked_at, limit)
            .unwrap();
        keys.extend(sweepable.keys.iter().map(|key| key.0));
        place = sweepable.next;
    }
    keys.sort_unstable();
    keys
}

fn remove(store: &Store, keys: &[i64]) -> u64 {
    let mut left: Vec<ExecutionKey> = keys.iter().copied().map(ExecutionKey).collect();
    let mut removed = 0;
    while !left.is_empty() {
        let removal = store.remove_executions(left.clone()).unwrap();
        assert!(removal.taken > 0 && removal.rows <= 512, "{removal:?}");
        left.drain(..removal.taken);
        removed += removal.executions;
    }
    removed
}

/// Removes bit by bit what is marked; returns how many steps that took.
fn purge(store: &Store) -> u32 {
    for steps in 0.. {
        match store.purge_removed(ExecutionKey(i64::MAX)).unwrap() {
            Purged::Nothing => return steps,
            Purged::Rows(rows) => assert!((1..=600).contains(&rows), "{rows}"),
            Purged::Blocked(key) => panic!("{key} is blocked"),
        }
    }
    unreachable!("it ends")
}

fn rows(home: &Home, table: &str) -> i64 {
    let connection = Connection::open(home.path().join("stepwell.db")).unwrap();
    let sql = format!("SELECT count(*) FROM {table}");
    connection.query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn listed(home: &Home) -> Vec<i64> {
    let filter = ExecutionFilter::all(ExecutionsOf::Machine(home.machine));
    let rows = home.store.list_executions(&filter, None, 100).unwrap();
    rows.iter().map(|row| row.key.0).collect()
}

#[test]
fn what_ended_early_enough_is_found_and_so_is_what_is_one_too_many() {
    let home = ended(9);
    home.create_many_from(10, 12);
    end(&home, 11, Status::Failed, 500);
    let old = KeepBounds {
        ended_before: Some(time(6)),
        up_to: None,
    };
    for limit in [1, 3, 100] {
        assert_eq!(found(&home, old, limit), [1, 2, 3, 4], "{limit}");
    }
    // Ten have ended; the newest four are 11, 9, 8 and 7.
    let beyond = home.store.first_beyond(home.machine, 4).unwrap();
    assert_eq!(beyond, Some(ExecutionKey(6)));
    let many = KeepBounds {
        ended_before: None,
        up_to: beyond,
    };
    for limit in [1, 3, 100] {
        assert_eq!(found(&home, many, limit), [1, 2, 3, 4, 5, 6], "{limit}");
    }
    assert_eq!(home.store.first_beyond(home.machine, 10).unwrap(), None);
    assert_eq!(found(&home, KeepBounds::default(), 10), [0; 0]);
}

#[test]
fn what_is_removed_is_gone_with_all_that_belongs_to_it() {
    let home = ended(3);
    let snapshot = Snapshot {
        number: EventNumber(2),
        bytes: vec![1; 100],
    };
    let mut write = decision(2, 2, 1);
    write.snapshot = Some(snapshot);
    write.summary = Summary {
        status: Status::Succeeded,
        has_work: false,
        stopped_at: Some(time(3)),
        ..Summary::working()
    };
    assert_eq!(home.commit(write), Ok(()));
    assert_eq!(rows(&home, "snapshots"), 1);
    assert_eq!(remove(&home.store, &[1, 2]), 2);
    assert_eq!(listed(&home), [3]);
    for table in ["executions", "history"] {
        let expected = if table == "history" { 2 } else { 1 };
        assert_eq!(rows(&home, table), expected, "{table}");
    }
    assert_eq!(rows(&home, "snapshots"), 0);
    assert_eq!(home.store.load_execution_row(ExecutionKey(1)), Ok(None));
    assert_eq!(remove(&home.store, &[1, 2]), 0, "they are gone");
    // The audit log still knows of their starts.
    let entries = home.store.audit_after(home.tenant.0, 0, 100).unwrap();
    let starts = entries
        .iter()
        .filter(|entry| entry.entry.contains("execution:start"));
    assert_eq!(starts.count(), 3);
}

#[test]
fn what_runs_and_what_something_waits_for_stays() {
    let home = Home::new();
    home.create_many(1);
    let child = |key: i64, parent: i64| {
        let mut new = home.new_execution(key);
        new.parent = Some(ParentLink {
            execution: parent,
            scheduled: EventNumber(1),
        });
        home.create(new).unwrap();
    };
    child(2, 1);
    end(&home, 2, Status::Succeeded, 5);
    // 1 runs; 2 is its child, which has ended.
    assert_eq!(remove(&home.store, &[1, 2]), 0);
    end(&home, 1, Status::Succeeded, 6);
    child(3, 1);
    // 3 runs still, and is going to tell 1 of its end.
    assert_eq!(remove(&home.store, &[1]), 0);
    let mut write = decision(3, 1, 1);
    write.summary.status = Status::Aborted;
    write.summary.stopped_at = Some(time(9));
    assert_eq!(home.commit(write), Ok(()));
    assert_eq!(remove(&home.store, &[1, 3]), 0, "1 was not told");
    let mut told = decision(1, 2, 1);
    told.told_children = vec![ExecutionKey(3)];
    told.summary = Summary {
        status: Status::Succeeded,
        has_work: false,
        stopped_at: Some(time(6)),
        ..Summary::working()
    };
    assert_eq!(home.commit(told), Ok(()));
    assert_eq!(remove(&home.store, &[1, 2, 3]), 3);
    assert_eq!(rows(&home, "history"), 0);
}

#[test]
fn a_number_is_never_given_twice() {
    let mut home = ended(3);
    assert_eq!(remove(&home.store, &[2, 3]), 2);
    assert_eq!(
        home.store.max_execution_key().unwrap(),
        Some(ExecutionKey(3))
    );
    assert_eq!(remove(&home.store, &[1]), 1);
    home.reopen();
    assert_eq!(
        home.store.max_execution_key().unwrap(),
        Some(ExecutionKey(3))
    );
}

/// An execution with more pages than one transaction takes.
fn large(home: &Home, key: i64) {
    for version in 1..=600 {
        assert_eq!(home.commit(decision(key, version, 1)), Ok(()));
    }
    end(home, key, Status::Failed, 900);
}

#[test]
fn a_large_one_is_gone_at_once_and_its_rows_bit_by_bit() {
    let mut home = ended(1);
    home.create_many_from(2, 2);
    large(&home, 2);
    let version = home.version(2);
    assert_eq!(remove(&home.store, &[1, 2]), 2);
    assert_eq!(listed(&home), [0; 0]);
    assert_eq!(home.store.find_execution(home.machine, "e2"), Ok(None));
    assert_eq!(home.store.load_execution_row(ExecutionKey(2)), Ok(None));
    assert!(rows(&home, "history") > 500, "nothing is purged yet");
    // Its name is free, and what was decided on it before is not written.
    let mut again = home.new_execution(3);
    again.name = "e2".to_owned();
    assert_eq!(home.create(again), Ok(stepwell_store::Created::New));
    assert!(matches!(
        home.commit(decision(2, version, 1)),
        Err(StoreError::Conflict { .. })
    ));
    // The next host goes on.
    assert_eq!(
        home.store.purge_removed(ExecutionKey(i64::MAX)),
        Ok(Purged::Rows(512))
    );
    home.reopen();
    assert!(purge(&home.store) >= 2);
    assert_eq!(rows(&home, "history"), 1);
    assert_eq!(rows(&home, "executions"), 1);
    home.store.check_integrity().unwrap();
}

/// Dies before or after the first commit that it is told to.
#[derive(Debug)]
struct DieAt(AtomicBool, bool);

impl FaultPlan for DieAt {
    fn before_commit(&self, _commit: u64) -> Fault {
        match self.1 && self.0.load(Ordering::SeqCst) {
            true => Fault::Die,
            false => Fault::Nothing,
        }
    }

    fn after_commit(&self, _commit: u64) -> Fault {
        match !self.1 && self.0.load(Ordering::SeqCst) {
            true => Fault::Die,
            false => Fault::Nothing,
        }
    }
}

#[test]
fn a_host_that_dies_in_a_sweep_leaves_whole_executions_or_none() {
    for before in [true, false] {
        let plan = Arc::new(DieAt(AtomicBool::new(false), before));
        let faults = Arc::clone(&plan);
        let mut home = Home::with(|options| options.faults = Some(faults));
        home.create_many(3);
        (1..=2).for_each(|key| end(&home, key, Status::Succeeded, 5));
        large(&home, 3);
        plan.0.store(true, Ordering::SeqCst);
        let keys = [1, 2, 3].map(ExecutionKey).to_vec();
        assert_eq!(home.store.remove_executions(keys), Err(StoreError::Closed));
        let empty = Store::open(StoreOptions::memory()).unwrap();
        std::mem::replace(&mut home.store, empty).close();
        home.store = Store::open(StoreOptions::folder(home.path())).unwrap();
        for key in listed(&home) {
            let loaded = home.store.load_execution(ExecutionKey(key)).unwrap();
            assert!(loaded.is_some(), "{key} has lost a part");
        }
        assert_eq!(listed(&home).len(), if before { 3 } else { 0 });
        assert_eq!(remove(&home.store, &[1, 2, 3]), if before { 3 } else { 0 });
        purge(&home.store);
        assert_eq!((rows(&home, "executions"), rows(&home, "history")), (0, 0));
        // It counts as stored no more.
        assert_eq!(home.store.usage(home.tenant).history_bytes, 0);
        assert_eq!(home.store.usage(home.tenant).running, 0);
    }
}

#[test]
fn what_was_removed_is_not_in_the_file() {
    let mut home = Home::new();
    home.create_many(2);
    let secret = "a-text-that-nobody-may-find".repeat(300);
    let mut write = decision(1, 1, 0);
    write.events = vec![crate::setup::event(
        2,
        stepwell_decider::EventKind::TaskSucceeded {
            scheduled: EventNumber(1),
            output: stepwell_states::Payload::from_trusted(format!("\"{secret}\"")),
            usage: None,
        },
    )];
    assert_eq!(home.commit(write), Ok(()));
    end(&home, 1, Status::Succeeded, 5);
    // Moves the log into the file.
    home.reopen();
    let in_file = |home: &Home| {
        let bytes = std::fs::read(home.path().join("stepwell.db")).unwrap();
        let wanted = b"a-text-that-nobody-may-find";
        bytes.windows(wanted.len()).any(|part| part == wanted)
    };
    assert!(in_file(&home), "it has to be there first");
    assert_eq!(remove(&home.store, &[1]), 1);
    home.reopen();
    assert!(!in_file(&home));
}

/// Whoever adds a table that refers to executions or Map Runs has it removed with them.
#[test]
fn every_table_that_refers_to_executions_is_known() {
    let home = Home::new();
    let connection = Connection::open(home.path().join("stepwell.db")).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT m.name || '.' || f.\"from\" FROM sqlite_schema AS m
             JOIN pragma_foreign_key_list(m.name) AS f
             WHERE m.type = 'table' AND f.\"table\" IN ('executions', 'map_runs') ORDER BY 1",
        )
        .unwrap();
    let found: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(
        found,
        [
            "activity_tasks.execution",
            "approvals.execution",
            "data_sets.map_run",
            "execution_revisions.execution",
            "execution_tags.execution",
            "executions.map_run",
            "history.execution",
            "map_results.run",
            "map_runs.execution",
            "snapshots.execution",
        ],
        "add its removal to retention/removal.rs"
    );
}
