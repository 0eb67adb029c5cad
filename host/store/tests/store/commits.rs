//! Decisions: fenced by the version, whole or not at all, each for itself.

use std::sync::mpsc;

use stepwell_decider::{EventNumber, Failure};
use stepwell_store::{
    CommitDecision, CommitDone, Created, ExecutionKey, Snapshot, Status, StoreError, Summary,
};

use crate::setup::{Home, decision, time};

fn conflict(key: i64, expected: u64) -> Result<(), StoreError> {
    Err(StoreError::Conflict {
        execution: ExecutionKey(key),
        expected: EventNumber(expected),
    })
}

#[test]
fn a_late_decision_is_refused_and_changes_nothing() {
    let home = Home::new();
    home.create_many(1);
    assert_eq!(home.commit(decision(1, 1, 2)), Ok(()));

    let mut late = decision(1, 1, 3);
    late.summary.due_at = Some(time(5));
    late.snapshot = Some(Snapshot {
        number: EventNumber(4),
        bytes: vec![1],
    });
    assert_eq!(home.commit(late), conflict(1, 1));
    assert_eq!(home.commit(decision(1, 9, 1)), conflict(1, 9));
    let loaded = home.store.load_execution(ExecutionKey(1)).unwrap().unwrap();
    assert_eq!(loaded.row.version, EventNumber(3));
    assert_eq!(loaded.row.summary, Summary::working());
    assert_eq!(loaded.events.len(), 3);
    assert_eq!(loaded.snapshot, None);
}

#[test]
fn a_conflict_spoils_nobody_else_in_its_group() {
    let home = Home::new();
    home.create_many(5);
    let commits_before = home.store.stats().commits;

    let (tell, told) = mpsc::channel();
    let versions = [1, 4, 1, 1, 7];
    let writes: Vec<(CommitDecision, CommitDone)> = (1..)
        .zip(versions)
        .map(|(key, version)| {
            let tell = tell.clone();
            let done: CommitDone = Box::new(move |result| tell.send((key, result)).unwrap());
            (decision(key, version, 1), done)
        })
        .collect();
    home.store.commit_many(writes);
    let answers: Vec<(i64, Result<(), StoreError>)> = told.iter().take(5).collect();

    assert_eq!(
        answers,
        [
            (1, Ok(())),
            (2, conflict(2, 4)),
            (3, Ok(())),
            (4, Ok(())),
            (5, conflict(5, 7))
        ]
    );
    assert_eq!(
        (1..=5).map(|key| home.version(key)).collect::<Vec<_>>(),
        [2, 1, 2, 2, 1]
    );
    assert_eq!(home.store.stats().commits, commits_before + 1);
}

#[test]
fn two_decisions_of_one_execution_fit_in_one_group() {
    let home = Home::new();
    home.create_many(1);
    let (tell, told) = mpsc::channel();
    let done = || -> CommitDone {
        let tell = tell.clone();
        Box::new(move |result| tell.send(result).unwrap())
    };
    let writes = vec![
        (decision(1, 1, 1), done()),
        (decision(1, 1, 1), done()),
        (decision(1, 2, 1), done()),
    ];
    home.store.commit_many(writes);
    let answers: Vec<_> = told.iter().take(3).collect();
    assert_eq!(answers, [Ok(()), conflict(1, 1), Ok(())]);
    assert_eq!(home.version(1), 3);
}

#[test]
fn nobody_can_commit_to_an_execution_that_is_not() {
    let home = Home::new();
    let answer = home.commit(decision(9, 1, 1));
    assert_eq!(
        answer,
        Err(StoreError::NotFound {
            what: "execution 9".into()
        })
    );
    assert_eq!(home.store.load_history(ExecutionKey(9)), Ok(Vec::new()));
}

#[test]
fn events_must_be_numbered_on() {
    let home = Home::new();
    home.create_many(1);
    let mut gap = decision(1, 1, 2);
    gap.events.remove(0);
    assert!(matches!(home.commit(gap), Err(StoreError::Refused { .. })));
    assert_eq!(home.version(1), 1);
}

#[test]
fn a_decision_moves_row_timer_work_and_end_together() {
    let home = Home::new();
    home.create_many(1);
    let key = ExecutionKey(1);
    let mut asleep = decision(1, 1, 1);
    asleep.summary = Summary {
        due_at: Some(time(60_000)),
        has_work: false,
        ..Summary::working()
    };
    home.commit(asleep.clone()).unwrap();
    assert_eq!(home.store.next_due(), Ok(Some(time(60_000))));
    assert_eq!(home.store.with_work(home.tenant, None, 10), Ok(Vec::new()));

    // The same flags again: the row moves on, the indexes stay.
    asleep.expected_version = EventNumber(2);
    asleep.events = crate::setup::events(3, 1);
    home.commit(asleep).unwrap();
    assert_eq!(
        home.store.due(time(60_000), 10),
        Ok(vec![(key, time(60_000))])
    );

    let mut end = decision(1, 3, 1);
    let failure = Failure::new("OutOfStock", "none left");
    end.summary = Summary {
        status: Status::Failed,
        due_at: None,
        has_work: false,
        stopped_at: Some(time(9)),
        error: failure.error.as_deref().map(str::to_owned),
        ..Summary::working()
    };
    home.commit(end.clone()).unwrap();
    let row = home.store.load_execution_row(key).unwrap().unwrap();
    assert_eq!((row.version, row.summary), (EventNumber(4), end.summary));
    assert_eq!(home.store.next_due(), Ok(None));
}

#[test]
fn a_decision_without_events_sets_flags() {
    let home = Home::new();
    home.create_many(1);
    let mut flags = decision(1, 1, 0);
    flags.summary.has_work = false;
    assert_eq!(home.commit(flags), Ok(()));
    assert_eq!(home.version(1), 1);
    assert_eq!(home.store.with_work(home.tenant, None, 10), Ok(Vec::new()));
}

#[test]
fn told_children_have_no_work_any_more() {
    let home = Home::new();
    home.create_many(1);
    for key in [2, 3] {
        let mut child = home.new_execution(key);
        child.parent = Some(parent_link(key.cast_unsigned()));
        assert_eq!(home.create(child), Ok(Created::New));
    }
    let mut ended = decision(2, 1, 1);
    // It has ended, and its parent must be told.
    ended.summary = Summary {
        status: Status::Succeeded,
        ..Summary::working()
    };
    home.commit(ended).unwrap();

    let mut told = decision(1, 1, 1);
    // The third runs still: whatever the parent believes, its own work stays.
    told.told_children = vec![ExecutionKey(2), ExecutionKey(3)];
    home.commit(told).unwrap();
    assert_eq!(
        home.store.with_work(home.tenant, None, 10),
        Ok(vec![ExecutionKey(1), ExecutionKey(3)])
    );

    let children = home.store.children(ExecutionKey(1)).unwrap();
    assert_eq!(
        children.iter().map(|row| row.key.0).collect::<Vec<_>>(),
        [2, 3]
    );
    let third = home.store.find_child(&parent_link(3)).unwrap().unwrap();
    assert_eq!(
        (third.key, third.parent),
        (ExecutionKey(3), Some(parent_link(3)))
    );
    assert_eq!(home.store.find_child(&parent_link(4)), Ok(None));
}

fn parent_link(scheduled: u64) -> stepwell_decider::ParentLink {
    stepwell_decider::ParentLink {
        execution: 1,
        scheduled: EventNumber(scheduled),
    }
}

#[test]
fn flags_can_be_repaired() {
    let home = Home::new();
    home.create_many(1);
    home.store
        .set_flags(ExecutionKey(1), Some(time(7)), false)
        .unwrap();
    assert_eq!(home.store.next_due(), Ok(Some(time(7))));
    assert_eq!(home.store.with_work(home.tenant, None, 1), Ok(Vec::new()));
    assert_eq!(home.version(1), 1);
    assert!(matches!(
        home.store.set_flags(ExecutionKey(2), None, true),
        Err(StoreError::NotFound { .. })
    ));
}
