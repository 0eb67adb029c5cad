//! Timers, work, lists and counts.

use stepwell_store::{
    Deletion, ExecutionFilter, ExecutionKey, ExecutionsOf, ListPosition, PutMode, Status,
    StorageLimits, StoreError, Summary, TenantId,
};

use crate::setup::{Home, decision, new_revision, somebody, time};

fn keys(keys: &[i64]) -> Vec<ExecutionKey> {
    keys.iter().copied().map(ExecutionKey).collect()
}

fn sleep(home: &Home, key: i64, due: i64) {
    let mut asleep = decision(key, 1, 1);
    asleep.summary = Summary {
        due_at: Some(time(due)),
        has_work: false,
        ..Summary::working()
    };
    home.commit(asleep).unwrap();
}

fn end(home: &Home, key: i64, status: Status) {
    let mut end = decision(key, 1, 1);
    end.summary = Summary {
        status,
        has_work: false,
        ..Summary::working()
    };
    home.commit(end).unwrap();
}

#[test]
fn timers_come_in_their_order_and_in_parts() {
    let home = Home::new();
    home.create_many(5);
    for (key, due) in [(1, 30), (2, 10), (3, 20), (4, 20), (5, 99)] {
        sleep(&home, key, due);
    }
    let store = &home.store;
    let due = |now, limit| store.due(time(now), limit).unwrap();
    assert_eq!(due(9, 10), []);
    assert_eq!(due(10, 10), [(ExecutionKey(2), time(10))]);
    let first = due(50, 2);
    assert_eq!(
        first,
        [(ExecutionKey(2), time(10)), (ExecutionKey(3), time(20))]
    );
    let rest = store.due_after(time(50), first[1], 10).unwrap();
    assert_eq!(
        rest,
        [(ExecutionKey(4), time(20)), (ExecutionKey(1), time(30))]
    );
    assert_eq!(store.next_due(), Ok(Some(time(10))));
    assert_eq!(store.next_due_after(time(30)), Ok(Some(time(99))));
    assert_eq!(store.next_due_after(time(99)), Ok(None));
}

#[test]
fn work_is_found_in_parts() {
    let home = Home::new();
    home.create_many(6);
    sleep(&home, 2, 10);
    end(&home, 5, Status::Succeeded);
    let with_work = |after: Option<i64>, limit| {
        home.store
            .with_work(home.tenant, after.map(ExecutionKey), limit)
            .unwrap()
    };
    assert_eq!(with_work(None, 3), keys(&[1, 3, 4]));
    assert_eq!(with_work(Some(4), 3), keys(&[6]));
    assert_eq!(home.store.max_execution_key(), Ok(Some(ExecutionKey(6))));
}

#[test]
fn lists_are_newest_first_by_status_and_by_owner() {
    let home = Home::new();
    home.create_many(7);
    end(&home, 2, Status::Succeeded);
    end(&home, 4, Status::Failed);
    end(&home, 5, Status::Succeeded);
    let other = home
        .store
        .change(somebody())
        .put_state_machine(
            new_revision(home.tenant, "refunds"),
            PutMode::Create,
            StorageLimits::default(),
        )
        .unwrap()
        .machine;
    let mut new = home.new_execution(8);
    new.machine = other;
    home.create(new).unwrap();

    let list = |of: &ExecutionsOf, status, before: Option<i64>, limit| -> Vec<i64> {
        let filter = ExecutionFilter {
            statuses: Vec::from_iter(status),
            ..ExecutionFilter::all(of.clone())
        };
        let before = before.map(|key| ListPosition {
            started_at: time(key),
            key: ExecutionKey(key),
        });
        let rows = home.store.list_executions(&filter, before, limit).unwrap();
        rows.iter().map(|row| row.key.0).collect()
    };
    let (machine, tenant) = (
        ExecutionsOf::Machine(home.machine),
        ExecutionsOf::Tenant(home.tenant),
    );
    assert_eq!(list(&machine, None, None, 100), [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(list(&machine, None, Some(6), 3), [5, 4, 3]);
    assert_eq!(list(&machine, Some(Status::Succeeded), None, 100), [5, 2]);
    assert_eq!(list(&machine, Some(Status::Succeeded), Some(5), 100), [2]);
    assert_eq!(
        list(&machine, Some(Status::TimedOut), None, 100),
        [0_i64; 0]
    );
    assert_eq!(list(&tenant, None, None, 2), [8, 7]);
    assert_eq!(list(&tenant, Some(Status::Running), None, 3), [8, 7, 6]);
    assert_eq!(
        list(&ExecutionsOf::Tenant(TenantId(99)), None, None, 3),
        [0_i64; 0]
    );
}

#[test]
fn counts_are_by_status() {
    let home = Home::new();
    home.create_many(6);
    end(&home, 1, Status::Succeeded);
    end(&home, 2, Status::Aborted);
    end(&home, 3, Status::Aborted);
    sleep(&home, 4, 10);
    let counts = home.store.count_executions().unwrap();
    assert_eq!(counts.by_status, [3, 1, 0, 0, 2]);
    assert_eq!((counts.with_timer, counts.with_work), (1, 2));
}

#[test]
fn an_execution_is_found_by_names_also_after_its_machine() {
    let home = Home::new();
    home.create_many(1);
    let find = || {
        home.store
            .find_execution_by_names(home.tenant, "orders", "e1")
            .unwrap()
            .map(|row| row.key)
    };
    assert_eq!(find(), Some(ExecutionKey(1)));
    let delete = || {
        home.store
            .change(somebody())
            .delete_state_machine(home.machine, time(1))
    };
    let make = || {
        home.store.change(somebody()).put_state_machine(
            new_revision(home.tenant, "orders"),
            PutMode::Create,
            StorageLimits::default(),
        )
    };
    // Its name is its own until its last execution has ended.
    assert_eq!(delete(), Ok(Deletion::Pending));
    assert_eq!(delete(), Ok(Deletion::Pending));
    let deleting = home.store.deleting_state_machines().unwrap();
    assert_eq!(deleting.len(), 1);
    assert_eq!(deleting[0].deleting_at, Some(time(1)));
    assert!(matches!(make(), Err(StoreError::Deleting { .. })));
    end(&home, 1, Status::Failed);
    assert_eq!(
        home.store.finish_deletion(home.machine, time(2)),
        Ok(Deletion::Done)
    );
    assert_eq!(home.store.deleting_state_machines(), Ok(vec![]));
    assert_eq!(find(), Some(ExecutionKey(1)));

    // A machine made anew has its own names.
    let anew = make().unwrap().machine;
    assert_ne!(anew, home.machine);
    assert_eq!(find(), Some(ExecutionKey(1)));
    let mut new = home.new_execution(2);
    (new.machine, new.name) = (anew, "e1".into());
    home.create(new).unwrap();
    assert_eq!(find(), Some(ExecutionKey(2)));
    let row = home
        .store
        .find_execution(home.machine, "e1")
        .unwrap()
        .unwrap();
    assert_eq!(row.key, ExecutionKey(1));
}

#[test]
fn a_sleeping_execution_costs_its_rows_and_nothing_else() {
    let mut home = Home::new();
    let size = |home: &Home| {
        std::fs::metadata(home.path().join("stepwell.db"))
            .unwrap()
            .len()
    };
    home.reopen();
    let before = size(&home);
    let count = 2_000_u16;
    let (tell, told) = std::sync::mpsc::channel();
    for key in 1..=i64::from(count) {
        let mut new = home.new_execution(key);
        new.summary = Summary {
            due_at: Some(time(key)),
            has_work: false,
            ..Summary::working()
        };
        // Who started it stands in the audit log, however long it sleeps.
        new.audit = None;
        let tell = tell.clone();
        home.store
            .create_execution(new, Box::new(move |result| tell.send(result).unwrap()));
    }
    assert!(
        told.iter()
            .take(count as usize)
            .all(|result| result.is_ok())
    );
    home.reopen();
    let bytes = (size(&home) - before) / u64::from(count);
    assert!(bytes < 400, "{bytes} bytes each");
    assert_eq!(home.store.count_executions().unwrap().with_timer, 2_000);
    assert_eq!(home.store.with_work(home.tenant, None, 1), Ok(Vec::new()));
}
