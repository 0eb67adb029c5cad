//! Integrations that components of the tenant stand for.

use stepwell_engine::{
    DeployStateMachine, DeployedStateMachine, EngineError, NewBinding, Severity, Status,
};

use crate::harness::{Bench, ok};

const PUT: &str = r#"{"StartAt":"Put","States":{"Put":{"Type":"Task","TimeoutSeconds":5,
    "Resource":"arn:aws:states:::dynamodb:putItem",
    "Parameters":{"TableName":"t","Item.$":"$.item"},"End":true}}}"#;

async fn bind(bench: &Bench, integration: &str, component: &str) -> Result<(), EngineError> {
    let order = NewBinding {
        integration: integration.to_owned(),
        component: component.to_owned(),
        version: None,
    };
    bench.handle.bind(&bench.caller, order).await.map(drop)
}

async fn deploy(bench: &Bench, refuse_unbound: bool) -> Result<DeployedStateMachine, EngineError> {
    let order = DeployStateMachine {
        name: Some("machine".to_owned()),
        definition: PUT.to_owned(),
        refuse_unbound,
        ..DeployStateMachine::default()
    };
    bench
        .handle
        .deploy_state_machine(&bench.caller, order)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_component_gets_the_parameters_and_gives_the_result() {
    let bench = Bench::in_memory().await;
    bench.push("table").await;
    bind(&bench, "dynamodb:putItem", "table").await.unwrap();
    let deployed = deploy(&bench, true).await.unwrap();
    assert!(deployed.warnings.is_empty(), "{:?}", deployed.warnings);
    let pinned: Vec<&str> = deployed
        .state_machine
        .components
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(pinned, ["dynamodb:putItem"]);
    bench.tasks.on("Put", |order| {
        assert_eq!(order.input.as_str(), r#"{"TableName":"t","Item":{"id":1}}"#);
        ok(r#"{"SdkHttpMetadata":{}}"#)
    });
    let execution = bench.start("machine", "one", r#"{"item":{"id":1}}"#).await;
    let end = bench.end(&execution).await;
    assert_eq!(end.output.unwrap().as_str(), r#"{"SdkHttpMetadata":{}}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_what_was_bound_at_the_deployment() {
    let bench = Bench::in_memory().await;
    bench.push("old").await;
    bench.push("new").await;
    bind(&bench, "dynamodb:*", "old").await.unwrap();
    deploy(&bench, true).await.unwrap();
    bind(&bench, "dynamodb:*", "new").await.unwrap();
    let expected = stepwell_sandbox::ComponentDigest::of(b"old");
    bench.tasks.on("Put", move |order| {
        assert_eq!(order.component, expected);
        ok("1")
    });
    let execution = bench.start("machine", "one", r#"{"item":{}}"#).await;
    assert_eq!(
        bench.end(&execution).await.summary.status,
        Status::Succeeded
    );

    // The binding of the very action goes before the one of all, from the next deployment
    // on.
    bench.push("exact").await;
    bind(&bench, "dynamodb:putItem", "exact").await.unwrap();
    assert!(deploy(&bench, true).await.unwrap().changed);
    let expected = stepwell_sandbox::ComponentDigest::of(b"exact");
    bench.tasks.on("Put", move |order| {
        assert_eq!(order.component, expected);
        ok("1")
    });
    let execution = bench.start("machine", "two", r#"{"item":{}}"#).await;
    assert_eq!(
        bench.end(&execution).await.summary.status,
        Status::Succeeded
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unbound_integration_warns_refuses_or_fails() {
    let bench = Bench::in_memory().await;
    let Err(EngineError::InvalidDefinition(problems)) = deploy(&bench, true).await else {
        panic!("what is not bound must refuse the deployment where that was asked for");
    };
    let is_error = |code: &str| {
        let mut problems = problems.iter();
        problems.any(|found| found.code == code && found.severity == Severity::Error)
    };
    assert!(is_error("INTEGRATION_NEEDS_BINDING"), "{problems:?}");
    let deployed = deploy(&bench, false).await.unwrap();
    let warned = deployed.warnings.iter();
    assert!(
        warned
            .map(|found| &found.code)
            .any(|code| code == "INTEGRATION_NEEDS_BINDING")
    );
    let execution = bench.start("machine", "one", r#"{"item":{}}"#).await;
    let failure = bench.end(&execution).await.failure.unwrap();
    assert_eq!(failure.error.as_deref(), Some("Stepwell.NotBound"));
    assert!(
        failure
            .cause
            .unwrap()
            .contains("stepwell bind dynamodb:putItem")
    );
    // What was missing may come later.
    bench.push("table").await;
    bind(&bench, "dynamodb:putItem", "table").await.unwrap();
    let execution = bench.start("machine", "two", r#"{"item":{}}"#).await;
    assert_eq!(
        bench.end(&execution).await.summary.status,
        Status::Succeeded
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_component_is_done_when_it_returns_also_with_sync() {
    let bench = Bench::in_memory().await;
    bench.push("job").await;
    bind(&bench, "glue:startJobRun", "job").await.unwrap();
    let definition = r#"{"StartAt":"Run","States":{"Run":{"Type":"Task","TimeoutSeconds":5,
        "Resource":"arn:aws:states:::glue:startJobRun.sync","End":true}}}"#;
    bench
        .tasks
        .on("Run", |_| ok(r#"{"JobRunState":"SUCCEEDED"}"#));
    let end = bench.run(definition, "{}").await;
    assert_eq!(
        end.output.unwrap().as_str(),
        r#"{"JobRunState":"SUCCEEDED"}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bindings_are_listed_and_taken_away_within_their_tenant() {
    let bench = Bench::in_memory().await;
    bench.push("table").await;
    bind(&bench, "arn:aws:states:::dynamodb:putItem", "table")
        .await
        .unwrap();
    bind(&bench, "aws-sdk:s3:*", "table").await.unwrap();
    let listed = bench.handle.list_bindings(&bench.caller).await.unwrap();
    let names: Vec<&str> = listed
        .iter()
        .map(|found| found.integration.as_str())
        .collect();
    assert_eq!(names, ["aws-sdk:s3:*", "dynamodb:putItem"]);
    assert_eq!(listed[0].created_by, "test");

    let tenant = stepwell_engine::NewTenantOrder {
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
    assert!(bench.handle.list_bindings(&other).await.unwrap().is_empty());
    let foreign = bench.handle.unbind(&other, "dynamodb:putItem").await;
    assert!(matches!(foreign, Err(EngineError::NotFound { .. })));

    bench
        .handle
        .unbind(&bench.caller, "dynamodb:putItem")
        .await
        .unwrap();
    assert_eq!(
        bench
            .handle
            .list_bindings(&bench.caller)
            .await
            .unwrap()
            .len(),
        1
    );
    let missing = bind(&bench, "sqs:sendMessage", "nowhere").await;
    assert!(matches!(missing, Err(EngineError::NotFound { .. })));
    let own = bind(&bench, "lambda:invoke", "table").await;
    assert!(matches!(own, Err(EngineError::Invalid { .. })));
}
