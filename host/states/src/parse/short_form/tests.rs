//! What the short form is lowered to.

use serde_json::{Value, json};

use super::super::parse;
use crate::definition::StateMachine;
use crate::diagnostic::Diagnostic;

/// Lowers states given in YAML; the name of the definition is `demo`.
fn lower(states: &str) -> Result<(StateMachine, Vec<Diagnostic>), Vec<Diagnostic>> {
    parse(
        &format!("workflow:\n  name: demo\n  states:\n{states}"),
        None,
    )
}

/// Returns the one state that the YAML gives, lowered, without what all tasks get.
fn state(yaml: &str) -> Value {
    let states = format!("    s:\n{yaml}\n    t: {{type: succeed}}\n");
    match lower(&states) {
        Ok((machine, _)) => machine.to_asl()["States"]["s"].clone(),
        Err(diagnostics) => panic!("{diagnostics:#?}"),
    }
}

#[test]
fn the_documentations_example_is_a_definition_without_warnings() {
    let text = include_str!("../../../../../docs/short-form.md");
    let example = text
        .split("```yaml")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let (machine, warnings) = parse(example, None).unwrap();
    assert_eq!(machine.name.as_deref(), Some("order-approval"));
    assert_eq!(machine.states().count(), 5);
    assert_eq!(warnings, []);
}

#[test]
fn a_workflow_is_a_definition_with_a_name() {
    let (machine, _) = parse(
        "workflow:
  name: order
  comment: takes orders
  timeout: 1h
  start_at: b
  states:
    a: {type: succeed}
    b: {type: pass, next: a}
",
        None,
    )
    .unwrap();
    assert_eq!(machine.name.as_deref(), Some("order"));
    assert_eq!(machine.timeout_seconds, Some(3600));
    assert_eq!(
        machine.to_asl(),
        &json!({
            "Comment": "takes orders", "TimeoutSeconds": 3600, "StartAt": "b",
            "States": { "a": { "Type": "Succeed" }, "b": { "Type": "Pass", "Next": "a" } }
        })
    );
}

#[test]
fn without_a_wrapper_and_a_start_it_works_too() {
    let (machine, _) = parse("states:\n  only: {type: succeed}\n", None).unwrap();
    assert_eq!(machine.to_asl()["StartAt"], "only");
    assert_eq!(machine.name, None);
}

#[test]
fn a_task_runs_the_component_of_its_name_with_a_timeout() {
    for (yaml, resource, timeout) in [
        ("      next: t", "task:s", 300),
        ("      {type: task, next: t, timeout: 5m}", "task:s", 300),
        (
            "      {type: task, resource: other, timeout: 90, next: t}",
            "task:other",
            90,
        ),
        (
            "      {type: task, resource: 'task:x@1.0', timeout: 1d, next: t}",
            "task:x@1.0",
            86_400,
        ),
        (
            "      {type: wait_for_event, next: t}",
            "stepwell:event",
            2_592_000,
        ),
        (
            "      {type: wait_for_event, event: paid, timeout: 1h, next: t}",
            "stepwell:event:paid",
            3_600,
        ),
        (
            "      {type: approval, next: t}",
            "stepwell:approval",
            2_592_000,
        ),
    ] {
        let state = state(yaml);
        assert_eq!(
            (&state["Resource"], &state["TimeoutSeconds"]),
            (&json!(resource), &json!(timeout))
        );
        assert_eq!(state["Type"], "Task");
    }
    assert_eq!(
        state("      {type: approval, next: t}")["ResultPath"],
        "$.approval"
    );
}

#[test]
fn when_tests_that_a_field_is_true_or_a_text() {
    let choices = state(
        "      type: choice
      when:
        urgent: t
        order.status: {paid: t}
        $.a[0]: t
      default: t",
    )["Choices"]
        .clone();
    let rule = |path: &str, operator: &str, value: Value| {
        json!({ "Next": "t", "And": [
            { "Variable": path, "IsPresent": true }, { "Variable": path, operator: value }
        ] })
    };
    assert_eq!(
        choices,
        json!([
            rule("$.urgent", "BooleanEquals", json!(true)),
            rule("$.order.status", "StringEquals", json!("paid")),
            rule("$.a[0]", "BooleanEquals", json!(true)),
        ])
    );
}

#[test]
fn choices_are_the_languages_rules_in_snake_case() {
    let choices = state(
        "      type: choice
      choices:
        - and:
            - {variable: $.n, numeric_greater_than: 3}
            - not: {variable: $.s, string_matches: 'a*'}
          next: t
      default: t",
    )["Choices"]
        .clone();
    assert_eq!(
        choices,
        json!([{ "Next": "t", "And": [
            { "Variable": "$.n", "NumericGreaterThan": 3 },
            { "Not": { "Variable": "$.s", "StringMatches": "a*" } }
        ] }])
    );
}

#[test]
fn retries_and_catches_say_more_with_less() {
    let task = |rest: &str| state(&format!("      {{type: task, next: t, {rest}}}"));
    for (retry, lowered) in [
        (
            "{attempts: 3, backoff: exponential}",
            json!({ "ErrorEquals": ["States.ALL"], "MaxAttempts": 3 }),
        ),
        (
            "{attempts: 2, backoff: fixed, interval: 1m, errors: Flaky, jitter: true}",
            json!({ "ErrorEquals": ["Flaky"], "MaxAttempts": 2, "IntervalSeconds": 60,
                    "BackoffRate": 1, "JitterStrategy": "FULL" }),
        ),
        (
            "{backoff: linear, max_delay: 10m, errors: [A, B]}",
            json!({ "ErrorEquals": ["A", "B"], "MaxDelaySeconds": 600, "BackoffStrategy": "LINEAR" }),
        ),
        (
            "{rate: 1.5}",
            json!({ "ErrorEquals": ["States.ALL"], "BackoffRate": 1.5 }),
        ),
    ] {
        assert_eq!(
            task(&format!("retry: {retry}"))["Retry"],
            json!([lowered]),
            "{retry}"
        );
    }
    let listed = task("retry: [{errors: A, attempts: 1}, {attempts: 2}]");
    assert_eq!(listed["Retry"].as_array().map(Vec::len), Some(2));
    let caught = |error: &str, path: &str| json!({ "ErrorEquals": [error], "Next": "t", "ResultPath": path });
    assert_eq!(
        task("catch: {OutOfStock: t, States.ALL: t}")["Catch"],
        json!([
            caught("OutOfStock", "$.error"),
            caught("States.ALL", "$.error")
        ])
    );
    assert_eq!(
        task("catch: [{errors: A, next: t, result_path: $.why}]")["Catch"],
        json!([caught("A", "$.why")])
    );
}

#[test]
fn waits_are_durations_instants_or_paths() {
    for (key, value, field, lowered) in [
        ("seconds", "5", "Seconds", json!(5)),
        ("seconds", "$.n", "SecondsPath", json!("$.n")),
        ("for", "2h", "Seconds", json!(7200)),
        (
            "until",
            "'2030-01-01T00:00:00Z'",
            "Timestamp",
            json!("2030-01-01T00:00:00Z"),
        ),
        ("until", "$.due", "TimestampPath", json!("$.due")),
    ] {
        let state = state(&format!("      {{type: wait, {key}: {value}, next: t}}"));
        assert_eq!(state[field], lowered, "{key}: {value}");
    }
}

#[test]
fn branches_may_be_named_or_listed() {
    for branches in [
        "{mail: {states: {m: {type: succeed}}}}",
        "[{states: {m: {type: succeed}}}]",
    ] {
        let state = state(&format!(
            "      {{type: parallel, branches: {branches}, next: t}}"
        ));
        assert_eq!(
            state["Branches"],
            json!([{ "StartAt": "m", "States": { "m": { "Type": "Succeed" } } }])
        );
    }
}

#[test]
fn a_map_says_what_happens_to_each_item() {
    let map = state(
        "      type: map
      items: $.lines
      item: {line.$: $$.Map.Item.Value}
      concurrency: 5
      tolerate: {percentage: 10}
      mode: distributed
      execution_type: express
      each: {states: {i: {type: succeed}}}
      next: t",
    );
    assert_eq!(
        map,
        json!({
            "Type": "Map", "ItemsPath": "$.lines", "MaxConcurrency": 5, "Next": "t",
            "ItemSelector": { "line.$": "$$.Map.Item.Value" }, "ToleratedFailurePercentage": 10,
            "ItemProcessor": {
                "StartAt": "i", "States": { "i": { "Type": "Succeed" } },
                "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS" }
            }
        })
    );
}

#[test]
fn all_other_keys_are_the_languages_fields_in_snake_case() {
    assert_eq!(
        state("      {type: pass, input_path: $.a, result: {x: 1}, result_path: $.b, end: true}"),
        json!({ "Type": "Pass", "InputPath": "$.a", "Result": { "x": 1 }, "ResultPath": "$.b",
                "End": true })
    );
    assert_eq!(
        state("      {type: fail, error: E, cause_path: $.why}"),
        json!({ "Type": "Fail", "Error": "E", "CausePath": "$.why" })
    );
}

#[test]
fn problems_are_shown_where_they_were_written() {
    let text = "    s:
      type: task
      timeout: soon
      nxt: t
      retry: {attempts: -1}
    c:
      type: choice
      when: {x: nowhere}
    u:
      type: unknown
";
    let diagnostics = lower(text).unwrap_err();
    let found: Vec<(&str, u32, u32)> = diagnostics
        .iter()
        .map(|each| (each.pointer.as_str(), each.line, each.column))
        .collect();
    for expected in [
        ("/workflow/states/s", 7, 7),
        ("/workflow/states/s/timeout", 6, 16),
        ("/workflow/states/s/retry/attempts", 8, 25),
        ("/workflow/states/c/when/x", 11, 17),
        ("/workflow/states/u/type", 13, 13),
    ] {
        assert!(found.contains(&expected), "{expected:?}\n{diagnostics:#?}");
    }
}
