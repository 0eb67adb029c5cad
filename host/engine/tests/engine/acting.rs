//! Tasks act for people: who answers for what they start and deploy, and what a trial may do.

use serde_json::{Value, json};
use stepwell_engine::audit::AuditQuery;
use stepwell_engine::{
    AccessOrder, ApiCall, ApiError, ApprovalRefusal, Caller, DeployStateMachine, ExecutionType,
    RoleOrder, StartExecution, TimeForm, Verdict,
};

use crate::approvals::{decide, one, person, refusal, release};
use crate::harness::{Bench, PATIENCE};

const RELEASE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:release";
const ROLE: &str = "arn:aws:iam::000000000000:role/r";

/// A task that starts the execution `inner` of a machine that asks.
fn starting(resource: &str) -> Value {
    json!({"Type": "Task", "Resource": resource, "End": true,
        "Parameters": {"StateMachineArn": RELEASE, "Name": "inner"}})
}

/// A task that deploys a machine that asks.
fn deploying() -> Value {
    json!({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:createStateMachine",
        "Parameters": {"Name": "release", "RoleArn": ROLE, "Definition": release(json!({}))},
        "End": true})
}

fn machine(state: &Value) -> String {
    json!({"StartAt": "Only", "States": {"Only": state}}).to_string()
}

async fn deploy_as(bench: &Bench, who: &Caller, name: &str, kind: ExecutionType, state: &Value) {
    let order = DeployStateMachine {
        name: Some(name.to_owned()),
        definition: machine(state),
        format: None,
        machine_type: Some(kind),
        role_arn: None,
        refuse_unbound: false,
    };
    bench.handle.deploy_state_machine(who, order).await.unwrap();
}

async fn try_state(bench: &Bench, who: &Caller, state: &Value) -> Result<Value, ApiError> {
    let call = ApiCall {
        operation: "TestState".to_owned(),
        request: json!({"definition": state.to_string(), "roleArn": ROLE}),
        times: TimeForm::Seconds,
        repeated: false,
    };
    bench.handle.call_sfn(who, call).await
}

async fn start_as(bench: &Bench, who: &Caller, machine: &str, name: &str) -> String {
    let order = StartExecution {
        state_machine: machine.to_owned(),
        name: Some(name.to_owned()),
        ..StartExecution::default()
    };
    let started = bench.handle.start_execution(who, order).await;
    started.unwrap().arn
}

/// Waits until an execution is there that others start.
async fn until_there(bench: &Bench, execution: &str) {
    let there = async {
        let described = || bench.handle.describe_execution(&bench.caller, execution);
        while described().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, there).await.unwrap();
}

/// Nobody but others than `own` approves what `execution` asks.
async fn only_others_approve(bench: &Bench, own: &Caller, execution: &str) {
    until_there(bench, execution).await;
    let asked = one(bench, execution).await;
    let refused = refusal(decide(bench, own, &asked, Verdict::Approve).await);
    assert_eq!(refused, ApprovalRefusal::SelfApproval);
    let other = person(bench, "other", "approver").await;
    let decided = decide(bench, &other, &asked, Verdict::Approve).await;
    decided.unwrap();
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
async fn who_starts_it_by_a_trial_does_not_approve() {
    for resource in [
        "arn:aws:states:::states:startExecution",
        "arn:aws:states:::aws-sdk:sfn:startExecution",
    ] {
        let bench = Bench::in_memory().await;
        bench.deploy("release", &release(json!({}))).await;
        let ann = person(&bench, "ann", "admin").await;
        let tried = try_state(&bench, &ann, &starting(resource)).await.unwrap();
        assert_eq!(tried["status"], "SUCCEEDED", "{tried}");
        let started = entries(&bench, "execution:start").await.remove(0);
        assert_eq!(started["acting_for"], json!(["token:ann"]), "{started}");
        let trial = entries(&bench, "state:test").await.remove(0);
        let arn = trial["resource"].as_str().unwrap();
        assert_eq!(started["principal"]["id"], arn, "{trial}");
        only_others_approve(&bench, &ann, "release/inner").await;
        bench.chain_is_whole(1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_it_by_an_express_execution_does_not_approve() {
    let bench = Bench::in_memory().await;
    bench.deploy("release", &release(json!({}))).await;
    let task = starting("arn:aws:states:::states:startExecution");
    deploy_as(
        &bench,
        &bench.caller,
        "quick",
        ExecutionType::Express,
        &task,
    )
    .await;
    let ann = person(&bench, "ann", "admin").await;
    start_as(&bench, &ann, "quick", "one").await;
    only_others_approve(&bench, &ann, "release/inner").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_deploys_it_by_a_task_does_not_approve() {
    for by_trial in [true, false] {
        let bench = Bench::in_memory().await;
        bench.push("work").await;
        let ann = person(&bench, "ann", "admin").await;
        if by_trial {
            let tried = try_state(&bench, &ann, &deploying()).await.unwrap();
            assert_eq!(tried["status"], "SUCCEEDED", "{tried}");
        } else {
            let standard = ExecutionType::Standard;
            deploy_as(&bench, &bench.caller, "deploys", standard, &deploying()).await;
            bench
                .end(&start_as(&bench, &ann, "deploys", "one").await)
                .await;
        }
        let deployed = entries(&bench, "state-machine:deploy").await.remove(0);
        assert_eq!(deployed["acting_for"], json!(["token:ann"]), "{deployed}");
        let asking = start_as(&bench, &bench.caller, "release", "one").await;
        only_others_approve(&bench, &ann, &asking).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_chain_of_executions_hides_nobody() {
    let bench = Bench::in_memory().await;
    bench.deploy("release", &release(json!({}))).await;
    let down = json!({"QueryLanguage": "JSONata", "StartAt": "More", "States": {
        "More": {"Type": "Choice", "Default": "Ask", "Choices": [
            {"Condition": "{% $states.input.left > 0 %}", "Next": "Down"}]},
        "Down": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "End": true,
            "Arguments": {"Input": {"left": "{% $states.input.left - 1 %}"},
                "StateMachineArn": "{% $states.context.StateMachine.Id %}"}},
        "Ask": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "End": true,
            "Arguments": {"StateMachineArn": RELEASE, "Name": "inner"}},
    }});
    bench.deploy("down", &down.to_string()).await;
    let ann = person(&bench, "ann", "admin").await;
    let order = StartExecution {
        state_machine: "down".to_owned(),
        input: Some(stepwell_engine::Payload::parse(r#"{"left": 40}"#).unwrap()),
        ..StartExecution::default()
    };
    bench.handle.start_execution(&ann, order).await.unwrap();
    only_others_approve(&bench, &ann, "release/inner").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_redrives_it_by_a_task_does_not_approve() {
    let bench = Bench::in_memory().await;
    bench.deploy("release", &release(json!({}))).await;
    let asking = bench.start("release", "one", "{}").await;
    one(&bench, &asking).await;
    let stopped = bench
        .handle
        .stop_execution(&bench.caller, &asking, None, None);
    stopped.await.unwrap();
    let task = json!({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:redriveExecution",
        "Parameters": {"ExecutionArn": asking}, "End": true});
    let ann = person(&bench, "ann", "admin").await;
    let tried = try_state(&bench, &ann, &task).await.unwrap();
    assert_eq!(tried["status"], "SUCCEEDED", "{tried}");
    only_others_approve(&bench, &ann, &asking).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_does_no_more_than_its_caller_may() {
    let bench = Bench::in_memory().await;
    bench.deploy("release", &release(json!({}))).await;
    let role = RoleOrder {
        name: "tester".to_owned(),
        about: None,
        permissions: vec!["states:test".to_owned()],
    };
    bench.handle.put_role(&bench.caller, role).await.unwrap();
    let order = AccessOrder::new("tess", "tester");
    let token = bench.handle.make_api_token(&bench.caller, order).await;
    let tess = bench.handle.authenticate_token(&token.unwrap()).await;
    let tess = tess.unwrap().unwrap();
    for task in [
        deploying(),
        starting("arn:aws:states:::aws-sdk:sfn:startExecution"),
    ] {
        let tried = try_state(&bench, &tess, &task).await.unwrap();
        assert_eq!(tried["status"], "FAILED", "{tried}");
        assert_eq!(tried["error"], "Sfn.AccessDeniedException", "{tried}");
    }
    let granted = |grants: Value| json!({"Type": "Task", "Resource": "task:work", "Grants": grants, "End": true});
    for task in [
        starting("arn:aws:states:::states:startExecution"),
        granted(json!({"Secrets": [{"Name": "prod/db", "Reveal": true}]})),
        granted(json!({"Config": ["prod/url"]})),
        granted(json!({"Http": [{"Host": "api.example.com"}]})),
    ] {
        match try_state(&bench, &tess, &task).await {
            Err(ApiError::Fault(fault)) => assert_eq!(fault.code, "AccessDeniedException"),
            other => panic!("{task}: {other:?}"),
        }
    }
    assert_eq!(
        entries(&bench, "state:test").await.len(),
        2,
        "what was tried is told of"
    );
}
