//! A start that is asked for twice is one start.

use stepwell_store::{Created, Digest, ExecutionKey, MachineId, Status, StoreError, Summary};

use crate::setup::{Home, decision, time};

#[test]
fn the_same_start_again_is_the_same_execution() {
    let home = Home::new();
    home.create_many(1);

    let mut again = home.new_execution(2);
    again.name = "e1".into();
    let existing = Created::Existing {
        key: ExecutionKey(1),
        started_at: time(1),
        status: Status::Running,
        trace: None,
    };
    assert_eq!(home.create(again.clone()), Ok(existing));
    assert_eq!(home.store.load_execution_row(ExecutionKey(2)), Ok(None));
    assert_eq!(home.store.load_history(ExecutionKey(2)), Ok(Vec::new()));

    let mut end = decision(1, 1, 1);
    end.summary = Summary {
        status: Status::Failed,
        has_work: false,
        ..Summary::working()
    };
    home.commit(end).unwrap();
    let Ok(Created::Existing { status, .. }) = home.create(again) else {
        panic!("an ended execution keeps its name");
    };
    assert_eq!(status, Status::Failed);
}

#[test]
fn a_name_with_other_input_is_taken() {
    let home = Home::new();
    home.create_many(1);

    let mut other = home.new_execution(2);
    other.name = "e1".into();
    other.input_digest = Digest::of(b"[]");
    let Err(StoreError::NameTaken { what }) = home.create(other) else {
        panic!("the name was given twice");
    };
    assert!(what.contains("'e1'"), "{what}");
}

#[test]
fn a_creation_without_its_machine_leaves_nothing() {
    let home = Home::new();
    let mut new = home.new_execution(1);
    new.machine = MachineId(77);
    assert!(matches!(home.create(new), Err(StoreError::Refused { .. })));
    assert_eq!(home.store.load_execution_row(ExecutionKey(1)), Ok(None));
    assert_eq!(home.store.load_history(ExecutionKey(1)), Ok(Vec::new()));
}

#[test]
fn a_number_is_used_once() {
    let home = Home::new();
    home.create_many(1);
    let mut new = home.new_execution(1);
    new.name = "other".into();
    assert!(matches!(home.create(new), Err(StoreError::Refused { .. })));
    assert_eq!(home.store.find_execution(home.machine, "other"), Ok(None));
}

#[test]
fn a_creation_needs_events_from_1_on() {
    let home = Home::new();
    let mut empty = home.new_execution(1);
    empty.events.clear();
    assert!(matches!(
        home.create(empty),
        Err(StoreError::Refused { .. })
    ));

    let mut late = home.new_execution(1);
    late.events = crate::setup::events(2, 1);
    assert!(matches!(home.create(late), Err(StoreError::Refused { .. })));
    assert_eq!(home.store.max_execution_key(), Ok(None));
}
