//! Starts of express executions: there until the end, and their numbers belong to them.

use std::sync::mpsc;

use stepwell_store::{ExecutionKey, ExpressStartRow, Store, StoreError};

use crate::setup::{Home, events, somebody};

fn put(store: &Store, row: ExpressStartRow) -> Result<(), StoreError> {
    let (told, answer) = mpsc::channel();
    store.put_express_start(
        row,
        Some(somebody()),
        Box::new(move |result| told.send(result).unwrap()),
    );
    answer.recv().unwrap()
}

fn remove(store: &Store, key: i64) -> Result<(), StoreError> {
    let (told, answer) = mpsc::channel();
    let done = Box::new(move |result| told.send(result).unwrap());
    store.remove_express_start(ExecutionKey(key), done);
    answer.recv().unwrap()
}

#[test]
fn a_start_is_there_until_it_is_removed() {
    let home = Home::new();
    let row = |key: i64| ExpressStartRow {
        key: ExecutionKey(key),
        tenant: home.tenant,
        machine: home.machine,
        revision: 1,
        started: events(1, 1).remove(0),
    };
    for key in [7, 3, 5] {
        put(&home.store, row(key)).unwrap();
    }
    // The same number is nobody else's.
    assert!(put(&home.store, row(5)).is_err());
    assert_eq!(home.store.max_execution_key(), Ok(Some(ExecutionKey(7))));
    let unknown = ExpressStartRow {
        revision: 2,
        ..row(8)
    };
    assert!(put(&home.store, unknown).is_err());

    let found = home.store.express_starts(ExecutionKey(3), 10).unwrap();
    let expected = [5, 7].map(|key| (ExecutionKey(key), Ok(row(key))));
    assert_eq!(found, expected);
    remove(&home.store, 5).unwrap();
    // What is not there needs no removal.
    remove(&home.store, 5).unwrap();
    let found = home
        .store
        .express_starts(ExecutionKey(i64::MIN), 1)
        .unwrap();
    assert_eq!(found, [(ExecutionKey(3), Ok(row(3)))]);
}
