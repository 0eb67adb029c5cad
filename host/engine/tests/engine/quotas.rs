//! Quotas, through the handle that all doors use, on a clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use stepwell_engine::{
    Caller, DeployStateMachine, EngineError, ExecutionType, NewTenantOrder, OwnQuotas, Payload,
    Quota, QuotaState, RetentionOrder, SimulatedClock, StartExecution, StartedExecution, Status,
};
use stepwell_store::{StoreOptions, TenantId};

use crate::harness::{Bench, START, Scripted};

const WAIT: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9000,"End":true}}}"#;
const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
const TASK: &str =
    r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"task:a","End":true}}}"#;

/// A machine of so many tasks, each after the other.
fn sequence(tasks: usize) -> String {
    let states: Vec<String> = (1..=tasks)
        .map(|task| {
            let next = match task == tasks {
                true => r#""End":true"#.to_owned(),
                false => format!(r#""Next":"T{}""#, task + 1),
            };
            format!(r#""T{task}":{{"Type":"Task","Resource":"task:a",{next}}}"#)
        })
        .collect();
    format!(r#"{{"StartAt":"T1","States":{{{}}}}}"#, states.join(","))
}

async fn set(bench: &Bench, quotas: &[(Quota, u64)]) {
    let own: OwnQuotas = quotas
        .iter()
        .map(|(quota, amount)| (*quota, Some(*amount)))
        .collect();
    let put = bench.handle.put_quotas(&bench.caller, "dev", own);
    put.await.unwrap();
}

fn state(bench: &Bench, quota: Quota) -> QuotaState {
    let found = bench.handle.own_quotas(&bench.caller).unwrap();
    let found = found.quotas.into_iter().find(|state| state.quota == quota);
    found.unwrap()
}

fn waiting(bench: &Bench) -> u64 {
    let found = bench.handle.own_quotas(&bench.caller).unwrap();
    found.tasks_waiting
}

async fn try_start(bench: &Bench, name: &str) -> Result<StartedExecution, EngineError> {
    start_as(bench, &bench.caller, name).await
}

async fn start_as(
    bench: &Bench,
    caller: &Caller,
    name: &str,
) -> Result<StartedExecution, EngineError> {
    let order = StartExecution {
        state_machine: "machine".to_owned(),
        name: Some(name.to_owned()),
        input: Some(Payload::empty_object()),
        ..StartExecution::default()
    };
    bench.handle.start_execution(caller, order).await
}

/// Which quota refused it, at how much, and after how long to try again.
fn refused<T: std::fmt::Debug>(result: Result<T, EngineError>) -> (Quota, u64, u64, Option<u64>) {
    match result {
        Err(EngineError::QuotaExceeded {
            quota,
            limit,
            used,
            after_ms,
            ..
        }) => (quota, limit, used, after_ms),
        other => panic!("{other:?}"),
    }
}

async fn stop(bench: &Bench, execution: &str) {
    let stopped = bench
        .handle
        .stop_execution(&bench.caller, execution, None, None);
    stopped.await.unwrap();
}

async fn settled(wanted: impl Fn() -> bool) {
    while !wanted() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_gets_the_last_place() {
    let bench = Arc::new(Bench::in_memory().await);
    bench.deploy("machine", WAIT).await;
    set(&bench, &[(Quota::ExecutionsRunning, 3)]).await;
    let starts: Vec<_> = (0..32)
        .map(|n| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { try_start(&bench, &format!("e-{n}")).await })
        })
        .collect();
    let mut begun = Vec::new();
    for start in starts {
        match start.await.unwrap() {
            Ok(started) => begun.push(started.arn),
            refusal => {
                let (quota, limit, _, after_ms) = refused(refusal);
                assert_eq!(
                    (quota, limit, after_ms),
                    (Quota::ExecutionsRunning, 3, None)
                );
            }
        }
    }
    assert_eq!(begun.len(), 3);
    let found = state(&bench, Quota::ExecutionsRunning);
    assert_eq!((found.used, found.refused), (Some(3), 29));
    // A place that becomes free is given once.
    stop(&bench, &begun[0]).await;
    bench.end(&begun[0]).await;
    let next: Vec<_> = (0..8)
        .map(|n| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { try_start(&bench, &format!("f-{n}")).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for start in next {
        won += usize::from(start.await.unwrap());
    }
    assert_eq!(won, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_and_quotas_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, tasks) = (SimulatedClock::new(START), Scripted::default());
    let bench = Bench::in_folder(folder.path().into(), clock.clone(), tasks.clone()).await;
    bench.deploy("machine", WAIT).await;
    bench.deploy("work", &sequence(3)).await;
    set(&bench, &[(Quota::ExecutionsRunning, 2)]).await;
    let arn = bench.start("work", "done", "{}").await;
    bench.end(&arn).await;
    try_start(&bench, "one").await.unwrap();
    try_start(&bench, "two").await.unwrap();
    let before = bench.handle.own_quotas(&bench.caller).unwrap();
    bench.close().await;

    let bench = Bench::in_folder(folder.path().into(), clock, tasks).await;
    let after = bench.handle.own_quotas(&bench.caller).unwrap();
    let shown = |states: Vec<QuotaState>| -> Vec<_> {
        states
            .into_iter()
            .map(|state| (state.quota, state.limit, state.own, state.used))
            .collect()
    };
    assert_eq!(shown(after.quotas.clone()), shown(before.quotas));
    let fuel = after
        .quotas
        .iter()
        .find(|state| state.quota == Quota::FuelPerDay);
    assert_eq!(fuel.unwrap().used, Some(3_000));
    let (quota, limit, used, _) = refused(try_start(&bench, "three").await);
    assert_eq!((quota, limit, used), (Quota::ExecutionsRunning, 2, 2));
    // The same start again is no new one.
    assert!(try_start(&bench, "one").await.unwrap().existed);
    // What the counts say is what the rows say.
    let usage = bench.store.usage(TenantId(bench.caller.tenant.id));
    assert_eq!(usage.running, 2);
    assert_eq!(usage.components, 5);
    assert!(usage.history_bytes > 0);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_come_at_their_rate() {
    let bench = Bench::in_memory().await;
    bench.deploy("machine", PASS).await;
    set(
        &bench,
        &[(Quota::StartsPerSecond, 2), (Quota::StartsBurst, 3)],
    )
    .await;
    for n in 0..3 {
        try_start(&bench, &format!("e-{n}")).await.unwrap();
    }
    let over = refused(try_start(&bench, "late").await);
    assert_eq!(over, (Quota::StartsPerSecond, 2, 2, Some(500)));
    bench.clock.advance(Duration::from_millis(499));
    assert!(try_start(&bench, "late").await.is_err());
    bench.clock.advance(Duration::from_millis(1));
    try_start(&bench, "late").await.unwrap();
    assert!(try_start(&bench, "later").await.is_err());
    assert_eq!(state(&bench, Quota::StartsPerSecond).refused, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_over_the_quota_wait_and_go_on() {
    let bench = Bench::in_memory().await;
    bench.deploy("machine", TASK).await;
    set(&bench, &[(Quota::TasksAtOnce, 2)]).await;
    let gate = bench.tasks.close_gate();
    let mut arns = Vec::new();
    for n in 0..7 {
        arns.push(try_start(&bench, &format!("e-{n}")).await.unwrap().arn);
    }
    settled(|| waiting(&bench) == 5 && bench.tasks.calls().len() == 2).await;
    assert_eq!(state(&bench, Quota::TasksAtOnce).used, Some(2));
    // A place that becomes free lets one go on.
    gate.add_permits(1);
    settled(|| bench.tasks.calls().len() == 3).await;
    assert_eq!((bench.tasks.made(), waiting(&bench)), (1, 4));
    // Raised while they wait, it lets more go on.
    set(&bench, &[(Quota::TasksAtOnce, 4)]).await;
    settled(|| bench.tasks.calls().len() == 5).await;
    // Lowered below what runs, it ends nothing.
    set(&bench, &[(Quota::TasksAtOnce, 1)]).await;
    gate.add_permits(100);
    for arn in &arns {
        assert_eq!(bench.end(arn).await.summary.status, Status::Succeeded);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_fuel_calls_wait_for_midnight() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, tasks) = (SimulatedClock::new(START), Scripted::default());
    let bench = Bench::in_folder(folder.path().into(), clock.clone(), tasks.clone()).await;
    bench.deploy("machine", &sequence(5)).await;
    // Each call takes 1,000.
    set(&bench, &[(Quota::FuelPerDay, 2_500)]).await;
    let arn = try_start(&bench, "long").await.unwrap().arn;
    settled(|| waiting(&bench) == 1).await;
    assert_eq!(tasks.made(), 3);
    assert_eq!(state(&bench, Quota::FuelPerDay).used, Some(3_000));
    bench.close().await;

    // A restart gives no fuel; 08:00 UTC is 16 hours before midnight.
    let bench = Bench::in_folder(folder.path().into(), clock.clone(), tasks.clone()).await;
    settled(|| waiting(&bench) == 1).await;
    clock.advance(Duration::from_secs(16 * 3_600 - 1));
    assert_eq!((tasks.made(), waiting(&bench)), (3, 1));
    clock.advance(Duration::from_secs(1));
    assert_eq!(bench.end(&arn).await.summary.status, Status::Succeeded);
    assert_eq!(tasks.made(), 5);
    assert_eq!(state(&bench, Quota::FuelPerDay).used, Some(2_000));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_express_execution_does_not_wait_for_fuel() {
    let bench = Bench::in_memory().await;
    bench.deploy("first", TASK).await;
    let order = DeployStateMachine {
        name: Some("machine".to_owned()),
        definition: sequence(2).replace(
            r#""T2":{"#,
            r#""Over":{"Type":"Pass","Result":"over","End":true},"T2":{
               "Catch":[{"ErrorEquals":["Stepwell.QuotaExceeded"],"Next":"Over"}],"#,
        ),
        machine_type: Some(ExecutionType::Express),
        ..DeployStateMachine::default()
    };
    let deployed = bench.handle.deploy_state_machine(&bench.caller, order);
    deployed.await.unwrap();
    set(&bench, &[(Quota::FuelPerDay, 1_000)]).await;
    let order = StartExecution {
        state_machine: "machine".to_owned(),
        name: None,
        input: None,
        ..StartExecution::default()
    };
    let sync = |order: StartExecution| bench.handle.start_sync_execution(&bench.caller, order);
    // The first call uses all there is; the second one is not made.
    let ended = sync(order.clone()).await.unwrap();
    assert_eq!(ended.output.unwrap().as_str(), r#""over""#);
    let (quota, _, used, after_ms) = refused(sync(order).await);
    assert_eq!((quota, used), (Quota::FuelPerDay, 1_000));
    assert_eq!(after_ms, Some(16 * 3_600 * 1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_express_execution_takes_a_place_while_it_runs() {
    let bench = Bench::in_memory().await;
    bench.deploy("first", TASK).await;
    let order = DeployStateMachine {
        name: Some("machine".to_owned()),
        definition: TASK.to_owned(),
        machine_type: Some(ExecutionType::Express),
        ..DeployStateMachine::default()
    };
    let deployed = bench.handle.deploy_state_machine(&bench.caller, order);
    deployed.await.unwrap();
    set(&bench, &[(Quota::ExecutionsRunning, 1)]).await;
    let gate = bench.tasks.close_gate();
    try_start(&bench, "one").await.unwrap();
    assert_eq!(
        refused(try_start(&bench, "two").await).0,
        Quota::ExecutionsRunning
    );
    gate.add_permits(10);
    settled(|| state(&bench, Quota::ExecutionsRunning).used == Some(0)).await;
    try_start(&bench, "two").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_bounded() {
    let bench = Bench::in_memory().await;
    bench.deploy("machine", PASS).await;
    let push = |name: &'static str, bytes: usize| {
        bench
            .handle
            .push_component(&bench.caller, name, vec![1; bytes])
    };
    let used = state(&bench, Quota::StoredBytes).used.unwrap();
    set(
        &bench,
        &[
            (Quota::StoredBytes, used + 100),
            (Quota::ComponentBytes, 90),
        ],
    )
    .await;
    let (quota, limit, found, _) = refused(push("large", 91).await);
    assert_eq!((quota, limit, found), (Quota::ComponentBytes, 90, 91));
    push("fits", 90).await.unwrap();
    let (quota, limit, found, _) = refused(push("over", 11).await);
    assert_eq!(
        (quota, limit, found),
        (Quota::StoredBytes, used + 100, used + 90)
    );
    // The same bytes again take no room.
    assert!(!push("fits", 90).await.unwrap().changed);
    let mut upload = bench
        .handle
        .put_data_set(&bench.caller, "lines")
        .await
        .unwrap();
    upload.push(&[b'x'; 11]).await.unwrap();
    assert_eq!(refused(upload.finish().await).0, Quota::StoredBytes);
    // A start writes a history, for which there has to be room.
    let started = try_start(&bench, "one").await;
    started.unwrap();
    let used = state(&bench, Quota::StoredBytes).used.unwrap();
    set(&bench, &[(Quota::StoredBytes, used)]).await;
    assert_eq!(
        refused(try_start(&bench, "two").await).0,
        Quota::StoredBytes
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn components_are_counted_by_name() {
    let bench = Bench::in_memory().await;
    bench.push("one").await;
    set(&bench, &[(Quota::Components, 2)]).await;
    let push = |name: &'static str, byte: u8| {
        bench
            .handle
            .push_component(&bench.caller, name, vec![byte; 4])
    };
    push("two", 1).await.unwrap();
    push("two", 2).await.unwrap();
    let (quota, limit, used, _) = refused(push("three", 1).await);
    assert_eq!((quota, limit, used), (Quota::Components, 2, 2));
    assert_eq!(state(&bench, Quota::Components).refused, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_is_deleted_makes_room() {
    let bench = Bench::in_memory().await;
    let used = |bench: &Bench| state(bench, Quota::StoredBytes).used.unwrap();
    let before = used(&bench);
    let put = |bytes: usize| {
        let bench = &bench;
        async move {
            let upload = bench.handle.put_data_set(&bench.caller, "lines").await;
            let mut upload = upload.unwrap();
            upload.push(&vec![b'x'; bytes]).await.unwrap();
            upload.finish().await.unwrap();
        }
    };
    put(200_000).await;
    assert_eq!(used(&bench), before + 200_000);
    put(1_000).await;
    assert_eq!(used(&bench), before + 1_000);
    let deleted = bench.handle.delete_data_set(&bench.caller, "lines");
    deleted.await.unwrap();
    assert_eq!(used(&bench), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_machine_that_is_deleted_makes_room_when_its_executions_are_gone() {
    let bench = Bench::in_memory().await;
    let used = || state(&bench, Quota::StoredBytes).used;
    // Its components stay.
    bench.deploy("other", PASS).await;
    let before = used();
    bench.deploy("machine", PASS).await;
    assert!(used() >= before.map(|before| before + 2 * PASS.len() as u64));
    bench.end(&bench.start("machine", "one", "{}").await).await;
    let (handle, caller) = (&bench.handle, &bench.caller);
    let old = RetentionOrder {
        age: Some(Duration::from_secs(1_800)),
        ..RetentionOrder::default()
    };
    handle.put_retention(caller, None, old).await.unwrap();
    handle
        .delete_state_machine(caller, "machine")
        .await
        .unwrap();
    bench.clock.advance(Duration::from_secs(1_200));
    // Its execution is there, and needs it.
    assert!(!bench.history("machine/one").await.is_empty());
    assert!(used() > before);
    bench.clock.advance(Duration::from_secs(700));
    settled(|| used() == before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_over_the_quota_is_an_error_that_can_be_caught() {
    let bench = Bench::in_memory().await;
    bench.deploy("machine", PASS).await;
    let parent = r#"{"StartAt":"Call","States":{
        "Call":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync",
            "Parameters":{"StateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:machine"},
            "Catch":[{"ErrorEquals":["StepFunctions.ExecutionLimitExceededException"],"Next":"Over"}],
            "End":true},
        "Over":{"Type":"Pass","Result":"over","End":true}}}"#;
    bench.deploy("parent", parent).await;
    set(&bench, &[(Quota::ExecutionsRunning, 1)]).await;
    let arn = bench.start("parent", "one", "{}").await;
    let end = bench.end(&arn).await;
    assert_eq!(end.output.unwrap().as_str(), r#""over""#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_over_the_rate_waits_for_its_turn() {
    let bench = Bench::in_memory().await;
    bench.deploy("machine", PASS).await;
    let parent = r#"{"StartAt":"Call","States":{
        "Call":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution",
            "Parameters":{"StateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:machine"},
            "End":true}}}"#;
    bench.deploy("parent", parent).await;
    set(&bench, &[(Quota::StartsPerSecond, 1)]).await;
    let arn = bench.start("parent", "one", "{}").await;
    settled(|| state(&bench, Quota::StartsPerSecond).refused > 0).await;
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.end(&arn).await.summary.status, Status::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn children_of_a_map_run_wait_for_places() {
    let bench = Bench::in_memory().await;
    let map = r#"{"StartAt":"All","States":{"All":{"Type":"Map","End":true,"ItemProcessor":{
        "ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
        "StartAt":"Each","States":{"Each":{"Type":"Task","Resource":"task:work","End":true}}}}}}"#;
    bench.deploy("map", map).await;
    // The parent has one of them.
    set(&bench, &[(Quota::ExecutionsRunning, 4)]).await;
    let gate = bench.tasks.close_gate();
    let arn = bench.start("map", "wide", "[1,2,3,4,5,6,7,8,9]").await;
    settled(|| bench.tasks.calls().len() == 3).await;
    assert_eq!(state(&bench, Quota::ExecutionsRunning).used, Some(4));
    gate.add_permits(100);
    assert_eq!(bench.end(&arn).await.summary.status, Status::Succeeded);
    assert_eq!(bench.tasks.made(), 9);
    // Where the parent has the only place, one child at a time runs all the same.
    set(&bench, &[(Quota::ExecutionsRunning, 1)]).await;
    let arn = bench.start("map", "narrow", "[1,2,3]").await;
    assert_eq!(bench.end(&arn).await.summary.status, Status::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_takes_a_place() {
    let bench = Bench::in_memory().await;
    bench.deploy("machine", WAIT).await;
    let first = try_start(&bench, "first").await.unwrap().arn;
    stop(&bench, &first).await;
    bench.end(&first).await;
    set(&bench, &[(Quota::ExecutionsRunning, 1)]).await;
    let second = try_start(&bench, "second").await.unwrap().arn;
    let redrive = || bench.handle.redrive_execution(&bench.caller, &first, None);
    assert_eq!(refused(redrive().await).0, Quota::ExecutionsRunning);
    stop(&bench, &second).await;
    bench.end(&second).await;
    redrive().await.unwrap();
    assert_eq!(state(&bench, Quota::ExecutionsRunning).used, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_that_cannot_be_are_refused_by_name() {
    let bench = Bench::in_memory().await;
    for (quota, amount) in [
        (Quota::TasksAtOnce, 0),
        (Quota::FuelPerDay, 0),
        (Quota::StartsBurst, 0),
        (Quota::StoredBytes, u64::MAX),
    ] {
        let own = OwnQuotas::from([(quota, Some(amount)), (Quota::Components, Some(1))]);
        let put = bench.handle.put_quotas(&bench.caller, "dev", own).await;
        let Err(EngineError::Invalid { field, .. }) = put else {
            panic!("{put:?}");
        };
        assert_eq!(field, quota.name());
        // Nothing of it holds.
        assert_eq!(state(&bench, Quota::Components).limit, None);
    }
    // Nothing at all may be a quota, and says what to do.
    bench.deploy("machine", PASS).await;
    set(&bench, &[(Quota::StartsPerSecond, 0)]).await;
    let refusal = try_start(&bench, "one").await;
    assert!(format!("{}", refusal.as_ref().unwrap_err()).contains("raise it"));
    assert_eq!(refused(refusal), (Quota::StartsPerSecond, 0, 0, None));
    let unknown = bench
        .handle
        .put_quotas(&bench.caller, "nobody", OwnQuotas::default())
        .await;
    assert!(
        matches!(unknown, Err(EngineError::NotFound { .. })),
        "{unknown:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_quotas_are_no_one_elses() {
    let bench = Bench::open(
        StoreOptions::memory(),
        SimulatedClock::new(START),
        Scripted::default(),
        |config| config.quotas.set(Quota::ExecutionsRunning, Some(1)),
    )
    .await;
    bench.deploy("machine", WAIT).await;
    try_start(&bench, "one").await.unwrap();
    let tenant = NewTenantOrder {
        name: "other".to_owned(),
        account: "000000000009".to_owned(),
        region: "us-east-1".to_owned(),
    };
    bench.handle.ensure_tenant(tenant).await.unwrap();
    let other = bench
        .handle
        .caller_for_tenant("other", "test")
        .await
        .unwrap();
    let order = DeployStateMachine {
        name: Some("machine".to_owned()),
        definition: WAIT.to_owned(),
        ..DeployStateMachine::default()
    };
    let deployed = bench.handle.deploy_state_machine(&other, order);
    deployed.await.unwrap();
    start_as(&bench, &other, "one").await.unwrap();
    // The host's own quota holds for whoever has none of its own.
    assert!(start_as(&bench, &other, "two").await.is_err());
    assert!(try_start(&bench, "two").await.is_err());
    set(&bench, &[(Quota::ExecutionsRunning, 2)]).await;
    try_start(&bench, "two").await.unwrap();
    assert!(start_as(&bench, &other, "two").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_in_memory_does_not_keep_another_tenant_out() {
    let bench = Bench::open(
        StoreOptions::memory(),
        SimulatedClock::new(START),
        Scripted::default(),
        |config| {
            config.executions_in_memory_max = 8;
            config.tasks_at_once = 10;
        },
    )
    .await;
    bench.deploy("machine", TASK).await;
    let tenant = NewTenantOrder {
        name: "other".to_owned(),
        account: "000000000009".to_owned(),
        region: "us-east-1".to_owned(),
    };
    bench.handle.ensure_tenant(tenant).await.unwrap();
    let other = bench
        .handle
        .caller_for_tenant("other", "test")
        .await
        .unwrap();
    let pushed = bench.handle.push_component(&other, "a", b"a".to_vec());
    pushed.await.unwrap();
    let order = DeployStateMachine {
        name: Some("machine".to_owned()),
        definition: TASK.to_owned(),
        ..DeployStateMachine::default()
    };
    let deployed = bench.handle.deploy_state_machine(&other, order);
    deployed.await.unwrap();
    // The flood takes all the memory and all the places that it may, and none of it ends.
    let gate = bench.tasks.close_gate();
    for n in 0..100 {
        try_start(&bench, &format!("flood-{n}")).await.unwrap();
    }
    settled(|| bench.tasks.calls().len() == 8).await;
    let called = bench.tasks.calls().len();
    start_as(&bench, &other, "one").await.unwrap();
    settled(|| bench.tasks.calls().len() == called + 1).await;
    gate.add_permits(1_000);
    settled(|| bench.tasks.made() == 101).await;
}
