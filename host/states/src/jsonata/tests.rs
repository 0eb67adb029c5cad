//! Expressions in definitions: what they may read, what they give, and where they end.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::data_flow::*;
use crate::definition::{State, StateMachine};
use crate::{EvalFailure, Payload, Timestamp, Variables, parse};

struct Known(BTreeMap<&'static str, Value>);

impl Variables for Known {
    fn variable(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }
}

const INPUT: &str = r#"{
    "order": { "id": 12345678901234567890, "items": [{ "n": 1 }, { "n": 2 }, { "n": 3 }] },
    "name": "Ada",
    "list": [3, 1, 2]
}"#;

fn machine(state: Value) -> StateMachine {
    let definition = json!({
        "QueryLanguage": "JSONata",
        "StartAt": "S",
        "States": { "S": state, "T": { "Type": "Succeed" }, "U": { "Type": "Succeed" } }
    });
    match parse(&definition.to_string(), None) {
        Ok((machine, _)) => machine,
        Err(diagnostics) => panic!("{diagnostics:?}"),
    }
}

/// Returns the errors of a definition of one state.
fn errors(state: Value) -> Vec<String> {
    let definition = json!({
        "QueryLanguage": "JSONata", "StartAt": "S", "States": { "S": state }
    });
    match parse(&definition.to_string(), None) {
        Ok(_) => Vec::new(),
        Err(diagnostics) => diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == crate::Severity::Error)
            .map(ToString::to_string)
            .collect(),
    }
}

/// Runs a function of the data flow on a state.
fn with<T>(
    state: Value,
    input: &str,
    seed: u8,
    run: impl FnOnce(&State, &Env<'_>, &Payload) -> T,
) -> T {
    // What gives a result gives it on a busy machine, too.
    let limits = EvalLimits {
        expression_ms: 60_000,
        ..EvalLimits::default()
    };
    within(limits, state, input, seed, run)
}

/// The same, within limits.
fn within<T>(
    limits: EvalLimits,
    state: Value,
    input: &str,
    seed: u8,
    run: impl FnOnce(&State, &Env<'_>, &Payload) -> T,
) -> T {
    let machine = machine(state);
    let input = Payload::parse(input).unwrap();
    let context = || json!({ "Execution": { "Name": "run-1" }, "Map": { "Item": { "Index": 1 } } });
    let variables = Known(BTreeMap::from([
        ("total", json!(40)),
        ("big", json!(9_007_199_254_740_993_u64)),
        ("rows", json!([{ "k": "a" }, { "k": "b" }])),
        ("join", json!("not the function")),
    ]));
    let env = Env {
        input: &input,
        context: &context,
        variables: &variables,
        seed: [seed; 32],
        now: Timestamp::parse_rfc3339("2026-11-21T10:00:00Z").unwrap(),
        limits,
        observer: None,
    };
    let state = machine.state(machine.find(machine.root(), "S").unwrap());
    run(state, &env, &input)
}

/// Evaluates an expression as the output of a Pass.
fn evaluate(expression: &str) -> Result<Value, EvalFailure> {
    evaluate_seeded(expression, 1)
}

fn evaluate_seeded(expression: &str, seed: u8) -> Result<Value, EvalFailure> {
    with(pass(expression), INPUT, seed, output)
}

fn pass(expression: &str) -> Value {
    json!({ "Type": "Pass", "Output": format!("{{% {expression} %}}"), "End": true })
}

fn output(state: &State, env: &Env<'_>, input: &Payload) -> Result<Value, EvalFailure> {
    complete(state, env, input, input).map(|completion| completion.output.to_value())
}

#[track_caller]
fn gives(expression: &str, expected: Value) {
    assert_eq!(evaluate(expression), Ok(expected), "{expression}");
}

#[track_caller]
fn fails(expression: &str, cause: &str) {
    let failure = evaluate(expression).unwrap_err();
    let start = format!("The JSONata expression '{expression}' specified for the field 'Output' ");
    assert_eq!(failure.cause, start + cause);
    assert_eq!(failure.error, "States.QueryEvaluationError");
    assert_eq!(failure.location.as_deref(), Some("Output"));
}

#[test]
fn expressions_read_states_and_variables() {
    gives("$states.input.name", json!("Ada"));
    gives("$states.input.order.items.n", json!([1, 2, 3]));
    gives("$states.input.order.items[n > 1].n", json!([2, 3]));
    gives("$states.input.order.items[-1]", json!({ "n": 3 }));
    gives("$states.context.Execution.Name", json!("run-1"));
    gives("$total + 2", json!(42));
    gives("$rows.k", json!(["a", "b"]));
    gives("$rows[k = 'b'].k", json!("b"));
    gives("($x := $total; $x / 8)", json!(5));
    gives("$sum($states.input.list) & '!'", json!("6!"));
    gives(
        "$states.input.list ~> $sort ~> $map(function($n) { $n * 2 })",
        json!([2, 4, 6]),
    );
    // The whole of `$states`, where none of its members is named.
    gives(
        "$keys($states) ~> $sort ~> $join(' ')",
        json!("context input"),
    );
    // A variable of the workflow goes before a function of that name.
    gives("$join", json!("not the function"));
}

#[test]
fn what_is_only_looked_up_keeps_its_digits() {
    let id: Value = serde_json::from_str("12345678901234567890").unwrap();
    gives("$states.input.order.id", id.clone());
    gives("$big", json!(9_007_199_254_740_993_u64));
    let whole = evaluate("$states").unwrap();
    assert_eq!(whole["input"]["order"]["id"], id);
    assert_eq!(whole["context"]["Execution"]["Name"], json!("run-1"));
    // Anything else computes with doubles, as Step Functions does.
    gives("$big + 0", json!(9_007_199_254_740_992_u64));
}

#[test]
fn numbers_are_written_as_javascript_writes_them() {
    for (expression, expected) in [
        ("10 / 4", "2.5"),
        ("6 / 3", "2"),
        ("-0", "0"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
    ] {
        assert_eq!(
            evaluate(expression).unwrap().to_string(),
            expected,
            "{expression}"
        );
    }
}

#[test]
fn step_functions_own_functions() {
    gives(
        "$partition([1, 2, 3, 4, 5], 2)",
        json!([[1, 2], [3, 4], [5]]),
    );
    gives("$partition([1, 2, 3], 2.9)", json!([[1, 2], [3]]));
    gives("$range(0, 10, 5)", json!([0, 5, 10]));
    gives("$range(3, 0, -2)", json!([3, 1]));
    gives("$parse('{\"a\": [1, null]}').a[0]", json!(1));
    gives(
        "$hash('', 'MD5')",
        json!("d41d8cd98f00b204e9800998ecf8427e"),
    );
    let digest = "a9993e364706816aba3e25717850c26c9cd0d89d";
    gives("'abc' ~> $hash('SHA-1')", json!(digest));
    for nothing in [
        "$partition($states.input.none, 2)",
        "$partition([1], 0)",
        "$range(1, 2, -1)",
        "$range(1, 2, 0)",
        "$parse($states.input.none)",
        "$hash($states.input.none, 'MD5')",
    ] {
        fails(nothing, "returned nothing (undefined).");
    }
    fails(
        "$range(0, 1000000, 1)",
        "threw an error during evaluation. Expression evaluation memory limit exceeded",
    );
    fails(
        "$hash('a', 'CRC')",
        "threw an error during evaluation. The algorithm 'CRC' is not supported",
    );
    assert!(evaluate("$parse('{')").is_err());
    assert!(evaluate("$hash(1, 'MD5')").is_err());
}

#[test]
fn chance_and_time_come_from_outside() {
    let random = "[$random(), $random(), $uuid(), $shuffle([1..50])]";
    let first = evaluate_seeded(random, 1).unwrap();
    assert_eq!(Ok(&first), evaluate_seeded(random, 1).as_ref());
    let second = evaluate_seeded(random, 2).unwrap();
    for index in 0..4 {
        assert_ne!(first[index], second[index]);
    }
    assert_ne!(first[0], first[1]);
    let uuid = first[2].as_str().unwrap();
    assert_eq!((uuid.len(), uuid.get(14..15)), (36, Some("4")));
    gives("$random(7) = $random(7)", json!(true));
    gives(
        "[1..200].($random() >= 0 and $random() < 1) ~> $distinct",
        json!(true),
    );
    gives("$now()", json!("2026-11-21T10:00:00.000Z"));
    gives("$now('[Y0001]/[M01]')", json!("2026/11"));
    gives("$millis() = $toMillis($now())", json!(true));
    // A text without a date is one of the evaluation's day, and not of the machine's.
    gives(
        "$toMillis('13:45', '[H]:[m]') ~> $fromMillis()",
        json!("2026-11-21T13:45:00.000Z"),
    );
    gives(
        "$fromMillis('03' ~> $toMillis('[M]'))",
        json!("2026-03-01T00:00:00.000Z"),
    );
    gives("$toMillis('2001', '[Y]')", json!(978_307_200_000_i64));
}

#[test]
fn failures_say_what_happened() {
    fails("$states.input.none", "returned nothing (undefined).");
    fails("$unset", "returned nothing (undefined).");
    fails(
        "function($x) { $x }",
        "returned an unsupported result type.",
    );
    fails("[$sum]", "returned an unsupported result type.");
    fails("/a+/", "returned an unsupported result type.");
    fails(
        "1 + 'a'",
        "threw an error during evaluation. T2002: The right side of the + operator must \
         evaluate to a number",
    );
    fails(
        "$error('no such order')",
        "threw an error during evaluation. D3137: no such order",
    );
}

#[test]
fn no_expression_runs_away() {
    // That this comes to an end is the test: a test that hangs is stopped.
    let run = |expression: &str| within(EvalLimits::default(), pass(expression), INPUT, 1, output);
    for expression in [
        "($f := function($n) { $f($n + 1) }; $f(1))",
        "($f := function($n) { 1 + $f($n) }; $f(1))",
        "($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $f('x', 40))",
        "$pad('x', 100000000000)",
        "'x' ~> $pad(100000000000)",
        "$map([1e12], function($n) { $pad('x', $n) })",
        "($p := $pad; $p('x', 100000000000))",
        "($s := $pad('x', 100000, 'x'); $replace($s, 'x', $s))",
        "($s := $pad('x', 100000, 'x'); $s ~> $replace('x', $s))",
        "($s := $pad('x', 100000, 'x'); $s ~> $replace('x', $s, 100000))",
        "($s := $pad('x', 100000, 'x'); $s.$replace('x', $s))",
        "($s := $pad('x', 100000, 'x'); $r := $replace; $r($s, 'x', $s))",
        "($s := $pad('x', 100000, 'x'); $replace($s, /x/, $s))",
        "($s := $pad('x', 1000000, 'x'); $join([1..100].$s, ','))",
        "($s := $pad('x', 1000000, 'x'); ([1..100].$s) ~> $join)",
        "($s := $pad('x', 1000000, 'x'); $string([1..1000].$s))",
        "($s := $pad('x', 1000000, 'x'); '' & [1..1000].$s)",
        "($s := $pad('x', 100000, 'x'); $replace($s, /x/, function($m) { $s }))",
        "[1..10000000]",
        "[1..100000].[1..800000]",
        // Values that hold the same part twice, in it the same part twice, and so on.
        "($f := function($x, $n) { $n = 0 ? $x : $f([[$x], [$x]], $n - 1) }; $f(1, 64))",
        "($f := function($x, $n) { $n = 0 ? $x : $f({ 'a': $x, 'b': $x }, $n - 1) }; $f(1, 64))",
        "($f := function($x, $n) { $n = 0 ? $x.a : $f([[$x], [$x]], $n - 1) }; $f(1, 64))",
        "($f := function($x, $n) { $n = 0 ? $not($x) : $f([[$x], [$x]], $n - 1) }; $f(0, 64))",
        "$boolean($reduce([1..64], function($x, $n) { $zip($x, $x) }, [0]))",
        "($a := [1..10000]; $b := $map($a, function() { $a }); $b = $b)",
        "$reduce([1..64], function($x, $n) { [[$x], [$x]] }, [0]) = [1]",
        // Values that nest deeper than a stack goes.
        "($f := function($x, $n) { $n = 0 ? 1 : $f({ 'a': $x }, $n - 1) }; $f(1, 1000000))",
    ] {
        let failure = run(expression).expect_err(expression);
        assert_eq!(failure.error, "States.QueryEvaluationError", "{expression}");
        assert!(failure.cause.len() < 1_000, "{expression}");
    }
    // Not too much, just slow if done naively.
    assert_eq!(
        evaluate("$count($distinct([1..100000].($ % 1000)))"),
        Ok(json!(1000))
    );
    assert_eq!(
        evaluate("([1..100000] ~> $distinct ~> $count)"),
        Ok(json!(100_000))
    );
}

#[test]
fn guarded_operations_mean_the_same() {
    gives(
        "1 & $states.input.none & true & [1, 'a']",
        json!("1true[1,\"a\"]"),
    );
    gives("$pad('ab', -4, '0')", json!("00ab"));
    gives("'ab' ~> $pad(4) ~> $length", json!(4));
    gives("['a', 'b'].$pad(2, '-')", json!(["a-", "b-"]));
    gives("['a', 'b'] ~> $map($pad(?, 2, '-'))", json!(["a-", "b-"]));
    gives("$replace('aXbX', 'X', '-')", json!("a-b-"));
    gives("$replace('aXbX', 'X', '-', 1)", json!("a-bX"));
    gives("'aXbX' ~> $replace(/[A-Z]/, '<$0>')", json!("a<X>b<X>"));
    gives("['aX', 'bX'].$replace('X', '')", json!(["a", "b"]));
    gives(
        "$replace('a1b2', /[0-9]/, function($m) { $string($number($m.match) + 1) })",
        json!("a2b3"),
    );
    gives(
        "$replace($replace('abc', 'a', 'b'), 'b', 'c')",
        json!("ccc"),
    );
    gives(
        "['a', 'b', 'a'] ~> $map($replace(?, 'a', 'x'))",
        json!(["x", "b", "x"]),
    );
    gives("$join(['a', 'b'], '/')", json!("a/b"));
    gives(
        "$distinct([1, '1', 1.0, {'a': 1}, {'a': 1}])",
        json!([1, "1", { "a": 1 }]),
    );
    gives(
        "($distinct := function($x) { 'mine' }; $distinct([1, 1]))",
        json!("mine"),
    );
    gives(
        "($pad := function($x) { 'mine' }; $pad('a'))",
        json!("mine"),
    );
    gives("function($replace) { $replace & '!' }('a')", json!("a!"));
}

#[test]
fn expressions_are_checked_with_the_definition() {
    for (expression, message) in [
        (
            "name",
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'name' at the top level is not \
             supported.",
        ),
        (
            "$$.name",
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$$' is not supported.",
        ),
        (
            "[1].($eval('1'))",
            "UNSUPPORTED_JSONATA_EXPRESSION: Function '$eval' is not supported.",
        ),
        (
            "($e := $eval; $e('1'))",
            "UNSUPPORTED_JSONATA_EXPRESSION: Function '$eval' is not supported.",
        ),
        (
            "$states.errorOutput",
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$states.errorOutput' is not supported.",
        ),
    ] {
        let output = format!("{{%{expression}%}}");
        let state = json!({ "Type": "Pass", "Output": { "a": [output] }, "End": true });
        let place = " at /States/S/Output/a[0]";
        assert_eq!(errors(state), [message.to_owned() + place], "{expression}");
    }
    for broken in ["{% 1 + %}", "{% ( %}", "{% 'a %}", "{% %}"] {
        let found = errors(json!({ "Type": "Pass", "Output": broken, "End": true }));
        assert!(
            found.len() == 1
                && found
                    .iter()
                    .all(|error| error.starts_with("INVALID_JSONATA_EXPRESSION: ")),
            "{broken}: {found:?}"
        );
    }
    for half in ["{% 1", "1 %}", "{%}"] {
        let found = errors(json!({ "Type": "Pass", "Output": half, "End": true }));
        let message = "SCHEMA_VALIDATION_FAILED: JSONata string must start with {% and end with \
                       %} at /States/S/Output";
        assert_eq!(found, [message], "{half}");
    }
    let deep = format!("{{% {}1{} %}}", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(
        errors(json!({ "Type": "Pass", "Output": deep, "End": true })).len(),
        1
    );
    let long = format!("{{% {} %}}", "1+".repeat(40_000));
    assert_eq!(
        errors(json!({ "Type": "Pass", "Output": long, "End": true })).len(),
        1
    );
}

#[test]
fn only_whole_texts_are_expressions() {
    let state = json!({
        "Type": "Pass",
        "Output": {
            "sum": "{% $total + 1 %}",
            "text": "a {% $total %} b",
            "path.$": "$.name",
            "deep": [{ "first": "{%$states.input.list[0]%}" }, null, 1.5]
        },
        "End": true
    });
    let output = with(state, INPUT, 1, |state, env, input| {
        complete(state, env, input, input).unwrap().output
    });
    assert_eq!(
        output.as_str(),
        r#"{"sum":41,"text":"a {% $total %} b","path.$":"$.name","deep":[{"first":3},null,1.5]}"#
    );
}

#[test]
fn a_task_in_jsonata() {
    let state = json!({
        "Type": "Task",
        "Resource": "task:price",
        "Arguments": { "id": "{% $states.input.order.id %}" },
        "TimeoutSeconds": "{% $total %}",
        "HeartbeatSeconds": "{% $total / 2 %}",
        "Assign": { "price": "{% $states.result.price %}", "fixed": { "a": 1 } },
        "Output": "{% $merge([$states.input.order.items[0], $states.result]) %}",
        "Catch": [{
            "ErrorEquals": ["States.ALL"],
            "Assign": { "failed": "{% $states.errorOutput.Error %}" },
            "Output": { "why": "{% $states.errorOutput.Cause & ' at ' & $states.input.name %}" },
            "Next": "T"
        }, { "ErrorEquals": ["Never"], "Next": "T" }],
        "End": true
    });
    // The catcher for all errors has to be the last.
    let mut state = state;
    state["Catch"].as_array_mut().unwrap().reverse();
    with(state, INPUT, 1, |state, env, input| {
        let arguments = arguments(state, env, input).unwrap();
        assert_eq!(arguments.as_str(), r#"{"id":12345678901234567890}"#);
        let times = task_times(state, env, input).unwrap();
        assert_eq!(
            (times.timeout_seconds, times.heartbeat_seconds),
            (Some(40), Some(20))
        );
        let result = Payload::parse(r#"{"price": 9.5}"#).unwrap();
        let done = complete(state, env, input, &result).unwrap();
        assert_eq!(done.output.as_str(), r#"{"n":1,"price":9.5}"#);
        let assigned: Vec<(&str, &str)> = done
            .assigned
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(assigned, [("price", "9.5"), ("fixed", r#"{"a":1}"#)]);
        let caught = catch(state, 1, env, "Refused", "no stock").unwrap();
        assert_eq!(caught.output.as_str(), r#"{"why":"no stock at Ada"}"#);
        let assigned: Vec<&str> = caught.assigned.iter().map(|(_, it)| it.as_str()).collect();
        assert_eq!(assigned, [r#""Refused""#]);
        let caught = catch(state, 0, env, "Never", "").unwrap();
        assert_eq!(caught.output.as_str(), r#"{"Error":"Never","Cause":""}"#);
    });
}

#[test]
fn the_result_is_the_output_where_nothing_else_is_said() {
    let task = json!({ "Type": "Task", "Resource": "task:t", "TimeoutSeconds": 5, "End": true });
    with(task, INPUT, 1, |state, env, input| {
        let result = Payload::parse("[1]").unwrap();
        assert_eq!(effective_input(state, env).as_ref(), Ok(input));
        assert_eq!(arguments(state, env, input).as_ref(), Ok(input));
        let done = complete(state, env, input, &result).unwrap();
        assert_eq!(done.output, result);
    });
    let wait = json!({ "Type": "Wait", "Seconds": "{% $total %}", "End": true });
    with(wait, INPUT, 1, |state, env, input| {
        assert_eq!(wait_until(state, env, input), Ok(env.now.plus_ms(40_000)));
        let done = complete(state, env, input, input).unwrap();
        assert_eq!(&done.output, input);
    });
}

#[test]
fn a_choice_takes_the_first_true_condition() {
    let state = json!({
        "Type": "Choice",
        "Choices": [
            { "Condition": "{% $total > 100 %}", "Next": "T" },
            {
                "Condition": "{% $states.input.name = 'Ada' %}",
                "Assign": { "seen": "{% $states.input.name %}" },
                "Output": "{% $total %}",
                "Next": "U"
            }
        ],
        "Default": "T"
    });
    with(state, INPUT, 1, |state, env, input| {
        let chosen = choose(state, env, input).unwrap();
        assert_eq!(chosen.completion.output.as_str(), "40");
        assert_eq!(chosen.completion.assigned.len(), 1);
        assert!(chosen.next.is_some());
    });
    let state = json!({
        "Type": "Choice",
        "Choices": [{ "Condition": "{% $total %}", "Next": "T" }]
    });
    with(state, INPUT, 1, |state, env, input| {
        let failure = choose(state, env, input).unwrap_err();
        assert_eq!(
            failure.cause,
            "The JSONata expression '$total' specified for the field 'Choices[0]/Condition' \
             returned an unexpected result type. Expected 'boolean', but was 'number' for value: 40"
        );
    });
}

#[test]
fn waits_and_failures_in_jsonata() {
    let wait = |field: &str, expression: &str| {
        let state = json!({ "Type": "Wait", field: expression, "End": true });
        with(state, INPUT, 1, wait_until)
    };
    let at = Timestamp::parse_rfc3339("2026-11-22T00:00:00Z").unwrap();
    assert_eq!(
        wait(
            "Timestamp",
            "{% $substring($now(), 0, 9) & '2T00:00:00Z' %}"
        ),
        Ok(at)
    );
    for (field, expression) in [
        ("Seconds", "{% -1 %}"),
        ("Seconds", "{% 1.5 %}"),
        ("Seconds", "{% '1' %}"),
        ("Timestamp", "{% 'tomorrow' %}"),
        ("Timestamp", "{% 1 %}"),
    ] {
        let failure = wait(field, expression).unwrap_err();
        assert_eq!(failure.error, "States.QueryEvaluationError", "{expression}");
        assert_eq!(failure.location.as_deref(), Some(field));
    }
    let fail = json!({
        "Type": "Fail",
        "Error": "{% 'E' & $total %}",
        "Cause": "{% $states.input.name & ' gave up' %}"
    });
    let details = with(fail, INPUT, 1, |state, env, _| fail_details(state, env));
    let expected = (Some("E40".to_owned()), Some("Ada gave up".to_owned()));
    assert_eq!(details, Ok(expected));
    let fail = json!({ "Type": "Fail", "Error": "{% 1 %}" });
    assert!(with(fail, INPUT, 1, |state, env, _| fail_details(state, env)).is_err());
}

#[test]
fn a_map_in_jsonata() {
    let map = |items: Value| {
        json!({
            "Type": "Map",
            "Items": items,
            "MaxConcurrency": "{% $total / 10 %}",
            "ItemSelector": {
                "index": "{% $states.context.Map.Item.Index %}",
                "name": "{% $states.input.name %}"
            },
            "ItemProcessor": {
                "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } }
            },
            "End": true
        })
    };
    with(
        map(json!("{% $states.input.order.items %}")),
        INPUT,
        1,
        |state, env, input| {
            let plan = map_plan(state, env, input).unwrap();
            assert_eq!(plan.max_concurrency, 4);
            let items: Vec<&str> = plan.items.iter().map(|item| item.value.as_str()).collect();
            assert_eq!(items, [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#]);
            let selected = map_item_input(state, env, input, &plan.items[0]).unwrap();
            assert_eq!(selected.as_str(), r#"{"index":1,"name":"Ada"}"#);
        },
    );
    with(
        map(json!([1, "{% $total %}"])),
        INPUT,
        1,
        |state, env, input| {
            let plan = map_plan(state, env, input).unwrap();
            assert_eq!(plan.items[1].value.as_str(), "40");
        },
    );
    for wrong in ["{% $states.input %}", "{% 1 %}"] {
        let failure = with(map(json!(wrong)), INPUT, 1, map_plan).unwrap_err();
        assert!(failure.cause.contains("Expected 'array'"), "{failure:?}");
    }
}

#[test]
fn variable_references_are_those_not_bound_inside() {
    let machine = machine(json!({
        "Type": "Pass",
        "Assign": { "x": "{% $map($rows, function($row) { $row.k & $total }) %}" },
        "Output": "{% ($local := $big; $local + $sum([$unset])) %}",
        "End": true
    }));
    let references = machine.variable_references();
    let names: Vec<Vec<String>> = references
        .values()
        .map(|names| names.iter().map(ToString::to_string).collect())
        .collect();
    assert_eq!(names.concat(), ["big", "rows", "total", "unset"]);
}

#[test]
fn machines_go_from_thread_to_thread() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<StateMachine>();
}
