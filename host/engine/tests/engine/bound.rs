//! What an approval is bound to after it was given, and who answers for an execution that
//! others are around.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use stepwell_engine::audit::AuditQuery;
use stepwell_engine::{
    ApprovalBound, ApprovalDescription, ApprovalRefusal, ApprovalStatus, Caller, ComponentDigest,
    DefinitionChoice, DeployStateMachine, EngineError, ExecutionQuery, InterveneOrder,
    Intervention, ListApprovals, ListExecutions, Payload, PostEvent, RedriveOrder, StartExecution,
    Status, Target, Verdict,
};

use crate::approvals::{approve, decide, describe, one, person, refusal};
use crate::harness::{Bench, failed, ok};

const APPROVED: &str = r#"{"to":"ALICE"}"#;
const EDITED: &str = r#"{"to":"EVIL","amount":9999999}"#;

fn payload(json: &str) -> Payload {
    Payload::parse(json).unwrap()
}

fn with_input(state: Option<&str>, json: &str) -> RedriveOrder {
    let target = Target {
        state: state.map(Into::into),
        event: None,
    };
    RedriveOrder {
        inputs: vec![(target, payload(json))],
        ..RedriveOrder::default()
    }
}

fn latest() -> RedriveOrder {
    RedriveOrder {
        definition: Some(DefinitionChoice::Latest),
        ..RedriveOrder::default()
    }
}

async fn deploy_as(bench: &Bench, who: &Caller, name: &str, definition: &Value) {
    let order = DeployStateMachine {
        name: Some(name.to_owned()),
        definition: definition.to_string(),
        format: None,
        machine_type: None,
        role_arn: None,
        refuse_unbound: false,
    };
    let deployed = bench.handle.deploy_state_machine(who, order).await;
    deployed.unwrap();
}

async fn start_as(bench: &Bench, who: &Caller, machine: &str) -> String {
    let order = StartExecution {
        state_machine: machine.to_owned(),
        name: Some("one".to_owned()),
        input: Some(payload("{}")),
        ..StartExecution::default()
    };
    let started = bench.handle.start_execution(who, order).await;
    started.unwrap().arn
}

async fn redrive_as(
    bench: &Bench,
    who: &Caller,
    arn: &str,
    order: RedriveOrder,
) -> Result<(), EngineError> {
    let redriven = bench.handle.redrive_with(who, arn, order).await;
    redriven.map(drop)
}

async fn redrive(bench: &Bench, arn: &str, order: RedriveOrder) -> Result<(), EngineError> {
    redrive_as(bench, &bench.caller, arn, order).await
}

async fn skip(bench: &Bench, who: &Caller, arn: &str, output: &str) -> Result<(), EngineError> {
    let order = InterveneOrder {
        target: Target::default(),
        intervention: Intervention::SkipTask(payload(output)),
    };
    bench.handle.intervene(who, arn, order).await
}

/// The pending approval of any execution of a tenant that has just one.
async fn the_only(bench: &Bench) -> ApprovalDescription {
    loop {
        let list = ListApprovals {
            status: Some(ApprovalStatus::Pending),
            limit: 10,
            ..ListApprovals::default()
        };
        let page = bench.handle.list_approvals(&bench.caller, list).await;
        let page = page.unwrap();
        if let [only] = page.items.as_slice() {
            return describe(bench, &only.id).await;
        }
        tokio::task::yield_now().await;
    }
}

#[track_caller]
fn is_bound(result: Result<(), EngineError>, covered: &str) -> ApprovalBound {
    match result {
        Err(EngineError::ApprovalBound(bound)) => {
            assert_eq!(&*bound.covered, covered, "{bound}");
            bound
        }
        other => panic!("{other:?}"),
    }
}

/// Tasks of a state that fail until they are told to work.
fn broken(bench: &Bench, state: &str) -> Arc<AtomicBool> {
    let works = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&works);
    bench.tasks.on(state, move |order| {
        if asked.load(Ordering::SeqCst) {
            return ok(order.input.as_str());
        }
        failed("Boom")
    });
    works
}

fn ask(then: Value) -> Value {
    let mut asks = json!({"Type": "Task", "Resource": "stepwell:approval", "ResultPath": null});
    merge(&mut asks, then);
    asks
}

fn work(then: Value) -> Value {
    let mut works = json!({"Type": "Task", "Resource": "task:work"});
    merge(&mut works, then);
    works
}

fn merge(state: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    for (field, value) in more {
        state[field] = value;
    }
}

/// Ask, and Pay behind it.
fn payment() -> Value {
    json!({"StartAt": "Ask", "States": {
        "Ask": ask(json!({"Next": "Pay"})),
        "Pay": work(json!({"End": true})),
    }})
}

fn calling(machine: &str) -> Value {
    json!({"StartAt": "Call", "States": {"Call": {
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {
            "StateMachineArn": format!("arn:aws:states:us-east-1:000000000000:stateMachine:{machine}"),
            "Input.$": "$",
        },
        "End": true,
    }}})
}

#[tokio::test(flavor = "multi_thread")]
async fn who_redrives_or_deploys_what_is_around_it_does_not_approve() {
    let bench = Bench::in_memory().await;
    let dan = person(&bench, "dan", "admin").await;
    let (eve, zed) = (
        person(&bench, "eve", "admin").await,
        person(&bench, "zed", "admin").await,
    );
    bench.deploy("payment", &payment().to_string()).await;
    deploy_as(&bench, &dan, "around", &calling("payment")).await;
    let arn = start_as(&bench, &eve, "around").await;
    let asked = the_only(&bench).await;
    decide(&bench, &zed, &asked, Verdict::Reject).await.unwrap();
    assert_eq!(bench.end(&arn).await.summary.status, Status::Failed);
    let order = with_input(None, APPROVED);
    redrive_as(&bench, &zed, &arn, order).await.unwrap();
    let asked = the_only(&bench).await;
    assert_eq!(asked.content.to_value()["input"], json!({"to": "ALICE"}));
    for who in [&eve, &zed, &dan] {
        let own = refusal(decide(&bench, who, &asked, Verdict::Approve).await);
        assert_eq!(own, ApprovalRefusal::SelfApproval, "{}", who.principal);
    }
    let ann = person(&bench, "ann", "approver").await;
    approve(&bench, &ann, &asked).await;
    assert_eq!(bench.end(&arn).await.summary.status, Status::Succeeded);
}

/// A distributed Map of payments, and Close behind it.
fn payments() -> Value {
    json!({"StartAt": "All", "States": {
        "All": {"Type": "Map", "Next": "Close", "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Ask",
            "States": {
                "Ask": ask(json!({"Next": "Pay"})),
                "Pay": work(json!({"End": true})),
            },
        }},
        "Close": work(json!({"End": true})),
    }})
}

#[tokio::test(flavor = "multi_thread")]
async fn who_redrives_the_owner_of_a_map_run_does_not_approve_in_its_children() {
    let bench = Bench::in_memory().await;
    bench.deploy("payments", &payments().to_string()).await;
    let zed = person(&bench, "zed", "admin").await;
    let arn = bench.start("payments", "one", "[1]").await;
    let asked = the_only(&bench).await;
    decide(&bench, &zed, &asked, Verdict::Reject).await.unwrap();
    bench.end(&arn).await;
    redrive_as(&bench, &zed, &arn, RedriveOrder::default())
        .await
        .unwrap();
    let asked = the_only(&bench).await;
    let own = refusal(decide(&bench, &zed, &asked, Verdict::Approve).await);
    assert_eq!(own, ApprovalRefusal::SelfApproval);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gave_the_result_of_a_task_does_not_approve_what_follows() {
    let bench = Bench::in_memory().await;
    let definition = json!({"StartAt": "Await", "States": {
        "Await": {"Type": "Task", "Resource": "stepwell:event:paper", "Next": "Ask"},
        "Ask": ask(json!({"End": true})),
    }});
    bench.deploy("machine", &definition.to_string()).await;
    let arn = bench.start("machine", "one", "{}").await;
    let ops = person(&bench, "ops", "admin").await;
    skip(&bench, &ops, &arn, EDITED).await.unwrap();
    let asked = one(&bench, &arn).await;
    let own = refusal(decide(&bench, &ops, &asked, Verdict::Approve).await);
    assert_eq!(own, ApprovalRefusal::SelfApproval);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_gives_what_was_approved_no_other_input() {
    let bench = Bench::in_memory().await;
    let works = broken(&bench, "Pay");
    bench.deploy("payment", &payment().to_string()).await;
    let ann = person(&bench, "ann", "approver").await;
    let arn = bench.start("payment", "one", APPROVED).await;
    let asked = one(&bench, &arn).await;
    approve(&bench, &ann, &asked).await;
    bench.end(&arn).await;
    let before = bench.history(&arn).await;
    works.store(true, Ordering::SeqCst);
    let bound = is_bound(redrive(&bench, &arn, with_input(None, EDITED)).await, "Pay");
    assert_eq!(
        bound.to_string(),
        format!(
            "approval {} of state \"Ask\" covers state \"Pay\": redrive without another input, or \
             start a new execution, which asks anew",
            asked.summary.id
        )
    );
    assert_eq!(bench.history(&arn).await, before, "nothing happened");
    let query = AuditQuery {
        action: Some("execution:redrive".to_owned()),
        limit: 10,
        ..AuditQuery::default()
    };
    let told = bench.handle.list_audit(&bench.caller, query).await.unwrap();
    let (entry, details) = (
        &told.items[0].entry,
        told.items[0].details.as_ref().unwrap(),
    );
    assert_eq!(entry["outcome"], "denied");
    assert_eq!(details["approval"], *asked.summary.id);
    assert_eq!(details["state"], "Pay");
    redrive(&bench, &arn, RedriveOrder::default())
        .await
        .unwrap();
    let end = bench.end(&arn).await;
    assert_eq!(end.output.unwrap().as_str(), APPROVED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_runs_no_other_code_under_an_approval() {
    let bench = Bench::in_memory().await;
    let works = broken(&bench, "Pay");
    let mut definition = payment();
    definition["StartAt"] = "Prepare".into();
    definition["States"]["Prepare"] = json!({"Type": "Pass", "Next": "Ask"});
    bench.deploy("payment", &definition.to_string()).await;
    let ann = person(&bench, "ann", "approver").await;
    let arn = bench.start("payment", "one", APPROVED).await;
    approve(&bench, &ann, &one(&bench, &arn).await).await;
    bench.end(&arn).await;
    works.store(true, Ordering::SeqCst);

    let mut other = definition.clone();
    other["States"]["Pay"]["Resource"] = "task:other".into();
    let mut edited = definition.clone();
    edited["States"]["Pay"]["Parameters"] = json!({"to": "EVIL"});
    let mut unasked = definition.clone();
    unasked["StartAt"] = "Pay".into();
    unasked["States"] = json!({"Pay": {"Type": "Task", "Resource": "task:other", "End": true}});
    for changed in [other, edited, unasked] {
        bench.deploy("payment", &changed.to_string()).await;
        is_bound(redrive(&bench, &arn, latest()).await, "Pay");
    }
    // The same words, and another component behind them.
    let evil = b"evil".to_vec();
    let pushed = bench.handle.push_component(&bench.caller, "work", evil);
    pushed.await.unwrap();
    deploy_as(&bench, &bench.caller, "payment", &definition).await;
    let bound = is_bound(redrive(&bench, &arn, latest()).await, "Pay");
    assert!(
        bound
            .to_string()
            .contains("whose component is another one by then"),
        "{bound}"
    );
    // What is before the approval may be another.
    definition["States"]["Prepare"]["Result"] = json!({"to": "BOB"});
    bench.deploy("payment", &definition.to_string()).await;
    redrive(&bench, &arn, latest()).await.unwrap();
    let end = bench.end(&arn).await;
    assert_eq!(end.output.unwrap().as_str(), APPROVED);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_for_approval_may_be_given_another_input_and_asks_for_it() {
    let bench = Bench::in_memory().await;
    let works = broken(&bench, "Pay");
    let definition = json!({"StartAt": "Ask", "States": {
        "Ask": ask(json!({"Next": "Pay"})),
        "Pay": work(json!({"Next": "Confirm"})),
        "Confirm": ask(json!({"End": true})),
    }});
    bench.deploy("payment", &definition.to_string()).await;
    let ann = person(&bench, "ann", "approver").await;
    let arn = bench.start("payment", "one", APPROVED).await;
    works.store(true, Ordering::SeqCst);
    approve(&bench, &ann, &one(&bench, &arn).await).await;
    let confirm = bench.until(&arn, |found| {
        found
            .active
            .iter()
            .any(|active| active.name == "Confirm" && active.waits_for.len() > 20)
    });
    confirm.await;
    let stopped = bench.handle.stop_execution(&bench.caller, &arn, None, None);
    stopped.await.unwrap();
    let mut unasked = definition.clone();
    unasked["States"]["Confirm"] = work(json!({"End": true}));
    bench.deploy("payment", &unasked.to_string()).await;
    is_bound(redrive(&bench, &arn, latest()).await, "Confirm");
    redrive(&bench, &arn, with_input(None, EDITED))
        .await
        .unwrap();
    let asked = one(&bench, &arn).await;
    assert_eq!(
        asked.content.to_value()["input"],
        payload(EDITED).to_value()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_in_a_branch_covers_what_the_branches_lead_to() {
    let bench = Bench::in_memory().await;
    broken(&bench, "Prepare");
    let definition = json!({"StartAt": "Both", "States": {
        "Both": {"Type": "Parallel", "Next": "Pay", "Branches": [
            {"StartAt": "Ask", "States": {"Ask": ask(json!({"End": true}))}},
            {"StartAt": "Go", "States": {
                "Go": {"Type": "Task", "Resource": "stepwell:event:go", "ResultPath": null, "Next": "Prepare"},
                "Prepare": work(json!({"End": true})),
            }},
        ]},
        "Pay": work(json!({"End": true})),
    }});
    bench.deploy("payment", &definition.to_string()).await;
    let ann = person(&bench, "ann", "approver").await;
    let arn = bench.start("payment", "one", APPROVED).await;
    approve(&bench, &ann, &one(&bench, &arn).await).await;
    let skipped = skip(&bench, &bench.caller, &arn, EDITED).await;
    let bound = is_bound(skipped, "Pay");
    assert!(
        bound.to_string().contains("let the task end by itself"),
        "{bound}"
    );
    let go = PostEvent {
        name: "go".to_owned(),
        event_id: None,
        data: Some(payload("{}")),
    };
    let posted = bench.handle.post_event(&bench.caller, &arn, go).await;
    posted.unwrap();
    bench.end(&arn).await;
    let edited = with_input(Some("Prepare"), EDITED);
    is_bound(redrive(&bench, &arn, edited).await, "Pay");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iteration_that_asked_nobody_is_not_bound_by_another_one() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("Pay", |order| match order.input.as_str() {
        "1" => failed("Boom"),
        other => ok(other),
    });
    let definition = json!({"StartAt": "All", "States": {
        "All": {"Type": "Map", "MaxConcurrency": 1, "End": true, "ItemProcessor": {
            "StartAt": "Large",
            "States": {
                "Large": {"Type": "Choice", "Default": "Pay", "Choices": [
                    {"Variable": "$", "NumericGreaterThan": 100, "Next": "Ask"}]},
                "Ask": ask(json!({"Next": "Pay"})),
                "Pay": work(json!({"End": true})),
            },
        }},
    }});
    bench.deploy("payment", &definition.to_string()).await;
    let ann = person(&bench, "ann", "approver").await;
    let arn = bench.start("payment", "one", "[500, 1]").await;
    approve(&bench, &ann, &one(&bench, &arn).await).await;
    bench.end(&arn).await;
    redrive(&bench, &arn, with_input(Some("Pay"), "2"))
        .await
        .unwrap();
    assert_eq!(bench.end(&arn).await.output.unwrap().as_str(), "[500,2]");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_covers_the_executions_that_are_started_behind_it() {
    let bench = Bench::in_memory().await;
    broken(&bench, "Pay");
    let paying = json!({"StartAt": "Pay", "States": {"Pay": work(json!({"End": true}))}});
    bench.deploy("paying", &paying.to_string()).await;
    let mut around = calling("paying");
    around["StartAt"] = "Ask".into();
    around["States"]["Ask"] = ask(json!({"Next": "Call"}));
    bench.deploy("around", &around.to_string()).await;
    let ann = person(&bench, "ann", "approver").await;
    let arn = bench.start("around", "one", APPROVED).await;
    approve(&bench, &ann, &one(&bench, &arn).await).await;
    bench.end(&arn).await;
    let children = ListExecutions {
        query: ExecutionQuery {
            state_machine: Some("paying".to_owned()),
            ..ExecutionQuery::default()
        },
        limit: 10,
        ..ListExecutions::default()
    };
    let children = bench.handle.list_executions(&bench.caller, children).await;
    let child = children.unwrap().items.remove(0).arn;
    is_bound(
        redrive(&bench, &child, with_input(None, EDITED)).await,
        "Pay",
    );
    let mut other = paying.clone();
    other["States"]["Pay"]["Resource"] = "task:other".into();
    bench.deploy("paying", &other.to_string()).await;
    is_bound(redrive(&bench, &child, latest()).await, "Pay");
    redrive(&bench, &child, RedriveOrder::default())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn approvals_of_a_maps_children_cover_what_is_behind_the_map() {
    let bench = Bench::in_memory().await;
    let works = broken(&bench, "Close");
    bench.deploy("payments", &payments().to_string()).await;
    let ann = person(&bench, "ann", "approver").await;
    let arn = bench.start("payments", "one", "[1]").await;
    let asked = the_only(&bench).await;
    let list = ListApprovals {
        execution: Some("payments/one".to_owned()),
        limit: 10,
        ..ListApprovals::default()
    };
    let listed = bench.handle.list_approvals(&bench.caller, list).await;
    let listed = listed.unwrap().items;
    assert_eq!(listed.len(), 1, "the execution's list has its children's");
    assert_eq!(listed[0].id, asked.summary.id);
    approve(&bench, &ann, &asked).await;
    bench.end(&arn).await;
    is_bound(
        redrive(&bench, &arn, with_input(None, "[2]")).await,
        "Close",
    );
    works.store(true, Ordering::SeqCst);
    redrive(&bench, &arn, RedriveOrder::default())
        .await
        .unwrap();
    assert_eq!(bench.end(&arn).await.summary.status, Status::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skip_brings_no_result_under_an_approval() {
    let bench = Bench::in_memory().await;
    let definition = json!({"StartAt": "Ask", "States": {
        "Ask": ask(json!({"Next": "Await"})),
        "Await": {"Type": "Task", "Resource": "stepwell:event:go", "Next": "Pay"},
        "Pay": {"Type": "Task", "Resource": "stepwell:event:paid", "End": true},
    }});
    bench.deploy("payment", &definition.to_string()).await;
    let ann = person(&bench, "ann", "approver").await;
    let arn = bench.start("payment", "one", APPROVED).await;
    approve(&bench, &ann, &one(&bench, &arn).await).await;
    is_bound(skip(&bench, &bench.caller, &arn, EDITED).await, "Pay");
    let go = PostEvent {
        name: "go".to_owned(),
        event_id: None,
        data: Some(payload("{}")),
    };
    let posted = bench.handle.post_event(&bench.caller, &arn, go).await;
    posted.unwrap();
    bench
        .until(&arn, |found| {
            found.active.iter().any(|active| active.name == "Pay")
        })
        .await;
    // Nothing runs with the result of the last one.
    skip(&bench, &bench.caller, &arn, r#""by hand""#)
        .await
        .unwrap();
    assert_eq!(bench.end(&arn).await.summary.status, Status::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_has_hashes_of_what_was_edited() {
    let bench = Bench::in_memory().await;
    broken(&bench, "Pay");
    let paying = json!({"StartAt": "Pay", "States": {"Pay": work(json!({"End": true}))}});
    bench.deploy("paying", &paying.to_string()).await;
    let arn = bench.start("paying", "one", APPROVED).await;
    bench.end(&arn).await;
    let mut other = paying.clone();
    other["Comment"] = "another one".into();
    bench.deploy("paying", &other.to_string()).await;
    let order = RedriveOrder {
        inputs: with_input(None, EDITED).inputs,
        ..latest()
    };
    redrive(&bench, &arn, order).await.unwrap();
    let query = AuditQuery {
        action: Some("execution:redrive".to_owned()),
        limit: 10,
        ..AuditQuery::default()
    };
    let told = bench.handle.list_audit(&bench.caller, query).await.unwrap();
    let details = told.items[0].details.as_ref().unwrap();
    let hash = |text: &str| {
        json!([format!(
            "sha256:{}",
            ComponentDigest::of(text.as_bytes())
                .to_string()
                .trim_start_matches("sha256:")
        )])
    };
    assert_eq!(details["inputs"], json!(["Pay (event 2)"]));
    assert_eq!(details["inputs_before"], hash(APPROVED));
    assert_eq!(details["inputs_after"], hash(EDITED));
    assert_eq!(
        (&details["revision_before"], &details["revision"]),
        (&json!(1), &json!(2))
    );
}
