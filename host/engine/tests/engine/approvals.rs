//! Approvals: who decides, what a decision is bound to, and how an approval ends.

use std::time::Duration;

use serde_json::{Value, json};
use stepwell_engine::audit::AuditQuery;
use stepwell_engine::{
    AccessOrder, ApprovalDescription, ApprovalRefusal, ApprovalStatus, Caller, DecideApproval,
    EngineError, ExecutionDescription, ListApprovals, Payload, RoleOrder, SimulatedClock,
    StartExecution, Status, Verdict,
};

use crate::harness::{Bench, PATIENCE, START, Scripted};

/// A machine with one approval, whose failures are caught, and a task behind it.
pub(crate) fn release(arguments: Value) -> String {
    json!({
        "QueryLanguage": "JSONata",
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "stepwell:approval",
                "Arguments": arguments,
                "Catch": [{
                    "ErrorEquals": ["Approval.Rejected", "Approval.Expired", "Approval.Invalid"],
                    "Output": {
                        "error": "{% $states.errorOutput.Error %}",
                        "cause": "{% $states.errorOutput.Cause %}",
                    },
                    "Next": "Not",
                }],
                "Next": "Deploy",
            },
            "Deploy": {"Type": "Task", "Resource": "task:work", "Arguments": "{% $states.input %}", "End": true},
            "Not": {"Type": "Pass", "End": true},
        },
    })
    .to_string()
}

pub(crate) async fn person(bench: &Bench, name: &str, role: &str) -> Caller {
    let order = AccessOrder::new(name, role);
    let token = bench
        .handle
        .make_api_token(&bench.caller, order)
        .await
        .unwrap();
    bench
        .handle
        .authenticate_token(&token)
        .await
        .unwrap()
        .unwrap()
}

async fn group(bench: &Bench, name: &str) {
    let order = RoleOrder {
        name: name.to_owned(),
        about: None,
        permissions: vec!["approvals:decide".to_owned(), "approvals:read".to_owned()],
    };
    bench.handle.put_role(&bench.caller, order).await.unwrap();
}

/// Waits until so many approvals of an execution are pending; returns them, oldest first.
pub(crate) async fn pending(
    bench: &Bench,
    execution: &str,
    count: usize,
) -> Vec<ApprovalDescription> {
    let waiting = |found: &ExecutionDescription| {
        let asked = found.active.iter();
        asked
            .filter(|active| active.waits_for.starts_with("approval "))
            .count()
            == count
    };
    bench.until(execution, waiting).await;
    let list = ListApprovals {
        status: Some(ApprovalStatus::Pending),
        execution: Some(execution.to_owned()),
        limit: 100,
        ..ListApprovals::default()
    };
    let page = bench
        .handle
        .list_approvals(&bench.caller, list)
        .await
        .unwrap();
    let mut found = Vec::new();
    for summary in page.items.iter().rev() {
        found.push(describe(bench, &summary.id).await);
    }
    assert_eq!(found.len(), count);
    found
}

pub(crate) async fn one(bench: &Bench, execution: &str) -> ApprovalDescription {
    pending(bench, execution, 1).await.remove(0)
}

pub(crate) async fn describe(bench: &Bench, id: &str) -> ApprovalDescription {
    bench
        .handle
        .describe_approval(&bench.caller, id)
        .await
        .unwrap()
}

fn decision(verdict: Verdict, approval: &ApprovalDescription) -> DecideApproval {
    DecideApproval {
        verdict,
        hash: approval.summary.hash.clone(),
        comment: None,
        inputs: None,
    }
}

pub(crate) async fn decide(
    bench: &Bench,
    who: &Caller,
    approval: &ApprovalDescription,
    verdict: Verdict,
) -> Result<ApprovalDescription, EngineError> {
    let decision = decision(verdict, approval);
    bench
        .handle
        .decide_approval(who, &approval.summary.id, decision)
        .await
}

pub(crate) async fn approve(bench: &Bench, who: &Caller, approval: &ApprovalDescription) {
    decide(bench, who, approval, Verdict::Approve)
        .await
        .unwrap();
}

#[track_caller]
pub(crate) fn refusal(result: Result<ApprovalDescription, EngineError>) -> ApprovalRefusal {
    match result {
        Err(EngineError::Approval(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn is_closed(result: Result<ApprovalDescription, EngineError>, how: &str) {
    match result {
        Err(EngineError::ApprovalClosed { status }) => assert_eq!(status, how),
        other => panic!("{other:?}"),
    }
}

fn output(end: &ExecutionDescription) -> Value {
    let output = end.output.as_ref();
    output.unwrap_or_else(|| panic!("{end:#?}")).to_value()
}

/// The error and cause that the Catch of [`release`] passes on.
fn caught(end: &ExecutionDescription) -> (String, Value) {
    let output = output(end);
    let cause = output["cause"].as_str().unwrap_or_default();
    let error = output["error"].as_str().unwrap_or_default().to_owned();
    (
        error,
        serde_json::from_str(cause).unwrap_or_else(|_| panic!("{output}")),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_what_is_asked_and_what_would_run() {
    let bench = Bench::in_memory().await;
    let definition = release(json!({
        "Title": "{% 'Release ' & $states.input.version %}",
        "Show": {"diff": "+1 -1"},
        "Groups": ["approver"],
    }));
    bench.deploy("release", &definition).await;
    let arn = bench.start("release", "one", r#"{"version":"1.4"}"#).await;
    let asked = one(&bench, &arn).await;
    assert_eq!(asked.summary.title, "Release 1.4");
    assert_eq!(asked.summary.groups, ["approver"]);
    let content = asked.content.to_value();
    assert_eq!(content["show"], json!({"diff": "+1 -1"}));
    assert_eq!(content["input"], json!({"version": "1.4"}));
    assert_eq!(
        content["next"],
        json!({"approved": "Deploy", "otherwise": ["Not"]})
    );
    let work = &content["work"][0];
    assert_eq!(work["state"], "Deploy");
    assert!(
        work["component"].as_str().unwrap().starts_with("sha256:"),
        "{work}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_approves_and_the_execution_goes_on() {
    let bench = Bench::in_memory().await;
    let definition = release(json!({"Groups": ["approver"]}));
    bench.deploy("release", &definition).await;
    let (ann, dev) = (
        person(&bench, "ann", "approver").await,
        person(&bench, "dev", "admin").await,
    );
    let arn = bench.start("release", "one", r#"{"version":"1.4"}"#).await;
    let asked = one(&bench, &arn).await;
    // The starter, who deployed it too, and somebody of another group.
    let own = refusal(decide(&bench, &bench.caller, &asked, Verdict::Approve).await);
    assert_eq!(own, ApprovalRefusal::SelfApproval);
    let other = refusal(decide(&bench, &dev, &asked, Verdict::Approve).await);
    let expected = ApprovalRefusal::NotAsked {
        asked: "group approver".to_owned(),
    };
    assert_eq!(other, expected);
    let mut stale = decision(Verdict::Approve, &asked);
    stale.hash = format!("sha256:{}", "0".repeat(64));
    let stale = bench
        .handle
        .decide_approval(&ann, &asked.summary.id, stale)
        .await;
    assert!(matches!(refusal(stale), ApprovalRefusal::Changed { .. }));

    let mut with_words = decision(Verdict::Approve, &asked);
    with_words.comment = Some("looks good".to_owned());
    let id = asked.summary.id.as_str();
    let decided = bench
        .handle
        .decide_approval(&ann, id, with_words.clone())
        .await
        .unwrap();
    assert_eq!(decided.summary.status, ApprovalStatus::Approved);
    let end = bench.end(&arn).await;
    assert_eq!(end.summary.status, Status::Succeeded);
    let output = output(&end);
    assert_eq!(output["Principal"], "token:ann");
    assert_eq!(output["Comment"], "looks good");
    assert_eq!(output["Group"], "approver");
    assert_eq!(output["ApprovalId"], id);
    assert_eq!(output["Hash"], asked.summary.hash);

    // The same once more is answered like the first time; all else is late.
    let again = bench
        .handle
        .decide_approval(&ann, id, with_words)
        .await
        .unwrap();
    assert_eq!(again.summary.status, ApprovalStatus::Approved);
    is_closed(
        decide(&bench, &ann, &asked, Verdict::Reject).await,
        "APPROVED",
    );
    is_closed(
        decide(&bench, &dev, &asked, Verdict::Approve).await,
        "APPROVED",
    );
    let events = bench.history(&arn).await;
    let by: Vec<&str> = events
        .iter()
        .filter_map(|event| Some(&**event.principal()?))
        .collect();
    assert_eq!(by, ["test", "token:ann"]);
    bench.chain_is_whole(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rejection_is_enough_and_is_caught() {
    let bench = Bench::in_memory().await;
    let asking = json!({"MinimumCount": 2, "CommentRequired": "OnRejection"});
    bench.deploy("release", &release(asking)).await;
    let (ann, bob) = (
        person(&bench, "ann", "approver").await,
        person(&bench, "bob", "approver").await,
    );
    let arn = bench.start("release", "one", "{}").await;
    let asked = one(&bench, &arn).await;
    approve(&bench, &ann, &asked).await;
    // Each counts once, and nobody decides twice.
    approve(&bench, &ann, &asked).await;
    assert_eq!(
        describe(&bench, &asked.summary.id)
            .await
            .summary
            .approved_by,
        ["token:ann"]
    );
    let otherwise = refusal(decide(&bench, &ann, &asked, Verdict::Reject).await);
    assert_eq!(otherwise, ApprovalRefusal::AlreadyDecided(Verdict::Approve));
    let silent = decide(&bench, &bob, &asked, Verdict::Reject).await;
    assert!(
        matches!(
            silent,
            Err(EngineError::Invalid {
                field: "comment",
                ..
            })
        ),
        "{silent:?}"
    );
    let mut reject = decision(Verdict::Reject, &asked);
    reject.comment = Some("not today".to_owned());
    bench
        .handle
        .decide_approval(&bob, &asked.summary.id, reject)
        .await
        .unwrap();
    let end = bench.end(&arn).await;
    let (error, cause) = caught(&end);
    assert_eq!(error, "Approval.Rejected");
    assert_eq!(cause["Principal"], "token:bob");
    assert_eq!(cause["Comment"], "not today");
    assert_eq!(cause["Reason"], "rejected");
    assert_eq!(bench.tasks.made(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_approve_approve_the_same_inputs() {
    let bench = Bench::in_memory().await;
    let inputs = json!([
        {"Name": "ticket", "Pattern": "OPS-[0-9]+", "Required": true},
        {"Name": "share", "Type": "number", "AllowedValues": [10, 50, 100], "Default": 10},
    ]);
    bench
        .deploy(
            "release",
            &release(json!({"MinimumCount": 2, "Inputs": inputs})),
        )
        .await;
    let (ann, bob) = (
        person(&bench, "ann", "approver").await,
        person(&bench, "bob", "approver").await,
    );
    let arn = bench.start("release", "one", "{}").await;
    let asked = one(&bench, &arn).await;
    let with = |inputs: &str| DecideApproval {
        inputs: Some(Payload::parse(inputs).unwrap()),
        ..decision(Verdict::Approve, &asked)
    };
    let id = asked.summary.id.as_str();
    for (inputs, expected) in [
        ("{}", "inputs: ticket is missing: give a string"),
        (
            r#"{"ticket":"x OPS-1"}"#,
            "inputs: ticket does not match the pattern OPS-[0-9]+",
        ),
        (
            r#"{"ticket":"OPS-1","share":11}"#,
            "inputs: share is none of 10, 50, 100",
        ),
        (
            r#"{"ticket":"OPS-1","other":1}"#,
            "inputs: other is not asked for: the approval asks for ticket, share",
        ),
        ("[]", "inputs: is no object: give {\"NAME\": VALUE}"),
    ] {
        let refused = bench.handle.decide_approval(&ann, id, with(inputs)).await;
        assert_eq!(refused.unwrap_err().to_string(), expected, "{inputs}");
    }
    let given = with(r#"{"ticket":"OPS-1","share":50}"#);
    bench
        .handle
        .decide_approval(&ann, id, given.clone())
        .await
        .unwrap();
    let other = bench
        .handle
        .decide_approval(&bob, id, with(r#"{"ticket":"OPS-1"}"#))
        .await;
    let expected = "inputs: share is not 50, with which token:ann has approved: approve with the same, or reject";
    assert_eq!(other.unwrap_err().to_string(), expected);
    bench.handle.decide_approval(&bob, id, given).await.unwrap();
    let end = bench.end(&arn).await;
    assert_eq!(
        output(&end)["Inputs"],
        json!({"ticket": "OPS-1", "share": 50})
    );
    assert_eq!(output(&end)["Decisions"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_asked_after_a_while_and_then_it_expires() {
    let bench = Bench::in_memory().await;
    group(&bench, "directors").await;
    let asking = json!({
        "Groups": ["approver"],
        "DeadlineSeconds": 600,
        "Escalation": {"AfterSeconds": 60, "Groups": ["directors"]},
    });
    bench.deploy("release", &release(asking)).await;
    let eve = person(&bench, "eve", "directors").await;
    let arn = bench.start("release", "one", "{}").await;
    let asked = one(&bench, &arn).await;
    let early = refusal(decide(&bench, &eve, &asked, Verdict::Approve).await);
    assert!(matches!(early, ApprovalRefusal::NotAsked { .. }));
    // Read before: the escalation may be there as soon as time goes on.
    let events = bench.history(&arn).await.len() as u64;
    bench.clock.advance(Duration::from_secs(60));
    bench
        .handle
        .wait_for_events(&bench.caller, &arn, events, PATIENCE)
        .await
        .unwrap();
    let escalated = describe(&bench, &asked.summary.id).await;
    assert_eq!(escalated.summary.groups, ["approver", "directors"]);
    assert_eq!(
        escalated.summary.hash, asked.summary.hash,
        "it shows the same"
    );
    let mine = ListApprovals {
        mine: true,
        limit: 10,
        ..ListApprovals::default()
    };
    let mine = bench.handle.list_approvals(&eve, mine).await.unwrap();
    assert_eq!(mine.items.len(), 1);

    let second = bench.start("release", "two", "{}").await;
    let other = one(&bench, &second).await;
    approve(&bench, &eve, &asked).await;
    assert_eq!(bench.end(&arn).await.summary.status, Status::Succeeded);
    bench.clock.advance(Duration::from_secs(600));
    let end = bench.end(&second).await;
    let (error, cause) = caught(&end);
    assert_eq!(
        (error.as_str(), cause["Reason"].as_str()),
        ("Approval.Expired", Some("expired"))
    );
    is_closed(
        decide(&bench, &eve, &other, Verdict::Approve).await,
        "EXPIRED",
    );
}

/// At the deadline it is too late, whether or not the timer was faster.
#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit_of_the_task_counts_as_well() {
    let bench = Bench::in_memory().await;
    let definition = release(json!({"DeadlineSeconds": 600}));
    let mut definition: Value = serde_json::from_str(&definition).unwrap();
    definition["States"]["Ask"]["TimeoutSeconds"] = json!(30);
    bench.deploy("release", &definition.to_string()).await;
    let ann = person(&bench, "ann", "approver").await;
    let arn = bench.start("release", "one", "{}").await;
    let asked = one(&bench, &arn).await;
    bench.clock.advance(Duration::from_secs(30));
    let end = bench.end(&arn).await;
    assert_eq!(end.failure.unwrap().error_name(), "States.Timeout");
    is_closed(
        decide(&bench, &ann, &asked, Verdict::Approve).await,
        "WITHDRAWN",
    );
}

/// An approval is decided while its execution is paused, and what is too late is told why.
#[tokio::test(flavor = "multi_thread")]
async fn approvals_are_decided_in_a_pause_and_expire_in_it() {
    let bench = Bench::in_memory().await;
    let definition = release(json!({"DeadlineSeconds": 60}));
    bench.deploy("release", &definition).await;
    let ann = person(&bench, "ann", "approver").await;
    let (first, second) = (
        bench.start("release", "one", "{}").await,
        bench.start("release", "two", "{}").await,
    );
    let (asked, late) = (one(&bench, &first).await, one(&bench, &second).await);
    for arn in [&first, &second] {
        let reason = Some("an audit".to_owned());
        let paused = bench.handle.pause_execution(&bench.caller, arn, reason);
        paused.await.unwrap();
    }
    let described = bench.handle.describe_execution(&bench.caller, &first).await;
    let described = described.unwrap();
    assert_eq!(described.paused_by.as_deref(), Some("test"));
    assert_eq!(described.pause_reason.as_deref(), Some("an audit"));
    approve(&bench, &ann, &asked).await;
    let paused = bench.handle.describe_execution(&bench.caller, &first).await;
    assert_eq!(paused.unwrap().summary.status, Status::Running);
    assert!(bench.tasks.calls().is_empty(), "nothing begins in a pause");
    bench.clock.advance(Duration::from_secs(60));
    is_closed(
        decide(&bench, &ann, &late, Verdict::Approve).await,
        "EXPIRED",
    );
    for arn in [&first, &second] {
        let resumed = bench.handle.resume_execution(&bench.caller, arn).await;
        resumed.unwrap();
    }
    let end = bench.end(&first).await;
    assert_eq!(
        (end.paused_by.as_ref(), end.pause_reason.as_ref()),
        (None, None)
    );
    assert!(output(&end)["Principal"].is_string());
    assert_eq!(caught(&bench.end(&second).await).0, "Approval.Expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_is_none_is_no_hash_of_what_has_changed() {
    let bench = Bench::in_memory().await;
    bench.deploy("release", &release(json!({}))).await;
    let ann = person(&bench, "ann", "approver").await;
    let arn = bench.start("release", "one", "{}").await;
    let asked = one(&bench, &arn).await;
    let upper = asked.summary.hash.to_uppercase();
    for hash in ["x", "sha256:0", upper.as_str()] {
        let mut decision = decision(Verdict::Approve, &asked);
        decision.hash = hash.to_owned();
        let decided = bench
            .handle
            .decide_approval(&ann, &asked.summary.id, decision);
        let Err(EngineError::Invalid { field: "hash", .. }) = decided.await else {
            panic!("{hash}")
        };
    }
}

/// The audit log tells of approvals that end, or go to others, without anybody's decision.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_decides_is_in_the_audit_log() {
    let bench = Bench::in_memory().await;
    let asking = json!({
        "Groups": ["approver"],
        "Supersede": true,
        "DeadlineSeconds": 600,
        "Escalation": {"AfterSeconds": 60, "Groups": ["admin"]},
    });
    bench.deploy("release", &release(asking)).await;
    let first = bench.start("release", "one", "{}").await;
    let superseded = one(&bench, &first).await;
    let second = bench.start("release", "two", "{}").await;
    let expired = one(&bench, &second).await;
    bench.end(&first).await;
    bench.clock.advance(Duration::from_secs(60));
    let escalates = |found: &ExecutionDescription| {
        found
            .active
            .iter()
            .any(|state| state.due == expired.summary.deadline)
    };
    bench.until(&second, escalates).await;
    bench.clock.advance(Duration::from_secs(600));
    bench.end(&second).await;
    let third = bench.start("release", "three", "{}").await;
    let withdrawn = one(&bench, &third).await;
    let stopped = bench
        .handle
        .stop_execution(&bench.caller, &third, None, None);
    stopped.await.unwrap();
    for (action, asked, execution) in [
        ("approval:supersede", &superseded, &first),
        ("approval:escalate", &expired, &second),
        ("approval:expire", &expired, &second),
        ("approval:withdraw", &withdrawn, &third),
    ] {
        let query = AuditQuery {
            action: Some(action.to_owned()),
            limit: 10,
            ..AuditQuery::default()
        };
        let told = bench.handle.list_audit(&bench.caller, query).await.unwrap();
        let [told] = told.items.as_slice() else {
            panic!("{action}: {told:?}")
        };
        assert_eq!(told.entry["principal"]["kind"], "host", "{action}");
        assert_eq!(told.entry["resource"], **execution, "{action}");
        let details = told.details.as_ref().unwrap();
        assert_eq!(details["approval"], *asked.summary.id, "{action}");
        if action == "approval:supersede" {
            assert_eq!(details["by"], *second);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_execution_supersedes_those_before() {
    let bench = Bench::in_memory().await;
    let asking = json!({"Supersede": {"Key": "{% $states.input.to %}"}});
    bench.deploy("release", &release(asking)).await;
    let ann = person(&bench, "ann", "approver").await;
    let first = bench.start("release", "one", r#"{"to":"eu"}"#).await;
    let elsewhere = bench.start("release", "us", r#"{"to":"us"}"#).await;
    let (old, other) = (one(&bench, &first).await, one(&bench, &elsewhere).await);
    let second = bench.start("release", "two", r#"{"to":"eu"}"#).await;
    let new = one(&bench, &second).await;
    let end = bench.end(&first).await;
    let (error, cause) = caught(&end);
    assert_eq!(error, "Approval.Rejected");
    assert_eq!(cause["Reason"], "superseded");
    assert_eq!(cause["By"], second.as_str());
    is_closed(
        decide(&bench, &ann, &old, Verdict::Approve).await,
        "SUPERSEDED",
    );
    let described = describe(&bench, &old.summary.id).await;
    assert_eq!(described.superseded_by.as_deref(), Some(second.as_str()));
    approve(&bench, &ann, &other).await;
    approve(&bench, &ann, &new).await;
    for arn in [&second, &elsewhere] {
        assert_eq!(bench.tasks.made(), bench.tasks.calls().len() as u64);
        assert!(output(&bench.end(arn).await)["Principal"].is_string());
    }
}

const SIDE_BY_SIDE: &str = r#"{"StartAt":"Both","States":{"Both":{"Type":"Parallel","End":true,
    "Branches":[
        {"StartAt":"Left","States":{"Left":{"Type":"Task","Resource":"stepwell:approval","End":true}}},
        {"StartAt":"Right","States":{"Right":{"Type":"Task","Resource":"stepwell:approval","End":true}}}
    ]}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn approvals_side_by_side_are_decided_in_either_order() {
    let bench = Bench::in_memory().await;
    bench.deploy("both", SIDE_BY_SIDE).await;
    let ann = person(&bench, "ann", "approver").await;
    for (name, order) in [("one", [0, 1]), ("two", [1, 0])] {
        let arn = bench.start("both", name, "{}").await;
        let asked = pending(&bench, &arn, 2).await;
        approve(&bench, &ann, &asked[order[0]]).await;
        let left = describe(&bench, &asked[order[1]].summary.id).await;
        assert_eq!(left.summary.status, ApprovalStatus::Pending);
        approve(&bench, &ann, &asked[order[1]]).await;
        let output = output(&bench.end(&arn).await);
        for (index, approval) in asked.iter().enumerate() {
            assert_eq!(output[index]["ApprovalId"], approval.summary.id, "{name}");
        }
    }
    // One rejection fails the state, and what was not decided is withdrawn.
    let arn = bench.start("both", "three", "{}").await;
    let asked = pending(&bench, &arn, 2).await;
    decide(&bench, &ann, &asked[1], Verdict::Reject)
        .await
        .unwrap();
    assert_eq!(
        bench.end(&arn).await.failure.unwrap().error_name(),
        "Approval.Rejected"
    );
    is_closed(
        decide(&bench, &ann, &asked[0], Verdict::Approve).await,
        "WITHDRAWN",
    );
}

/// A component that is not pinned may come or change while people think.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_is_decided_anew() {
    let bench = Bench::in_memory().await;
    let definition = release(json!({"MinimumCount": 2})).replace(
        r#""Resource":"task:work""#,
        r#""Resource":"arn:aws:states:::lambda:invoke""#,
    );
    let definition = definition.replace(
        r#""Arguments":"{% $states.input %}""#,
        r#""Arguments":{"FunctionName":"late","Payload":{}}"#,
    );
    bench.deploy("release", &definition).await;
    let (ann, bob) = (
        person(&bench, "ann", "approver").await,
        person(&bench, "bob", "approver").await,
    );
    let arn = bench.start("release", "one", "{}").await;
    let asked = one(&bench, &arn).await;
    assert_eq!(
        asked.content.to_value()["work"][0]["component"],
        Value::Null
    );
    approve(&bench, &ann, &asked).await;
    bench.push("late").await;
    let refused = refusal(decide(&bench, &bob, &asked, Verdict::Approve).await);
    let now = describe(&bench, &asked.summary.id).await;
    let hash = now.summary.hash.as_str().into();
    assert_eq!(refused, ApprovalRefusal::Changed { hash });
    assert!(now.content.to_value()["work"][0]["component"].is_string());
    assert!(
        now.decisions.is_empty(),
        "what was approved is not what is shown"
    );
    approve(&bench, &bob, &now).await;
    approve(&bench, &ann, &now).await;
    assert_eq!(bench.end(&arn).await.summary.status, Status::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expressions_give_is_checked_when_the_state_asks() {
    let bench = Bench::in_memory().await;
    let asking = json!({"Groups": "{% $states.input.groups %}", "MinimumCount": "{% $states.input.count %}"});
    bench.deploy("release", &release(asking)).await;
    let arn = bench
        .start("release", "one", r#"{"groups":"all","count":0}"#)
        .await;
    let output = output(&bench.end(&arn).await);
    assert_eq!(output["error"], "Approval.Invalid");
    let cause = output["cause"].as_str().unwrap();
    assert!(
        cause.contains("Groups: is no list; MinimumCount: is no whole number"),
        "{cause}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_the_execution_around_it_does_not_approve() {
    let bench = Bench::in_memory().await;
    bench.deploy("release", &release(json!({}))).await;
    let starting = json!({"StartAt": "Start", "States": {"Start": {
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution",
        "Parameters": {"StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:release", "Name": "inner"},
        "End": true,
    }}});
    bench.deploy("around", &starting.to_string()).await;
    let ann = person(&bench, "ann", "admin").await;
    let order = StartExecution {
        state_machine: "around".to_owned(),
        name: Some("one".to_owned()),
        input: None,
        ..StartExecution::default()
    };
    let around = bench.handle.start_execution(&ann, order).await.unwrap();
    bench.end(&around.arn).await;
    let asked = one(&bench, "release/inner").await;
    let own = refusal(decide(&bench, &ann, &asked, Verdict::Approve).await);
    assert_eq!(own, ApprovalRefusal::SelfApproval);
    let bob = person(&bench, "bob", "approver").await;
    approve(&bench, &bob, &asked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_approvals_outlive_the_host_and_end_with_their_execution() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SimulatedClock::new(START);
    let open = || Bench::in_folder(folder.path().to_owned(), clock.clone(), Scripted::default());
    let bench = open().await;
    bench
        .deploy("release", &release(json!({"DeadlineSeconds": 60})))
        .await;
    let arn = bench.start("release", "one", "{}").await;
    let stopped = bench.start("release", "two", "{}").await;
    let (asked, gone) = (one(&bench, &arn).await, one(&bench, &stopped).await);
    bench.close().await;
    let bench = open().await;
    let ann = person(&bench, "ann", "approver").await;
    assert_eq!(describe(&bench, &asked.summary.id).await, asked);
    bench
        .handle
        .stop_execution(&bench.caller, &stopped, None, None)
        .await
        .unwrap();
    is_closed(
        decide(&bench, &ann, &gone, Verdict::Approve).await,
        "WITHDRAWN",
    );
    bench
        .handle
        .redrive_execution(&bench.caller, &stopped, None)
        .await
        .unwrap();
    let anew = one(&bench, &stopped).await;
    assert_ne!(anew.summary.id, gone.summary.id);
    approve(&bench, &ann, &anew).await;
    approve(&bench, &ann, &asked).await;
    for arn in [&arn, &stopped] {
        assert_eq!(bench.end(arn).await.summary.status, Status::Succeeded);
    }
    bench.close().await;
}
