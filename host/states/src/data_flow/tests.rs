//! The data flow of whole states, in JSONPath.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::definition::{State, StateMachine};

/// Variables of a test.
struct Known(BTreeMap<&'static str, Value>);

impl Variables for Known {
    fn variable(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }
}

/// A definition of one state under test, called `S`; others to go on to are there.
struct Bench {
    machine: StateMachine,
    input: Payload,
    variables: Known,
    contexts_built: Cell<u32>,
}

const NOW: &str = "2026-11-21T10:00:00Z";

impl Bench {
    fn new(state: Value, input: &str) -> Self {
        let definition = json!({
            "StartAt": "S",
            "States": { "S": state, "T": { "Type": "Succeed" }, "U": { "Type": "Succeed" } }
        });
        let (machine, _) = match crate::parse(&definition.to_string(), None) {
            Ok(parsed) => parsed,
            Err(diagnostics) => panic!("{diagnostics:?}"),
        };
        Self {
            machine,
            input: Payload::parse(input).unwrap(),
            variables: Known(BTreeMap::from([("v", json!({ "n": 7, "s": "x" }))])),
            contexts_built: Cell::new(0),
        }
    }

    fn state(&self) -> &State {
        self.machine
            .state(self.machine.find(self.machine.root(), "S").unwrap())
    }

    /// Runs a function of the data flow with an environment of the bench.
    fn with<T>(&self, run: impl FnOnce(&State, &Env<'_>) -> T) -> T {
        let context = || {
            self.contexts_built.set(self.contexts_built.get() + 1);
            json!({
                "Execution": { "Name": "run-1" },
                "Map": { "Item": { "Index": 3, "Value": "item" } }
            })
        };
        let env = Env {
            input: &self.input,
            context: &context,
            variables: &self.variables,
            seed: [1; 32],
            now: Timestamp::parse_rfc3339(NOW).unwrap(),
            limits: EvalLimits::default(),
            observer: None,
        };
        run(self.state(), &env)
    }

    /// Completes the state with a result.
    fn complete(&self, result: &str) -> Result<Completion, EvalFailure> {
        self.with(|state, env| {
            let input = effective_input(state, env)?;
            complete(state, env, &input, &Payload::parse(result).unwrap())
        })
    }

    fn arguments(&self) -> Result<Payload, EvalFailure> {
        self.with(|state, env| arguments(state, env, &effective_input(state, env)?))
    }

    fn plan(&self) -> Result<MapPlan, EvalFailure> {
        self.with(|state, env| map_plan(state, env, &effective_input(state, env)?))
    }

    fn wait(&self) -> Result<Timestamp, EvalFailure> {
        self.with(|state, env| wait_until(state, env, &effective_input(state, env)?))
    }
}

/// A Task with some fields.
fn task(fields: Value) -> Value {
    let mut task = json!({ "Type": "Task", "Resource": "task:t", "Next": "T" });
    merge_into(&mut task, fields);
    task
}

/// A Map with some fields.
fn map(fields: Value) -> Value {
    let processor = json!({ "StartAt": "I", "States": { "I": { "Type": "Succeed" } } });
    let mut map = json!({ "Type": "Map", "ItemProcessor": processor, "Next": "T" });
    merge_into(&mut map, fields);
    map
}

fn merge_into(target: &mut Value, fields: Value) {
    for (name, value) in fields.as_object().unwrap() {
        target[name] = value.clone();
    }
}

fn output(completion: Result<Completion, EvalFailure>) -> Value {
    completion.unwrap().output.to_value()
}

#[test]
fn what_nothing_looks_into_is_handed_through_as_it_is() {
    let odd = r#"{ "a" : 1.50,"b":[ ] , "big": 123456789012345678901234567890 }"#;
    let bench = Bench::new(task(json!({})), odd);
    assert_eq!(bench.arguments().unwrap().as_str(), odd);
    let result = r#"{"x":  9007199254740993}"#;
    assert_eq!(bench.complete(result).unwrap().output.as_str(), result);
    let discarded = Bench::new(task(json!({ "ResultPath": null })), odd);
    assert_eq!(discarded.complete(result).unwrap().output.as_str(), odd);
    assert_eq!(bench.contexts_built.get(), 0);
}

#[test]
fn input_goes_through_input_path_and_parameters() {
    let input = r#"{"order": {"id": 5, "items": ["a"]}, "other": true}"#;
    for (fields, expected) in [
        (
            json!({}),
            json!({ "order": { "id": 5, "items": ["a"] }, "other": true }),
        ),
        (
            json!({ "InputPath": "$.order" }),
            json!({ "id": 5, "items": ["a"] }),
        ),
        (json!({ "InputPath": null }), json!({})),
        (
            json!({ "InputPath": "$$.Execution" }),
            json!({ "Name": "run-1" }),
        ),
        (json!({ "InputPath": "$v.n" }), json!(7)),
        (
            json!({ "InputPath": "$.order", "Parameters": {
                "fixed": { "deep": [1] }, "id.$": "$.id", "all.$": "$",
                "list": [{ "run.$": "$$.Execution.Name" }], "text.$": "States.Format('#{}', $.id)",
                "var.$": "$v.s", "plain": "$.id"
            } }),
            json!({
                "fixed": { "deep": [1] }, "id": 5, "all": { "id": 5, "items": ["a"] },
                "list": [{ "run": "run-1" }], "text": "#5", "var": "x", "plain": "$.id"
            }),
        ),
    ] {
        let bench = Bench::new(task(fields.clone()), input);
        assert_eq!(bench.arguments().unwrap().to_value(), expected, "{fields}");
    }
}

#[test]
fn a_path_that_finds_nothing_is_a_runtime_error_that_names_the_field() {
    let bench = Bench::new(task(json!({ "InputPath": "$.x" })), r#"{"y":1}"#);
    let failure = bench.arguments().unwrap_err();
    assert_eq!(failure.error, "States.Runtime");
    assert_eq!(
        failure.cause,
        "Invalid path '$.x' : No results for path: $['x']"
    );
    assert_eq!(
        failure.full_cause("S", 7),
        "An error occurred while executing the state 'S' (entered at the event id #7). \
         Invalid path '$.x' : No results for path: $['x']"
    );
    let bench = Bench::new(
        task(json!({ "Parameters": { "a.$": "$.x" } })),
        r#"{"y":1}"#,
    );
    assert_eq!(
        bench.arguments().unwrap_err().cause,
        "The JSONPath '$.x' specified for the field 'a.$' could not be found in the input \
         '{\"y\":1}'"
    );
    let bench = Bench::new(task(json!({ "Parameters": { "a.$": "$nothing" } })), "{}");
    assert_eq!(bench.arguments().unwrap_err().error, "States.Runtime");
}

#[test]
fn results_go_through_selector_result_path_and_output_path() {
    let input = r#"{"master": {"detail": [1]}}"#;
    for (fields, expected) in [
        (json!({}), json!({ "r": 6 })),
        (
            json!({ "ResultSelector": { "n.$": "$.r" } }),
            json!({ "n": 6 }),
        ),
        (
            json!({ "ResultPath": "$.master.detail" }),
            json!({ "master": { "detail": { "r": 6 } } }),
        ),
        (
            json!({ "ResultPath": "$.master.result.sum" }),
            json!({ "master": { "detail": [1], "result": { "sum": { "r": 6 } } } }),
        ),
        (
            json!({ "ResultPath": null }),
            json!({ "master": { "detail": [1] } }),
        ),
        (
            json!({ "ResultPath": "$.x", "OutputPath": "$.x.r" }),
            json!(6),
        ),
        (json!({ "OutputPath": null }), json!({})),
        (json!({ "OutputPath": "$v.s" }), json!("x")),
        // ResultPath goes into the raw input, not into what InputPath leaves of it.
        (
            json!({ "InputPath": "$.master", "ResultPath": "$.r" }),
            json!({ "master": { "detail": [1] }, "r": { "r": 6 } }),
        ),
    ] {
        let bench = Bench::new(task(fields.clone()), input);
        assert_eq!(output(bench.complete(r#"{"r":6}"#)), expected, "{fields}");
    }
}

#[test]
fn a_result_path_into_a_text_fails_by_name() {
    let bench = Bench::new(task(json!({ "ResultPath": "$.x" })), r#""foo""#);
    let failure = bench.complete("1").unwrap_err();
    assert_eq!(failure.error, "States.ResultPathMatchFailure");
    assert_eq!(failure.cause, "Unable to apply step \"x\" to input \"foo\"");
}

#[test]
fn variables_are_set_from_the_raw_result_with_the_values_at_entry() {
    let fields = json!({
        "ResultSelector": { "hidden": true },
        "OutputPath": "$v.n",
        "Assign": { "v": "new", "old.$": "$v.s", "r.$": "$.r", "big": 12345678901234567890_u64 }
    });
    let completion = Bench::new(task(fields), "{}")
        .complete(r#"{"r":[1]}"#)
        .unwrap();
    let assigned: Vec<(&str, &str)> = completion
        .assigned
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        assigned,
        [
            ("v", "\"new\""),
            ("old", "\"x\""),
            ("r", "[1]"),
            ("big", "12345678901234567890")
        ]
    );
    assert_eq!(completion.output.as_str(), "7");
}

#[test]
fn a_pass_has_its_result_from_result_parameters_or_input() {
    for (fields, expected) in [
        (json!({}), json!({ "a": 1 })),
        (
            json!({ "Result": { "x.$": "$.not.a.path" } }),
            json!({ "x.$": "$.not.a.path" }),
        ),
        (json!({ "Result": null }), json!(null)),
        (json!({ "Parameters": { "x.$": "$.a" } }), json!({ "x": 1 })),
        (
            json!({ "Result": 5, "ResultPath": "$.b" }),
            json!({ "a": 1, "b": 5 }),
        ),
        (
            json!({ "Parameters": { "x.$": "$.a" }, "ResultPath": null }),
            json!({ "a": 1 }),
        ),
    ] {
        let mut pass = json!({ "Type": "Pass", "Next": "T" });
        merge_into(&mut pass, fields.clone());
        let bench = Bench::new(pass, r#"{"a":1}"#);
        let completion = bench.with(|state, env| {
            let input = effective_input(state, env)?;
            complete(state, env, &input, &pass_result(state, env, &input)?)
        });
        assert_eq!(output(completion), expected, "{fields}");
    }
}

#[test]
fn what_is_too_large_fails_without_naming_an_event() {
    let bench = Bench::new(task(json!({})), "{}");
    let large = format!("\"{}\"", "x".repeat(262_143));
    let failure = bench.complete(&large).unwrap_err();
    assert_eq!(failure.error, "States.DataLimitExceeded");
    assert_eq!(
        failure.full_cause("S", 2),
        "The state/task 'S' returned a result with a size exceeding the maximum number of bytes \
         service limit."
    );
    let fits = format!("\"{}\"", "x".repeat(262_142));
    assert!(bench.complete(&fits).is_ok());
}

#[test]
fn nesting_beyond_what_can_be_read_back_fails() {
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let bench = Bench::new(task(json!({ "ResultPath": "$.a.b" })), "{}");
    assert!(
        bench
            .complete(&deep)
            .unwrap_err()
            .cause
            .contains("nests deeper")
    );
}

#[test]
fn an_event_adds_its_data_to_the_input() {
    let event = json!({ "Type": "Task", "Resource": "stepwell:event", "Next": "T" });
    let bench = Bench::new(event.clone(), r#"{"id":1,"ok":false}"#);
    assert_eq!(
        bench
            .complete(r#"{"ok":true,"by":"ann"}"#)
            .unwrap()
            .output
            .as_str(),
        r#"{"id":1,"ok":true,"by":"ann"}"#
    );
    assert_eq!(
        bench.complete("null").unwrap().output.as_str(),
        r#"{"id":1,"ok":false}"#
    );
    let mut placed = event;
    placed["ResultPath"] = json!("$.event");
    let bench = Bench::new(placed, r#"{"id":1}"#);
    assert_eq!(output(bench.complete("5")), json!({ "id": 1, "event": 5 }));
}

#[test]
fn a_catcher_makes_the_error_output_its_state_input() {
    let bench = Bench::new(
        task(json!({ "OutputPath": "$.never", "Catch": [
            { "ErrorEquals": ["A"], "Next": "U" },
            { "ErrorEquals": ["B"], "Next": "U", "ResultPath": "$.error.info",
              "Assign": { "why.$": "$.Cause" } },
            { "ErrorEquals": ["States.ALL"], "Next": "U", "ResultPath": null },
        ] })),
        r#"{"a":1}"#,
    );
    let caught = |index| bench.with(|state, env| catch(state, index, env, "E", "because"));
    assert_eq!(
        output(caught(0)),
        json!({ "Error": "E", "Cause": "because" })
    );
    let second = caught(1).unwrap();
    let info = json!({ "Error": "E", "Cause": "because" });
    assert_eq!(
        second.output.to_value(),
        json!({ "a": 1, "error": { "info": info } })
    );
    assert_eq!(
        second.assigned,
        [("why".to_owned(), Payload::from_value(&json!("because")))]
    );
    assert_eq!(output(caught(2)), json!({ "a": 1 }));
    assert!(caught(3).is_err());
}

#[test]
fn a_choice_takes_its_rule_or_its_default() {
    let choice = json!({
        "Type": "Choice",
        "InputPath": "$.in",
        "OutputPath": "$.n",
        "Choices": [
            { "Variable": "$.n", "NumericLessThan": 5, "Next": "T", "Assign": { "rule": 1 } },
        ],
        "Default": "U",
        "Assign": { "default": true },
    });
    for (input, next, assigned) in [
        (r#"{"in":{"n":1}}"#, "T", "rule"),
        (r#"{"in":{"n":9}}"#, "U", "default"),
    ] {
        let bench = Bench::new(choice.clone(), input);
        let chosen = bench
            .with(|state, env| choose(state, env, &effective_input(state, env)?))
            .unwrap();
        assert_eq!(
            bench.machine.state(chosen.next.unwrap()).name.as_ref(),
            next
        );
        assert_eq!(chosen.completion.assigned[0].0, assigned);
        assert!(chosen.completion.output.to_value().is_number());
    }
    let mut without_default = choice;
    without_default.as_object_mut().unwrap().remove("Default");
    without_default["Choices"][0]["Next"] = json!("U");
    let bench = Bench::new(without_default, r#"{"in":{"n":9}}"#);
    let chosen = bench
        .with(|state, env| choose(state, env, &effective_input(state, env)?))
        .unwrap();
    assert_eq!(chosen.next, None);
}

#[test]
fn waits_end_at_the_time_that_their_field_names() {
    let input = r#"{"s": 90, "t": "2026-11-21T12:00:00+01:00", "text": "15"}"#;
    for (field, value, until) in [
        ("Seconds", json!(10), "2026-11-21T10:00:10.000Z"),
        ("SecondsPath", json!("$.s"), "2026-11-21T10:01:30.000Z"),
        ("SecondsPath", json!("$.text"), "2026-11-21T10:00:15.000Z"),
        (
            "Timestamp",
            json!("2026-11-21T10:00:00.1239Z"),
            "2026-11-21T10:00:00.123Z",
        ),
        ("TimestampPath", json!("$.t"), "2026-11-21T11:00:00.000Z"),
        (
            "Timestamp",
            json!("2016-03-14T01:59:00Z"),
            "2026-11-21T10:00:00.000Z",
        ),
    ] {
        let bench = Bench::new(json!({ "Type": "Wait", field: value, "Next": "T" }), input);
        assert_eq!(bench.wait().unwrap().to_string(), until, "{field} {value}");
    }
}

#[test]
fn a_time_that_is_none_fails_with_its_path_and_value() {
    for (field, value, cause) in [
        (
            "SecondsPath",
            "1.5",
            "cannot be parsed as a long value: $.x == 1.5",
        ),
        (
            "SecondsPath",
            "\"soon\"",
            "cannot be parsed as a long value: $.x == soon",
        ),
        (
            "SecondsPath",
            "-1",
            "references a negative value: $.x == -1",
        ),
        ("SecondsPath", "2147483648", "Wait state delay is too long."),
        (
            "TimestampPath",
            "\"2016-12-05 21:29:29Z\"",
            "does not reference a valid ISO-8601 extended offset date-time format string: $.x == \
             2016-12-05 21:29:29Z",
        ),
        (
            "TimestampPath",
            "\"2095-01-01T00:00:00Z\"",
            "Wait state delay is too long.",
        ),
    ] {
        let wait = json!({ "Type": "Wait", field: "$.x", "Next": "T" });
        let failure = Bench::new(wait, &format!("{{\"x\":{value}}}"))
            .wait()
            .unwrap_err();
        assert_eq!(failure.error, "States.Runtime");
        assert!(failure.cause.ends_with(cause), "{}", failure.cause);
    }
}

#[test]
fn task_times_come_from_numbers_or_paths() {
    let times = |fields: Value| {
        let bench = Bench::new(task(fields), r#"{"t":60,"zero":0,"text":"x"}"#);
        bench.with(|state, env| task_times(state, env, &effective_input(state, env)?))
    };
    assert_eq!(times(json!({})), Ok(TaskTimes::default()));
    assert_eq!(
        times(json!({ "TimeoutSecondsPath": "$.t", "HeartbeatSeconds": 5 })),
        Ok(TaskTimes {
            timeout_seconds: Some(60),
            heartbeat_seconds: Some(5)
        })
    );
    assert!(times(json!({ "TimeoutSecondsPath": "$.zero" })).is_err());
    assert!(times(json!({ "TimeoutSecondsPath": "$.text" })).is_err());
    assert!(times(json!({ "HeartbeatSecondsPath": "$.none" })).is_err());
}

#[test]
fn fail_texts_come_from_texts_paths_and_functions() {
    for (fields, expected) in [
        (json!({}), (None, None)),
        (
            json!({ "Error": "E", "Cause": "C" }),
            (Some("E"), Some("C")),
        ),
        (
            json!({ "ErrorPath": "$.e", "CausePath": "$$.Execution.Name" }),
            (Some("Err"), Some("run-1")),
        ),
        (
            json!({ "Error": "E", "CausePath": "States.Format('{}!', $.e)" }),
            (Some("E"), Some("Err!")),
        ),
    ] {
        let mut fail = json!({ "Type": "Fail" });
        merge_into(&mut fail, fields.clone());
        let details = Bench::new(fail, r#"{"e":"Err","n":1}"#)
            .with(fail_details)
            .unwrap();
        assert_eq!(
            (details.0.as_deref(), details.1.as_deref()),
            expected,
            "{fields}"
        );
    }
    let number = json!({ "Type": "Fail", "ErrorPath": "$.n" });
    assert!(Bench::new(number, r#"{"n":1}"#).with(fail_details).is_err());
}

#[test]
fn maps_take_the_elements_of_lists_and_the_fields_of_objects() {
    let plan = Bench::new(map(json!({ "ItemsPath": "$.l" })), r#"{"l":[1,{"a":2}]}"#).plan();
    let items: Vec<String> = plan
        .unwrap()
        .items
        .iter()
        .map(|i| i.value.to_string())
        .collect();
    assert_eq!(items, ["1", "{\"a\":2}"]);
    let keyed = Bench::new(map(json!({})), r#"{"x":1,"y":2}"#)
        .plan()
        .unwrap();
    let keys: Vec<Option<&str>> = keyed.items.iter().map(|item| item.key.as_deref()).collect();
    assert_eq!(keys, [Some("x"), Some("y")]);
}

#[test]
fn items_that_are_not_there_are_named() {
    let missing = Bench::new(map(json!({ "ItemsPath": "$.l.m" })), r#"{"l":{}}"#).plan();
    let missing = missing.unwrap_err();
    assert_eq!(missing.error, "States.ReferencePathConflict");
    assert_eq!(
        missing.cause,
        "Unable to apply step \"m\" to input {\"l\":{}}"
    );
    let text = Bench::new(map(json!({ "ItemsPath": "$.l" })), r#"{"l":"x"}"#).plan();
    assert_eq!(
        text.unwrap_err().cause,
        "Reference path \"$.l\" must point to array."
    );
}

#[test]
fn an_iteration_gets_its_item_or_what_the_selector_makes() {
    let item = MapItem {
        key: None,
        value: Payload::parse("\"item\"").unwrap(),
    };
    let input_of = |fields: Value| {
        let bench = Bench::new(map(fields), r#"{"courier":"UQS","l":[]}"#);
        bench.with(|state, env| {
            map_item_input(state, env, &effective_input(state, env).unwrap(), &item)
        })
    };
    assert_eq!(input_of(json!({})).unwrap(), item.value);
    let selector = json!({
        "parcel.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index", "courier.$": "$.courier"
    });
    let expected = json!({ "parcel": "item", "index": 3, "courier": "UQS" });
    for name in ["ItemSelector", "Parameters"] {
        assert_eq!(
            input_of(json!({ name: selector })).unwrap().to_value(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn limits_of_a_map_come_from_numbers_or_paths() {
    let input = r#"{"c":2,"p":12.5,"n":3,"text":"x","minus":-1,"l":[]}"#;
    let plan = |mut fields: Value| {
        fields["ItemsPath"] = json!("$.l");
        Bench::new(map(fields), input).plan()
    };
    let none = plan(json!({})).unwrap();
    assert_eq!(
        (none.max_concurrency, none.tolerated_failure_count),
        (0, None)
    );
    let by_path = plan(json!({
        "MaxConcurrencyPath": "$.c", "ToleratedFailurePercentagePath": "$.p",
        "ToleratedFailureCountPath": "$.n"
    }))
    .unwrap();
    assert_eq!(by_path.max_concurrency, 2);
    assert_eq!(by_path.tolerated_failure_percentage, Some(12.5));
    assert_eq!(by_path.tolerated_failure_count, Some(3));
    assert!(plan(json!({ "MaxConcurrencyPath": "$.text" })).is_err());
    assert!(plan(json!({ "MaxConcurrencyPath": "$.minus" })).is_err());
}

#[test]
fn a_wrong_tolerance_fails_the_map_after_it_has_started() {
    for (path, cause) in [
        (
            "$.text",
            "The ToleratedFailurePercentagePath field refers to value \"x\" which is not a valid \
             float: $.text",
        ),
        (
            "$.minus",
            "ToleratedFailurePercentage must be between 0 and 100.",
        ),
    ] {
        let fields = json!({ "ItemsPath": "$.l", "ToleratedFailurePercentagePath": path });
        let plan = Bench::new(map(fields), r#"{"text":"x","minus":-1,"l":[1]}"#)
            .plan()
            .unwrap();
        assert_eq!(plan.items.len(), 1);
        assert_eq!(plan.tolerance_failure.unwrap().cause, cause);
    }
}

#[test]
fn batches_hold_at_most_so_many_items_and_bytes() {
    let grouped = |batcher: Value, items: &[&str]| {
        let mut fields = json!({ "ItemBatcher": batcher });
        fields["ItemProcessor"] = json!({
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "I", "States": { "I": { "Type": "Succeed" } }
        });
        let bench = Bench::new(map(fields), r#"{"b":"shared"}"#);
        let batches =
            bench.with(|state, env| batches(state, env, &effective_input(state, env).unwrap()));
        let batches = batches.unwrap().unwrap();
        let (mut groups, mut open, mut bytes) = (Vec::new(), Vec::new(), batches.frame_bytes());
        for item in items.iter().map(|item| Payload::parse(*item).unwrap()) {
            if !batches.has_room(open.len(), bytes, &item) {
                groups.push(batches.join(&open).to_string());
                (open, bytes) = (Vec::new(), batches.frame_bytes());
            }
            bytes += item.byte_len() + 1;
            open.push(item);
        }
        groups.push(batches.join(&open).to_string());
        groups
    };
    assert_eq!(
        grouped(json!({ "MaxItemsPerBatch": 2 }), &["1", "2", "3"]),
        [r#"{"Items":[1,2]}"#, r#"{"Items":[3]}"#]
    );
    assert_eq!(
        grouped(
            json!({ "MaxInputBytesPerBatch": 20, "BatchInput": {} }),
            &["1", "2"]
        ),
        [
            r#"{"BatchInput":{},"Items":[1]}"#,
            r#"{"BatchInput":{},"Items":[2]}"#
        ]
    );
    assert_eq!(
        grouped(
            json!({ "MaxItemsPerBatch": 9, "BatchInput": { "x.$": "$.b" } }),
            &["1"]
        ),
        [r#"{"BatchInput":{"x":"shared"},"Items":[1]}"#]
    );
}

#[test]
fn the_context_object_is_built_once_however_often_it_is_read() {
    let fields = json!({ "Parameters": {
        "a.$": "$$.Execution.Name", "b.$": "$$.Execution", "c.$": "States.Array($$.Map)"
    } });
    let bench = Bench::new(task(fields), "{}");
    bench.arguments().unwrap();
    // Once for the arguments; the input did not need it.
    assert_eq!(bench.contexts_built.get(), 1);
}

#[test]
fn random_values_differ_between_the_fields_of_one_visit() {
    let fields = json!({
        "Parameters": { "u.$": "States.UUID()" }, "ResultSelector": { "u.$": "States.UUID()" }
    });
    let bench = Bench::new(task(fields), "{}");
    let given = bench.arguments().unwrap();
    assert_eq!(bench.arguments().unwrap(), given);
    assert_ne!(bench.complete("{}").unwrap().output, given);
}
