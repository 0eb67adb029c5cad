//! Bulk operations: what they change, what they leave alone, and crashes in the middle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stepwell_engine::audit::AuditQuery;
use stepwell_engine::{
    BulkAction, BulkDescription, BulkOrder, BulkStatus, EngineError, EventKind, ExecutionQuery,
    ListExecutions, SimulatedClock, StartExecution, Status, Tag,
};
use stepwell_store::{Fault, FaultPlan};

use crate::harness::{Bench, START, Scripted};

const WAITS: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}"#;
const FAILS: &str = r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Broken"}}}"#;

/// Starts executions of a machine, each tagged with its group.
async fn start_many(bench: &Bench, machine: &str, group: &str, count: usize) {
    let mut begun = tokio::task::JoinSet::new();
    for number in 0..count {
        let order = StartExecution {
            state_machine: machine.to_owned(),
            name: Some(format!("{group}-{number}")),
            tags: vec![Tag {
                key: "group".to_owned(),
                value: group.to_owned(),
            }],
            ..StartExecution::default()
        };
        let (handle, caller) = (bench.handle.clone(), bench.caller.clone());
        begun.spawn(async move { handle.start_execution(&caller, order).await.unwrap() });
        // As many at once as callers may be.
        if begun.len() >= 256 {
            begun.join_next().await.unwrap().unwrap();
        }
    }
    begun.join_all().await;
}

fn of_group(group: &str) -> ExecutionQuery {
    ExecutionQuery {
        tags: vec![Tag {
            key: "group".to_owned(),
            value: group.to_owned(),
        }],
        ..ExecutionQuery::default()
    }
}

fn order(action: BulkAction, query: ExecutionQuery) -> BulkOrder {
    BulkOrder {
        action,
        query,
        all: false,
        error: None,
        cause: None,
    }
}

/// Looks at an operation until it is as it is wanted.
async fn until(
    bench: &Bench,
    id: &str,
    wanted: impl Fn(&BulkDescription) -> bool,
) -> BulkDescription {
    loop {
        let found = bench.handle.describe_bulk(&bench.caller, id).await.unwrap();
        if wanted(&found) {
            return found;
        }
        tokio::task::yield_now().await;
    }
}

async fn ended(bench: &Bench, id: &str) -> BulkDescription {
    until(bench, id, |found| found.status != BulkStatus::Running).await
}

/// How often the audit log tells of each action, and of each thing it was done to.
async fn told(bench: &Bench, action: &str) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    let mut page_token = None;
    loop {
        let query = AuditQuery {
            action: Some(action.to_owned()),
            limit: 1_000,
            page_token: page_token.take(),
            ..AuditQuery::default()
        };
        let page = bench.handle.list_audit(&bench.caller, query).await.unwrap();
        for item in &page.items {
            let resource = item.entry["resource"].as_str().unwrap().to_owned();
            *told.entry(resource).or_default() += 1;
        }
        let Some(token) = page.next_page_token else {
            return told;
        };
        page_token = Some(token);
    }
}

async fn count(bench: &Bench, query: ExecutionQuery) -> usize {
    let mut count = 0;
    let mut page_token = None;
    loop {
        let list = ListExecutions {
            query: query.clone(),
            limit: 1_000,
            page_token: page_token.take(),
            ..ListExecutions::default()
        };
        let page = bench
            .handle
            .list_executions(&bench.caller, list)
            .await
            .unwrap();
        count += page.items.len();
        let Some(token) = page.next_page_token else {
            return count;
        };
        page_token = Some(token);
    }
}

fn in_status(query: ExecutionQuery, status: Status) -> ExecutionQuery {
    ExecutionQuery {
        statuses: vec![status],
        ..query
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_filter_lets_pass_is_stopped_and_nothing_else() {
    let bench = Bench::in_memory().await;
    bench.deploy("waits", WAITS).await;
    start_many(&bench, "waits", "meant", 120).await;
    start_many(&bench, "waits", "spared", 5).await;
    let stop = BulkOrder {
        error: Some("Cleaned.Up".to_owned()),
        cause: Some("by night".to_owned()),
        ..order(BulkAction::Stop, of_group("meant"))
    };
    let preview = bench
        .handle
        .preview_bulk(&bench.caller, &stop)
        .await
        .unwrap();
    assert_eq!(
        (preview.matching, preview.counts.len(), preview.sample.len()),
        (120, 1, 10)
    );
    assert!(
        preview
            .sample
            .iter()
            .all(|name| name.starts_with("waits/meant-"))
    );
    assert_eq!(told(&bench, "bulk-operation:").await.len(), 0);

    let ordered = bench.handle.order_bulk(&bench.caller, stop).await.unwrap();
    assert_eq!(
        (ordered.matching, ordered.status),
        (120, BulkStatus::Running)
    );
    // They match, and come after the order.
    let late = StartExecution {
        state_machine: "waits".to_owned(),
        name: Some("late".to_owned()),
        tags: of_group("meant").tags,
        ..StartExecution::default()
    };
    bench
        .handle
        .start_execution(&bench.caller, late)
        .await
        .unwrap();
    let done = ended(&bench, &ordered.id).await;
    assert_eq!(done.status, BulkStatus::Completed);
    assert_eq!((done.done, done.skipped, done.failed), (120, 0, 0));
    for (group, status, expected) in [
        ("meant", Status::Aborted, 120),
        ("meant", Status::Running, 1),
        ("spared", Status::Running, 5),
    ] {
        assert_eq!(
            count(&bench, in_status(of_group(group), status)).await,
            expected
        );
    }
    // Who ordered it has stopped each of them.
    let events = bench.history("waits/meant-7").await;
    let last = &events.last().unwrap().kind;
    let EventKind::ExecutionAborted { failure, principal } = last else {
        panic!("{last:?}");
    };
    assert_eq!(failure.error.as_deref(), Some("Cleaned.Up"));
    assert_eq!(principal.as_ref(), Some(&bench.caller.principal));
    let stops = told(&bench, "execution:stop").await;
    assert_eq!(stops.len(), 120);
    assert!(stops.values().all(|times| *times == 1));
    for action in ["bulk-operation:order", "bulk-operation:end"] {
        assert_eq!(
            told(&bench, action).await,
            BTreeMap::from([(ordered.id.clone(), 1)])
        );
    }
}

/// All that became of the executions that an operation let pass.
fn told_of(operation: &BulkDescription) -> u64 {
    operation.done + operation.skipped + operation.failed
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_of_operations_over_the_same_executions_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SimulatedClock::new(START);
    let path = || folder.path().to_owned();
    let faults = Arc::new(DieLater::default());
    let plan: Arc<dyn FaultPlan> = Arc::clone(&faults) as _;
    let bench = Bench::with_faults(path(), clock.clone(), Scripted::default(), plan).await;
    bench.deploy("waits", WAITS).await;
    start_many(&bench, "waits", "meant", 800).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let stop = order(BulkAction::Stop, of_group("meant"));
        let ordered = bench.handle.order_bulk(&bench.caller, stop).await.unwrap();
        ids.push(ordered.id);
    }
    until(&bench, &ids[1], |found| found.done > 0).await;
    faults.left.store(7, Ordering::SeqCst);
    while bench
        .handle
        .describe_bulk(&bench.caller, &ids[0])
        .await
        .is_ok()
    {
        tokio::task::yield_now().await;
    }
    bench.close().await;

    let bench = Bench::in_folder(path(), clock, Scripted::default()).await;
    let (first, second) = (ended(&bench, &ids[0]).await, ended(&bench, &ids[1]).await);
    assert_eq!(first.done + second.done, 800);
    for operation in [&first, &second] {
        assert_eq!(told_of(operation), operation.matching, "{operation:?}");
        assert!(operation.done > 0 && operation.skipped > 0, "{operation:?}");
    }
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_again_is_redriven_once() {
    let bench = Bench::in_memory().await;
    bench.deploy("fails", FAILS).await;
    start_many(&bench, "fails", "broken", 70).await;
    for number in 0..70 {
        bench.end(&format!("fails/broken-{number}")).await;
    }
    let query = ExecutionQuery {
        error: Some("Broken".to_owned()),
        ..ExecutionQuery::default()
    };
    let redrive = order(BulkAction::Redrive, query);
    let ordered = bench
        .handle
        .order_bulk(&bench.caller, redrive)
        .await
        .unwrap();
    let done = ended(&bench, &ordered.id).await;
    assert_eq!((done.done, done.skipped, done.failed), (70, 0, 0));
    for number in 0..70 {
        let end = bench.end(&format!("fails/broken-{number}")).await;
        assert_eq!(end.summary.redrive_count, 1);
    }
    assert_eq!(told(&bench, "execution:redrive").await.len(), 70);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_changed_is_told_of() {
    let bench = Bench::in_memory().await;
    bench.deploy("fails", FAILS).await;
    start_many(&bench, "fails", "old", 3).await;
    for number in 0..3 {
        bench.end(&format!("fails/old-{number}")).await;
    }
    // A redrive is possible for 14 days.
    bench
        .clock
        .advance(std::time::Duration::from_secs(15 * 24 * 3600));
    let redrive = order(BulkAction::Redrive, of_group("old"));
    let ordered = bench
        .handle
        .order_bulk(&bench.caller, redrive)
        .await
        .unwrap();
    let done = ended(&bench, &ordered.id).await;
    assert_eq!((done.done, done.skipped, done.failed), (0, 0, 3));
    assert_eq!(done.problems.len(), 3);
    let (execution, reason) = &done.problems[0];
    assert!(execution.contains("execution:fails:old-"), "{execution}");
    assert_eq!(reason, "Execution redrivable period exceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_means_nothing_or_everything_is_refused() {
    let bench = Bench::in_memory().await;
    bench.deploy("waits", WAITS).await;
    start_many(&bench, "waits", "some", 2).await;
    let everything = ExecutionQuery::default();
    let failed = in_status(everything.clone(), Status::Failed);
    let all = |action, query| BulkOrder {
        all: true,
        ..order(action, query)
    };
    let with_error = BulkOrder {
        error: Some("E".to_owned()),
        ..order(BulkAction::Redrive, of_group("some"))
    };
    for (order, field) in [
        (order(BulkAction::Stop, everything.clone()), "filter"),
        (all(BulkAction::Stop, of_group("some")), "all"),
        (order(BulkAction::Stop, of_group("none")), "filter"),
        (all(BulkAction::Redrive, everything.clone()), "filter"),
        (order(BulkAction::Stop, failed), "status"),
        (with_error, "error"),
    ] {
        let refused = bench.handle.order_bulk(&bench.caller, order).await;
        match refused {
            Err(EngineError::Invalid { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    let listed = bench
        .handle
        .list_bulk(&bench.caller, None, 10)
        .await
        .unwrap();
    assert_eq!(listed.items, []);
    // Said explicitly, all are meant.
    let stop = all(BulkAction::Stop, everything);
    let ordered = bench.handle.order_bulk(&bench.caller, stop).await.unwrap();
    assert_eq!(ended(&bench, &ordered.id).await.done, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_cancelled_once() {
    let bench = Bench::in_memory().await;
    bench.deploy("waits", WAITS).await;
    start_many(&bench, "waits", "many", 2_000).await;
    let stop = order(BulkAction::Stop, of_group("many"));
    let ordered = bench.handle.order_bulk(&bench.caller, stop).await.unwrap();
    until(&bench, &ordered.id, |found| found.done > 0).await;
    let cancelled = bench.handle.cancel_bulk(&bench.caller, &ordered.id).await;
    let cancelled = cancelled.unwrap();
    assert_eq!(cancelled.status, BulkStatus::Cancelled);
    assert_eq!(
        cancelled.cancelled_by.as_deref(),
        Some(&*bench.caller.principal)
    );
    let again = bench.handle.cancel_bulk(&bench.caller, &ordered.id).await;
    assert!(matches!(again, Err(EngineError::BulkEnded)), "{again:?}");
    assert_eq!(told(&bench, "bulk-operation:cancel").await.len(), 1);
    assert_eq!(told(&bench, "bulk-operation:end").await.len(), 0);
    assert!(count(&bench, in_status(of_group("many"), Status::Running)).await > 0);
}

/// Lets the host die at a commit that comes so long after it was armed.
#[derive(Debug, Default)]
struct DieLater {
    /// Commits until then; none while it is zero.
    left: AtomicU64,
    before: bool,
}

impl DieLater {
    fn at(&self, before: bool) -> Fault {
        if before != self.before || self.left.load(Ordering::SeqCst) == 0 {
            return Fault::Nothing;
        }
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            1 => Fault::Die,
            _ => Fault::Nothing,
        }
    }
}

impl FaultPlan for DieLater {
    fn before_commit(&self, _: u64) -> Fault {
        self.at(true)
    }

    fn after_commit(&self, _: u64) -> Fault {
        self.at(false)
    }
}

/// Has an operation over `executions` die `crashes` times, and looks that each was changed once.
async fn goes_on_after_crashes(action: BulkAction, executions: usize, crashes: u64) {
    let folder = tempfile::tempdir().unwrap();
    let clock = SimulatedClock::new(START);
    let path = || folder.path().to_owned();
    let mut bench = Bench::in_folder(path(), clock.clone(), Scripted::default()).await;
    let (machine, definition) = match action {
        BulkAction::Stop => ("waits", WAITS),
        BulkAction::Redrive => ("fails", FAILS),
    };
    bench.deploy(machine, definition).await;
    start_many(&bench, machine, "meant", executions).await;
    if action == BulkAction::Redrive {
        for number in 0..executions {
            bench.end(&format!("{machine}/meant-{number}")).await;
        }
    }
    bench.close().await;

    let mut id = None;
    let mut seen = 0;
    for crash in 0..crashes {
        let faults = Arc::new(DieLater {
            left: AtomicU64::new(0),
            before: crash % 2 == 0,
        });
        let plan: Arc<dyn FaultPlan> = Arc::clone(&faults) as _;
        bench = Bench::with_faults(path(), clock.clone(), Scripted::default(), plan).await;
        if id.is_none() {
            let order = order(action, of_group("meant"));
            let ordered = bench.handle.order_bulk(&bench.caller, order).await.unwrap();
            id = Some(ordered.id);
        }
        let share = u64::try_from(executions).unwrap() / (crashes + 2);
        let next = seen + share;
        loop {
            let found = bench
                .handle
                .describe_bulk(&bench.caller, id.as_ref().unwrap())
                .await;
            let Ok(found) = found else { break };
            assert_eq!(found.status, BulkStatus::Running, "no crash came");
            assert!(found.done >= seen, "what was done stays done");
            if found.done >= next && seen < next {
                // Within a part, at its end, or between two.
                faults.left.store(1 + crash, Ordering::SeqCst);
            }
            seen = found.done;
            tokio::task::yield_now().await;
        }
        bench.close().await;
    }
    let bench = Bench::in_folder(path(), clock, Scripted::default()).await;
    let done = ended(&bench, id.as_ref().unwrap()).await;
    let total = u64::try_from(executions).unwrap();
    assert_eq!(done.status, BulkStatus::Completed);
    assert_eq!((done.done, done.skipped, done.failed), (total, 0, 0));
    let word = match action {
        BulkAction::Stop => "execution:stop",
        BulkAction::Redrive => "execution:redrive",
    };
    let told = told(&bench, word).await;
    assert_eq!(told.len(), executions);
    assert!(
        told.values().all(|times| *times == 1),
        "one was changed twice"
    );
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_crashes_goes_on_and_stops_each_once() {
    goes_on_after_crashes(BulkAction::Stop, 1_200, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_that_crashes_goes_on_and_redrives_each_once() {
    goes_on_after_crashes(BulkAction::Redrive, 1_200, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_executions_are_stopped_over_a_crash() {
    goes_on_after_crashes(BulkAction::Stop, 10_000, 2).await;
}
