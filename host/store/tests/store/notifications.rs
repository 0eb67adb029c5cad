//! The outbox: written with the event, bounded, kept over a restart, forgotten in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stepwell_decider::{EventKind, Failure};
use stepwell_states::Timestamp;
use stepwell_store::{
    CommitDecision, DELIVERIES_PENDING_MAX, DeliveryEnd, DeliveryFilter, DeliveryRow,
    DeliveryStatus, DueDelivery, NOTIFICATIONS_MAX, NewNotification, Status, StoreError, Summary,
};

use crate::setup::{Home, decision, event, events, somebody, time};

/// A notification of failures of all machines.
pub(crate) fn of_failures(home: &Home, name: &str) -> NewNotification {
    NewNotification {
        tenant: home.tenant,
        name: name.to_owned(),
        events: vec!["execution.failed".to_owned()],
        machines: Vec::new(),
        channel: "{}".to_owned(),
        enabled: true,
        changed_at: time(0),
        changed_by: None,
    }
}

pub(crate) fn put(home: &Home, new: NewNotification) -> Result<(), StoreError> {
    home.store.change(somebody()).put_notification(new)
}

/// A decision by which an execution of one event fails.
pub(crate) fn failing(key: i64) -> CommitDecision {
    let failed = EventKind::ExecutionFailed(Failure::new("No", "x".repeat(10_000)));
    CommitDecision {
        events: vec![event(2, failed)],
        summary: Summary {
            status: Status::Failed,
            has_work: false,
            stopped_at: Some(time(2)),
            ..Summary::working()
        },
        ..decision(key, 1, 0)
    }
}

pub(crate) fn due(home: &Home, now: Timestamp) -> Vec<DueDelivery> {
    home.store.due_deliveries(now, 5_000).unwrap()
}

fn list(home: &Home, name: &str) -> Vec<DeliveryRow> {
    let filter = DeliveryFilter {
        tenant: home.tenant,
        notification: name.to_owned(),
        status: None,
        before: None,
        limit: 5_000,
    };
    home.store.list_deliveries(&filter).unwrap()
}

#[test]
fn what_is_news_is_written_with_its_event_and_rings() {
    let mut home = Home::new();
    let rung = Arc::new(AtomicU64::new(0));
    let bell = Arc::clone(&rung);
    home.store.listen_for_deliveries(Arc::new(move || {
        bell.fetch_add(1, Ordering::SeqCst);
    }));
    put(&home, of_failures(&home, "ops")).unwrap();
    home.create_many(3);
    home.commit(decision(1, 1, 3)).unwrap();
    assert_eq!(
        rung.load(Ordering::SeqCst),
        0,
        "nobody wants to know of that"
    );
    home.commit(failing(2)).unwrap();
    assert_eq!(rung.load(Ordering::SeqCst), 1);
    // A start that fails at once is news, too.
    let mut new = home.new_execution(9);
    let failed = EventKind::ExecutionFailed(Failure::named("AtOnce"));
    new.events = events(1, 1);
    new.events.push(event(2, failed));
    home.create(new).unwrap();
    assert_eq!(rung.load(Ordering::SeqCst), 2);

    home.reopen();
    let due = due(&home, time(2));
    let told: Vec<&str> = due.iter().map(|due| due.event.as_str()).collect();
    assert_eq!(told, ["execution.failed"; 2]);
    assert!(due[0].public_id.starts_with("msg_") && due[0].public_id != due[1].public_id);
    assert_eq!(
        (&*due[0].tenant_name, &*due[0].account),
        ("acme", "000000000001")
    );
    let facts: serde_json::Value = serde_json::from_str(&due[0].facts).unwrap();
    assert_eq!(facts["stateMachine"], "orders");
    assert_eq!(facts["execution"], "e2");
    // The cause is cut: a row is small, whatever failed.
    assert!(due[0].facts.len() < 2_300, "{}", due[0].facts.len());
    // The same event is not told twice.
    assert!(home.commit(failing(2)).is_err());
    assert_eq!(list(&home, "ops").len(), 2);
}

#[test]
fn what_is_too_much_is_left_out_and_counted() {
    let home = Home::new();
    put(&home, of_failures(&home, "ops")).unwrap();
    let count = DELIVERIES_PENDING_MAX.cast_signed() + 5;
    home.create_many(count);
    for key in 1..=count {
        home.commit(failing(key)).unwrap();
    }
    let find = || {
        let found = home.store.find_notification(home.tenant, "ops").unwrap();
        let found = found.unwrap();
        (found.pending, found.dropped)
    };
    assert_eq!(find(), (DELIVERIES_PENDING_MAX, 5));
    let first = due(&home, time(9)).remove(0);
    let delivered = DeliveryEnd::Delivered;
    home.store
        .end_delivery_attempt(first.id, delivered.clone(), time(10))
        .unwrap();
    assert_eq!(find(), (DELIVERIES_PENDING_MAX - 1, 5));
    // What is over is over once.
    home.store
        .end_delivery_attempt(first.id, delivered, time(10))
        .unwrap();
    assert_eq!(find(), (DELIVERIES_PENDING_MAX - 1, 5));
}

#[test]
fn a_delivery_is_due_again_until_it_is_over_and_then_forgotten() {
    let home = Home::new();
    put(&home, of_failures(&home, "ops")).unwrap();
    home.create_many(1);
    home.commit(failing(1)).unwrap();
    let id = due(&home, time(2))[0].id;
    let again = DeliveryEnd::Again {
        due_at: time(5_000),
        error: "busy".to_owned(),
    };
    home.store.end_delivery_attempt(id, again, time(3)).unwrap();
    assert!(due(&home, time(4_999)).is_empty());
    assert_eq!(home.store.next_delivery_due(time(3)), Ok(Some(time(5_000))));
    assert_eq!(due(&home, time(5_000))[0].attempts, 1);
    let dead = DeliveryEnd::Dead {
        error: "gone".to_owned(),
    };
    home.store
        .end_delivery_attempt(id, dead, time(5_000))
        .unwrap();
    assert!(due(&home, time(9_999)).is_empty());
    assert_eq!(home.store.next_delivery_due(time(3)), Ok(None));
    let row = list(&home, "ops").remove(0);
    assert_eq!((row.status, row.attempts), (DeliveryStatus::Dead, 2));
    assert_eq!(row.last_error.as_deref(), Some("gone"));
    assert_eq!(home.store.drop_old_deliveries(time(5_000)), Ok(0));
    assert_eq!(home.store.drop_old_deliveries(time(5_001)), Ok(1));
    assert!(list(&home, "ops").is_empty());
}

#[test]
fn one_that_is_disabled_waits_and_one_that_is_deleted_is_gone_with_all() {
    let home = Home::new();
    put(&home, of_failures(&home, "ops")).unwrap();
    home.create_many(2);
    home.commit(failing(1)).unwrap();
    let mut disabled = of_failures(&home, "ops");
    disabled.enabled = false;
    put(&home, disabled).unwrap();
    home.commit(failing(2)).unwrap();
    assert!(due(&home, time(9)).is_empty());
    assert_eq!(list(&home, "ops").len(), 1, "it tells of nothing new");
    put(&home, of_failures(&home, "ops")).unwrap();
    let under_way = due(&home, time(9)).remove(0).id;
    let delete = || {
        home.store
            .change(somebody())
            .delete_notification(home.tenant, "ops")
    };
    delete().unwrap();
    assert!(due(&home, time(9)).is_empty());
    assert!(matches!(delete(), Err(StoreError::NotFound { .. })));
    // Whoever sends it still may say so.
    home.store
        .end_delivery_attempt(under_way, DeliveryEnd::Delivered, time(9))
        .unwrap();
}

#[test]
fn a_tenant_has_so_many() {
    let home = Home::new();
    for index in 0..NOTIFICATIONS_MAX {
        put(&home, of_failures(&home, &format!("n{index}"))).unwrap();
    }
    let one_more = put(&home, of_failures(&home, "more"));
    assert!(matches!(one_more, Err(StoreError::TooMany { .. })));
    put(&home, of_failures(&home, "n0")).unwrap();
    let all = home.store.list_notifications(home.tenant).unwrap();
    assert_eq!(all.len(), NOTIFICATIONS_MAX);
}
