//! What is past its time goes, and nothing else does: through the handle, with simulated time.

use std::time::Duration;

use serde_json::Value;
use stepwell_engine::audit::{AuditQuery, ErasureOrder};
use stepwell_engine::{
    EngineError, ExecutionQuery, ListExecutions, RetentionConfig, RetentionOrder, SimulatedClock,
    Status,
};
use stepwell_store::StoreOptions;

use crate::harness::{Bench, START, Scripted, failed};

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
const ASK: &str =
    r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"stepwell:event:go","End":true}}}"#;
const MAPS: &str = r#"{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{
    "ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
    "StartAt":"E","States":{"E":{"Type":"Task","Resource":"task:work","End":true}}}}}}"#;
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn age(days: u32) -> RetentionOrder {
    RetentionOrder {
        age: Some(DAY * days),
        ..RetentionOrder::default()
    }
}

/// Names of a machine's executions.
async fn names(bench: &Bench, machine: &str) -> Vec<String> {
    let order = ListExecutions {
        query: ExecutionQuery {
            state_machine: Some(machine.to_owned()),
            ..ExecutionQuery::default()
        },
        limit: 100,
        ..ListExecutions::default()
    };
    let page = bench.handle.list_executions(&bench.caller, order).await;
    let mut names: Vec<String> = page
        .unwrap()
        .items
        .into_iter()
        .map(|item| item.name)
        .collect();
    names.sort_unstable();
    names
}

/// Waits until a machine has these executions and no others.
async fn until_left(bench: &Bench, machine: &str, expected: &[&str]) {
    let looking = async {
        while names(bench, machine).await != expected {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(crate::harness::PATIENCE, looking).await;
    let left = names(bench, machine).await;
    assert!(
        waited.is_ok(),
        "{machine} has {left:?}, and not {expected:?}"
    );
}

async fn entries(bench: &Bench, action: &str) -> Vec<Value> {
    let query = AuditQuery {
        action: Some(action.to_owned()),
        limit: 100,
        ..AuditQuery::default()
    };
    let page = bench.handle.list_audit(&bench.caller, query).await.unwrap();
    page.items.into_iter().map(|item| item.entry).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_age_goes_and_what_runs_stays() {
    let bench = Bench::in_memory().await;
    bench.deploy("pass", PASS).await;
    bench.deploy("ask", ASK).await;
    bench.end(&bench.start("pass", "old", "{}").await).await;
    bench.start("ask", "waits", "{}").await;
    let rule = bench
        .handle
        .put_retention(&bench.caller, None, age(30))
        .await;
    assert_eq!(rule.unwrap().age, Some(DAY * 30));
    bench.clock.advance(DAY * 20);
    bench.end(&bench.start("pass", "young", "{}").await).await;
    assert_eq!(names(&bench, "pass").await, ["old", "young"]);
    bench.clock.advance(DAY * 11);
    until_left(&bench, "pass", &["young"]).await;
    assert_eq!(names(&bench, "ask").await, ["waits"]);
    let gone = bench.handle.describe_execution(&bench.caller, "pass/old");
    assert!(matches!(gone.await, Err(EngineError::NotFound { .. })));
    let redriven = bench
        .handle
        .redrive_execution(&bench.caller, "pass/old", None);
    assert!(matches!(redriven.await, Err(EngineError::NotFound { .. })));
    // Its name is free, and a new one of it is another execution.
    let again = bench.start("pass", "old", r#"{"other":"input"}"#).await;
    assert_eq!(bench.end(&again).await.summary.status, Status::Succeeded);
    // What was done is known still.
    let starts = entries(&bench, "execution:start").await;
    assert_eq!(starts.len(), 4);
    let swept = loop {
        let swept = entries(&bench, "execution:sweep").await;
        if !swept.is_empty() {
            break swept;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(swept[0]["resource"], "pass");
    bench.chain_is_whole(4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_closest_rule_holds_as_a_whole() {
    let clock = SimulatedClock::new(START);
    let host = RetentionConfig {
        count: Some(1),
        ..RetentionConfig::default()
    };
    let adjust = |config: &mut stepwell_engine::EngineConfig| config.retention = host;
    let bench = Bench::open(StoreOptions::memory(), clock, Scripted::default(), adjust).await;
    let (handle, caller) = (&bench.handle, &bench.caller);
    for machine in ["kept", "counted", "other"] {
        bench.deploy(machine, PASS).await;
    }
    let forever = RetentionOrder {
        forever: true,
        ..RetentionOrder::default()
    };
    let two = RetentionOrder {
        count: Some(2),
        ..RetentionOrder::default()
    };
    handle
        .put_retention(caller, Some("kept"), forever)
        .await
        .unwrap();
    handle
        .put_retention(caller, Some("counted"), two)
        .await
        .unwrap();
    for machine in ["kept", "counted", "other"] {
        for name in ["a", "b", "c"] {
            bench.end(&bench.start(machine, name, "{}").await).await;
        }
    }
    bench.clock.advance(DAY);
    until_left(&bench, "other", &["c"]).await;
    until_left(&bench, "counted", &["b", "c"]).await;
    assert_eq!(names(&bench, "kept").await, ["a", "b", "c"]);
    let rules = handle.list_retention(caller).await.unwrap();
    assert_eq!(rules.host, host);
    assert_eq!(rules.rules.len(), 2);
    // Without its rule, the host's holds, at once.
    handle.delete_retention(caller, Some("kept")).await.unwrap();
    until_left(&bench, "kept", &["c"]).await;
    let again = handle.delete_retention(caller, Some("kept")).await;
    assert!(matches!(again, Err(EngineError::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_run_goes_with_all_its_children() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("E", |order| match order.input.as_str() {
        "7" => failed("Seven"),
        _ => crate::harness::ok("1"),
    });
    bench.deploy("maps", MAPS).await;
    let items = format!("{:?}", (0..300).collect::<Vec<u32>>());
    let arn = bench.start("maps", "one", &items).await;
    assert_eq!(bench.end(&arn).await.summary.status, Status::Failed);
    let before = bench.store.count_executions().unwrap();
    assert!(before.by_status.iter().sum::<u64>() > 2, "{before:?}");
    bench
        .handle
        .put_retention(&bench.caller, Some("maps"), age(1))
        .await
        .unwrap();
    bench.clock.advance(DAY * 2);
    until_left(&bench, "maps", &[]).await;
    let emptied = async {
        while bench.store.count_executions().unwrap().by_status != [0; 5] {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(crate::harness::PATIENCE, emptied).await;
    assert!(waited.is_ok(), "{:?}", bench.store.count_executions());
    let [executions, rows, _] = bench.handle.metrics().swept;
    assert_eq!(executions, 1);
    assert!(rows > 300, "{rows}");
    bench.store.check_integrity().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_cannot_say_is_refused() {
    let bench = Bench::in_memory().await;
    bench.deploy("pass", PASS).await;
    let none = RetentionOrder::default();
    let zero_age = RetentionOrder {
        age: Some(Duration::ZERO),
        ..none
    };
    let zero = RetentionOrder {
        count: Some(0),
        ..none
    };
    let both = RetentionOrder {
        forever: true,
        count: Some(1),
        ..none
    };
    let audit = RetentionOrder {
        audit_age: Some(DAY),
        ..age(1)
    };
    for (machine, order, field) in [
        (None, none, "maxAgeSeconds"),
        (None, zero_age, "maxAgeSeconds"),
        (None, zero, "maxCount"),
        (None, both, "forever"),
        (Some("pass"), audit, "auditDetailsMaxAgeSeconds"),
    ] {
        let refused = bench
            .handle
            .put_retention(&bench.caller, machine, order)
            .await;
        match refused {
            Err(EngineError::Invalid { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{order:?}: {other:?}"),
        }
    }
    let unknown = bench
        .handle
        .put_retention(&bench.caller, Some("nobody"), age(1));
    assert!(matches!(unknown.await, Err(EngineError::NotFound { .. })));
    assert_eq!(
        bench
            .handle
            .list_retention(&bench.caller)
            .await
            .unwrap()
            .rules,
        []
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_of_audit_entries_alone_leaves_executions_as_they_are_kept() {
    let bench = Bench::in_memory().await;
    let audit = RetentionOrder {
        audit_age: Some(DAY * 400),
        ..RetentionOrder::default()
    };
    let put = async |order| {
        let set = bench.handle.put_retention(&bench.caller, None, order).await;
        set.unwrap()
    };
    let set = put(audit).await;
    assert_eq!((set.age, set.audit_age), (None, Some(DAY * 400)));
    put(age(90)).await;
    let set = put(audit).await;
    assert_eq!((set.age, set.audit_age), (Some(DAY * 90), Some(DAY * 400)));
}

#[tokio::test(flavor = "multi_thread")]
async fn details_of_audit_entries_go_by_rule_and_by_order_and_the_chain_stays() {
    let bench = Bench::in_memory().await;
    bench.deploy("pass", PASS).await;
    let (handle, caller) = (&bench.handle, &bench.caller);
    let detailed = async || {
        let query = AuditQuery {
            limit: 100,
            ..AuditQuery::default()
        };
        let page = handle.list_audit(caller, query).await.unwrap();
        let with = page.items.into_iter().filter(|item| item.details.is_some());
        with.filter(|item| item.entry["action"] != "audit:erase")
            .count()
    };
    let before = detailed().await;
    assert!(before > 0);
    let mut order = ErasureOrder {
        principal: Some("nobody".to_owned()),
        ..ErasureOrder::default()
    };
    assert_eq!(
        handle
            .erase_audit(caller, order.clone())
            .await
            .unwrap()
            .details,
        0
    );
    order.principal = Some("test".to_owned());
    order.preview = true;
    let counted = handle.erase_audit(caller, order.clone()).await.unwrap();
    assert_eq!((counted.details, detailed().await), (before as u64, before));
    order.preview = false;
    assert_eq!(handle.erase_audit(caller, order).await.unwrap(), counted);
    assert_eq!(detailed().await, 0);
    assert_eq!(
        entries(&bench, "audit:erase").await.len() as u64,
        counted.entries
    );
    let all = handle.erase_audit(caller, ErasureOrder::default()).await;
    assert!(matches!(
        all,
        Err(EngineError::Invalid {
            field: "before",
            ..
        })
    ));
    // By a rule: what is said now goes in time.
    let rule = RetentionOrder {
        audit_age: Some(DAY * 10),
        ..age(5)
    };
    handle.put_retention(caller, None, rule).await.unwrap();
    assert_eq!(detailed().await, 1);
    bench.clock.advance(DAY * 11);
    let erased = async {
        while detailed().await > 0 {
            tokio::task::yield_now().await;
        }
    };
    assert!(
        tokio::time::timeout(crate::harness::PATIENCE, erased)
            .await
            .is_ok()
    );
    bench.chain_is_whole(0);
}
