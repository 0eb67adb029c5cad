//! Express state machines: their type, and what their executions do.

use stepwell_engine::{
    DeployStateMachine, DeployedStateMachine, EngineError, ExecutionType, Severity,
};

use crate::harness::Bench;

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;

async fn deploy(
    bench: &Bench,
    name: &str,
    definition: &str,
    machine_type: Option<ExecutionType>,
) -> Result<DeployedStateMachine, EngineError> {
    let order = DeployStateMachine {
        name: Some(name.to_owned()),
        definition: definition.to_owned(),
        machine_type,
        ..DeployStateMachine::default()
    };
    bench
        .handle
        .deploy_state_machine(&bench.caller, order)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_type_is_fixed_when_the_machine_is_made() {
    let bench = Bench::in_memory().await;
    let made = deploy(&bench, "orders", PASS, Some(ExecutionType::Express)).await;
    assert_eq!(
        made.unwrap().state_machine.machine_type,
        ExecutionType::Express
    );
    let other = deploy(&bench, "orders", PASS, Some(ExecutionType::Standard)).await;
    assert!(
        matches!(other, Err(EngineError::Invalid { field: "type", .. })),
        "{other:?}"
    );
    // Who says nothing of it means the type that it has.
    let next = PASS
        .replace("Pass", "Succeed")
        .replace(r#","End":true"#, "");
    let revised = deploy(&bench, "orders", &next, None).await.unwrap();
    assert_eq!(revised.state_machine.revision, 2);
    assert_eq!(revised.state_machine.machine_type, ExecutionType::Express);
    let plain = deploy(&bench, "plain", PASS, None).await.unwrap();
    assert_eq!(plain.state_machine.machine_type, ExecutionType::Standard);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_express_machine_that_would_wait_for_somebody_is_refused() {
    let bench = Bench::in_memory().await;
    let waiting = r#"{"StartAt":"T","States":{"T":{"Type":"Task","End":true,
        "Resource":"arn:aws:states:::states:startExecution.sync",
        "Parameters":{"StateMachineArn":"child"}}}}"#;
    let refused = deploy(&bench, "orders", waiting, Some(ExecutionType::Express)).await;
    let Err(EngineError::InvalidDefinition(problems)) = refused else {
        panic!("an express machine must not wait: {refused:?}");
    };
    let found = problems
        .iter()
        .find(|problem| problem.severity == Severity::Error)
        .unwrap();
    assert_eq!(
        found.to_string(),
        "SCHEMA_VALIDATION_FAILED: Express state machine does not support \
         '.sync' service integration at /States/T/Resource"
    );
    let standard = deploy(&bench, "orders", waiting, Some(ExecutionType::Standard)).await;
    assert!(standard.is_ok(), "{standard:?}");
}
