//! Histories are read back as they were committed, from either end and from the middle.

use stepwell_decider::{EventKind, EventNumber, HistoryEvent};
use stepwell_states::Payload;
use stepwell_store::{ExecutionKey, HistorySlice, Snapshot, StoreError};

use crate::setup::{Home, decision, event, events};

const KEY: ExecutionKey = ExecutionKey(1);

fn numbers(slice: &HistorySlice) -> (Vec<u64>, bool) {
    (
        slice.events.iter().map(|event| event.number.0).collect(),
        slice.more,
    )
}

#[test]
fn a_history_is_the_sum_of_its_commits() {
    let home = Home::new();
    home.create_many(1);
    home.commit(decision(1, 1, 4)).unwrap();
    home.commit(decision(1, 5, 3_000)).unwrap();
    home.commit(decision(1, 3_005, 1)).unwrap();

    let all = events(1, 3_006);
    assert_eq!(home.store.load_history(KEY).unwrap(), all);
    // In the middle of a page, at its beginning, behind the end.
    for skipped in [0, 1, 5, 6, 1_029, 3_005, 3_006] {
        let from = EventNumber(skipped as u64 + 1);
        let part = home.store.load_history_from(KEY, from).unwrap();
        assert_eq!(part, all[skipped..], "from {from}");
    }
    assert_eq!(
        home.store.load_history_from(KEY, EventNumber(u64::MAX)),
        Ok(Vec::new())
    );
}

#[test]
fn slices_go_both_ways_over_page_boundaries() {
    let home = Home::new();
    home.create_many(1);
    home.commit(decision(1, 1, 2)).unwrap();
    home.commit(decision(1, 3, 2)).unwrap();

    let store = &home.store;
    let after =
        |number, limit| numbers(&store.events_after(KEY, EventNumber(number), limit).unwrap());
    assert_eq!(after(0, 3), (vec![1, 2, 3], true));
    assert_eq!(after(3, 3), (vec![4, 5], false));
    assert_eq!(after(1, 4), (vec![2, 3, 4, 5], false));
    assert_eq!(after(5, 4), (vec![], false));
    assert_eq!(after(u64::MAX, 4), (vec![], false));
    assert_eq!(after(0, 0), (vec![], true));

    let before = |number: Option<u64>, limit| {
        numbers(
            &store
                .events_before(KEY, number.map(EventNumber), limit)
                .unwrap(),
        )
    };
    assert_eq!(before(None, 2), (vec![5, 4], true));
    assert_eq!(before(Some(4), 2), (vec![3, 2], true));
    assert_eq!(before(Some(2), 2), (vec![1], false));
    assert_eq!(before(Some(1), 2), (vec![], false));
}

#[test]
fn the_wire_does_not_see_hidden_events() {
    let home = Home::new();
    home.create_many(1);
    let hidden = |number| {
        event(
            number,
            EventKind::EventTaken {
                received: EventNumber(1),
            },
        )
    };
    let mut write = decision(1, 1, 0);
    write.events = vec![hidden(2), hidden(3)];
    home.commit(write).unwrap();
    home.commit(decision(1, 3, 2)).unwrap();

    let page = |after: Option<u64>, limit, reverse| {
        let after = after.map(EventNumber);
        numbers(&home.store.history_page(KEY, after, limit, reverse).unwrap())
    };
    assert_eq!(page(None, 2, false), (vec![1, 4], true));
    assert_eq!(page(Some(4), 2, false), (vec![5], false));
    assert_eq!(page(None, 2, true), (vec![5, 4], true));
    assert_eq!(page(Some(4), 2, true), (vec![1], false));
}

#[test]
fn a_snapshot_comes_with_its_decision_and_shortens_the_load() {
    let home = Home::new();
    home.create_many(1);
    home.commit(decision(1, 1, 9)).unwrap();
    for (version, byte) in [(10, 1), (20, 2)] {
        let mut write = decision(1, version, 10);
        let bytes = vec![byte; 1_000];
        write.snapshot = Some(Snapshot {
            number: EventNumber(version + 5),
            bytes,
        });
        home.commit(write).unwrap();
    }
    let loaded = home.store.load_execution(KEY).unwrap().unwrap();
    let snapshot = loaded.snapshot.unwrap();
    assert_eq!(
        (snapshot.number, snapshot.bytes),
        (EventNumber(25), vec![2; 1_000])
    );
    assert_eq!(loaded.events, events(26, 5));
    assert_eq!(
        home.store.load_snapshot(KEY).unwrap().unwrap().number,
        EventNumber(25)
    );
    assert_eq!(home.store.load_snapshot(ExecutionKey(2)), Ok(None));
    assert!(
        home.store
            .load_execution(ExecutionKey(2))
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_large_payload_survives() {
    let home = Home::new();
    home.create_many(1);
    let text = format!("\"{}\"", "größer ".repeat(40_000));
    let write = |number, version| {
        let output = Payload::from_trusted(&*text);
        let kind = EventKind::TaskSucceeded {
            scheduled: EventNumber(1),
            output,
            usage: None,
        };
        let mut write = decision(1, version, 0);
        write.events = vec![event(number, kind)];
        write
    };
    home.commit(write(2, 1)).unwrap();
    home.commit(write(3, 2)).unwrap();
    let history: Vec<HistoryEvent> = home.store.load_history(KEY).unwrap();
    for event in &history[1..] {
        let EventKind::TaskSucceeded { output, .. } = &event.kind else {
            panic!("{event:?}")
        };
        assert_eq!(output.as_str(), text);
    }
}

#[test]
fn damage_is_named_and_stays_with_its_execution() {
    let mut home = Home::new();
    home.create_many(3);
    (1..4).for_each(|version| home.commit(decision(1, version, 1)).unwrap());
    home.commit(decision(2, 1, 1)).unwrap();
    let path = home.path().join("stepwell.db");
    home.reopen();

    let vandal = rusqlite::Connection::open(path).unwrap();
    let damage = "UPDATE history SET page = x'63' WHERE execution = 1 AND first_number = 3;
                  DELETE FROM history WHERE execution = 2 AND first_number = 2;";
    vandal.execute_batch(damage).unwrap();
    let Err(error) = home.store.load_history(KEY) else {
        panic!("a damaged page was read")
    };
    assert!(matches!(error, StoreError::Corrupt { .. }));
    assert!(
        error
            .to_string()
            .contains("execution 1, history page 3: has format 99"),
        "{error}"
    );
    let Err(error) = home.store.load_execution(ExecutionKey(2)) else {
        panic!("a page lacks")
    };
    assert!(error.to_string().contains("execution 2"), "{error}");
    vandal
        .execute_batch("DELETE FROM history WHERE first_number = 3")
        .unwrap();
    let Err(error) = home.store.load_history(KEY) else {
        panic!("a page lacks")
    };
    assert!(
        error
            .to_string()
            .contains("no history page follows event 2"),
        "{error}"
    );
    assert!(home.store.load_execution(ExecutionKey(3)).is_ok());
}
