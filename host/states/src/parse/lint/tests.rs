//! Where lints speak up, and where they keep quiet.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::{Diagnostic, parse};

/// Returns the warnings as `CODE at pointer`.
fn warnings(definition: &Value) -> Vec<String> {
    let (_, warnings) = parse(&definition.to_string(), None)
        .unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}"));
    warnings.iter().map(shown).collect()
}

fn shown(diagnostic: &Diagnostic) -> String {
    format!("{} at {}", diagnostic.code, diagnostic.pointer)
}

fn machine(states: Value) -> Value {
    json!({ "StartAt": "A", "States": states })
}

fn to(next: &str) -> Value {
    json!({ "Type": "Pass", "Next": next })
}

fn choose(rule: &str, default: &str) -> Value {
    json!({ "Type": "Choice", "Default": default,
        "Choices": [{ "Variable": "$.x", "IsNull": true, "Next": rule }] })
}

fn end() -> Value {
    json!({ "Type": "Succeed" })
}

#[test]
fn warnings_stand_at_the_field_that_they_are_about() {
    let definition = json!({
        "StartAt": "A", "TimeoutSeconds": 60,
        "States": {
            "A": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
                "TimeoutSeconds": 61, "HeartbeatSeconds": 61, "Next": "B",
                "Retry": [{ "ErrorEquals": ["X"] }, { "ErrorEquals": ["X"] }] },
            "B": { "Type": "Wait", "Seconds": 60, "Next": "C" },
            "C": end(),
        }
    });
    assert_eq!(
        warnings(&definition),
        [
            "HEARTBEAT_NOT_BELOW_TIMEOUT at /States/A/HeartbeatSeconds",
            "TIMEOUT_BEYOND_EXECUTION at /States/A/TimeoutSeconds",
            "INTEGRATION_NEEDS_BINDING at /States/A/Resource",
            "RETRY_NEVER_MATCHES at /States/A/Retry/1",
            "TIMEOUT_BEYOND_EXECUTION at /States/B/Seconds",
        ]
    );
}

#[test]
fn warnings_of_the_short_form_point_into_it() {
    let text = "
start_at: pay
timeout: 1m
states:
  pay: { type: task, resource: 'task:pay', timeout: 2m, next: done }
  done: { type: succeed }
  lost: { type: succeed }
";
    let (_, warnings) = parse(text, None).unwrap();
    let shown: Vec<String> = warnings.iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            "UNREACHABLE_STATE at /states/lost",
            "TIMEOUT_BEYOND_EXECUTION at /states/pay/timeout",
        ]
    );
}

#[test]
fn each_loop_is_told_once_and_a_chain_is_none() {
    let definition = machine(json!({
        "A": to("B"), "B": choose("A", "C"),
        "C": choose("C", "D"),
        "D": { "Type": "Wait", "Seconds": 1, "Next": "E" }, "E": choose("D", "Z"),
        "Z": end()
    }));
    assert_eq!(
        warnings(&definition),
        [
            "LOOP_WITHOUT_WAIT at /States/A",
            "LOOP_WITHOUT_WAIT at /States/C"
        ]
    );
}

#[test]
fn a_wait_inside_a_branch_is_a_wait() {
    let around = |inner: Value| {
        machine(json!({
            "A": { "Type": "Parallel", "Next": "B",
                "Branches": [{ "StartAt": "I", "States": { "I": inner } }] },
            "B": choose("A", "Z"), "Z": end()
        }))
    };
    let wait = json!({ "Type": "Wait", "Seconds": 1, "End": true });
    assert_eq!(warnings(&around(wait)), Vec::<String>::new());
    let pass = json!({ "Type": "Pass", "End": true });
    assert_eq!(warnings(&around(pass)), ["LOOP_WITHOUT_WAIT at /States/A"]);
}

#[test]
fn states_are_unreachable_also_if_they_lead_to_each_other() {
    let definition = machine(json!({
        "A": end(), "B": to("C"), "C": choose("B", "A")
    }));
    let shown = warnings(&definition);
    assert!(
        shown.contains(&"UNREACHABLE_STATE at /States/B".to_owned()),
        "{shown:?}"
    );
    assert!(
        shown.contains(&"UNREACHABLE_STATE at /States/C".to_owned()),
        "{shown:?}"
    );
}

#[test]
fn unreachable_states_are_told_together_with_errors() {
    let definition =
        machine(json!({ "A": { "Type": "Pass", "End": true, "Bogus": 1 }, "B": end() }));
    let all = parse(&definition.to_string(), None).unwrap_err();
    let shown: Vec<String> = all.iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            "SCHEMA_VALIDATION_FAILED at /States/A",
            "UNREACHABLE_STATE at /States/B"
        ]
    );
}

#[test]
fn texts_that_look_computed_are_told_where_they_are_not() {
    let definition = machine(json!({
        "A": { "Type": "Pass", "Next": "B",
            "Parameters": { "a": "$.x", "b": ["$.y", { "c": "States.UUID()" }], "d.$": "$.z",
                "price": "$5", "dollars": "$.50", "e": "States of mind" } },
        "B": { "Type": "Pass", "Result": { "r": ["$.x"] }, "Next": "C" },
        "C": { "Type": "Choice", "Default": "D", "Choices": [
            { "Or": [{ "Variable": "$.x", "StringEquals": "$.y" },
                     { "Variable": "$.x", "StringMatches": "$.*" }], "Next": "D" }] },
        "D": { "Type": "Fail", "Error": "$.e", "Cause": "it costs $5" }
    }));
    assert_eq!(
        warnings(&definition),
        [
            "NO_DOLLAR at /States/A/Parameters/a",
            "NO_DOLLAR at /States/A/Parameters/b/1/c",
            "PASS_RESULT_IS_STATIC at /States/B/Result/r/0",
            "NO_PATH at /States/C/Choices/0/Or/0/StringEquals",
            "NO_PATH at /States/D/Error",
        ]
    );
}

#[test]
fn warnings_never_hide_an_error() {
    // More fields that stand twice than anybody is told of, then a state that does.
    let mut text = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"#.to_owned();
    for index in 0..150 {
        write!(text, r#""f{index}": 1, "f{index}": 2, "#).unwrap();
    }
    text.push_str(r#""g": 1}, "End": true}, "A": {"Type": "Succeed"}}}"#);
    let all = parse(&text, None).unwrap_err();
    assert!(all.iter().any(|each| each.code == "DUPLICATE_STATE_NAME"));
    assert!(all.len() <= 200);
}

#[test]
fn secrets_are_told_wherever_they_stand() {
    let definition = machine(json!({
        "A": { "Type": "Pass", "End": true, "Comment": "Bearer abcdefghijklmnop",
            "Parameters": { "list": ["ok", "AKIAIOSFODNN7EXAMPLE"], "apiKey": "k-1",
                "Authorization.$": "States.Format('Bearer {}', $.token)" } }
    }));
    assert_eq!(
        warnings(&definition),
        [
            "SECRET_IN_PLAIN_TEXT at /States/A/Comment",
            "SECRET_IN_PLAIN_TEXT at /States/A/Parameters/list/1",
            "SECRET_IN_PLAIN_TEXT at /States/A/Parameters/apiKey",
        ]
    );
}
