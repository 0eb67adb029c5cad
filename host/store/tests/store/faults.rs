//! Whatever happens at a commit, the history is as it was before it or as it is after it,
//! and work goes on when the trouble is over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use stepwell_decider::{EventKind, EventNumber};
use stepwell_states::Payload;
use stepwell_store::{
    AuditChain, ExecutionKey, Fault, FaultPlan, StorageLimits, Store, StoreError, StoreOptions,
    TenantId,
};

use crate::audit::whole_chain;
use crate::notifications;
use crate::setup::{Home, acme, decision, entry, event, events, somebody, time};

/// One fault, at one commit from now.
#[derive(Debug, Default)]
struct Once {
    last: AtomicU64,
    before: Mutex<Option<(u64, Fault)>>,
    after: Mutex<Option<(u64, Fault)>>,
}

impl Once {
    fn take(&self, place: &Mutex<Option<(u64, Fault)>>, commit: u64) -> Fault {
        self.last.store(commit, Ordering::SeqCst);
        let mut planned = place.lock().unwrap();
        match *planned {
            Some((at, fault)) if at == commit => {
                *planned = None;
                fault
            }
            _ => Fault::Nothing,
        }
    }

    /// Plans a fault for the next commit.
    fn plan(&self, place: &Mutex<Option<(u64, Fault)>>, fault: Fault) {
        *place.lock().unwrap() = Some((self.last.load(Ordering::SeqCst) + 1, fault));
    }
}

impl FaultPlan for Once {
    fn before_commit(&self, commit: u64) -> Fault {
        self.take(&self.before, commit)
    }

    fn after_commit(&self, commit: u64) -> Fault {
        self.take(&self.after, commit)
    }
}

fn faulty() -> (Home, Arc<Once>) {
    let plan = Arc::new(Once::default());
    let home = Home::with(|options| options.faults = Some(Arc::clone(&plan) as Arc<dyn FaultPlan>));
    home.create_many(2);
    (home, plan)
}

#[test]
fn a_failed_commit_is_as_if_it_had_not_been() {
    let (home, plan) = faulty();
    for (fault, is_full) in [(Fault::Fail, false), (Fault::Full, true)] {
        plan.plan(&plan.before, fault);
        let Err(error) = home.commit(decision(1, 1, 3)) else {
            panic!("the fault did nothing")
        };
        assert_eq!(error == StoreError::Full, is_full);
        assert!(error.is_transient());
        assert_eq!(home.store.load_history(ExecutionKey(1)), Ok(events(1, 1)));
    }
    assert_eq!(home.commit(decision(1, 1, 3)), Ok(()));
    assert_eq!(home.store.load_history(ExecutionKey(1)), Ok(events(1, 4)));
}

#[test]
fn a_failed_commit_answers_all_writes_in_it_alike() {
    let (home, plan) = faulty();
    plan.plan(&plan.before, Fault::Fail);
    let (tell, told) = mpsc::channel();
    let done = || -> stepwell_store::CommitDone {
        let tell = tell.clone();
        Box::new(move |result| tell.send(result).unwrap())
    };
    // The second one would be a conflict, but it has been checked against a state that
    // is no more.
    home.store.commit_many(vec![
        (decision(1, 1, 1), done()),
        (decision(2, 5, 1), done()),
    ]);
    for answer in told.iter().take(2) {
        assert!(
            matches!(answer, Err(StoreError::Unavailable { .. })),
            "{answer:?}"
        );
    }
    assert_eq!((home.version(1), home.version(2)), (1, 1));
}

#[test]
fn a_second_try_after_a_lost_answer_is_a_conflict() {
    let (home, plan) = faulty();
    plan.plan(&plan.after, Fault::Fail);
    assert!(home.commit(decision(1, 1, 3)).is_err());
    assert_eq!(home.version(1), 4);
    assert!(matches!(
        home.commit(decision(1, 1, 3)),
        Err(StoreError::Conflict { .. })
    ));
    assert_eq!(home.commit(decision(1, 4, 1)), Ok(()));
}

#[test]
fn a_host_that_dies_before_a_commit_has_not_written() {
    let (mut home, plan) = faulty();
    plan.plan(&plan.before, Fault::Die);
    assert_eq!(home.commit(decision(1, 1, 3)), Err(StoreError::Closed));
    assert_dead(&home);
    home.reopen();
    assert_eq!(home.store.load_history(ExecutionKey(1)), Ok(events(1, 1)));
    assert_eq!(home.commit(decision(1, 1, 3)), Ok(()));
}

#[test]
fn a_host_that_dies_after_a_commit_has_written() {
    let (mut home, plan) = faulty();
    plan.plan(&plan.after, Fault::Die);
    assert_eq!(home.commit(decision(1, 1, 3)), Err(StoreError::Closed));
    assert_dead(&home);
    home.reopen();
    assert_eq!(home.store.load_history(ExecutionKey(1)), Ok(events(1, 4)));
}

fn assert_dead(home: &Home) {
    assert_eq!(
        home.store.load_execution_row(ExecutionKey(1)),
        Err(StoreError::Closed)
    );
    assert_eq!(
        home.store.put_setting("key", b"value"),
        Err(StoreError::Closed)
    );
    assert_eq!(home.commit(decision(1, 1, 3)), Err(StoreError::Closed));
    let log = std::fs::metadata(home.path().join("stepwell.db-wal")).unwrap();
    assert!(log.len() > 0, "a dead process does not move its log");
}

#[test]
fn every_commit_may_be_the_last() {
    // Executions advance until the host dies, at one commit after the other, before or
    // after it; what was acknowledged is there, and nothing is there by halves.
    for commit in 1.. {
        for after in [false, true] {
            let plan = Arc::new(Once::default());
            let place = if after { &plan.after } else { &plan.before };
            *place.lock().unwrap() = Some((commit, Fault::Die));
            let folder = tempfile::tempdir().unwrap();
            let mut options = StoreOptions::folder(folder.path());
            options.faults = Some(Arc::clone(&plan) as Arc<dyn FaultPlan>);
            let store = Store::open(options).unwrap();
            let acknowledged = advance_until_dead(&store, folder.path());
            store.close();

            let store = Store::open(StoreOptions::folder(folder.path())).unwrap();
            let Some(acknowledged) = acknowledged else {
                store.check_integrity().unwrap();
                return;
            };
            let loaded = store.load_execution(ExecutionKey(1)).unwrap();
            let events_there = loaded.map_or(0, |loaded| loaded.events.len() as u64);
            let expected = acknowledged + u64::from(after && acknowledged > 0) * 2;
            assert!(
                events_there == expected || (acknowledged == 0 && events_there <= 1),
                "commit {commit}, after {after}: {events_there} events, {acknowledged} known"
            );
            // Each commit has its entry, none is lost or there twice, and the chain holds.
            let chain = acme(TenantId(1));
            let entries = whole_chain(&store, &chain).len() as u64;
            assert_eq!(entries, events_there.div_ceil(2), "commit {commit}");
            whole_chain(&store, &AuditChain::Host);
            let change = store.change(entry(&chain, "test:change"));
            let made = change.put_activity(
                TenantId(1),
                "a",
                time(0),
                Vec::new(),
                StorageLimits::default(),
            );
            let expected = entries + u64::from(made.is_ok());
            assert_eq!(whole_chain(&store, &chain).len() as u64, expected);
        }
    }
}

/// Returns the number of events that were acknowledged; none if the host did not die.
fn advance_until_dead(store: &Store, folder: &std::path::Path) -> Option<u64> {
    let tenant = store
        .change(somebody())
        .put_tenant(crate::setup::new_tenant("acme", "000000000001"));
    let Ok(tenant) = tenant else { return Some(0) };
    let revision = crate::setup::new_revision(tenant, "orders");
    let Ok(put) = store.change(somebody()).put_state_machine(
        revision,
        stepwell_store::PutMode::Create,
        StorageLimits::default(),
    ) else {
        return Some(0);
    };
    let folder = tempfile::tempdir_in(folder).unwrap();
    let home = Home {
        store: store.clone(),
        tenant,
        machine: put.machine,
        folder,
    };
    if home.create(home.new_execution(1)).is_err() {
        return Some(0);
    }
    let mut version = 1;
    while version < 9 {
        if home.commit(decision(1, version, 2)).is_err() {
            return Some(version);
        }
        version += 2;
    }
    None
}

fn large(key: i64, version: u64) -> stepwell_store::CommitDecision {
    let output = Payload::from_trusted(format!("\"{}\"", "x".repeat(200_000)));
    let kind = EventKind::TaskSucceeded {
        scheduled: EventNumber(1),
        output,
        usage: None,
    };
    let mut write = decision(key, version, 0);
    write.events = vec![event(version + 1, kind)];
    write
}

#[test]
fn a_full_disk_leaves_the_history_alone_and_may_be_emptied() {
    let home = Home::new();
    home.create_many(2);
    home.store.set_size_max(Some(2 << 20)).unwrap();
    let mut version = 1;
    let error = loop {
        match home.commit(large(1, version)) {
            Ok(()) => version += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, StoreError::Full);
    assert!(version > 3);
    let loaded = home.store.load_execution(ExecutionKey(1)).unwrap().unwrap();
    assert_eq!(loaded.row.version, EventNumber(version));
    assert_eq!(
        home.store.put_setting("blob", &[0; 500_000]),
        Err(StoreError::Full)
    );
    assert_eq!(home.store.find_setting("blob"), Ok(None));

    home.store.set_size_max(None).unwrap();
    assert_eq!(home.commit(large(1, version)), Ok(()));
    assert_eq!(home.commit(decision(2, 1, 1)), Ok(()));
    home.store.check_integrity().unwrap();
}

#[test]
fn another_programs_lock_is_waited_for_and_then_told() {
    let home = Home::with(|options| options.busy_timeout = Duration::from_millis(20));
    home.create_many(1);
    let other = rusqlite::Connection::open(home.path().join("stepwell.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = home.commit(decision(1, 1, 1));
    assert!(
        matches!(answer, Err(StoreError::Unavailable { .. })),
        "{answer:?}"
    );
    // Reading goes on meanwhile.
    assert_eq!(home.version(1), 1);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(home.commit(decision(1, 1, 1)), Ok(()));
}

#[test]
fn a_write_that_breaks_half_way_takes_nobody_along() {
    let home = Home::new();
    home.create_many(3);
    // A page where none may be: the row of execution 2 can be moved, its page not kept.
    let vandal = rusqlite::Connection::open(home.path().join("stepwell.db")).unwrap();
    let page = "INSERT INTO history (execution, first_number, count, page) VALUES (2, 2, 1, x'01')";
    vandal.execute_batch(page).unwrap();

    let (tell, told) = mpsc::channel();
    let writes = (1..=3)
        .map(|key| {
            let tell = tell.clone();
            let done: stepwell_store::CommitDone =
                Box::new(move |result| tell.send((key, result)).unwrap());
            (decision(key, 1, 1), done)
        })
        .collect();
    home.store.commit_many(writes);
    let mut answers: Vec<(i64, Result<(), StoreError>)> = told.iter().take(3).collect();
    answers.sort_by_key(|(key, _)| *key);
    assert_eq!(answers[0], (1, Ok(())));
    assert!(
        matches!(answers[1], (2, Err(StoreError::Refused { .. }))),
        "{answers:?}"
    );
    assert_eq!(answers[2], (3, Ok(())));
    assert_eq!(
        (1..=3).map(|key| home.version(key)).collect::<Vec<_>>(),
        [2, 1, 2]
    );
}

/// Nobody is told of what did not happen, and nothing that happened is told to nobody.
#[test]
fn an_event_and_who_is_told_of_it_are_there_together_or_not_at_all() {
    for place in ["before", "after"] {
        let (mut home, plan) = faulty();
        notifications::put(&home, notifications::of_failures(&home, "ops")).unwrap();
        let planned = match place {
            "before" => &plan.before,
            _ => &plan.after,
        };
        plan.plan(planned, Fault::Die);
        assert!(home.commit(notifications::failing(1)).is_err());
        home.reopen();
        let is_there = place == "after";
        assert_eq!(home.version(1), if is_there { 2 } else { 1 });
        let due = notifications::due(&home, time(9));
        assert_eq!(due.len(), usize::from(is_there), "{place}");
    }
}
