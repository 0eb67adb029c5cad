//! The modes that come to an end natively.

use serde_json::{Value, json};
use stepwell_sdk::prelude::*;

use crate::hostile;

fn run(fake: &stepwell_sdk::fake::FakeContext, input: &Value) -> Result<Value, TaskFailure> {
    let output = fake.run_json::<hostile>(&input.to_string())?;
    Ok(serde_json::from_str(&output).unwrap())
}

#[test]
fn failures_have_the_name_that_the_input_gives() {
    let fake = Context::fake().build();
    let failure = run(&fake, &json!({ "mode": "failByName", "error": "Busy" })).unwrap_err();
    assert_eq!(failure, TaskFailure::new("Busy", "the input asked for it"));
}

#[test]
fn a_transient_failure_passes() {
    let input = json!({ "mode": "failUntil", "attempt": 2 });
    let failure = run(&Context::fake().attempt(2).build(), &input).unwrap_err();
    assert_eq!(
        failure,
        TaskFailure::new("Transient", "attempt 2 of 2 that fail")
    );
    assert_eq!(
        run(&Context::fake().attempt(3).build(), &input).unwrap()["attempt"],
        3
    );
}

#[test]
fn only_a_granted_secret_is_read() {
    let input = json!({ "mode": "readSecret", "name": "key" });
    assert_eq!(
        run(&Context::fake().secret("key", "s3cret").build(), &input).unwrap(),
        "s3cret"
    );
    let failure = run(&Context::fake().build(), &input).unwrap_err();
    assert_eq!(failure.error(), "Stepwell.SecretDenied");
}

#[test]
fn signs_of_life_are_counted() {
    let fake = Context::fake().build();
    run(&fake, &json!({ "mode": "heartbeat", "count": 4 })).unwrap();
    assert_eq!(fake.heartbeats(), 8);
    assert_eq!(fake.progress_reports()[0].fraction, 0.25);
}

#[test]
fn outputs_are_as_long_as_asked_for_and_json_only_if_asked_for() {
    let fake = Context::fake().build();
    let output = fake
        .run_json::<hostile>(r#"{"mode":"hugeOutput","bytes":1000}"#)
        .unwrap();
    assert_eq!(output.len(), 1000);
    assert!(serde_json::from_str::<String>(&output).is_ok());
    let output = fake.run_json::<hostile>(r#"{"mode":"notJson"}"#).unwrap();
    assert!(serde_json::from_str::<Value>(&output).is_err());
}

#[test]
fn lines_are_as_many_and_as_long_as_asked_for() {
    let fake = Context::fake().build();
    run(
        &fake,
        &json!({ "mode": "floodLog", "lines": 5, "bytes": 20 }),
    )
    .unwrap();
    let lengths: Vec<usize> = fake.logs().iter().map(|line| line.message.len()).collect();
    assert_eq!(lengths, [20; 5]);
}

#[test]
#[should_panic(expected = "the shelf collapsed")]
fn a_panic_has_a_message() {
    drop(run(&Context::fake().build(), &json!({ "mode": "panic" })));
}
